//! Settings of a user's own: what is refused, where, and what is read.

use crate::run::{reproduce, standard_error};

/// A small training experiment in one block.
const MINE: &str = "\
exhibit: mlp-accuracy
settings:
  training:
    images: {set: generated-digits, train: 300, held_out: 100, test: 100}
    network: {name: mlp, hidden: [32], dropout: 0.1}
    batch_size: 50
    epochs: 1
    optimizer: {name: sgd, learning_rate: 0.1, momentum: 0.5, weight_decay: 0.001}
    schedule: {name: constant}
    minimal_k: 10
    seeds: 1
  estimators: [top-k]
  ratios: [0.5, 1.0]
  curves: {estimator: top-k, ratios: [0.5]}
";

/// The text with one part replaced.
fn with(text: &str, replaced: &str, replacement: &str) -> String {
    assert_eq!(text.matches(replaced).count(), 1, "{replaced}");
    text.replace(replaced, replacement)
}

/// The file is refused with code 2 and all of `words` on one line, before anything is written.
pub fn assert_refused(name: &str, text: &str, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    // What runs side by side needs memory side by side.
    let output = reproduce(folder.path(), &["run", name, "--threads", "1"]);
    let message = standard_error(&output);
    assert_eq!(output.status.code(), Some(2), "{text}\n{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    assert!(output.stdout.is_empty(), "the plan was shown: {message}");
    assert!(!folder.path().join("figures").exists(), "{message} left output");
    assert!(!folder.path().join(".sampled").exists(), "{message} left stored results");
}

/// A value of `MINE` is refused with its path, its value and its line.
fn refuses(replaced: &str, replacement: &str, field: &str, line: usize) {
    let message = format!("mine.yaml: settings.{field}");
    let place = format!("at line {line} column ");
    assert_refused("mine.yaml", &with(MINE, replaced, replacement), &[&message, &place]);
}

#[test]
fn numbers_that_no_machine_has_are_refused_with_their_line() {
    let most = "18446744073709551615";
    refuses(
        "train: 300",
        &format!("train: {most}"),
        &format!("training.images.train is {most}"),
        4,
    );
    refuses(
        "hidden: [32]",
        "hidden: [8, 1000000000000000000]",
        "training.network.hidden[1] is 1000000000000000000",
        5,
    );
    refuses("seeds: 1", &format!("seeds: {most}"), &format!("training.seeds is {most}"), 11);
    refuses("epochs: 1", &format!("epochs: {most}"), &format!("training.epochs is {most}"), 7);
    let batch = format!("batch_size: {most}");
    refuses("batch_size: 50", &batch, &format!("training.batch_size is {most}"), 6);
    refuses("minimal_k: 10", "minimal_k: 0", "training.minimal_k is 0", 10);
}

#[test]
fn numbers_that_mean_nothing_are_refused_with_their_line() {
    for momentum in ["3", "-7", ".nan", "1"] {
        let replacement = format!("momentum: {momentum}");
        refuses("momentum: 0.5", &replacement, "training.optimizer.momentum is ", 8);
    }
    for rate in ["0", "-0.1", ".nan", ".inf", "1e40"] {
        let replacement = format!("learning_rate: {rate}");
        refuses("learning_rate: 0.1", &replacement, "training.optimizer.learning_rate is ", 8);
    }
    for decay in ["-1", ".nan"] {
        let replacement = format!("weight_decay: {decay}");
        refuses("weight_decay: 0.001", &replacement, "training.optimizer.weight_decay is ", 8);
    }
    for factor in [".nan", ".inf", "0", "-1"] {
        let replacement = format!("{{name: step, factor: {factor}, at: [0]}}");
        refuses("{name: constant}", &replacement, "training.schedule.factor is ", 9);
    }
    for dropout in ["1", "-0.5", ".nan"] {
        let replacement = format!("dropout: {dropout}");
        refuses("dropout: 0.1", &replacement, "training.network.dropout is ", 5);
    }
    let black = "augmentation: {padding: 28, flip: true}\n    minimal_k: 10";
    refuses("minimal_k: 10", black, "training.augmentation.padding is 28", 10);
    let none = "batch_norm_statistics: {name: re-estimated, minibatches: 0}\n    minimal_k: 10";
    refuses("minimal_k: 10", none, "training.batch_norm_statistics.minibatches is 0", 10);
}

#[test]
fn a_network_that_does_not_exist_is_refused_before_the_plan() {
    let wrn = "{name: wrn, depth: 11, width: 1}";
    let mlp = "{name: mlp, hidden: [32], dropout: 0.1}";
    refuses(mlp, wrn, "training.network.depth is 11, expected 6n + 4", 5);
    // Its tensors are longer than their offsets can say, whatever memory there is.
    let wrn = with(&with(MINE, mlp, "{name: wrn, depth: 10, width: 30}"), "50", "11500");
    let wrn = with(&wrn, "train: 300", "train: 11500");
    let words = ["settings.training.batch_size is 11500, expected a minibatch that fits", "line 6"];
    assert_refused("mine.yaml", &wrn, &words);
    let text = with(MINE, "  curves:", "  exact_layers: [[], [liner-1]]\n  curves:");
    let words = ["settings.exact_layers[1]", "unknown layer \"liner-1\"", "linear-1", "at line 14"];
    assert_refused("mine.yaml", &text, &words);
}

#[test]
fn what_does_not_fit_into_memory_is_refused_with_what_it_would_need() {
    let hidden = with(MINE, "[32]", "[1000000000]");
    let words = ["settings.training.network is MLP", "about 13 TB; this machine has ", "at line 5"];
    assert_refused("mine.yaml", &hidden, &words);
    let images = with(MINE, "train: 300", "train: 4000000000");
    let words = ["settings.training.images is 4000000000", "about 3.1 TB; this", "at line 4"];
    assert_refused("mine.yaml", &images, &words);
    let batch = with(&images, "batch_size: 50", "batch_size: 4000000000");
    let words = ["settings.training.batch_size is 4000000000", "about 16 TB; this", "at line 6"];
    assert_refused("mine.yaml", &batch, &words);
    let sides = "rows: 4000000, pairs: 4000000, columns: 5";
    let matrices = format!(
        "exhibit: bernoulli-budget\nsettings: {{{sides}, distributions: [unit-mean], \
         budgets: [2], repeats: 10}}\n"
    );
    assert_refused("mine.yaml", &matrices, &["settings.pairs is 4000000", " TB; this machine"]);
}

#[test]
fn an_empty_list_is_blamed_itself_and_so_is_what_stands_twice() {
    refuses("estimators: [top-k]", "estimators: []", "estimators is [], expected at least one", 12);
    let twice = "estimators: [top-k, top-k]";
    refuses("estimators: [top-k]", twice, "estimators[1] is the same as estimators[0]", 12);
    refuses("[0.5, 1.0]", "[]", "ratios is []", 13);
    refuses("{estimator: top-k,", "{estimator: bernoulli,", "curves.estimator is bernoulli", 14);
    refuses("ratios: [0.5]}", "ratios: [0.25]}", "curves.ratios[0] is 0.25", 14);
    for (exhibit, settings, field) in [
        (
            "matmul-error",
            "rows: 4, pairs: 8, columns: 5, distributions: [], estimators: [top-k], budgets: [2], \
             repeats: 10, spectral_repeats: 1",
            "distributions",
        ),
        (
            "matmul-error",
            "rows: 4, pairs: 8, columns: 5, distributions: [unit-mean], estimators: [], \
             budgets: [2], repeats: 10, spectral_repeats: 1",
            "estimators",
        ),
        ("compute-communication", "networks: [], ratios: [0.5]", "networks"),
        ("layer-timing", "layers: [], estimators: [top-k], ratios: [0.5], repeats: 3", "layers"),
        (
            "training-step",
            "networks: [], estimators: [top-k], ratios: [0.5], repeats: 3",
            "networks",
        ),
    ] {
        let text = format!("exhibit: {exhibit}\nsettings: {{{settings}}}\n");
        let blame = format!("settings.{field} is [], expected at least one element at line 2");
        assert_refused("mine.yaml", &text, &[&blame]);
    }
}

#[test]
fn a_field_that_the_training_of_several_workers_or_of_one_run_does_not_use_is_refused() {
    let statistics =
        "batch_norm_statistics: {name: re-estimated, minibatches: 2}\n    minimal_k: 10";
    let text = with(MINE, "minimal_k: 10", statistics);
    let head = text.split("  estimators:").next().unwrap();
    let workers = with(head, "mlp-accuracy", "multi-node")
        + "  estimator: top-k\n  workers: [1, 2]\n  ratios: [0.5]\n";
    let words = ["settings.training.batch_norm_statistics is re-estimated", "at line 10"];
    assert_refused("mine.yaml", &workers, &words);
    let followed =
        "  estimators: [top-k]\n  modes: [forward]\n  ratios: [0.5]\n  followed: 0.5\n  draws: 2\n";
    let gradients = with(head, "mlp-accuracy", "gradient-error") + followed;
    assert_refused("mine.yaml", &gradients, &words);
    let head = MINE.split("  estimators:").next().unwrap();
    let seeds =
        with(&with(head, "mlp-accuracy", "gradient-error"), "seeds: 1", "seeds: 2") + followed;
    assert_refused("mine.yaml", &seeds, &["settings.training.seeds is 2", "at line 11"]);
    // The last minibatch of 300 images by 50 has 50, that of 310 has 10.
    let many = with(head, "mlp-accuracy", "multi-node")
        + "  estimator: top-k\n  workers: [1, 11]\n  ratios: [0.5]\n";
    let many = with(&many, "train: 300", "train: 310");
    assert_refused("mine.yaml", &many, &["settings.workers[1] is 11", "1 to 10", "at line 13"]);
}

#[test]
fn lines_are_those_of_the_scale_and_of_what_an_alias_stands_for() {
    let block = MINE.split("settings:\n").nth(1).unwrap().replace("\n  ", "\n    ");
    let text = format!(
        "exhibit: mlp-accuracy\nseconds: {{quick: 1, paper: 2}}\nscales:\n  quick: &q\n  {block}  \
         paper: *q\n"
    );
    let text = with(&text, "epochs: 1", "epochs: 0");
    assert_refused("mine.yaml", &text, &["scales.quick.training.epochs is 0", "at line 9 column"]);
    let text = with(&text, "epochs: 0", "epochs: 1");
    let negative = with(&text, "quick: 1,", "quick: .nan,");
    assert_refused("mine.yaml", &negative, &["seconds.quick is NaN", "at line 2 column"]);
    // The default scale is standard, and there are two others to choose from.
    assert_refused(
        "mine.yaml",
        &text,
        &["scales is without standard", "--scale quick or paper", "at line 3 column 1"],
    );
}

#[test]
fn a_file_has_one_form_of_settings() {
    let both = format!("{MINE}scales: {{}}\n");
    assert_refused("mine.yaml", &both, &["settings is beside scales", "at line 2"]);
    assert_refused("mine.yaml", "exhibit: ridge\n", &["settings is not there"]);
    assert_refused("mine.yaml", "exhibit: ridge\nscales: {}\n", &["settings is not there"]);
    let seconds = format!("{MINE}seconds: {{quick: 3}}\n");
    assert_refused("mine.yaml", &seconds, &["seconds.quick is 3", "at line 15"]);
}

#[test]
fn files_whose_figures_would_take_the_place_of_others_are_refused() {
    for name in ["claims.yaml", "mlp-accuracy.yaml", "Claims.yml", "cnn-accuracy-curves.yaml"] {
        assert_refused(name, MINE, &[name, "built-in exhibit"]);
    }
    for name in ["README.yaml", "index.yaml", "headline.yaml", "notes.yaml"] {
        assert_refused(name, MINE, &[name, "give the file another name"]);
    }
    assert_refused("a b.yaml", MINE, &["letters, digits, hyphens and underscores"]);
    let folder = tempfile::tempdir().unwrap();
    for part in ["one", "two"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
        std::fs::write(folder.path().join(part).join("mine.yaml"), MINE).unwrap();
    }
    let output = reproduce(folder.path(), &["run", "one/mine.yaml", "two/mine.yaml"]);
    let message = standard_error(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("one/mine.yaml and two/mine.yaml would write"), "{message}");
    assert!(!folder.path().join("figures").exists());
}

#[test]
fn one_block_is_enough_at_every_scale_and_a_byte_order_mark_is_no_part_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let scales = MINE.replace("\n  ", "\n    ").replace("settings:", "scales:\n  quick:");
    // Another network has figures under the name of the file, too.
    let network = "{name: mlp, hidden: [32], dropout: 0.1}";
    let wrn = with(&with(&scales, network, "{name: cnn}"), "train: 300", "train: 50");
    std::fs::write(folder.path().join("plain.yaml"), MINE).unwrap();
    std::fs::write(folder.path().join("marked.yaml"), format!("\u{feff}{MINE}")).unwrap();
    std::fs::write(folder.path().join("quick.yaml"), wrn).unwrap();
    let output = reproduce(folder.path(), &["run", "plain.yaml", "marked.yaml", "quick.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", standard_error(&output));
    let figures = folder.path().join("figures");
    let read = |name: &str| std::fs::read_to_string(figures.join(name)).unwrap();
    assert_eq!(read("plain.csv"), read("marked.csv"));
    assert!(read("plain.md").contains("Scale: own."));
    assert!(read("quick.md").contains("Scale: quick."));
    for name in ["quick.svg", "quick-curves.svg", "plain-curves.svg"] {
        assert!(figures.join(name).exists(), "{name}");
    }
    assert!(!figures.join("cnn-accuracy.svg").exists());
}

#[test]
fn seeds_are_counted_on_from_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.yaml"), with(MINE, "seeds: 1", "seeds: 2")).unwrap();
    let last = u64::MAX.to_string();
    let output = reproduce(folder.path(), &["run", "mine.yaml", "--seed", &last]);
    assert_eq!(output.status.code(), Some(0), "{}", standard_error(&output));
}

#[test]
fn settings_that_change_nothing_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let text = with(MINE, "minimal_k: 10", "minimal_k: 784");
    std::fs::write(folder.path().join("idle.yaml"), text).unwrap();
    let output = reproduce(folder.path(), &["run", "idle.yaml"]);
    let message = standard_error(&output);
    assert_eq!(output.status.code(), Some(0), "{message}");
    let expected =
        "idle.yaml: settings.training.minimal_k is 784, expected less than the 784 pairs";
    assert!(message.contains(expected), "{message}");
    assert!(message.contains("nothing is sampled at line 10"), "{message}");
    let output = reproduce(folder.path(), &["run", "idle.yaml", "--json"]);
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(lines.contains(r#""event":"warning""#), "{lines}");
}

#[test]
fn a_new_file_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(reproduce(folder.path(), &["new", "wide"]).status.code(), Some(0));
    let path = folder.path().join("wide.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("standard:\n") && !text.contains("\nseconds:"), "one block");
    std::fs::write(&path, with(&text, "epochs: 2", "epochs: 0")).unwrap();
    let output = reproduce(folder.path(), &["run", "wide.yaml"]);
    let message = standard_error(&output);
    assert!(message.contains("settings.training.epochs is 0"), "{message}");
    let output = reproduce(folder.path(), &["new", "claims"]);
    assert_eq!(output.status.code(), Some(2), "a name that could not be run");
}

#[test]
fn a_misspelt_field_of_a_named_block_is_told_with_its_own_line() {
    for (right, wrong, line) in [
        ("momentum: 0.5", "momentun: 0.5", 8),
        ("{name: constant}", "{name: step, factor: 0.5, at: [1], evry: 1}", 9),
        ("dropout: 0.1", "dropoot: 0.1", 5),
    ] {
        let line = format!("line {line}");
        assert_refused("mine.yaml", &with(MINE, right, wrong), &["unknown field", &line]);
    }
}

#[test]
fn files_of_ones_own_whose_figures_would_be_one_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["z.yaml", "z-curves.yaml"] {
        std::fs::write(folder.path().join(name), MINE).unwrap();
    }
    let output = reproduce(folder.path(), &["run", "z.yaml", "z-curves.yaml", "--threads", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(standard_error(&output).contains("would write the same files"));
}
