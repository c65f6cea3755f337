//! What every kind of ranks has to do: the same test of each.

use kernels::InstructionSet;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use training::data::{Splits, generated_digits};
use training::exchange::{Collective, CollectiveError, Exchange};
use training::sampling::Scores;
use training::train::{
    DataParallel, DataParallelReport, Progress, RunError, TrainingConfig, TrainingError,
    train_data_parallel, train_rank,
};

/// A network of which some parameters are sampled by their weights and others are not.
const CONFIG: &str = "
network: {name: mlp, hidden: [30, 20], dropout: 0.1}
batch_size: 10
epochs: 2
optimizer: {name: adam, learning_rate: 0.001}
policies:
  default: {estimator: top-k, ratio: 0.25, minimal_k: 1, mode: forward}
seed: 3
";

/// The ways in which ranks agree on what they select.
const AGREED: [Scores; 3] = [Scores::Weights, Scores::Shared, Scores::SharedBefore];

pub fn config(scores: Scores) -> TrainingConfig {
    let mut config: TrainingConfig = serde_yaml::from_str(CONFIG).expect("the settings are right");
    config.policies.default.as_mut().expect("there is a policy").scores = scores;
    config
}

/// A small network whose ranks sum the statistics of a layer in the middle of their steps.
fn synchronised() -> TrainingConfig {
    let layers = "{name: layers, layers: [{layer: max-pool, kernel: 4}, \
        {layer: convolution, channels: 6, kernel: 3}, {layer: batch-norm}, \
        {layer: activation, function: relu}, {layer: linear}]}";
    let network = serde_yaml::from_str(layers).expect("the layers are right");
    TrainingConfig { network, synchronised_batch_norm: true, ..config(Scores::Shared) }
}

/// What ranks train in every test of them.
pub fn trainings() -> Vec<TrainingConfig> {
    AGREED.into_iter().map(config).chain([synchronised()]).collect()
}

pub fn images() -> Splits {
    generated_digits(1, 58, 10, 10)
}

/// Every operation, with segments of other lengths, some of them empty, and long ones.
pub fn operations(rank: &mut dyn Collective) -> Result<(), CollectiveError> {
    let (own, size) = (rank.rank(), rank.size());
    // The last is longer than a message of any kind of ranks, and not a multiple of one.
    for count in [0, 1, size, 3 * size + 1, 100_003] {
        let segment = |rank: usize| rank * count / size..(rank + 1) * count / size;
        let segments: Vec<Range<usize>> = (0..size).map(segment).collect();
        // Number i of rank r is i + r / 8: exact, and no two are equal.
        let number = |rank: usize, place: usize| place as f32 + rank as f32 / 8.0;
        let mut numbers: Vec<f32> = (0..count).map(|place| number(own, place)).collect();
        let mut received = vec![9.0; 5];
        rank.all_to_all(&numbers, &segments, &mut received)?;
        let of_all = (0..size).flat_map(|rank| segment(own).map(move |place| number(rank, place)));
        assert_eq!(received, of_all.collect::<Vec<_>>(), "{count} numbers to each");
        rank.all_gather(&mut numbers, &segments)?;
        let of_owners =
            (0..size).flat_map(|rank| segment(rank).map(move |place| number(rank, place)));
        assert_eq!(numbers, of_owners.collect::<Vec<_>>(), "{count} numbers of all");
    }
    let mut all = vec![1];
    for length in [0, 1, 40, 70_001] {
        rank.all_gather_bytes(&vec![own as u8; length], &mut all)?;
        let expected: Vec<u8> = (0..size).flat_map(|rank| vec![rank as u8; length]).collect();
        assert_eq!(all, expected);
    }
    let mut bytes = [own as u8; 3];
    rank.follow_first(&mut bytes)?;
    assert_eq!(bytes, [0; 3]);
    rank.agree(&[7; 32])?;
    let mut digest = [7; 32];
    digest[20] += u8::from(own + 1 == size && size > 1);
    let differs = CollectiveError::Differs { rank: size - 1, place: 20 };
    assert_eq!(rank.agree(&digest).err(), (size > 1).then_some(differs));
    Ok(())
}

/// A whole training of this rank's.
pub fn trained(
    rank: &mut dyn Collective,
    config: &TrainingConfig,
    exchange: Exchange,
) -> Result<DataParallelReport, RunError> {
    let images = images();
    let go_on = &mut |_| ControlFlow::Continue(());
    train_rank(config, &images, Box::new(rank), exchange, InstructionSet::detect(), None, go_on)
}

/// The same, stopped in the middle of its second epoch, and then gone on with from the checkpoint
/// that rank 0 has at a path.
pub fn stopped_and_trained(
    rank: &mut dyn Collective,
    config: &TrainingConfig,
    path: &Path,
) -> Result<DataParallelReport, RunError> {
    let images = images();
    let mut train = |last: usize| {
        let observe = &mut |progress: Progress| match progress.steps {
            steps if steps == last => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let (set, exchange) = (InstructionSet::detect(), Exchange::Slices);
        train_rank(config, &images, Box::new(&mut *rank), exchange, set, Some(path), observe)
    };
    let stopped = train(8).unwrap_err();
    let is_stopped = matches!(stopped, RunError::Training(TrainingError::Stopped { epochs: 1 }));
    assert!(is_stopped, "{stopped}");
    train(usize::MAX)
}

/// The same of so many threads of this process.
pub fn trained_by_threads(
    workers: usize,
    config: &TrainingConfig,
    exchange: Exchange,
) -> DataParallelReport {
    let images = images();
    let go_on = &mut |_| ControlFlow::Continue(());
    let parallel = DataParallel { workers, exchange };
    let report =
        train_data_parallel(config, parallel, &images, InstructionSet::detect(), None, go_on);
    report.expect("threads train")
}
