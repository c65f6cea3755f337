use super::long_run::LongRun;
use super::measure::Measure;
use super::record::Record;
use super::times::Times;
use super::*;
use crate::cache::Cache;
use crate::exhibit::LongRuns;
use crate::exhibit::settings::{Scale, Source};
use crate::images::Images;
use crate::plot;
use crate::progress::Progress;
use crate::result::{Mark, Series};
use crate::team::Threads;
use kernels::InstructionSet;
use serde::Deserialize;
use std::path::Path;
use training::train::{BatchNormStatistics, TrainingConfig};

/// A few images, three arms, twelve steps of the longest.
const YAML: &str = "\
exhibit: whole-training
settings:
  images: {set: generated-digits, train: 40, held_out: 10, test: 10, normalisation: computed}
  training:
    network: {name: mlp, hidden: [16], dropout: 0}
    batch_size: 10
    epochs: 3
    optimizer: {name: adam, learning_rate: 0.001}
  seeds: 2
  recompute_steps: 2
  arms:
    - {name: exact}
    - name: half
      role: sampled
      changes: {policies: {default: {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward}}}
    - {name: short, role: control, changes: {epochs: 1}}
  timed: {arms: [exact, half], turn_steps: 3}
";

fn settings(text: &str) -> WholeTraining {
    let document: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
    serde_yaml::from_value(document["settings"].clone()).unwrap()
}

fn images() -> Images {
    settings(YAML).images.unwrap().load(Path::new("nowhere")).unwrap()
}

/// Runs an experiment with nothing stored.
fn run(
    experiment: &dyn Experiment,
    images: Option<&Images>,
    record: Option<&str>,
    long_runs: LongRuns,
) -> anyhow::Result<ExhibitResult> {
    let folder = tempfile::tempdir().unwrap();
    let (cache, progress) = (Cache::new(folder.path()), Progress::hidden());
    experiment.run(&Environment {
        seed: 1,
        instructions: InstructionSet::detect(),
        images,
        data: folder.path(),
        record,
        long_runs,
        team: &Threads,
        cache: &cache,
        progress: &progress,
    })
}

/// The runs of a record.
fn runs_of(record: &str) -> Vec<LongRun> {
    Record::read(record).unwrap().runs().cloned().collect()
}

/// A record of all runs, and the numbers that they came to.
fn recorded() -> (String, ExhibitResult) {
    let result = run(&settings(YAML), Some(&images()), None, LongRuns::Missing).unwrap();
    (result.json.clone().unwrap(), result)
}

fn shown(text: &str, record: &str) -> ExhibitResult {
    run(&Shown(settings(text)), Some(&images()), Some(record), LongRuns::Missing).unwrap()
}

#[test]
fn settings_that_differ_in_their_images_alone_have_the_arms_and_the_recipe_of_their_model() {
    let without_images = |name: &str| {
        let (_, own) = crate::exhibits::built_in_named(name).unwrap();
        let mut document: serde_yaml::Value = serde_yaml::from_str(own.yaml).unwrap();
        let images = ["quick", "long"].map(|scale| {
            let settings = document["scales"][scale].as_mapping_mut().unwrap();
            let images = settings.remove("images").unwrap();
            images["set"].as_str().unwrap().to_string()
        });
        (document["scales"].clone(), images)
    };
    for (name, model, images) in [
        ("fashion-mlp", "mnist-mlp", ["fashion-mnist", "fashion-mnist"]),
        ("fashion-cnn", "mnist-cnn", ["fashion-mnist", "fashion-mnist"]),
        ("cifar-100", "fast-cifar-narrow", ["generated-digits", "cifar-100"]),
    ] {
        let (settings, found) = without_images(name);
        assert_eq!(settings, without_images(model).0, "{name} and {model}");
        assert_eq!(found, images, "{name}");
    }
}

#[test]
fn what_is_shown_of_a_record_is_what_was_run() {
    let (record, result) = recorded();
    let shown = shown(YAML, &record);
    assert_eq!(shown.snapshot("demo", "long"), result.snapshot("demo", "long"));
    assert_eq!(shown.tables, result.tables);
    assert_eq!(shown.failures, Vec::<String>::new());
    assert!(shown.remarks[0].contains("the first 2 steps of 3 of them"), "{}", shown.remarks[0]);
    assert!(shown.remarks[0].contains("in every bit"), "{}", shown.remarks[0]);
}

#[test]
fn beginnings_are_computed_again_of_as_many_arms_as_the_settings_say() {
    let (record, _) = recorded();
    let one = YAML.replace("recompute_steps: 2", "recompute_arms: 1");
    let said = shown(&one, &record).remarks[0].clone();
    assert!(said.contains("the first step of 1 of them"), "{said}");
}

/// A record whose runs have these accuracies with seed 1 and seed 2, and these computations and
/// seconds.
fn made_up(arms: &[(&str, [f64; 2], u64)]) -> String {
    let mut runs = runs_of(&recorded().0);
    for run in &mut runs {
        let (_, accuracies, cost) = arms.iter().find(|(arm, ..)| *arm == run.arm).unwrap();
        run.report.epochs.last_mut().unwrap().test.accuracy = accuracies[run.seed as usize - 1];
        run.report.computations.performed = *cost as _;
        run.provenance.training_seconds = *cost as f64;
        run.provenance.processor_seconds = None;
    }
    signed(runs)
}

#[test]
fn a_sampled_training_is_compared_with_the_control_at_equal_cost() {
    let arms =
        [("exact", [0.9, 0.92], 400), ("half", [0.87, 0.88], 200), ("short", [0.8, 0.82], 100)];
    let result = shown(YAML, &made_up(&arms));
    // At 200 the control has 80 + 10 / 3 and 82 + 10 / 3 %.
    let numbers = result.records.numbers();
    let number = |name: &str| numbers.iter().find(|number| number.name == name).unwrap().value;
    assert!((number("half against-control") - (87.5 - 81.0 - 10.0 / 3.0)).abs() < 1e-9);
    let cells = result.tables[1].csv().unwrap();
    let half = cells.lines().find(|line| line.starts_with("half,")).unwrap();
    assert!(half.contains(",within noise,"), "{half}");
    let expected = "half needs 50 % less computation and 50 % less time.";
    assert!(result.remarks.iter().any(|remark| remark.starts_with(expected)));
    let [figure] = &result.figures[..] else { panic!("one figure") };
    assert!(figure.caption.starts_with("half needs 50 % less computation"), "{}", figure.caption);
    for panel in &figure.panels {
        let [control, sampled] = &panel.series[..] else { panic!("two series") };
        let places = |series: &Series| series.points.iter().map(|p| p.x).collect::<Vec<_>>();
        assert_eq!((places(control), places(sampled)), (vec![25.0, 100.0], vec![50.0]));
        assert_eq!((control.mark, sampled.label.as_str()), (Mark::DashedPoints, "top-k"));
    }
    assert!(plot::draw(figure).unwrap().contains("top-k"));
    let verdicts = result.tables[2].csv().unwrap();
    assert!(verdicts.contains("above exact training"), "{verdicts}");
}

#[test]
fn an_exact_arm_of_another_network_is_no_part_of_the_curve() {
    let narrow = "{epochs: 1, network: {name: mlp, hidden: [8], dropout: 0}}";
    let text = YAML.replace("{epochs: 1}", narrow);
    let result = run(&settings(&text), Some(&images()), None, LongRuns::Missing).unwrap();
    let [control, _, other] = &result.figures[0].panels[0].series[..] else { panic!("three") };
    assert_eq!((control.points.len(), other.label.as_str()), (1, "short"));
    let short = result.tables[1].csv().unwrap();
    let short = short.lines().find(|line| line.starts_with("short,")).unwrap().to_string();
    assert!(short.contains("cheaper than every control"), "{short}");
}

#[test]
fn without_a_run_there_is_no_figure_and_nothing_is_decided() {
    let result = shown(YAML, "{\"runs\": []}");
    assert_eq!(result.figures, []);
    let verdicts = result.tables[2].csv().unwrap();
    assert_eq!(verdicts.matches("? undecided").count(), 4, "{verdicts}");
}

#[test]
fn without_images_results_are_shown_and_that_nothing_was_recomputed_is_said() {
    let (record, result) = recorded();
    let cifar = settings(&YAML.replace("generated-digits", "cifar-10"));
    let found = run(&Shown(cifar), None, Some(&record), LongRuns::Missing).unwrap();
    let said = "Not recomputed: no CIFAR-10 in the data directory.";
    assert!(found.remarks[0].ends_with(said), "{}", found.remarks[0]);
    assert_eq!(found.records, result.records);
}

#[test]
fn a_beginning_that_does_not_come_out_is_a_failure() {
    let (record, _) = recorded();
    let mut runs = runs_of(&record);
    let changed = runs.iter_mut().find(|run| run.arm == "half" && run.seed == 1).unwrap();
    changed.digests.insert(2, "00".to_string());
    let record = signed(runs);
    let shown = shown(YAML, &record);
    let expected =
        "a committed run is stale: half (seed 1): its parameters are others after step 2";
    assert_eq!(shown.failures, [expected]);
    assert!(shown.remarks[0].contains("STALE"), "{}", shown.remarks[0]);
    let again = run(&settings(YAML), Some(&images()), Some(&record), LongRuns::Again).unwrap();
    let expected = "the committed run of half (seed 1) does not come out again: its parameters are \
                    others after step 2";
    assert_eq!(again.failures, [expected]);
}

/// A record of changed runs.
fn signed(runs: Vec<LongRun>) -> String {
    let runs: Vec<LongRun> = runs.into_iter().map(|run| run.signed().unwrap()).collect();
    Record::write(&runs.iter().collect::<Vec<_>>(), None).unwrap()
}

#[test]
fn a_run_of_other_settings_or_of_no_arm_is_stale_and_not_shown() {
    let (record, _) = recorded();
    let other = shown(&YAML.replace("ratio: 0.5", "ratio: 0.25"), &record);
    let stale = |seed| format!("half (seed {seed}) is stale: it is of other settings");
    let times = "the times of whole trainings are stale: they are of other settings";
    assert_eq!(other.failures, [times.to_string(), stale(1), stale(2)]);
    assert!(other.remarks.contains(&"Not run yet: half.".to_string()), "{:?}", other.remarks);
    let renamed = shown(&YAML.replace("name: short", "name: shorter"), &record);
    assert_eq!(renamed.failures.len(), 2);
    assert!(renamed.failures[0].ends_with("the settings have no such arm"));
}

#[test]
fn a_damaged_record_is_an_error() {
    let (record, _) = recorded();
    let error = |text: &str| {
        let result = run(&Shown(settings(YAML)), None, Some(text), LongRuns::Missing);
        format!("{:#}", result.unwrap_err())
    };
    let damaged = record.replacen("\"seed\": 2", "\"seed\": 3", 1);
    let expected = "its committed record: the run of 'exact' with seed 3 is damaged: it does not \
                    have its checksum";
    assert_eq!(error(&damaged), expected);
    assert!(error(&record[..record.len() / 2]).contains("it is no record of long runs"));
    let mut twice: serde_json::Value = serde_json::from_str(&record).unwrap();
    twice["runs"][1] = twice["runs"][0].clone();
    assert!(error(&twice.to_string()).ends_with("the run of 'exact' with seed 1 is there twice"));
}

#[test]
fn only_runs_that_are_missing_are_made_and_only_committed_ones_are_made_again() {
    let (record, result) = recorded();
    let runs = runs_of(&record);
    let some: Vec<_> = runs.iter().filter(|run| run.seed == 1 && run.arm != "short").collect();
    let some = Record::write(&some, None).unwrap();
    let with = |record: Option<&str>, long_runs| {
        run(&settings(YAML), Some(&images()), record, long_runs).unwrap()
    };
    let whole = with(Some(&some), LongRuns::Missing);
    assert_eq!(whole.records, result.records);
    let date = |json: &Option<String>| {
        runs_of(json.as_ref().unwrap()).into_iter().next().map(|run| run.provenance)
    };
    assert_eq!(date(&whole.json), date(&result.json), "a committed run is kept as it is");
    let again = with(Some(&some), LongRuns::Again);
    let made = runs_of(&again.json.unwrap());
    assert_eq!((made.len(), again.failures.len()), (2, 0));
    let finished = with(Some(&some), LongRuns::Finished);
    assert_eq!(finished.json.as_ref(), Some(&some), "nothing is made");
    let remarks = ["Not run yet: short.", "Not yet run with all 2 seeds: exact (1); half (1)."];
    assert!(finished.remarks.ends_with(&remarks.map(String::from)), "{:?}", finished.remarks);
    let nothing = run(&settings(YAML), Some(&images()), None, LongRuns::Finished).unwrap_err();
    assert_eq!(nothing.to_string(), "no long run of it is finished");
}

#[test]
fn wrong_settings_are_named_with_file_field_and_line() {
    let error = |from: &str, to: &str| {
        assert!(YAML.contains(from));
        let source = Source::new("mine.yaml", &YAML.replacen(from, to, 1));
        configure::<WholeTraining>(&source, Scale::Quick).err().unwrap().to_string()
    };
    for (from, to, parts) in [
        ("{epochs: 1}", "{epochs: 0}", ["arms[2].changes.epochs is 0", "line 16"]),
        ("{epochs: 1}", "{epoch: 1}", ["arms[2].changes.epoch is 1", "line 16"]),
        ("ratio: 0.5", "ratio: 1.5", ["arms[1].changes.policies is", "line 15"]),
        ("ratio: 0.5", "ratio: 1", ["arms[1].changes is", "line 15"]),
        ("minimal_k: 1,", "", ["arms[1].changes.policies is", "line 15"]),
        (
            "role: control, changes: {epochs: 1}",
            "role: control, changes: {policies: {default: \
          {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward}}}",
            ["arms[2].changes is", "line 16"],
        ),
        ("name: half", "name: exact", ["arms[1].name is exact", "line 13"]),
        ("role: sampled", "role: exact", ["arms[1].role is", "line 14"]),
        ("      role: sampled\n", "", ["arms[1].role is", "line 13"]),
        ("batch_size: 10", "batch_size: 0", ["training.batch_size is 0", "line 6"]),
        ("batch_size", "batches", ["training.batches is 10", "line 6"]),
        ("epochs: 3", "seed: 3", ["training.seed is 3", "line 7"]),
        ("seeds: 2", "seeds: 0", ["settings.seeds is 0", "line 9"]),
        ("recompute_steps: 2", "recompute_steps: 11", ["recompute_steps is 11", "line 10"]),
        ("recompute_steps: 2", "recompute_arms: 0", ["recompute_arms is 0", "line 10"]),
        ("[exact, half]", "[exact, third]", ["timed.arms[1] is third", "line 17"]),
        ("[exact, half]", "[half]", ["timed.arms is half", "line 17"]),
        ("[exact, half]", "[exact, exact]", ["timed.arms[1] is the same as", "line 17"]),
        ("turn_steps: 3", "turn_steps: 0", ["timed.turn_steps is 0", "line 17"]),
        ("computed}", "guessed}", ["normalisation", "line 3"]),
    ] {
        let message = error(from, to);
        assert!(message.starts_with("mine.yaml: "), "{message}");
        for part in parts {
            assert!(message.contains(part), "{to}: {message}");
        }
    }
}

#[test]
fn time_is_that_on_a_processor_where_it_is_known_of_every_run() {
    let times = |known: fn(u64) -> Option<f64>| {
        let mut runs = runs_of(&recorded().0);
        for run in &mut runs {
            run.provenance.processor_seconds = known(run.seed);
        }
        let table = shown(YAML, &signed(runs)).tables[1].csv().unwrap();
        table.contains("time on a processor")
    };
    assert!(times(|_| Some(1.0)));
    assert!(!times(|seed| (seed == 1).then_some(1.0)));
    assert!(!times(|_| Some(0.0)), "a run shorter than a tick of the system");
}

#[test]
fn whole_trainings_are_timed_in_turns_and_end_as_the_runs_do() {
    let (record, result) = recorded();
    let record = Record::read(&record).unwrap();
    let times = record.times().unwrap();
    // Twelve steps, four an epoch: turns of three and of one.
    let turns: Vec<usize> = times.trainings.iter().map(|timed| timed.turns.len()).collect();
    assert_eq!(turns, [6, 6]);
    for timed in &times.trainings {
        let run = record.get(&timed.arm, 1).unwrap();
        assert_eq!(timed.parameters, run.report.parameters);
    }
    let table = result.tables[3].csv().unwrap();
    assert!(table.lines().nth(1).unwrap().starts_with("exact,"), "{table}");
    assert!(result.remarks.iter().any(|remark| remark.starts_with("The wall time of whole")));
    let half = times.over("half", "exact").unwrap();
    assert_eq!(half, times.of("half").unwrap().seconds() / times.of("exact").unwrap().seconds());
    assert_eq!(times.over("short", "exact"), None);
}

/// A record with changed times.
fn with_times(record: &str, change: impl FnOnce(&mut Times)) -> String {
    let record = Record::read(record).unwrap();
    let mut times = record.times().unwrap().clone();
    change(&mut times);
    let runs: Vec<&LongRun> = record.runs().collect();
    Record::write(&runs, Some(&times)).unwrap()
}

#[test]
fn committed_times_are_shown_where_they_are_of_these_settings_and_as_they_were_written() {
    let (record, result) = recorded();
    let longer = with_times(&record, |times| {
        times.trainings[1].turns = vec![1e3; 6];
        *times = times.clone().signed().unwrap();
    });
    let words = |result: &ExhibitResult| {
        let half = result.remarks.iter().rfind(|remark| remark.starts_with("half needs"));
        half.unwrap().clone()
    };
    let said = words(&shown(YAML, &longer));
    assert!(said.contains("% more time. Beside"), "{said}");
    assert_ne!(words(&shown(YAML, &longer)), words(&result));
    let made = run(&settings(YAML), Some(&images()), Some(&longer), LongRuns::Missing).unwrap();
    assert_eq!(made.json, Some(longer), "what is committed is not measured again");

    let other = shown(&YAML.replace("[exact, half]", "[exact, short]"), &record);
    let stale = "the times of whole trainings are stale: they are of other settings";
    assert_eq!((other.failures, other.tables.len()), (vec![stale.to_string()], 3));
    let changed = |change: &dyn Fn(&mut TrainingConfig)| {
        with_times(&record, |times| {
            let settings = &mut times.trainings[1].settings;
            let mut config = TrainingConfig::deserialize(&*settings).unwrap();
            change(&mut config);
            *settings = serde_json::from_str(&serde_json::to_string(&config).unwrap()).unwrap();
            *times = times.clone().signed().unwrap();
        })
    };
    let evaluated = changed(&|config| {
        config.batch_norm_statistics = BatchNormStatistics::ReEstimated { minibatches: 1 };
    });
    assert!(shown(YAML, &evaluated).failures.is_empty(), "evaluations take no time of it");
    let slower = changed(&|config| config.label_smoothing = 0.1);
    assert_eq!(shown(YAML, &slower).failures, [stale]);
    let ended = with_times(&record, |times| {
        times.trainings[1].parameters = "00".to_string();
        *times = times.clone().signed().unwrap();
    });
    let differs = "half has other parameters at the end where it was timed";
    assert_eq!(shown(YAML, &ended).failures, [differs]);
    let damaged = with_times(&record, |times| times.trainings[0].turns[0] += 1.0);
    let error = Record::read(&damaged).unwrap_err().to_string();
    assert_eq!(error, "the times of whole trainings are damaged: they do not have their checksum");
}

/// The text that is learnt in the place of images.
const GENERATED: &str = "text: {set: generated, train: 600, held_out: 100, test: 100}";

/// The same arms, of a text and a network that reads it.
fn text() -> String {
    let images = "images: {set: generated-digits, train: 40, held_out: 10, test: 10, normalisation: computed}";
    let mut text = YAML.to_string();
    for (of_images, of_text) in [
        (images, GENERATED),
        ("{name: mlp, hidden: [16], dropout: 0}", LSTM),
        ("epochs: 3", "epochs: 2"),
        ("learning_rate: 0.001", "learning_rate: 0.01"),
    ] {
        assert!(text.contains(of_images));
        text = text.replace(of_images, of_text);
    }
    text
}

const LSTM: &str = "{name: lstm, width: 8, layers: 1, steps: 5, bound: 0.3}";

#[test]
fn a_text_is_judged_by_its_perplexity_and_shown_from_its_record() {
    let text = text();
    settings(&text).check().unwrap();
    let result = run(&settings(&text), None, None, LongRuns::Missing).unwrap();
    let record = result.json.clone().unwrap();
    let perplexities = |arm: &str| -> Vec<f64> {
        let runs = runs_of(&record).into_iter().filter(|run| run.arm == arm);
        runs.map(|run| libm::exp(run.report.epochs.last().unwrap().test.loss)).collect()
    };
    let [exact, short] = ["exact", "short"].map(perplexities);
    assert!(exact.iter().all(|it| (50.0..200.0).contains(it)), "{exact:?}");
    // Less is better: the longer trainings have it, and more points than the shorter ones.
    assert!(exact.iter().zip(&short).all(|(exact, short)| exact < short), "{exact:?} {short:?}");
    let run_of_exact = &runs_of(&record)[0];
    let shown = Measure::Perplexity.shown(Measure::Perplexity.score(run_of_exact));
    assert!((shown / exact[0] - 1.0).abs() < 1e-12, "{shown} {exact:?}");
    let figure = plot::draw(&result.figures[0]).unwrap();
    assert!(figure.contains("test perplexity (less is better)"));
    assert!(result.remarks.iter().any(|remark| remark.starts_with("A point is 1 % of perplexity")));
    assert!(result.evidence.is_empty(), "the abstract speaks of images");
    assert!(!result.tables.iter().any(|table| table.markdown().contains("the abstract claims")));

    let shown = |text: &str| run(&Shown(settings(text)), None, Some(&record), LongRuns::Missing);
    let again = shown(&text).unwrap();
    assert!(again.failures.is_empty(), "{:?}", again.failures);
    assert!(again.remarks[0].ends_with("The parameters are the committed ones in every bit."));
    let other = shown(&text.replace("train: 600", "train: 650")).unwrap();
    assert!(other.failures[0].ends_with("it learnt something else"), "{:?}", other.failures);
    let missing = text.replace(GENERATED, "text: {set: penn-treebank}");
    let missing = shown(&missing).unwrap();
    assert!(missing.remarks[0].contains("no Penn Treebank in the data directory"));
}

#[test]
fn either_images_or_a_text_is_learnt_by_a_network_that_reads_it() {
    let refused = |part: &str, with: &str| {
        let text = text().replace(part, with);
        settings(&text).check().unwrap_err().to_string()
    };
    let images = "images: {set: generated-digits, train: 40, held_out: 10, test: 10}";
    assert!(
        refused(&format!("  {GENERATED}\n"), "").starts_with("images is missing, expected images")
    );
    let both = refused(GENERATED, &format!("{GENERATED}\n  {images}"));
    assert_eq!(both, "text is set, expected none beside images");
    let other = refused(GENERATED, images);
    assert!(other.contains("network.name is LSTM 1 x 8, expected a network that reads images"));
    let other = refused(LSTM, "{name: cnn}");
    assert!(other.contains("network.name is CNN, expected a network that reads a text"), "{other}");
    assert!(refused("held_out: 100", "held_out: 0").starts_with("text.held_out is 0"));
    let policy = refused("mode: forward}", "mode: forward}, never: [words-2]");
    assert!(policy.starts_with("arms[1].changes.policies"), "{policy}");
}
