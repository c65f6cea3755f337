//! Residual blocks (He et al. 2016).

use super::demand::{Demand, ExpectedChannels};
use super::elementwise::map_pairs;
use super::{Chain, Layer, Parameter, SampledLayer, StepContext};
use crate::matrix::Matrix;
use rayon::prelude::*;

/// y = main(x) + shortcut(x), the shortcut being the identity where there is none.
pub struct Residual {
    main: Chain,
    shortcut: Option<Chain>,
    output: Matrix,
    input_gradient: Matrix,
    /// The channels of the input that a branch reads.
    read: ExpectedChannels,
}

impl Residual {
    /// A block of two branches with outputs of one shape; without a shortcut, that of the input.
    pub fn new(main: Chain, shortcut: Option<Chain>) -> Self {
        Self {
            main,
            shortcut,
            output: Matrix::default(),
            input_gradient: Matrix::default(),
            read: ExpectedChannels::default(),
        }
    }
}

fn add(context: &StepContext, to: &mut Matrix, left: &Matrix, right: &Matrix) {
    assert_eq!(left.columns(), right.columns(), "the branches of a block have one shape");
    to.reshape_in(context.memory, left.rows(), left.columns());
    map_pairs(context.set, to.data_mut(), left.data(), right.data(), |left, right| left + right);
}

/// The sum of two gradients of `shape`, of which each may have some channels only.
fn add_gradients(
    context: &StepContext,
    to: &mut Matrix,
    shape: (usize, usize),
    gradients: [&Matrix; 2],
) {
    if gradients.iter().all(|gradient| gradient.channels().is_none()) {
        return add(context, to, gradients[0], gradients[1]);
    }
    to.reshape_in(context.memory, shape.0, shape.1);
    to.data_mut().par_chunks_exact_mut(shape.1).enumerate().for_each(|(row, to)| {
        let [one, other] = gradients.map(|gradient| gradient.row(row));
        match gradients[0].channels() {
            None => to.copy_from_slice(one),
            Some(channels) => {
                to.fill(0.0);
                add_channels(context, to, one, channels);
            }
        }
        match gradients[1].channels() {
            None => context.set.run(|| to.iter_mut().zip(other).for_each(|(to, x)| *to += x)),
            Some(channels) => add_channels(context, to, other, channels),
        }
    });
}

/// Adds the channels that are stored to theirs of the whole row.
fn add_channels(context: &StepContext, to: &mut [f32], stored: &[f32], channels: &[u32]) {
    if channels.is_empty() {
        return;
    }
    let block = stored.len() / channels.len();
    for (stored, &channel) in stored.chunks_exact(block).zip(channels) {
        let to = &mut to[channel as usize * block..][..block];
        context.set.run(move || to.iter_mut().zip(stored).for_each(|(to, x)| *to += x));
    }
}

impl Layer for Residual {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        let Self { main, shortcut, output, read, .. } = self;
        main.forward(context, input);
        if let Some(shortcut) = shortcut {
            shortcut.forward(context, input);
        }
        let past = shortcut.as_ref().map_or(input, |shortcut| shortcut.output());
        add(context, output, main.output(), past);
        read.all();
        if context.training.is_some() {
            let past = shortcut.as_ref().map_or(Demand::GRADIENT, |branch| branch.demand());
            read.either(main.demand().reads, past.reads);
        }
        main.keep(context, Demand::GRADIENT);
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
        demand.keep_read(context, &mut self.output);
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
        let Self { main, shortcut, input_gradient, .. } = self;
        main.backward(context, input, output_gradient, input_gradient_needed);
        if let Some(shortcut) = shortcut {
            shortcut.backward(context, input, output_gradient, input_gradient_needed);
        }
        if input_gradient_needed {
            let past = shortcut.as_ref().map_or(output_gradient, |layer| layer.input_gradient());
            let shape = main.input_gradient().whole_shape();
            add_gradients(context, input_gradient, shape, [main.input_gradient(), past]);
        }
        main.release_input_gradient(context);
        if let Some(shortcut) = shortcut {
            shortcut.release_input_gradient(context);
        }
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
        for with_shortcut in [false, true] {
            let mut block = block(with_shortcut);
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
