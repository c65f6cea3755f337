//! Sampled layers, their forward pass and all gradients, beside the functions of the released code,
//! which compute through PyTorch.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use kernels::random::{Stream, standard_normal};
use kernels::{Estimator, InstructionSet};
use training::layer::{
    Convolution, ConvolutionGeometry, ImageShape, Initialization, Layer, Linear, StepContext,
    Window,
};
use training::matrix::Matrix;
use training::sampling::{Mode, SamplingPolicy};

use super::contest::{Comparison, Contest};
use super::convolutions;
use super::python::{Python, SPINNING};
use super::setting::Setting;
use crate::timing::{Patience, Work, in_turns, rested, timed};

/// What the interpreter runs; its head describes the lines that are exchanged.
const SCRIPT: &str = include_str!("pytorch_released.py");
/// The package of the released code, which its folder holds.
const PACKAGE: &str = "approx_mul_pytorch";
/// Least speed over the released code's.
const GOAL: f64 = 1.0;
/// Pairs that are kept, of a hundred.
const PERCENT: [usize; 3] = [10, 25, 50];
/// How much less time each comparison takes than one of products.
const SHORTER: u32 = 3;

/// How to read the table.
pub const NOTE: &str = "The released code's layers are its top-k functions, called as its modules call \
    them. A layer's time is that of scores, selection, forward pass and the gradients of input, \
    weights and biases; weights count as new each time, as they are in training.";

/// A layer of a network.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Linear { inputs: usize, outputs: usize },
    Convolution(ConvolutionGeometry),
}

impl Kind {
    /// A convolution of square images with square kernels, as large an output as an input.
    fn convolution(channels: usize, side: usize, outputs: usize, kernel: usize) -> Self {
        let image = ImageShape::new(channels, side, side);
        let window = Window::square(kernel, 1, kernel / 2);
        Self::Convolution(ConvolutionGeometry { image, outputs, window })
    }

    /// The fewest pairs that the released settings keep.
    fn least(self) -> usize {
        match self {
            Self::Linear { .. } => 10,
            Self::Convolution(_) => 1,
        }
    }

    /// What the interpreter is asked, but for how often.
    fn question(self, batch: usize, percent: usize, threads: usize) -> String {
        let (kind, shape) = match self {
            Self::Linear { inputs, outputs } => ("linear", format!("{inputs} {outputs}")),
            Self::Convolution(ConvolutionGeometry { image, outputs, window }) => {
                let ImageShape { channels, height, width } = image;
                let Window { height: side, padding, .. } = window;
                ("convolution", format!("{channels} {height} {width} {outputs} {side} {padding}"))
            }
        };
        format!("{kind} {threads} {batch} {shape} {percent} {}", self.least())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Linear { inputs, outputs } => write!(f, "{inputs} to {outputs}"),
            Self::Convolution(geometry) => f.write_str(&convolutions::title(geometry)),
        }
    }
}

/// Sampled layers of the paper's networks, with a network's name and its minibatch.
fn layers() -> [(&'static str, usize, Kind); 9] {
    [
        ("MLP", 50, Kind::Linear { inputs: 784, outputs: 500 }),
        ("MLP", 50, Kind::Linear { inputs: 500, outputs: 500 }),
        ("CNN", 64, Kind::convolution(32, 14, 64, 5)),
        ("CNN", 64, Kind::Linear { inputs: 3136, outputs: 1024 }),
        ("WRN-28-10", 4, Kind::convolution(160, 32, 160, 3)),
        ("WRN-28-10", 4, Kind::convolution(640, 8, 640, 3)),
        ("ResNet-50", 4, Kind::convolution(256, 56, 64, 1)),
        ("ResNet-50", 4, Kind::convolution(128, 28, 128, 3)),
        ("ResNet-50", 4, Kind::convolution(512, 7, 2048, 1)),
    ]
}

/// How many rows there are on one number of threads.
pub fn count() -> usize {
    layers().len() * PERCENT.len()
}

/// Measures every layer at every ratio on every number of threads.
///
/// The folder is one that [`path_of`] gives.
///
/// # Errors
/// When a layer cannot be built or the interpreter fails.
pub fn beside_released(
    setting: &Setting,
    interpreter: &Path,
    folder: &Path,
) -> anyhow::Result<Contest> {
    let arguments = [folder.display().to_string()];
    let mut python = Python::start(interpreter, SCRIPT, &arguments, &[])?;
    let others = [("ours", "ms"), ("the released code", "ms")];
    let mut contest = Contest {
        caption: "Sampled layers beside the released code".to_string(),
        keys: &["network", "minibatch", "layer", "ratio", "threads"],
        ratio: "speed over the released code",
        others: others.map(|(name, unit)| (name.to_string(), unit)).to_vec(),
        rows: Vec::new(),
    };
    for (network, batch, kind) in layers() {
        for percent in PERCENT {
            for pool in setting.pools {
                let row = pool.install(|| {
                    let mut ours = Ours::new(setting, batch, kind, percent)?;
                    compare(setting, &mut python, &mut ours, (network, batch, kind, percent))
                });
                contest.rows.push(row?);
                setting.progress.advance(1);
            }
        }
    }
    Ok(contest)
}

/// The folder, if it holds the package.
///
/// # Errors
/// Names the folder and what it lacks.
pub fn path_of(folder: &Path) -> anyhow::Result<PathBuf> {
    let package = folder.join(PACKAGE);
    ensure!(
        package.join("functional").is_dir(),
        "released code: {} does not hold the folder {PACKAGE}/functional",
        folder.display()
    );
    Ok(std::path::absolute(folder)?)
}

fn compare(
    setting: &Setting,
    python: &mut Python,
    ours: &mut Ours,
    (network, batch, kind, percent): (&str, usize, Kind, usize),
) -> anyhow::Result<Comparison> {
    let (threads, mut failure) = (rayon::current_num_threads(), None);
    let question = kind.question(batch, percent, threads);
    let theirs = rested(python.work(question, &mut failure, |_| ()), SPINNING);
    let mut contestants: Vec<Work> = vec![timed(|| ours.step()), theirs];
    let patience = setting.effort.patience;
    let patience = Patience { total: patience.total / SHORTER, ..patience };
    let times = in_turns(&mut contestants, patience);
    drop(contestants);
    failure.map_or(Ok(()), Err)?;
    let milliseconds = |contestant| (1e3 * times.seconds(contestant).median).into();
    Ok(Comparison {
        keys: vec![
            network.into(),
            batch.into(),
            kind.to_string().into(),
            (percent as f64 / 100.0).into(),
            threads.into(),
        ],
        // Speed is the inverse of time.
        ratio: Some(times.ratio(1, 0)),
        goal: Some(GOAL),
        others: vec![milliseconds(0), milliseconds(1)],
    })
}

/// Our layer with random numbers.
struct Ours {
    layer: Box<dyn Layer>,
    input: Matrix,
    output_gradient: Matrix,
    set: InstructionSet,
    stream: Stream,
}

impl Ours {
    fn new(setting: &Setting, batch: usize, kind: Kind, percent: usize) -> anyhow::Result<Self> {
        let stream = Stream::new(setting.seed, "sampled layers");
        let (ratio, minimal_k) = (percent as f64 / 100.0, kind.least());
        let policy = SamplingPolicy::new(Estimator::TopK, ratio, minimal_k, Mode::Forward);
        let weights = stream.child("weights");
        let (layer, inputs, outputs): (Box<dyn Layer>, usize, usize) = match kind {
            Kind::Linear { inputs, outputs } => {
                let layer = Linear::new("layer", inputs, outputs, Some(policy), weights);
                (Box::new(layer), inputs, outputs)
            }
            Kind::Convolution(geometry) => {
                let uniform = Initialization::UniformFanIn;
                let layer =
                    Convolution::new("layer", geometry, true, uniform, Some(policy), weights)?;
                (Box::new(layer), geometry.image.len(), geometry.output()?.len())
            }
        };
        let random = |name, columns: usize| {
            let rng = &mut stream.child(name).at(0);
            let numbers = (0..batch * columns).map(|_| standard_normal(rng) as f32).collect();
            Matrix::from_rows(batch, columns, numbers)
        };
        let (input, output_gradient) = (random("input", inputs), random("gradient", outputs));
        Ok(Self { layer, input, output_gradient, set: setting.set, stream })
    }

    /// The forward pass and all gradients, after a change of the weights.
    fn step(&mut self) {
        // Whoever may change the state leaves no norm of it valid.
        self.layer.visit_state(&mut |_, _| {});
        let context = StepContext::training(self.set, self.stream, 0);
        self.layer.forward(&context, &self.input);
        self.layer.backward(&context, &self.input, &self.output_gradient, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_is_told_layer_and_ratio() {
        let linear = Kind::Linear { inputs: 784, outputs: 500 };
        assert_eq!(linear.question(50, 25, 2), "linear 2 50 784 500 25 10");
        let convolution = Kind::convolution(32, 14, 64, 5);
        assert_eq!(convolution.question(64, 50, 1), "convolution 1 64 32 14 14 64 5 2 50 1");
        assert_eq!(convolution.to_string(), "32 x 14 x 14 to 64, 5 x 5");
    }

    #[test]
    fn a_folder_without_the_package_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = path_of(folder.path()).unwrap_err().to_string();
        let expected = format!(
            "released code: {} does not hold the folder approx_mul_pytorch/functional",
            folder.path().display()
        );
        assert_eq!(error, expected);
        std::fs::create_dir_all(folder.path().join("approx_mul_pytorch/functional")).unwrap();
        assert!(path_of(folder.path()).unwrap().is_absolute());
    }
}
