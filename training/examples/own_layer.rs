//! A layer of one's own, a leaky rectifier with a slope that is learnt, in a network that trains on
//! generated digits. It passes on what the next layer demands, so that a sampled layer after it
//! saves work and memory in the layers before.
//!
//! `cargo run --release -p training --example own_layer`

use kernels::random::Stream;
use kernels::{Estimator, InstructionSet};
use training::data::{Epoch, InMemory, Minibatch, Source, generated_digits};
use training::layer::{
    Demand, ExpectedChannels, Gradient, Layer, Linear, Parameter, ParameterName, StepContext,
};
use training::learner::Learner;
use training::matrix::Matrix;
use training::network::Network;
use training::optimizer::OptimizerConfig;
use training::sampling::{Mode, SamplingPolicy};

/// y = x where x is positive and a x elsewhere, with one slope a for all (He et al. 2015).
struct LeakyRelu {
    name: String,
    slope: [f32; 1],
    slope_gradient: [f32; 1],
    output: Matrix,
    input_gradient: Matrix,
    /// The channels that a gradient will come for.
    expected: ExpectedChannels,
}

impl LeakyRelu {
    fn new(name: &str, slope: f32) -> Self {
        Self {
            name: name.to_owned(),
            slope: [slope],
            slope_gradient: [0.0],
            output: Matrix::default(),
            input_gradient: Matrix::default(),
            expected: ExpectedChannels::default(),
        }
    }
}

impl Layer for LeakyRelu {
    fn forward(&mut self, step: &StepContext, input: &Matrix) {
        self.expected.all();
        self.output.reshape_in(step.memory, input.rows(), input.columns());
        for (y, &x) in self.output.data_mut().iter_mut().zip(input.data()) {
            *y = if x > 0.0 { x } else { self.slope[0] * x };
        }
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    /// The backward pass reads the inputs whose outputs get a gradient, and sends one to no other.
    fn demand(&self) -> Demand<'_> {
        Demand { reads: self.expected.channels(), sends: self.expected.channels() }
    }

    fn keep(&mut self, step: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(step, &mut self.output);
        self.expected.only(demand.sends)
    }

    fn takes_gradients_of(&self, _: &StepContext, _channels: usize) -> bool {
        true
    }

    fn backward(&mut self, step: &StepContext, input: &Matrix, output_gradient: &Matrix, _: bool) {
        let (rows, columns) = (output_gradient.rows(), output_gradient.columns());
        self.input_gradient.reshape_like_in(step.memory, output_gradient);
        // After a linear layer every column is a channel. Of the input at least those are there that
        // the gradient is of.
        let places: Vec<usize> = (0..columns)
            .map(|column| output_gradient.channel_at(column))
            .map(|channel| input.place_of(channel).expect("what is read is kept"))
            .collect();
        let mut slope_gradient = 0.0;
        for row in 0..rows {
            let to = &mut self.input_gradient.data_mut()[row * columns..][..columns];
            let pairs = to.iter_mut().zip(output_gradient.row(row)).zip(&places);
            for ((dx, &dy), &place) in pairs {
                let x = input.row(row)[place];
                *dx = if x > 0.0 { dy } else { self.slope[0] * dy };
                slope_gradient += f64::from(x.min(0.0)) * f64::from(dy);
            }
        }
        self.slope_gradient = [slope_gradient as f32];
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, step: &StepContext) {
        self.input_gradient.release(step.memory);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let gradient = Gradient::Dense(&self.slope_gradient);
        let name = ParameterName::new(&self.name, "slope");
        visit(Parameter::new(name, &mut self.slope, 1, gradient));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        visit(&format!("{}.slope", self.name), &mut self.slope);
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let top_k = SamplingPolicy::new(Estimator::TopK, 0.5, 1, Mode::Forward);
    let stream = Stream::new(1, "own layer");
    let linear = |name: &str, inputs, outputs| -> Box<dyn Layer> {
        Box::new(Linear::new(name, inputs, outputs, Some(top_k), stream.child(name)))
    };
    let network = Network::new(vec![
        linear("linear-1", 784, 100),
        Box::new(LeakyRelu::new("leaky-1", 0.25)),
        linear("linear-2", 100, 10),
    ]);
    let adam = OptimizerConfig::Adam { learning_rate: 1e-3 };
    let mut learner = Learner::new(network, adam, InstructionSet::detect(), stream);
    let digits = generated_digits(1, 4_000, 1, 1_000);
    let (mut source, mut minibatch) = (InMemory::new(&digits, None), Minibatch::default());
    for epoch in 0..5 {
        let mut minibatches = source.epoch(&Epoch::new(stream, epoch, 50))?;
        while minibatches.next_into(&mut minibatch)? {
            learner.step(&minibatch)?;
        }
        let test = learner.evaluate(&mut digits.test.minibatches(500))?;
        println!("epoch {}: test accuracy {:.1} %", epoch + 1, 100.0 * test.accuracy);
    }
    let share = learner.network().take_computations().share();
    println!("computed: {:.0} % of the exact multiply-adds", 100.0 * share);
    let state = learner.network().state();
    let slope = state.iter().find(|(name, _)| name == "leaky-1.slope");
    println!("slope: from 0.25 to {:.3}", slope.map_or(f32::NAN, |(_, numbers)| numbers[0]));
    Ok(())
}
