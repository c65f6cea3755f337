//! The program as a user meets it: what it says, what it writes, how it ends.

use std::path::Path;
use std::process::Command;

use crate::run::{self, command, reproduce, standard_error, standard_output};
use reproduce::exhibit::settings::Scale;
use reproduce::exhibits::built_in;

/// The run ends with code 2, says all of `words` on one line, and leaves no output.
fn assert_refused(folder: &Path, arguments: &[&str], words: &[&str]) {
    let output = reproduce(folder, arguments);
    let message = standard_error(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    assert!(!folder.join("figures").exists(), "{arguments:?} left output");
    assert!(!folder.join(".sampled").exists(), "{arguments:?} left stored results");
}

/// A small experiment of a user's own, with one line replaced.
fn experiment(replaced: &str, replacement: &str) -> String {
    let text = run::experiment();
    assert!(text.contains(replaced));
    text.replacen(replaced, replacement, 1)
}

fn refuses_experiment(replaced: &str, replacement: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.yaml"), experiment(replaced, replacement)).unwrap();
    assert_refused(folder.path(), &["run", "mine.yaml"], &[&["mine.yaml"], words].concat());
}

#[test]
fn an_unknown_exhibit_is_refused_with_the_nearest_name() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(folder.path(), &["run", "matmul-eror"], &["matmul-eror", "matmul-error?"]);
}

/// Each process of a job would do all of the work, and wait for the others to be done with it.
#[cfg(not(feature = "mpi"))]
#[test]
fn a_program_without_mpi_refuses_to_be_one_of_several_and_says_how_to_build_it() {
    let folder = tempfile::tempdir().unwrap();
    for variable in ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"] {
        let mut one = command(folder.path(), &["run", "multi-node"]);
        let output = one.env(variable, "4").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{variable}");
        let said = standard_error(&output);
        assert!(said.contains("one of 4 processes") && said.contains("--features mpi"), "{said}");
        assert!(!folder.path().join("figures").exists());
        let mut alone = command(folder.path(), &["run", "nothing-of-this-name"]);
        let said = standard_error(&alone.env(variable, "1").output().unwrap());
        assert!(said.contains("nothing-of-this-name"), "{said}");
    }
}

#[test]
fn an_unknown_estimator_is_refused_with_the_nearest_name() {
    refuses_experiment(
        "top-k",
        "topk",
        &["scales.quick.estimators", "\"topk\"", "top-k?", "line 4"],
    );
}

#[test]
fn an_unknown_field_is_refused_with_its_line() {
    refuses_experiment("repeats: 10", "repeat: 10", &["scales.quick", "`repeat`", "line 4"]);
}

#[test]
fn broken_yaml_is_refused_with_its_line() {
    refuses_experiment("budgets: [2, 4]", "budgets: [2, 4", &["line"]);
}

#[test]
fn a_budget_beyond_the_pairs_is_refused() {
    refuses_experiment("[2, 4]", "[2, 9]", &["scales.quick.budgets", "[2, 9]", "from 1 to pairs"]);
}

#[test]
fn a_missing_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert_refused(folder.path(), &["run", "nowhere.yaml"], &["nowhere.yaml", "No such file"]);
}

#[test]
fn an_output_folder_that_is_a_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let arguments = ["run", "matmul-error", "--scale", "quick", "--out", "taken"];
    assert_refused(folder.path(), &arguments, &["output folder taken"]);
}

#[test]
fn an_unknown_instruction_set_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_reproduce"))
        .current_dir(folder.path())
        .env("SAMPLED_INSTRUCTION_SET", "mmx")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        standard_error(&output)
            .contains("SAMPLED_INSTRUCTION_SET: there is no instruction set 'mmx'")
    );
}

/// The bytes of an IDX file with these sides.
fn idx(magic: u32, sides: &[u32], bytes: usize) -> Vec<u8> {
    let mut file: Vec<u8> = magic.to_be_bytes().to_vec();
    sides.iter().for_each(|side| file.extend(side.to_be_bytes()));
    file.resize(file.len() + bytes, 0);
    file
}

/// MNIST of three images and labels a file, with one file replaced (or left out), is refused.
fn refuses_mnist(name: &str, replacement: Option<Vec<u8>>, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data/mnist");
    std::fs::create_dir_all(&data).unwrap();
    for part in ["train", "t10k"] {
        let images = idx(0x803, &[3, 28, 28], 3 * 784);
        std::fs::write(data.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        let labels = idx(0x801, &[3], 3);
        std::fs::write(data.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
    match replacement {
        Some(bytes) => std::fs::write(data.join(name), bytes).unwrap(),
        None => std::fs::remove_file(data.join(name)).unwrap(),
    }
    let arguments = ["run", "mlp-accuracy", "--scale", "quick"];
    assert_refused(folder.path(), &arguments, &[&[name], words].concat());
}

#[test]
fn a_missing_idx_file_is_refused() {
    refuses_mnist("train-labels-idx1-ubyte", None, &["there is no"]);
}

#[test]
fn a_truncated_idx_file_is_refused() {
    let truncated = idx(0x803, &[3, 28, 28], 2 * 784);
    refuses_mnist("train-images-idx3-ubyte", Some(truncated), &["2368 bytes", "1584"]);
}

#[test]
fn an_idx_file_with_another_magic_number_is_refused() {
    let labels = idx(0x801, &[3], 3);
    refuses_mnist("train-images-idx3-ubyte", Some(labels), &["0x00000801", "0x00000803"]);
}

#[test]
fn another_number_of_labels_than_images_is_refused() {
    let labels = idx(0x801, &[2], 2);
    refuses_mnist("t10k-labels-idx1-ubyte", Some(labels), &["2 labels for 3 images"]);
}

#[test]
fn a_label_that_is_no_class_is_refused() {
    let mut labels = idx(0x801, &[3], 3);
    *labels.last_mut().unwrap() = 10;
    refuses_mnist("train-labels-idx1-ubyte", Some(labels), &["label 2 is 10", "below 10"]);
}

#[test]
fn a_data_directory_that_is_not_there_or_a_file_is_refused_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let ridge = ["run", "ridge", "--scale", "quick"];
    for (data, words) in [("nowhere", "nowhere is not there"), ("file", "file is no folder")] {
        for command in [&ridge[..], &["check"], &["list"], &["data", "status"], &[]] {
            let arguments = [command, &["--data", data]].concat();
            assert_refused(folder.path(), &arguments, &["data directory", words]);
        }
        let output = command(folder.path(), &ridge).env("SAMPLED_DATA", data).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(standard_error(&output).contains(words));
    }
    // Nobody asked for the folder `data`: a file of this name is no less a mistake.
    std::fs::write(folder.path().join("data"), "").unwrap();
    assert_refused(folder.path(), &ridge, &["data is no folder"]);
}

#[test]
fn the_plan_says_that_digits_are_drawn_where_there_is_no_mnist() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "mlp-modes", "ridge", "--scale", "quick"];
    let output = reproduce(folder.path(), &arguments);
    assert!(output.status.success(), "{}", standard_error(&output));
    let said = standard_output(&output);
    let plan: Vec<&str> = said.lines().take_while(|line| !line.is_empty()).collect();
    let data = "digits drawn by code (no MNIST in data)";
    assert!(plan[1].contains("mlp-modes") && plan[1].ends_with(data), "{said}");
    assert!(plan[2].contains("ridge") && plan[2].ends_with("needs no data"), "{said}");
    assert!(plan[3].starts_with("  together about "), "{said}");
    let output = reproduce(folder.path(), &[&arguments[..], &["--json"]].concat());
    let plan = standard_output(&output).lines().next().unwrap().to_string();
    assert!(plan.contains("\"data\":\"digits drawn by code (no MNIST in data)\""), "{plan}");
}

#[test]
fn an_exhibit_whose_data_are_missing_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["wrn-accuracy", "no CIFAR-10 in data (reproduce data fetch cifar-10 gets it)"];
    assert_refused(folder.path(), &["run", "wrn-accuracy", "--scale", "quick"], &words);
}

#[test]
fn a_ratio_outside_the_unit_interval_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let built_in = include_str!("../../exhibits/mlp-modes.yaml");
    for ratio in ["0", "1.5", "-0.1", ".nan"] {
        let text = built_in.replacen("ratios: [0.1, 0.5]", &format!("ratios: [{ratio}]"), 1);
        assert_ne!(text, built_in);
        std::fs::write(folder.path().join("mine.yaml"), text).unwrap();
        assert_refused(folder.path(), &["run", "mine.yaml"], &["mine.yaml", "ratio is", "line"]);
    }
}

#[test]
fn a_roofline_without_products_or_time_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let built_in = include_str!("../../exhibits/roofline.yaml");
    for (line, replacement, field) in [
        ("triad_mebibytes: 192", "triad_mebibytes: 0", "triad_mebibytes"),
        ("seconds_a_measurement: 0.4", "seconds_a_measurement: 0", "seconds_a_measurement"),
        ("rows: 16, inner: 1024", "rows: 16, inner: 0", "products"),
    ] {
        let text = built_in.replacen(line, replacement, 1);
        assert_ne!(text, built_in);
        std::fs::write(folder.path().join("mine.yaml"), text).unwrap();
        assert_refused(folder.path(), &["run", "mine.yaml"], &["mine.yaml", field, "expected"]);
    }
}

#[test]
fn the_second_run_uses_what_the_first_stored_and_a_damaged_entry_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.yaml"), experiment("10", "10")).unwrap();
    let run = || {
        let output = reproduce(folder.path(), &["run", "mine.yaml", "--json"]);
        assert!(output.status.success(), "{}", standard_error(&output));
        let is_stored = standard_output(&output).contains("\"cached\":true");
        (is_stored, std::fs::read_to_string(folder.path().join("figures/mine.csv")).unwrap())
    };
    let (is_stored, first) = run();
    assert!(!is_stored);
    assert_eq!(run(), (true, first.clone()));
    for path in run::stored_results(folder.path()) {
        std::fs::write(path, "{").unwrap();
    }
    assert_eq!(run(), (false, first));
}

#[test]
fn a_users_experiment_has_files_under_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.yaml"), experiment("10", "10")).unwrap();
    assert!(reproduce(folder.path(), &["run", "mine.yaml"]).status.success());
    let mut names: Vec<String> = std::fs::read_dir(folder.path().join("figures"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["README.md", "index.html", "mine.csv", "mine.md", "mine.svg", "notes"]);
    let page = std::fs::read_to_string(folder.path().join("figures/index.html")).unwrap();
    assert!(page.contains("id=\"exhibit-mine\"") && page.contains("run mine.yaml"));
}

#[test]
fn every_built_in_setting_is_on_the_page_and_long_ones_with_their_committed_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["run", "compute-communication", "--scale", "quick"];
    let page = || {
        assert!(reproduce(folder.path(), &run).status.success());
        std::fs::read_to_string(folder.path().join("figures/index.html")).unwrap()
    };
    let text = page();
    for (_, own) in built_in() {
        assert!(text.contains(&format!("id=\"exhibit-{}\"", own.name)), "{}", own.name);
    }
    let not_computed = "it takes too long for a run of everything.";
    let long = built_in().filter(|(_, own)| own.is_long).count();
    // In its place, and in the list of what was left out.
    assert_eq!(text.matches(not_computed).count(), 2 * long);
    let numbers =
        Path::new("reproduce/reference/mlp-accuracy-converged.generated-digits.quick.snap");
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(numbers);
    std::fs::create_dir_all(folder.path().join(numbers).parent().unwrap()).unwrap();
    std::fs::copy(committed, folder.path().join(numbers)).unwrap();
    let text = page();
    assert_eq!(text.matches(not_computed).count(), 2 * (long - 1));
    assert!(text.contains("These are the committed numbers"));
}

#[test]
fn the_list_is_a_line_an_exhibit_and_marks_those_that_are_run_when_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = standard_output(&reproduce(folder.path(), &["list"]));
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    for (_, own) in built_in() {
        let start = format!("{:<22} ", own.name);
        let line = said.lines().find(|line| line.starts_with(&start)).unwrap();
        let needs_data = ["wrn-accuracy", "coded-resnet", "resnet-step", "gradient-error-cifar"]
            .contains(&own.name);
        assert_eq!(line.contains(" - "), needs_data, "{line}");
        assert_eq!(line.contains(" * "), own.is_long && !needs_data, "{line}");
    }
    let wrong = reproduce(folder.path(), &["list", "ridg"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(standard_error(&wrong).contains("ridge?"));
}

#[test]
fn the_list_says_all_of_the_exhibits_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = standard_output(&reproduce(folder.path(), &["list", "wrn-accuracy", "ridge"]));
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "wrn-accuracy: ",
        "data no CIFAR-10 in data (reproduce data fetch cifar-10 gets it)",
        "ridge: ",
        "shows the mean loss",
        "data none is needed",
        "run reproduce run ridge --scale standard",
        "settings reproduce new NAME --from ridge",
    ] {
        assert!(words.contains(part), "{part:?} is not in {words}");
    }
    assert_eq!(said.matches("  shows ").count(), 2);
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_seen_enough_ends_the_list_quietly() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_reproduce");
    let script = format!("set -o pipefail; '{program}' list --json | head -1");
    let output =
        Command::new("bash").current_dir(folder.path()).args(["-c", &script]).output().unwrap();
    assert_eq!(standard_error(&output), "");
    assert_eq!(standard_output(&output).lines().count(), 1);
    assert_ne!(output.status.code(), Some(101), "it panicked");
}

#[test]
fn the_plan_comes_first_a_finding_a_line_follows_and_the_end_says_what_to_open() {
    let folder = tempfile::tempdir().unwrap();
    let run = ["run", "compute-communication", "conv-error", "--scale", "quick"];
    let output = reproduce(folder.path(), &run);
    let said = standard_output(&output);
    assert!(output.status.success(), "{}", standard_error(&output));
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert!(said.starts_with("Plan: scale quick, seed 1, into figures\n"), "{said}");
    let (_, rest) = said.split_once("\n\n").unwrap();
    assert!(!rest.contains(".csv"), "no paths: {rest}");
    assert!(rest.contains("\nNumbers   no number was compared"), "{rest}");
    assert!(said.ends_with("\nOpen      figures/index.html\n"), "{said}");
    let again = standard_output(&reproduce(folder.path(), &run));
    assert!(again.contains("stored") && again.contains("all of it is stored"), "{again}");
    let quiet = reproduce(folder.path(), &[&run[..], &["--quiet"]].concat());
    assert!(quiet.status.success() && quiet.stdout.is_empty(), "{}", standard_output(&quiet));
    // What it took is what the next plan expects, of other seeds too.
    let other = reproduce(folder.path(), &[&run[..], &["--seed", "2"]].concat());
    let other = standard_output(&other);
    assert!(other.contains("as the last time here"), "{other}");
}

#[test]
fn a_new_experiment_runs_as_it_is_written_and_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    assert!(reproduce(folder.path(), &["new", "mine"]).status.success());
    let output = reproduce(folder.path(), &["run", "mine.yaml", "--scale", "quick"]);
    assert!(output.status.success(), "{}", standard_error(&output));
    assert!(folder.path().join("figures/mine.svg").exists());
    let again = reproduce(folder.path(), &["new", "mine"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(standard_error(&again).contains("mine.yaml is there already"));
    let escape = reproduce(folder.path(), &["new", "../mine"]);
    assert_eq!(escape.status.code(), Some(2));
}

#[test]
fn the_settings_of_every_exhibit_start_an_experiment_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    for (_, own) in built_in() {
        let name = format!("my-{}", own.name);
        let new = reproduce(folder.path(), &["new", &name, "--from", own.name]);
        assert!(new.status.success(), "{}", standard_error(&new));
        let request = folder.path().join(format!("{name}.yaml"));
        let request = request.to_str().unwrap();
        let task = reproduce::task::Task::new(request, Scale::Quick, 1).unwrap();
        assert_eq!(task.name, name);
    }
    let run = reproduce(folder.path(), &["run", "my-conv-error.yaml", "--scale", "quick"]);
    assert!(run.status.success(), "{}", standard_error(&run));
    assert!(folder.path().join("figures/my-conv-error.svg").exists());
    let unknown = reproduce(folder.path(), &["new", "other", "--from", "ridg"]);
    assert!(standard_error(&unknown).contains("ridge?"));
    assert!(!folder.path().join("other.yaml").exists());
}

/// A library or an interpreter that is not there, or is none, is refused before anything is
/// measured; a build without other libraries says that it is one.
#[test]
fn contestants_that_are_not_there_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text.so"), "no library").unwrap();
    for file in ["./nowhere.so", "./text.so"] {
        let word = if cfg!(feature = "peers") { "cannot be loaded" } else { "--features peers" };
        assert_refused(folder.path(), &["bench", "--quick", "--cblas", file], &[file, word]);
    }
    let interpreter = "./no-python";
    let words = [interpreter, "cannot be started"];
    let arguments = ["bench", "--quick", "--pytorch", interpreter];
    assert_refused(folder.path(), &arguments, &words);
    let arguments = [&arguments[..], &["--released", "elsewhere"]].concat();
    let words = ["elsewhere does not hold the folder approx_mul_pytorch/functional"];
    assert_refused(folder.path(), &arguments, &words);
}

#[cfg(unix)]
#[test]
fn an_interpreter_without_pytorch_is_refused_with_what_it_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("python");
    std::fs::write(&path, "#!/bin/sh\necho Traceback >&2\necho No module >&2\nexit 1\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let words = ["./python", "said: No module"];
    assert_refused(folder.path(), &["bench", "--quick", "--pytorch", "./python"], &words);
}

#[test]
fn help_shows_examples_and_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let output = reproduce(folder.path(), &["--help"]);
    let text = standard_output(&output);
    for word in ["Examples:", "Exit codes:", "SAMPLED_DATA", "--scale"] {
        assert!(text.contains(word), "{word}");
    }
}
