//! Settings of the related systems that mean nothing are refused, and nothing is called safe, or
//! classified, that was not.

use std::path::Path;

use crate::run::{reproduce, standard_error};
use crate::settings::assert_refused;
use testing::{data_directory, skip_without_data};

/// The block of quick settings of an exhibit, as settings of one's own, with parts replaced.
fn own(exhibit: &str, changes: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("exhibits");
    let text = std::fs::read_to_string(folder.join(format!("{exhibit}.yaml"))).unwrap();
    let (_, block) = text.split_once("\n  quick:\n").unwrap();
    let (block, _) = block.split_once("\n\n").unwrap();
    let text = format!("exhibit: {exhibit}\nsettings:\n{block}\n");
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

/// A change of an exhibit's quick settings is refused with a field and its value.
fn refuses(exhibit: &str, from: &str, to: &str, message: &str) {
    let text = own(exhibit, &[(from, to)]);
    assert_refused("mine.yaml", &text, &[&format!("mine.yaml: settings.{message}"), " at line "]);
}

#[test]
fn an_ensemble_of_one_and_observations_without_noise_are_refused() {
    let exhibit = "ensemble-kalman";
    refuses(exhibit, "members: 60", "members: 1", "network.members is 1, expected a whole number");
    refuses(exhibit, "[5, 20]", "[5, 1]", "members[1] is 1, expected a whole number of at least 2");
    for noise in ["0.0", "-0.05", ".nan", ".inf"] {
        refuses(exhibit, "noise: 0.05", &format!("noise: {noise}"), "network.noise is ");
    }
    refuses(exhibit, "iterations: [4]", "iterations: [0]", "iterations[0] is 0");
    refuses(exhibit, "[0.0, 1.0]", "[0.0, -1.0]", "first_spreads[1] is -1");
    refuses(exhibit, "ratio: 0.5", "ratio: 1.5", "samplings[0].ratio is 1.5");
    refuses(
        exhibit,
        "ratio: 0.5",
        "ratio: 0.01",
        "samplings[0].ratio is 0.01, expected a share of",
    );
    refuses(exhibit, "[sine]", "[squares-and-sines]", "targets[0] is squares and sines");
    let descent = "methods:\n      - {name: adam, steps: 10, rate: 0.1}\n";
    refuses(exhibit, "methods:\n", descent, "methods[0] is Adam, expected a smoother or a filter");
    let many = "members: 1000000";
    refuses(exhibit, "members: 60", many, "network.members is 1000000, expected fewer");
}

#[test]
fn sets_that_are_none_or_have_no_bounds_are_refused() {
    let exhibit = "zonotopes";
    for width in ["0.0", "-1.0", ".inf", ".nan"] {
        let field = "training.obstacle.half_width is ";
        refuses(exhibit, "half_width: 0.5", &format!("half_width: {width}"), field);
    }
    refuses(exhibit, "[1.5, 1.5]", "[1.5, .inf]", "training.obstacle.centre[1] is inf");
    refuses(exhibit, "margin: 0.02", "margin: 0.0", "training.margin is 0");
    refuses(exhibit, "hidden: 6", "hidden: 33", "training.hidden is 33");
    refuses(exhibit, "[0.25]", "[0.25, 0.0]", "half_widths[1] is 0");
    refuses(exhibit, "[0.25]", "[0.5]", "half_widths[0] is 0.5, expected another");
    refuses(exhibit, "ratio: 0.3", "ratio: 0.001", "samplings[0].ratio is 0.001");
    let times =
        "exhibit: zonotope-times\nsettings: {hidden: [4, 99], brute_force_up_to: 4, rounds: 1}\n";
    assert_refused("mine.yaml", times, &["settings.hidden[1] is 99", " at line 2 "]);
}

/// The program ends with code 2 and says all of `words`, and leaves no figure.
fn fails(text: &str, data: Option<&Path>, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.yaml"), text).unwrap();
    let data = data.map(|data| data.to_str().unwrap().to_string());
    let mut arguments = vec!["run", "mine.yaml", "--threads", "1"];
    arguments.extend(data.as_deref().into_iter().flat_map(|data| ["--data", data]));
    let output = reproduce(folder.path(), &arguments);
    let message = standard_error(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
    let written = std::fs::read_dir(folder.path().join("figures")).into_iter().flatten();
    assert_eq!(written.count(), 0, "{message} left figures");
}

#[test]
fn an_obstacle_over_the_start_and_training_that_diverges_have_no_result() {
    let covering = [("[1.5, 1.5]", "[0.0, 0.0]"), ("half_width: 0.5", "half_width: 100.0")];
    let words = ["the obstacle with centre [0.0, 0.0] and half-width 100", "covers all"];
    fails(&own("zonotopes", &covering), None, &words);
    fails(&own("zonotopes", &[("rate: 0.1", "rate: 1000000.0")]), None, &["parameter", "finite"]);
}

#[test]
fn more_levels_than_bits_and_devices_that_are_none_are_refused() {
    let exhibit = "memristor-classifier";
    let levels = "levels[1].levels is 9, expected 9 levels were asked for of codes of 3 bits";
    refuses(exhibit, "levels: 8}", "levels: 9}", levels);
    refuses(exhibit, "ratio: 20.0", "ratio: 1.0", "devices[0].ratio is 1");
    refuses(exhibit, "variation: 0.2", "variation: .nan", "devices[0].variation is NaN");
    refuses(exhibit, "stuck: 0.0", "stuck: 1.5", "devices[0].stuck is 1.5");
    refuses(exhibit, "seeds: 2", "seeds: 1", "seeds is 1, expected a whole number of at least 2");
    refuses(exhibit, "folds: 3", "folds: 1", "classifier.folds.folds is 1");
    refuses(exhibit, "tuning: 100", "tuning: 101", "classifier.images.tuning is 101");
    refuses(exhibit, "[0.05, 0.1, 0.2]", "[0.05, 0.0]", "classifier.tuning.bandwidths[1] is 0");
}

#[test]
fn bits_probabilities_and_columns_that_there_are_not_are_refused() {
    let exhibit = "axtrain";
    for bits in ["0", "9"] {
        let message = format!("networks.memory.bits is {bits}, expected a whole number");
        refuses(exhibit, "bits: 8", &format!("bits: {bits}"), &message);
    }
    for probability in ["-0.01", "1.5", ".nan"] {
        let change = format!("probability: {probability}");
        refuses(exhibit, "probability: 0.01", &change, "networks.memory.probability is ");
    }
    refuses(exhibit, "[0.001, 0.01,", "[0.001, 1.01,", "networks.tested.probabilities[1] is 1.01");
    refuses(exhibit, "columns: 8", "columns: 9", "networks.columns is 9, expected a whole number");
    refuses(exhibit, "columns: [0, 8]", "columns: [0, 9]", "networks.tested.columns[1] is 9");
    refuses(exhibit, "penalties: [0.01]", "penalties: [0.0]", "networks.penalties[0] is 0");
    for (convolutions, message) in [
        ("{channels: [], kernel: 5, stride: 2}", "hidden.channels is [], expected 1 to 4"),
        ("{channels: [4, 0], kernel: 5, stride: 2}", "hidden.channels[1] is 0"),
        ("{channels: [4], kernel: 29, stride: 2}", "hidden.kernel is 29, expected one that fits"),
        ("{channels: [4], kernel: 5, stride: 0}", "hidden.stride is 0"),
    ] {
        let message = format!("networks.training.{message}");
        refuses(exhibit, "hidden: 16", &format!("hidden: {convolutions}"), &message);
    }
    let misspelt = own(exhibit, &[("hidden: 16", "hidden: {chanels: [4], kernel: 5, stride: 2}")]);
    let words = ["networks.training: ", "expected a number of hidden units, or {channels"];
    assert_refused("mine.yaml", &misspelt, &words);
    refuses(exhibit, "ratio: 0.5", "ratio: 0.0", "networks.ratio is 0");
    refuses(exhibit, "seeds: 2", "seeds: 1", "seeds is 1, expected a whole number of at least 2");
}

#[test]
fn bits_that_fill_no_byte_and_activations_that_cannot_be_coded_are_refused() {
    let exhibit = "coded-activations";
    for bits in ["0", "3", "9"] {
        let message = format!("bits[1] is {bits}, expected 1, 2, 4 or 8: whole codes fill a byte");
        refuses(exhibit, "bits: [8, 4, 2]", &format!("bits: [8, {bits}, 2]"), &message);
    }
    refuses(exhibit, "bits: [8, 4, 2]", "bits: [8, 4, 2, 4]", "bits[3] is the same as bits[1]");
    refuses(exhibit, "bits: [8, 4, 2]", "bits: [8, 4]", "bits is [8, 4], expected 8, 4 and 2");
    let perceptron = "{name: mlp, hidden: [32], dropout: 0}";
    let message =
        "training.network is MLP, expected one with a batch normalisation that is rectified";
    refuses(exhibit, "{name: batch-norm-mlp, hidden: [32, 32, 32]}", perceptron, message);
    refuses(exhibit, "ratio: 0.5", "ratio: 1.0", "sampling.ratio is 1, expected less than 1");
    refuses(exhibit, "compared_after: 1", "compared_after: 3", "compared_after is 3, expected");
    refuses(exhibit, "seeds: 2", "seeds: 1", "training.seeds is 1, expected a whole number");
    let times = "coded-activation-times";
    refuses(times, "[8, 4, 2]", "[8, 3, 4, 2]", "bits[1] is 3, expected 1, 2, 4 or 8");
    let message = "networks[0].network is MLP, expected one with a batch normalisation";
    refuses(times, "{name: batch-norm-mlp, hidden: [32, 32, 32]}", perceptron, message);
    refuses(times, "ratio: 0.5", "ratio: 1.0", "sampling.ratio is 1, expected less than 1");
    refuses(times, "[65536]", "[65536, 65536]", "numbers[1] is the same as numbers[0]");
    refuses(times, "[65536]", "[0]", "numbers[0] is 0, expected a whole number of at least 1");
    refuses(times, "run: 1024", "run: 0", "run is 0, expected a whole number of at least 1");
}

#[test]
fn a_class_without_samples_is_named_with_its_file() {
    let published = data_directory();
    let there = ["mnist", "wine/wine.data", "iris/iris.data"].map(|name| published.join(name));
    if let Some(missing) = there.iter().find(|path| !path.exists()) {
        return skip_without_data(&format!("no {}", missing.display()));
    }
    let data = tempfile::tempdir().unwrap();
    let (mnist, wine) = (data.path().join("mnist"), data.path().join("wine.data"));
    std::fs::create_dir(&mnist).unwrap();
    for entry in std::fs::read_dir(&there[0]).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), mnist.join(entry.file_name())).unwrap();
    }
    std::fs::copy(&there[1], wine).unwrap();
    let iris = std::fs::read_to_string(&there[2]).unwrap();
    let without: Vec<&str> = iris.lines().filter(|line| !line.contains("virginica")).collect();
    std::fs::write(data.path().join("iris.data"), without.join("\n")).unwrap();
    let text = own("memristor-classifier", &[]);
    fails(&text, Some(data.path()), &["iris.data: class virginica has no sample"]);
    // Digits of which more are to be stored than there are.
    std::fs::copy(&there[2], data.path().join("iris.data")).unwrap();
    let text = own("memristor-classifier", &[("stored_a_class: 20", "stored_a_class: 90")]);
    fails(&text, Some(data.path()), &["class ", "fewer than the 90 that are asked for"]);
}
