//! `check` as a user meets it: it passes where every number agrees, and nowhere else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::run::{self, reproduce, standard_error, standard_output};
use reproduce::exhibit::settings::Scale;
use reproduce::exhibits::built_in_at;
use reproduce::reference;
use reproduce::snapshot::{Origin, Snapshot};
use reproduce::task::Task;

/// The committed numbers.
fn references() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reference")
}

/// A folder with committed numbers of quick scale of an exhibit that takes no time.
struct Committed {
    folder: tempfile::TempDir,
    text: String,
}

impl Committed {
    const EXHIBIT: &str = "compute-communication";

    fn new() -> Self {
        let path = reference::path(&references(), Self::EXHIBIT, Scale::Quick);
        let committed = Committed {
            folder: tempfile::tempdir().unwrap(),
            text: std::fs::read_to_string(path).unwrap(),
        };
        std::fs::create_dir(committed.folder.path().join("numbers")).unwrap();
        committed
    }

    /// Compares with `text` in the place of the committed numbers.
    fn check(&self, text: &str, more: &[&str]) -> Output {
        let numbers = self.folder.path().join("numbers");
        std::fs::write(reference::path(&numbers, Self::EXHIBIT, Scale::Quick), text).unwrap();
        let arguments = ["check", Self::EXHIBIT, "--reference", "numbers", "--scale", "quick"];
        reproduce(self.folder.path(), &[&arguments, more].concat())
    }

    /// The committed lines of numbers.
    fn lines(&self) -> Vec<&str> {
        self.text.lines().filter(|line| line.contains(" = ")).collect()
    }

    /// `text` fails, and all of `words` are said.
    fn assert_fails(&self, text: &str, words: &[&str]) {
        assert_ne!(text, self.text);
        let output = self.check(text, &[]);
        let said = standard_output(&output);
        assert_eq!(output.status.code(), Some(1), "{said}{}", standard_error(&output));
        // However the lines are broken and the columns aligned.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for word in words.iter().chain(&["0 agree, 1 differ;"]) {
            assert!(said.contains(word), "{word:?} is not in {said}");
        }
    }
}

/// The sum, which may be wrapped and has a line before it that is empty.
fn sum(output: &Output) -> String {
    let said = standard_output(output);
    let lines =
        said.lines().skip_while(|line| !line.contains(" agree, ") && !line.contains(" agree;"));
    let lines: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
    lines.join(" ")
}

#[test]
fn the_committed_numbers_agree_and_the_sum_counts_them() {
    let committed = Committed::new();
    let output = committed.check(&committed.text, &["--strict"]);
    assert!(output.status.success(), "{}{}", standard_output(&output), standard_error(&output));
    let count = committed.lines().len();
    let counted = format!(
        "1 agree; {count} numbers compared: {count} agree, 0 differ; 0 missing, 0 not committed"
    );
    assert_eq!(sum(&output), counted);
}

#[test]
fn numbers_that_are_all_42_fail_under_any_title() {
    let committed = Committed::new();
    let with_42 = |line: &str| match line.rsplit_once(" = ") {
        Some((name, number)) => format!("{name} = 42 {}", number.split_once(' ').unwrap().1),
        None => line.to_string(),
    };
    let (_, numbers) = committed.text.split_once("quick\n").unwrap();
    let lines = numbers.lines().map(with_42).collect::<Vec<String>>().join("\n");
    let title = "compute-communication · other shapes · quick";
    let count = committed.lines().len();
    let words = [&format!("{count} of {count} numbers differ")[..], "the title differs"];
    committed.assert_fails(&format!("{title}\n{lines}\n"), &words);
}

#[test]
fn another_title_fails_although_every_number_agrees() {
    let committed = Committed::new();
    let text = committed.text.replacen("shapes of the networks", "other shapes", 1);
    committed.assert_fails(&text, &["the title differs", "other shapes", "0 differ"]);
}

#[test]
fn a_changed_value_or_unit_fails() {
    let committed = Committed::new();
    let line = committed.lines()[0];
    let (name, number) = line.rsplit_once(" = ").unwrap();
    let (value, unit) = number.split_once(' ').unwrap();
    for other in [format!("7 {unit}"), format!("{value} eggs"), format!("-{value} {unit}")] {
        let text = committed.text.replacen(line, &format!("{name} = {other}"), 1);
        let change = format!("{other} {number}");
        committed.assert_fails(&text, &[name, &change, "1 differ; 0 missing, 0 not committed"]);
    }
}

#[test]
fn a_missing_line_and_an_extra_line_fail() {
    let committed = Committed::new();
    let line = committed.lines()[3];
    let text = committed.text.replacen(&format!("{line}\n"), "", 1);
    committed.assert_fails(&text, &[" none ", "0 differ; 0 missing, 1 not committed"]);
    let text = format!("{}~ = 1 %\n", committed.text);
    committed.assert_fails(&text, &["1 % none", "0 differ; 1 missing, 0 not committed"]);
}

#[test]
fn a_file_of_another_form_fails() {
    let committed = Committed::new();
    let (first, second) = (committed.lines()[0], committed.lines()[1]);
    let title = committed.text.lines().find(|line| line.contains(" · ")).unwrap();
    for (text, word) in [
        (String::new(), "it is empty"),
        (format!("{title}\n"), "it holds no number"),
        (committed.text.replacen(first, &format!("{first}\n{first}"), 1), "is there already"),
        (committed.text.replacen(first, &format!("{first}\nnonsense"), 1), "is no number"),
        (committed.text.replacen(first, &format!("{second}\n{first}"), 1), "sorted order"),
        (committed.text.replacen(title, "", 1), "is no title"),
        (committed.text.replacen("---", "", 1), "is no title"),
    ] {
        committed.assert_fails(&text, &["FAILED", word, "0 numbers compared"]);
    }
}

#[test]
fn markdown_is_the_report_alone_and_quiet_says_nothing_of_what_agrees() {
    let committed = Committed::new();
    let line = committed.lines()[0];
    let (name, number) = line.rsplit_once(" = ").unwrap();
    let text = committed.text.replacen(line, &format!("{name} = 7 of all"), 1);
    let output = committed.check(&text, &["--markdown"]);
    assert_eq!(output.status.code(), Some(1));
    let said = standard_output(&output);
    assert!(
        said.starts_with("## Numbers beside the committed ones\n\n0 agree, 1 differ; "),
        "{said}"
    );
    assert!(said.contains(&format!("| 7 of all | {number} |")) && said.contains(name), "{said}");
    let agreeing = committed.check(&committed.text, &["--quiet"]);
    assert!(agreeing.status.success() && agreeing.stdout.is_empty());
    let differing = committed.check(&text, &["--quiet"]);
    assert!(standard_output(&differing).contains("0 agree, 1 differ"), "what differs is said");
}

#[test]
fn another_seed_is_named_as_the_reason() {
    let committed = Committed::new();
    let text = committed.text.replacen("seed 1, settings", "seed 3, settings", 1);
    assert_ne!(text, committed.text);
    let line = committed.lines()[0];
    let (name, _) = line.rsplit_once(" = ").unwrap();
    let text = text.replacen(line, &format!("{name} = 7 of all"), 1);
    let said = standard_output(&committed.check(&text, &[]));
    assert!(said.contains("computed with seed 1 instead of 3"), "{said}");
}

#[test]
fn json_tells_the_same_facts() {
    let committed = Committed::new();
    let line = committed.lines()[0];
    let (name, number) = line.rsplit_once(" = ").unwrap();
    let text = committed.text.replacen(line, &format!("{name} = 7 of all"), 1);
    let output = committed.check(&text, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let events: Vec<serde_json::Value> =
        standard_output(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [plan, exhibit, done] = &events[..] else { panic!("{events:?}") };
    assert_eq!(plan["exhibits"][0]["name"], Committed::EXHIBIT);
    assert_eq!(exhibit["agrees"], false);
    assert_eq!(exhibit["differences"][0]["old"], "7 of all");
    assert_eq!(exhibit["differences"][0]["new"], number);
    let count = committed.lines().len();
    assert_eq!(done["numbers"]["compared"], count);
    assert_eq!(done["numbers"]["agree"], count - 1);
    assert_eq!(done["exhibits"]["differ"], 1);
}

/// Files of another form, so that nothing is computed: only the skip is looked at.
#[test]
fn data_that_are_not_there_are_a_skip_that_the_sum_counts() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = folder.path().join("numbers");
    std::fs::create_dir(&numbers).unwrap();
    for entry in std::fs::read_dir(references()).unwrap() {
        std::fs::write(numbers.join(entry.unwrap().file_name()), "").unwrap();
    }
    let output = reproduce(folder.path(), &["check", "--reference", "numbers", "--scale", "quick"]);
    assert_eq!(output.status.code(), Some(1), "{}", standard_error(&output));
    let last = sum(&output);
    assert!(
        last.contains(
            ", 5 skipped: no CIFAR-10 in data (reproduce data fetch cifar-10 gets it), no \
             Fashion-MNIST in data (reproduce data fetch fashion-mnist gets it); 0 numbers"
        ),
        "{last}"
    );
    assert!(standard_output(&output).contains("digits drawn by code (no MNIST in data)"));
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], words: &[&str]| {
        let output = reproduce(folder.path(), &[&["check"], arguments].concat());
        let message = standard_error(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        words.iter().for_each(|word| assert!(message.contains(word), "{word:?}: {message}"));
    };
    refused(&["roofline"], &["roofline: times are other ones"]);
    refused(&["wrn-accuracy"], &["wrn-accuracy: no CIFAR-10 in data"]);
    refused(&["ridge"], &["there is no folder reproduce/reference"]);
    std::fs::create_dir_all(folder.path().join("reproduce/reference")).unwrap();
    let words = ["ridge.paper.txt", "no committed numbers of paper scale"];
    refused(&["ridge", "--scale", "paper"], &words);
    refused(&["ridge", "--strict", "--accept"], &["cannot be used with"]);
}

#[test]
fn accepted_numbers_agree_and_digits_have_theirs_for_drawn_ones_too() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "{training: {images: {set: digits, train: 50, held_out: 5, test: 5}, \
                    network: {name: mlp, hidden: [8], dropout: 0}, batch_size: 10, epochs: 1, \
                    optimizer: {name: adam, learning_rate: 0.001}, minimal_k: 1, seeds: 1}, \
                    estimators: [top-k], ratios: [0.5], curves: {estimator: top-k, ratios: [0.5]}}";
    let text = format!(
        "exhibit: mlp-accuracy\nseconds: {{quick: 1, standard: 1, paper: 1}}\nscales:\n  \
         quick: {settings}\n  standard: {settings}\n  paper: {settings}\n"
    );
    std::fs::write(folder.path().join("mine.yaml"), text).unwrap();
    std::fs::write(folder.path().join("matrices.yaml"), run::experiment()).unwrap();
    mnist(&folder.path().join("data/mnist"));
    let check = |more: &[&str]| {
        let arguments = ["check", "matrices.yaml", "mine.yaml", "--reference", "numbers"];
        reproduce(folder.path(), &[&arguments, more].concat())
    };
    let output = check(&["--accept"]);
    assert!(output.status.success(), "{}{}", standard_output(&output), standard_error(&output));
    let numbers = folder.path().join("numbers");
    let mut files: Vec<String> = std::fs::read_dir(&numbers)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["matrices.standard.txt", "mine.generated-digits.standard.txt", "mine.mnist.standard.txt"]
    );
    for _ in ["mnist", "generated digits"] {
        let output = check(&[]);
        assert!(output.status.success(), "{}{}", standard_output(&output), standard_error(&output));
        assert!(sum(&output).starts_with("2 agree; "), "{}", sum(&output));
        let _ = std::fs::remove_dir_all(folder.path().join("data"));
    }
}

/// MNIST of enough images to hold 5,000 out, all of them dark but for a spot.
fn mnist(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    for (part, count) in [("train", 5_100_u32), ("t10k", 10)] {
        let mut images: Vec<u8> = [0x803, count, 28, 28].map(u32::to_be_bytes).concat();
        let mut labels: Vec<u8> = [0x801, count].map(u32::to_be_bytes).concat();
        for image in 0..count {
            let label = (image % 10) as u8;
            labels.push(label);
            images
                .extend((0..784).map(|pixel| if pixel % 10 == u32::from(label) { 200 } else { 0 }));
        }
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn check_names_the_commit_that_last_changed_a_number() {
    let folder = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"];
        Command::new("git")
            .current_dir(folder.path())
            // Neither the repository nor the habits of whoever runs the tests.
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE")
            .env("GIT_CONFIG_GLOBAL", "")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(identity)
            .args(arguments)
            .output()
            .is_ok_and(|output| output.status.success())
    };
    if !git(&["init"]) {
        return testing::skip("no git");
    }
    std::fs::write(folder.path().join("mine.yaml"), run::experiment()).unwrap();
    let arguments = ["check", "mine.yaml", "--reference", "numbers"];
    assert!(reproduce(folder.path(), &[&arguments[..], &["--accept"]].concat()).status.success());
    let path = folder.path().join("numbers/mine.standard.txt");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().find(|line| line.contains(" = ")).unwrap();
    let (name, number) = line.rsplit_once(" = ").unwrap();
    let unit = number.split_once(' ').unwrap().1;
    std::fs::write(&path, text.replacen(number, &format!("7 {unit}"), 1)).unwrap();
    assert!(git(&["add", "."]) && git(&["commit", "-m", "A wrong number"]));
    let said = standard_output(&reproduce(folder.path(), &arguments));
    let row = said.lines().find(|line| line.ends_with(name)).unwrap_or_else(|| panic!("{said}"));
    let is_commit = |word: &str| word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    assert!(row.contains(number) && row.split_whitespace().any(is_commit), "{row}");
    assert!(said.contains("last changed"), "{said}");
}

/// The scales whose numbers are committed; those of paper scale take days.
const COMMITTED: [Scale; 3] = [Scale::Quick, Scale::Standard, Scale::Long];

/// The files of committed numbers that there have to be: of every exhibit that is no timing, on
/// every data set that it may use, at every scale that is committed; of long runs that are shown from
/// a record, where there is one.
fn expected() -> Vec<(PathBuf, Task)> {
    let mut files = Vec::new();
    for scale in COMMITTED {
        for (exhibit, own) in built_in_at(scale).filter(|(exhibit, _)| !exhibit.is_timing) {
            let task = || Task::built_in(exhibit, own, scale, 1).unwrap();
            let is_of_record = || task().configured.experiment.shown().is_some();
            if scale == Scale::Long && task().record.is_none() && is_of_record() {
                continue;
            }
            let images = task().configured.experiment.images();
            let stems = images.map_or(vec![task().stem(None)], |images| {
                images.set.slugs().iter().map(|slug| task().stem(Some(slug))).collect()
            });
            let path = |stem: &String| reference::path(&references(), stem, scale);
            files.extend(stems.iter().map(|stem| (path(stem), task())));
        }
    }
    files
}

#[test]
fn every_exhibit_has_its_committed_numbers_on_every_data_set_at_every_scale() {
    let mut wrong = Vec::new();
    for (path, task) in expected() {
        let text = std::fs::read_to_string(&path);
        let read = text.map_err(|error| error.to_string());
        let read = read.and_then(|text| text.parse::<Snapshot>().map_err(|e| e.to_string()));
        match read {
            Err(reason) => wrong.push(format!("{}: {reason}", path.display())),
            Ok(Snapshot { origin: Some(origin), .. }) if origin != Origin::of(&task) => {
                wrong.push(format!("{}: it is of other settings, {origin}", path.display()));
            }
            Ok(Snapshot { title, .. }) => {
                let (start, end) = (format!("{} · ", task.name), format!(" · {}", task.scale));
                if !title.starts_with(&start) || !title.ends_with(&end) {
                    wrong.push(format!("{}: it is of {title:?}", path.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "reproduce check --accept writes them, of quick scale the tests with INSTA_UPDATE=force:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_committed_numbers_are_of_no_exhibit() {
    let mut expected: Vec<PathBuf> = expected().into_iter().map(|(path, _)| path).collect();
    // Records of long runs, and of nodes, which are times.
    expected.extend(["long", "nodes.json"].map(|name| references().join(name)));
    for entry in std::fs::read_dir(references()).unwrap() {
        let path = entry.unwrap().path();
        let is_new = path.to_string_lossy().ends_with(".snap.new");
        assert!(is_new || expected.contains(&path), "{}", path.display());
    }
}
