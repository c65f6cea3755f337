use super::agreement::agree;
use super::*;
use std::ops::ControlFlow;
use training::exchange::{self, Collective as _, Exchange};
use training::train::Progress;

/// A training of as many workers, and its images.
fn settings() -> (TrainingConfig, ImageConfig) {
    let config = "{network: {name: mlp, hidden: [24], dropout: 0.1}, batch_size: 20, epochs: 2,
        optimizer: {name: adam, learning_rate: 0.001}, seed: 1,
        policies: {default: {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward,
                             scores: weights}}}";
    let images = "{set: generated-digits, train: 90, held_out: 10, test: 20}";
    (serde_yaml::from_str(config).unwrap(), serde_yaml::from_str(images).unwrap())
}

fn train(team: &dyn Team, workers: usize, checkpoint: &Path) -> DataParallelReport {
    let (config, wanted) = settings();
    let images = wanted.load(Path::new("nowhere")).unwrap();
    let run = TeamRun {
        config: &config,
        parallel: DataParallel { workers, exchange: Exchange::Slices },
        wanted: &wanted,
        images: &images,
        instructions: InstructionSet::detect(),
        checkpoint,
    };
    team.train(&run, &mut |_: Progress| ControlFlow::Continue(())).unwrap()
}

#[test]
fn ranks_that_follow_train_to_the_bits_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let reports = exchange::Threads::run(
        3,
        |rank| {
            let ranks = Ranks::new(rank);
            let all = train(&ranks, 3, &folder.path().join("all"));
            // Of another number of workers than there are ranks, rank 0 has all.
            let two = train(&ranks, 2, &folder.path().join("two"));
            let again = train(&ranks, 3, &folder.path().join("again"));
            ranks.dismiss()?;
            anyhow::Ok([all, two, again])
        },
        |rank| follow(rank, Path::new("nowhere"), InstructionSet::detect()),
    );
    let [three, two] = [3, 2]
        .map(|workers| train(&Threads, workers, &folder.path().join(format!("threads-{workers}"))));
    assert_ne!(two.training.parameters, three.training.parameters);
    assert_eq!(reports.unwrap(), [three.clone(), two, three]);
}

#[test]
fn a_rank_that_differs_is_named_with_what_it_differs_in() {
    let compare = |rank: &mut exchange::Threads| {
        let data = if rank.rank() == 2 { "other" } else { "same" };
        agree(rank, &[("command line", "run"), ("data", data), ("training", data)])
    };
    let error = exchange::Threads::run(4, compare, compare).unwrap_err().to_string();
    assert_eq!(error, "rank 2 differs from rank 0 in the data; all ranks need the same");
}
