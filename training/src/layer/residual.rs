//! Residual blocks (He et al. 2016).

use super::activation::{relu, relu_gradient};
use super::demand::{Demand, ExpectedChannels};
use super::elementwise::map_pairs;
use super::{Chain, Layer, Parameter, SampledLayer, StepContext};
use crate::matrix::Matrix;
use rayon::prelude::*;

/// y = main(x) + shortcut(x), the shortcut being the identity where there is none; of a block that
/// is rectified, max(y, 0).
pub struct Residual {
    main: Chain,
    shortcut: Option<Chain>,
    rectified: bool,
    output: Matrix,
    /// The gradient of the sum, where the block is rectified.
    sum_gradient: Matrix,
    input_gradient: Matrix,
    /// The channels of the input that a branch reads.
    read: ExpectedChannels,
    /// Memory to find the channels of gradients in.
    starts: Vec<Starts>,
}

impl Residual {
    /// A block of two branches with outputs of one shape; without a shortcut, that of the input.
    pub fn new(main: Chain, shortcut: Option<Chain>) -> Self {
        Self {
            main,
            shortcut,
            rectified: false,
            output: Matrix::default(),
            sum_gradient: Matrix::default(),
            input_gradient: Matrix::default(),
            read: ExpectedChannels::default(),
            starts: Vec::new(),
        }
    }

    /// The same with max(y, 0) in the place of y, saving the passes of a layer of its own and the
    /// memory of y.
    #[must_use]
    pub fn rectified(self) -> Self {
        Self { rectified: true, ..self }
    }
}

/// The sum of both branches' outputs, rectified or not.
fn add(context: &StepContext, to: &mut Matrix, left: &Matrix, right: &Matrix, rectified: bool) {
    assert_eq!(left.columns(), right.columns(), "the branches of a block have one shape");
    to.reshape_in(context.memory, left.rows(), left.columns());
    let (set, to, left, right) = (context.set, to.data_mut(), left.data(), right.data());
    match rectified {
        true => map_pairs(set, to, left, right, |left, right| relu(left + right)),
        false => map_pairs(set, to, left, right, |left, right| left + right),
    }
}

/// Where a channel begins in a row of each of two gradients, if that has it.
type Starts = [Option<usize>; 2];

/// The sum of two gradients of `shape`, of which each may have some channels only; `starts` is
/// memory that is kept from step to step.
fn add_gradients(
    context: &StepContext,
    to: &mut Matrix,
    shape: (usize, usize),
    gradients: [&Matrix; 2],
    starts: &mut Vec<Starts>,
) {
    let ([one, other], set) = (gradients, context.set);
    to.reshape_in(context.memory, shape.0, shape.1);
    let counts = gradients.map(Matrix::channel_count);
    // Where one gradient is that of a linear layer, its channels are the numbers of the images.
    let Some(channels) = counts.into_iter().flatten().max() else {
        return map_pairs(set, to.data_mut(), one.data(), other.data(), |one, other| one + other);
    };
    let block = shape.1 / channels;
    let start = |channel: usize, gradient: &Matrix| match gradient.channel_count() {
        None => Some(channel * block),
        Some(count) => {
            let parts = channels / count;
            let place = gradient.place_of(channel / parts)?;
            Some((place * parts + channel % parts) * block)
        }
    };
    starts.clear();
    starts.extend((0..channels).map(|channel| gradients.map(|gradient| start(channel, gradient))));
    to.data_mut().par_chunks_exact_mut(shape.1).enumerate().for_each(|(row, to)| {
        let [one, other] = gradients.map(|gradient| gradient.row(row));
        for (to, &starts) in to.chunks_exact_mut(block).zip(&*starts) {
            let [one, other] = [(one, starts[0]), (other, starts[1])]
                .map(|(row, start)| start.map(|start| &row[start..][..block]));
            set.run(move || match (one, other) {
                (None, None) => to.fill(0.0),
                (Some(only), None) | (None, Some(only)) => {
                    // Added to the zeros of the other, of which none is negative.
                    to.iter_mut().zip(only).for_each(|(to, x)| *to = 0.0 + x);
                }
                (Some(one), Some(other)) => {
                    let pairs = one.iter().zip(other);
                    to.iter_mut().zip(pairs).for_each(|(to, (one, other))| *to = one + other);
                }
            });
        }
    });
}

impl Layer for Residual {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        let Self { main, shortcut, rectified, output, read, .. } = self;
        let is_adding = main.is_adding();
        if is_adding {
            main.forward_but_last(context, input);
        } else {
            main.forward(context, input);
        }
        if let Some(shortcut) = shortcut {
            shortcut.forward(context, input);
        }
        let past = shortcut.as_ref().map_or(input, |shortcut| shortcut.output());
        if is_adding {
            main.forward_last(context, input, |layer, input| {
                if let Some(layer) = layer.adding() {
                    layer.forward_adding(context, input, past, *rectified, output);
                }
            });
        } else {
            add(context, output, main.output(), past, *rectified);
            main.keep(context, Demand::GRADIENT);
        }
        read.all();
        if context.training.is_some() {
            let past = shortcut.as_ref().map_or(Demand::GRADIENT, |branch| branch.demand());
            read.either(main.demand().reads, past.reads);
        }
        if let Some(shortcut) = shortcut {
            shortcut.keep(context, Demand::GRADIENT);
        }
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        Demand { reads: self.read.channels(), sends: None }
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        // The backward pass of a rectified block reads where its output is positive.
        if !self.rectified || context.training.is_none() {
            demand.keep_read(context, &mut self.output);
        }
        false
    }

    fn learns(&self, context: &StepContext) -> bool {
        let shortcut = self.shortcut.as_ref();
        self.main.learns(context) || shortcut.is_some_and(|shortcut| shortcut.learns(context))
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        let Self { main, shortcut, sum_gradient, input_gradient, starts, .. } = self;
        let mut gradient = output_gradient;
        if self.rectified {
            sum_gradient.reshape_in(context.memory, gradient.rows(), gradient.columns());
            let (to, output) = (sum_gradient.data_mut(), self.output.data());
            map_pairs(context.set, to, gradient.data(), output, relu_gradient);
            self.output.release(context.memory);
            gradient = sum_gradient;
        }
        main.backward(context, input, gradient, input_gradient_needed);
        if let Some(shortcut) = shortcut {
            shortcut.backward(context, input, gradient, input_gradient_needed);
        }
        if input_gradient_needed {
            let past = shortcut.as_ref().map_or(gradient, |layer| layer.input_gradient());
            let shape = main.input_gradient().whole_shape();
            let gradients = [main.input_gradient(), past];
            add_gradients(context, input_gradient, shape, gradients, starts);
        }
        main.release_input_gradient(context);
        if let Some(shortcut) = shortcut {
            shortcut.release_input_gradient(context);
        }
        sum_gradient.release(context.memory);
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.main.visit_parameters(visit);
        if let Some(shortcut) = &mut self.shortcut {
            shortcut.visit_parameters(visit);
        }
    }

    fn visit_sampled(&mut self, visit: &mut dyn FnMut(SampledLayer<'_>)) {
        self.main.visit_sampled(visit);
        if let Some(shortcut) = &mut self.shortcut {
            shortcut.visit_sampled(visit);
        }
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.main.visit_state(visit);
        if let Some(shortcut) = &mut self.shortcut {
            shortcut.visit_state(visit);
        }
    }

    fn visit_carried(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        self.main.visit_carried(visit);
        if let Some(shortcut) = &mut self.shortcut {
            shortcut.visit_carried(visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Activation, ActivationLayer, Linear};
    use kernels::InstructionSet;
    use kernels::random::{Stream, standard_normal};

    const WIDTH: usize = 5;

    fn block(with_shortcut: bool) -> Residual {
        let linear = |name: &str| -> Box<dyn Layer> {
            let stream = Stream::new(1, "residual").child(name);
            Box::new(Linear::new(name, WIDTH, WIDTH, None, stream))
        };
        let relu = Box::new(ActivationLayer::new(Activation::Relu));
        let main = Chain::new(vec![linear("a"), relu, linear("b")]);
        Residual::new(main, with_shortcut.then(|| Chain::new(vec![linear("c")])))
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let mut rng = Stream::new(2, "residual").at(0);
        let mut numbers =
            || -> Vec<f32> { (0..2 * WIDTH).map(|_| standard_normal(&mut rng) as f32).collect() };
        let (x, dy) = (numbers(), Matrix::from_rows(2, WIDTH, numbers()));
        let context = StepContext::evaluation(InstructionSet::detect());
        for (with_shortcut, rectified) in
            [(false, false), (true, false), (false, true), (true, true)]
        {
            let block = block(with_shortcut);
            let mut block = if rectified { block.rectified() } else { block };
            let input = Matrix::from_rows(2, WIDTH, x.clone());
            block.forward(&context, &input);
            block.backward(&context, &input, &dy, true);
            let found = block.input_gradient().data().to_vec();
            let mut loss = |place: usize, step: f32| -> f64 {
                let mut moved = x.clone();
                moved[place] += step;
                block.forward(&context, &Matrix::from_rows(2, WIDTH, moved));
                let terms = block.output().data().iter().zip(dy.data());
                terms.map(|(y, dy)| f64::from(*y) * f64::from(*dy)).sum()
            };
            for (place, found) in found.iter().enumerate() {
                // Piecewise linear: the step may be small, and rounding is what is left.
                let slope = (loss(place, 1e-3) - loss(place, -1e-3)) / 2e-3;
                assert!((slope - f64::from(*found)).abs() < 1e-3, "{found} and {slope}");
            }
        }
    }

    #[test]
    fn the_states_of_both_branches_are_visited_in_order() {
        let mut names = Vec::new();
        block(true).visit_state(&mut |name, _| names.push(name.to_owned()));
        assert_eq!(names, ["a.weight", "a.bias", "b.weight", "b.bias", "c.weight", "c.bias"]);
    }
}
