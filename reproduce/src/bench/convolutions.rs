//! Exact convolutions of networks and their gradients beside PyTorch's, layer by layer.

use std::fmt;
use std::path::Path;

use kernels::InstructionSet;
use kernels::convolution::{ConvolutionShape, convolve, input_gradient, kernel_gradient};
use kernels::random::{Stream, standard_normal};
use training::layer::{Activation, ConvolutionGeometry, ImageShape};
use training::network::{LayerDescription, NetworkConfig};

use super::contest::{Comparison, Contest};
use super::python::{Python, SPINNING};
use super::setting::Setting;
use super::step::CLASSES;
use crate::result::Cell;
use crate::timing::{Patience, Spread, Work, in_turns, rested, timed};

/// What the interpreter runs; its head describes the lines that are exchanged.
const SCRIPT: &str = include_str!("pytorch_convolution.py");
/// Least speed over PyTorch's of all convolutions of a network together.
const GOAL_OF_ALL: f64 = 1.0;
/// Least speed over PyTorch's of each.
const GOAL_OF_EACH: f64 = 0.9;
/// How much less time each of so many comparisons takes than others.
const SHORTER: u32 = 5;
/// PyTorch's layouts of images, of which the faster counts.
const LAYOUTS: [&str; 2] = ["NCHW", "NHWC"];

/// How to read the tables.
pub const NOTE: &str = "Convolutions are those of the networks' layers, each of the three products of \
    a training step, layers of one shape measured once; PyTorch computes on images in either layout, \
    and the faster counts. The speed of a whole network is that of its products weighted by their \
    time and number.";

/// A product of a training step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Product {
    Forward,
    InputGradient,
    KernelGradient,
}

impl Product {
    const ALL: [Self; 3] = [Self::Forward, Self::InputGradient, Self::KernelGradient];

    fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::InputGradient => "input gradient",
            Self::KernelGradient => "kernel gradient",
        }
    }
}

/// Layers of one shape.
struct Layers {
    geometry: ConvolutionGeometry,
    /// How many.
    count: usize,
    /// Whether the first layer of the network, which needs no input gradient, is all there is.
    is_input: bool,
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&title(&self.geometry))
    }
}

/// A convolution as a row names it.
pub fn title(geometry: &ConvolutionGeometry) -> String {
    let ConvolutionGeometry { image, outputs, window } = geometry;
    let ImageShape { channels, height, width } = image;
    let stride =
        if window.stride > 1 { format!(", stride {}", window.stride) } else { String::new() };
    let (rows, columns) = (window.height, window.width);
    format!("{channels} x {height} x {width} to {outputs}, {rows} x {columns}{stride}")
}

/// A network with its images and the size of a minibatch.
struct Network {
    title: String,
    batch: usize,
    layers: Vec<Layers>,
}

/// The networks of the paper's figures, and the fast one.
fn networks() -> anyhow::Result<Vec<Network>> {
    let fast_cifar = NetworkConfig::FastCifar {
        widths: [32, 64, 64],
        activation: Activation::Gelu,
        whitening_images: 64,
    };
    let of = |network: NetworkConfig, side, batch| {
        let description = network.describe(ImageShape::new(3, side, side), CLASSES)?;
        let mut layers = Vec::new();
        collect(&description.layers, &mut layers);
        Ok(Network { title: network.title(), batch, layers })
    };
    [
        (NetworkConfig::Resnet { depth: 50 }, 224, 4),
        (NetworkConfig::Wrn { depth: 28, width: 10 }, 32, 4),
        (fast_cifar, 32, 256),
    ]
    .into_iter()
    .map(|(network, side, batch)| of(network, side, batch))
    .collect()
}

/// The convolutions of these layers, those of one shape together.
fn collect(layers: &[LayerDescription], found: &mut Vec<Layers>) {
    for layer in layers {
        match layer {
            LayerDescription::Residual { main, shortcut, .. } => {
                collect(main, found);
                collect(shortcut, found);
            }
            LayerDescription::Convolution { geometry, .. } => {
                match found.iter_mut().find(|layers| layers.geometry == *geometry) {
                    Some(layers) => layers.count += 1,
                    None => {
                        let is_input = found.is_empty();
                        found.push(Layers { geometry: *geometry, count: 1, is_input });
                    }
                }
            }
            _ => {}
        }
    }
}

/// How many rows there are.
///
/// # Errors
/// When a network cannot be described.
pub fn count() -> anyhow::Result<usize> {
    let layers = networks()?.into_iter().map(|network| network.layers.len());
    Ok(layers.sum())
}

/// Measures all networks on every number of threads.
///
/// # Errors
/// When a convolution cannot be built or the interpreter fails.
pub fn beside_pytorch(setting: &Setting, interpreter: &Path) -> anyhow::Result<[Contest; 2]> {
    let start = |layout: &str| Python::start(interpreter, SCRIPT, &[layout.to_string()], &[]);
    let mut pythons = [start(LAYOUTS[0])?, start(LAYOUTS[1])?];
    let contest = |caption: &str, keys, others: &[(&str, &'static str)]| Contest {
        caption: caption.to_string(),
        keys,
        ratio: "speed over PyTorch",
        others: others.iter().map(|&(name, unit)| (name.to_string(), unit)).collect(),
        rows: Vec::new(),
    };
    let mut of_networks = contest(
        "Exact convolutions of whole networks beside PyTorch",
        &["network", "minibatch", "threads"],
        &[("ours", "ms"), ("PyTorch", "ms")],
    );
    let mut of_layers = contest(
        "Exact convolutions beside PyTorch",
        &["network", "layer", "product", "threads"],
        &[("layers", ""), ("ours", "ms"), ("PyTorch", "ms"), ("its layout", "")],
    );
    for network in networks()? {
        for pool in setting.pools {
            let rows = pool.install(|| compare(setting, &mut pythons, &network))?;
            of_networks.rows.push(whole(&network, pool.current_num_threads(), &rows));
            of_layers.rows.extend(rows.into_iter().map(|row| row.comparison));
        }
    }
    Ok([of_networks, of_layers])
}

/// A comparison of one product of layers of one shape.
struct Row {
    comparison: Comparison,
    speed: Spread,
    /// Seconds of all these layers.
    ours: f64,
    theirs: f64,
}

/// All products together: speeds weighted by our time.
fn whole(network: &Network, threads: usize, rows: &[Row]) -> Comparison {
    let sum = |number: &dyn Fn(&Row) -> f64| rows.iter().map(number).sum::<f64>();
    let [ours, theirs] = [sum(&|row| row.ours), sum(&|row| row.theirs)];
    let speed = |of: fn(&Spread) -> f64| sum(&|row| row.ours * of(&row.speed)) / ours;
    Comparison {
        keys: vec![network.title.as_str().into(), network.batch.into(), threads.into()],
        ratio: Some(Spread {
            low: speed(|spread| spread.low),
            median: speed(|spread| spread.median),
            high: speed(|spread| spread.high),
        }),
        goal: Some(GOAL_OF_ALL),
        others: vec![(1e3 * ours).into(), (1e3 * theirs).into()],
    }
}

fn compare(
    setting: &Setting,
    pythons: &mut [Python; 2],
    network: &Network,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for layers in &network.layers {
        let operands = Operands::new(setting.seed, layers.geometry.shape(network.batch)?);
        for product in Product::ALL {
            if layers.is_input && product == Product::InputGradient {
                continue;
            }
            let keys = [network.title.as_str().into(), layers.to_string().into()];
            rows.push(beside(setting, pythons, &operands, product, (keys, layers.count))?);
        }
        setting.progress.advance(1);
    }
    Ok(rows)
}

/// One product of layers of one shape.
fn beside(
    setting: &Setting,
    pythons: &mut [Python; 2],
    operands: &Operands,
    product: Product,
    (keys, layers): ([Cell; 2], usize),
) -> anyhow::Result<Row> {
    let threads = rayon::current_num_threads();
    let question = operands.question(product, threads);
    let mut failures = [None, None];
    let mut contestants: Vec<Work> = vec![operands.work(setting.set, product)];
    for (python, failure) in pythons.iter_mut().zip(&mut failures) {
        contestants.push(rested(python.work(question.clone(), failure, |_| ()), SPINNING));
    }
    let patience = setting.effort.patience;
    let patience = Patience { total: patience.total / SHORTER, ..patience };
    let times = in_turns(&mut contestants, patience);
    drop(contestants);
    failures.into_iter().flatten().next().map_or(Ok(()), Err)?;
    let best = times.fastest([1, 2]).unwrap_or(1);
    // Speed is the inverse of time.
    let speed = times.ratio(best, 0);
    let [ours, theirs] = [0, best].map(|contestant| times.seconds(contestant).median);
    let milliseconds = |seconds: f64| Cell::from(1e3 * seconds);
    let comparison = Comparison {
        keys: [&keys[..], &[product.name().into(), threads.into()]].concat(),
        ratio: Some(speed),
        goal: Some(GOAL_OF_EACH),
        others: vec![
            layers.into(),
            milliseconds(ours),
            milliseconds(theirs),
            LAYOUTS[best - 1].into(),
        ],
    };
    let [ours, theirs] = [ours, theirs].map(|seconds| layers as f64 * seconds);
    Ok(Row { comparison, speed, ours, theirs })
}

/// Random tensors of one convolution.
struct Operands {
    shape: ConvolutionShape,
    input: Vec<f32>,
    kernels: Vec<f32>,
    output_gradient: Vec<f32>,
}

impl Operands {
    fn new(seed: u64, shape: ConvolutionShape) -> Self {
        let stream = Stream::new(seed, "convolutions beside PyTorch");
        let random = |name, count: usize| {
            let rng = &mut stream.child(name).at(0);
            (0..count).map(|_| standard_normal(rng) as f32).collect()
        };
        let images = shape.batch() * shape.input_channels() * shape.pixels();
        let taps = shape.kernel_height() * shape.kernel_width();
        let weights = shape.output_channels() * shape.input_channels() * taps;
        let outputs = shape.batch() * shape.output_channels() * shape.positions();
        Self {
            input: random("input", images),
            kernels: random("kernels", weights),
            output_gradient: random("output gradient", outputs),
            shape,
        }
    }

    fn work(&self, set: InstructionSet, product: Product) -> Work<'_> {
        let Self { shape, input, kernels, output_gradient } = self;
        let like = match product {
            Product::Forward => output_gradient,
            Product::InputGradient => input,
            Product::KernelGradient => kernels,
        };
        let mut to = vec![0.0; like.len()];
        timed(move || match product {
            Product::Forward => convolve(set, shape, input, kernels, &mut to),
            Product::InputGradient => {
                input_gradient(set, shape, output_gradient, kernels, &mut to);
            }
            Product::KernelGradient => {
                kernel_gradient(set, shape, input, output_gradient, &mut to);
            }
        })
    }

    /// What the interpreter is asked, but for how often.
    fn question(&self, product: Product, threads: usize) -> String {
        let shape = &self.shape;
        let numbers = [
            threads,
            shape.batch(),
            shape.input_channels(),
            shape.height(),
            shape.width(),
            shape.output_channels(),
            shape.kernel_height(),
            shape.kernel_width(),
            shape.stride(),
            shape.padding(),
        ];
        let numbers = numbers.map(|number| number.to_string()).join(" ");
        format!("{} {numbers}", product.name().replace(' ', "-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_convolution_of_the_networks_is_there() {
        let networks = networks().unwrap();
        let convolutions =
            |network: &Network| -> usize { network.layers.iter().map(|layers| layers.count).sum() };
        // The whitening, six of its blocks.
        assert_eq!(networks.iter().map(convolutions).collect::<Vec<_>>(), [53, 28, 7]);
        for network in &networks {
            let inputs: Vec<usize> =
                network.layers.iter().map(|layers| layers.geometry.image.channels).collect();
            assert_eq!(inputs.iter().filter(|&&channels| channels == 3).count(), 1);
            assert!(network.layers[0].is_input && inputs[0] == 3, "{}", network.title);
        }
        assert_eq!(networks[0].layers[0].to_string(), "3 x 224 x 224 to 64, 7 x 7, stride 2");
    }

    #[test]
    fn the_interpreter_is_told_the_shape() {
        let shape = ConvolutionShape::new(2, [3, 5, 7], [4, 3, 1], 2, 1).unwrap();
        let question = Operands::new(1, shape).question(Product::KernelGradient, 8);
        assert_eq!(question, "kernel-gradient 8 2 3 5 7 4 3 1 2 1");
    }

    #[test]
    fn the_speed_of_a_network_is_weighted_by_time() {
        let row = |ours: f64, speed: f64| Row {
            comparison: Comparison { keys: vec![], ratio: None, goal: None, others: vec![] },
            speed: Spread { low: speed / 2.0, median: speed, high: 2.0 * speed },
            ours,
            theirs: ours * speed,
        };
        let network = Network { title: "a network".to_string(), batch: 4, layers: Vec::new() };
        let all = whole(&network, 2, &[row(3.0, 1.0), row(1.0, 2.0)]);
        assert_eq!(all.ratio, Some(Spread { low: 0.625, median: 1.25, high: 2.5 }));
        assert_eq!(all.others, [Cell::from(4e3), Cell::from(5e3)]);
    }
}
