//! Training steps of every network: what a sampled step takes of the exact one's time, beside the
//! share of the computations that it counts.

use kernels::Estimator;
use training::layer::{Activation, ImageShape};
use training::network::NetworkConfig;
use training::optimizer::OptimizerConfig;
use training::sampling::{Mode, SamplingPolicy};

use super::contest::{Comparison, Contest};
use super::language::{self, LanguageModel};
use super::setting::Setting;
use super::steps::Steps;
use crate::exhibit::times::timed_network::TimedNetwork;
use crate::result::Cell;
use crate::timing::{Work, in_turns, timed};

/// Shares of the pairs that are kept.
pub const RATIOS: [f64; 3] = [0.5, 0.25, 0.1];
/// How much more of the time than of the computations is aimed at, at the most.
const ALLOWANCE: f64 = 0.05;

/// Samples a step of the perceptron beside PyTorch's.
pub const MINIBATCHES: [usize; 2] = [64, 256];
/// Pixels of an image.
pub const INPUTS: usize = SIDE * SIDE;
const SIDE: usize = 28;
/// Widths of the hidden layers.
pub const HIDDEN: [usize; 2] = [500, 500];
/// Classes of images.
pub const CLASSES: usize = 10;
/// Share of the hidden units left out.
pub const DROPOUT: f64 = 0.1;
/// Learning rate of Adam.
pub const LEARNING_RATE: f32 = 1e-3;
/// The optimiser of the released code's perceptron.
pub const ADAM: OptimizerConfig = OptimizerConfig::Adam { learning_rate: LEARNING_RATE };

/// The released code's perceptron.
pub fn perceptron(batch_size: usize, optimizer: OptimizerConfig) -> TimedNetwork {
    TimedNetwork {
        network: NetworkConfig::Mlp { hidden: HIDDEN.to_vec(), dropout: DROPOUT },
        image: ImageShape::new(1, SIDE, SIDE),
        classes: CLASSES,
        batch_size,
        minimal_k: 10,
        optimizer,
    }
}

fn descent(momentum: f32) -> OptimizerConfig {
    let weight_decay = if momentum > 0.5 { 5e-4 } else { 0.0 };
    OptimizerConfig::Sgd { learning_rate: 1e-3, momentum, nesterov: false, weight_decay }
}

/// What is measured, with the name of its optimiser.
pub fn cases(setting: &Setting) -> Vec<(TimedNetwork, &'static str)> {
    let lazy = OptimizerConfig::LazyAdam { learning_rate: LEARNING_RATE };
    let optimizers = [(descent(0.0), "SGD"), (ADAM, "Adam"), (lazy, "lazy Adam")];
    let minibatches: &[usize] = if setting.effort.is_full() { &[50, 64, 256] } else { &[64] };
    let perceptrons = minibatches.iter().flat_map(|&batch| {
        optimizers.map(|(optimizer, name)| (perceptron(batch, optimizer), name))
    });
    if !setting.effort.is_full() {
        return perceptrons.collect();
    }
    let of = |network, image: [usize; 2], batch_size, momentum| {
        let [channels, side] = image;
        let image = ImageShape::new(channels, side, side);
        let optimizer = descent(momentum);
        let classes = CLASSES;
        TimedNetwork { network, image, classes, batch_size, minimal_k: 1, optimizer }
    };
    let fast_cifar = NetworkConfig::FastCifar {
        widths: [64, 128, 128],
        activation: Activation::Gelu,
        whitening_images: 64,
    };
    let mut cases: Vec<(TimedNetwork, &str)> = perceptrons.collect();
    cases.push((of(NetworkConfig::Cnn, [1, SIDE], 64, 0.5), "momentum"));
    cases.push((of(fast_cifar, [3, 32], 64, 0.9), "momentum"));
    let wide = NetworkConfig::Wrn { depth: 16, width: 4 };
    cases.push((of(wide, [3, 32], 32, 0.9), "momentum"));
    cases.push((of(NetworkConfig::Resnet { depth: 50 }, [3, 224], 4, 0.9), "momentum"));
    cases
}

/// The language models that are measured.
fn models(setting: &Setting) -> Vec<LanguageModel> {
    if setting.effort.is_full() { language::models().to_vec() } else { Vec::new() }
}

/// How many cases there are.
pub fn count(setting: &Setting) -> usize {
    cases(setting).len() + models(setting).len()
}

/// Measures every case on every number of threads.
///
/// # Errors
/// When a network cannot be built.
pub fn measure(setting: &Setting) -> anyhow::Result<Contest> {
    let mut contest = Contest {
        caption: "Training steps, top-k in the forward mode".to_string(),
        keys: &["network", "minibatch", "optimiser", "ratio", "threads"],
        ratio: "time over exact",
        others: [("computations", ""), ("sampled", "ms"), ("exact", "ms")]
            .map(|(name, unit)| (name.to_string(), unit))
            .to_vec(),
        rows: Vec::new(),
    };
    let mut measure = |keys: [Cell; 3], minimal_k: usize, steps: &Build| {
        for pool in setting.pools {
            contest.rows.extend(pool.install(|| compare(setting, &keys, minimal_k, steps))?);
            setting.progress.advance(1);
        }
        anyhow::Ok(())
    };
    for (network, optimizer) in cases(setting) {
        let keys = [network.network.title().into(), network.batch_size.into(), optimizer.into()];
        let steps = |policy| Steps::new(setting, &network, policy);
        measure(keys, network.minimal_k, &steps)?;
    }
    for model in models(setting) {
        let title = model.network.title();
        let keys = [title.into(), model.sequences.into(), model.optimizer().into()];
        measure(keys, 1, &|policy| model.steps(setting, policy))?;
    }
    Ok(contest)
}

/// How products are sampled at each of the ratios.
pub fn policies(minimal_k: usize) -> [SamplingPolicy; RATIOS.len()] {
    RATIOS.map(|ratio| SamplingPolicy::new(Estimator::TopK, ratio, minimal_k, Mode::Forward))
}

/// A network in training, its products sampled by a policy.
type Build<'a> = dyn Fn(Option<SamplingPolicy>) -> anyhow::Result<Steps> + Sync + 'a;

fn compare(
    setting: &Setting,
    keys: &[Cell; 3],
    minimal_k: usize,
    build: &Build,
) -> anyhow::Result<Vec<Comparison>> {
    let policies = std::iter::once(None).chain(policies(minimal_k).map(Some));
    let mut steps: Vec<Steps> = policies.map(build).collect::<anyhow::Result<_>>()?;
    let mut contestants: Vec<Work> =
        steps.iter_mut().map(|steps| timed(move || steps.step())).collect();
    let times = in_turns(&mut contestants, setting.effort.patience);
    drop(contestants);
    let shares = steps.iter_mut().map(Steps::share);
    let rows = RATIOS.iter().zip(shares.skip(1)).enumerate().map(|(place, (&ratio, share))| {
        let milliseconds = |contestant| (1e3 * times.seconds(contestant).median).into();
        Comparison {
            keys: [&keys[..], &[ratio.into(), rayon::current_num_threads().into()]].concat(),
            ratio: Some(times.ratio(place + 1, 0)),
            goal: Some(share + ALLOWANCE),
            others: vec![share.into(), milliseconds(place + 1), milliseconds(0)],
        }
    });
    Ok(rows.collect())
}
