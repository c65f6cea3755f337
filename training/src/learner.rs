//! A network with what it takes to learn: an optimiser and a loss.

use crate::data::{DataError, Minibatch, Minibatches};
use crate::layer::{ImageShape, SelectionFailure, StepContext};
use crate::loss::{Loss, smoothed_softmax_cross_entropy, softmax_cross_entropy};
use crate::matrix::Matrix;
use crate::metrics::Metrics;
use crate::network::{LayerParameters, Network, TestTimeViews};
use crate::optimizer::{Optimizer, OptimizerConfig, ParameterGroup};
use crate::sampling::StepSampling;
use kernels::InstructionSet;
use kernels::random::Stream;

/// Why a step cannot be made; no parameter has then changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StepError {
    /// The loss became infinite or not a number.
    #[error("the loss became {loss}; try a smaller learning rate")]
    Diverged {
        /// The mean loss of the minibatch.
        loss: f64,
    },
    /// A selection could not be drawn.
    #[error(transparent)]
    Selection(#[from] SelectionFailure),
}

/// A network, the optimiser that changes it, and the softmax cross-entropy that it is to lower.
///
/// [`Learner::step`] is a training step. Who measures its parts, or does something between them,
/// calls [`Learner::forward`], [`Learner::backward`] and [`Learner::update`], in this order.
///
/// ```
/// use kernels::{InstructionSet, random::Stream};
/// use training::data::{Minibatch, generated_digits};
/// use training::learner::Learner;
/// use training::network::mlp;
/// use training::optimizer::OptimizerConfig;
/// use training::sampling::LayerPolicies;
///
/// let policies: LayerPolicies = serde_yaml::from_str(
///     "default: {estimator: bernoulli, ratio: 0.3, minimal_k: 1, mode: forward}",
/// )?;
/// let stream = Stream::new(1, "example");
/// let network = mlp(784, &[32], 10, 0.1).build(&policies, stream.child("weights"))?;
/// let adam = OptimizerConfig::Adam { learning_rate: 0.001 };
/// let mut learner = Learner::new(network, adam, InstructionSet::detect(), stream);
/// let (digits, mut minibatch) = (generated_digits(1, 50, 1, 1), Minibatch::default());
/// digits.train.fill(0..50, None, &mut minibatch);
/// let loss = learner.step(&minibatch)?;
/// assert!(loss.mean() > 1.0 && learner.steps() == 1);
/// assert!(learner.network().take_computations().share() < 0.5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Learner {
    network: Network,
    optimizer: Optimizer,
    set: InstructionSet,
    stream: Stream,
    rank: usize,
    sampling: StepSampling,
    label_smoothing: f32,
    /// The largest norm of a gradient that is not shortened.
    gradient_norm: Option<f32>,
    /// Of the mean loss, with respect to the network's output.
    output_gradient: Matrix,
}

impl Learner {
    /// A learner that has made no step; what is random in its steps comes from the stream.
    pub fn new(
        network: Network,
        optimizer: OptimizerConfig,
        set: InstructionSet,
        stream: Stream,
    ) -> Self {
        Self {
            network,
            optimizer: Optimizer::new(optimizer, set),
            set,
            stream,
            rank: 0,
            sampling: StepSampling::AS_POLICIES_SAY,
            label_smoothing: 0.0,
            gradient_norm: None,
            output_gradient: Matrix::default(),
        }
    }

    /// The same as one of several that train together: what it draws for its samples, which are
    /// others on every rank, comes from a stream of its own.
    #[must_use]
    pub fn of_rank(self, rank: usize) -> Self {
        Self { rank, ..self }
    }

    /// The same with labels of training steps smoothed, see [`smoothed_softmax_cross_entropy`].
    #[must_use]
    pub fn with_label_smoothing(self, label_smoothing: f32) -> Self {
        Self { label_smoothing, ..self }
    }

    /// The same with gradients whose norm is at most so large: a longer one is shortened to it
    /// (Pascanu, Mikolov and Bengio 2013, algorithm 1). The norm is that of all parameters together,
    /// summed in f64 in their order.
    #[must_use]
    pub fn with_gradient_norm(self, most: Option<f32>) -> Self {
        Self { gradient_norm: most, ..self }
    }

    /// The same with groups of parameters that are learnt otherwise.
    #[must_use]
    pub fn with_parameter_groups(self, groups: Vec<ParameterGroup>) -> Self {
        Self { optimizer: self.optimizer.with_groups(groups), ..self }
    }

    /// Says what is sampled from the next step on; before, it is what the policies say.
    pub fn set_sampling(&mut self, sampling: StepSampling) {
        self.sampling = sampling;
    }

    /// Multiplies the learning rate from the next step on; see [`Optimizer::set_factor`].
    pub fn set_rate_factor(&mut self, factor: f32) {
        self.optimizer.set_factor(factor);
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.optimizer.steps()
    }

    /// What the layers are told of the next step.
    pub fn context(&self) -> StepContext<'static> {
        let context = StepContext::training(self.set, self.stream, self.steps());
        StepContext { sampling: self.sampling, ..context.of_rank(self.rank) }
    }

    /// One step on a minibatch: forward pass, loss, backward pass, update.
    ///
    /// # Errors
    /// When the loss is infinite or not a number, or a selection cannot be drawn.
    ///
    /// # Panics
    /// When there is not one label a sample, or a label is no class.
    pub fn step(&mut self, minibatch: &Minibatch) -> Result<Loss, StepError> {
        let context = StepContext { continues: minibatch.continues, ..self.context() };
        let loss = self.gradient(&context, minibatch)?;
        self.update();
        Ok(loss)
    }

    /// A step without its update: the network then has the gradient of the mean loss.
    ///
    /// # Errors
    /// As [`Learner::step`].
    ///
    /// # Panics
    /// As [`Learner::step`].
    pub fn gradient(
        &mut self,
        context: &StepContext,
        minibatch: &Minibatch,
    ) -> Result<Loss, StepError> {
        let loss = self.forward(context, minibatch);
        if !loss.sum.is_finite() {
            return Err(StepError::Diverged { loss: loss.mean() });
        }
        self.backward(context, minibatch)?;
        Ok(loss)
    }

    /// The forward pass and the loss.
    ///
    /// # Panics
    /// As [`Learner::step`].
    pub fn forward(&mut self, context: &StepContext, minibatch: &Minibatch) -> Loss {
        let output = self.network.forward(context, &minibatch.input);
        let smoothing = if context.training.is_some() { self.label_smoothing } else { 0.0 };
        let gradient = &mut self.output_gradient;
        smoothed_softmax_cross_entropy(output, &minibatch.labels, smoothing, gradient)
    }

    /// The backward pass of the last forward pass.
    ///
    /// # Errors
    /// When a selection of either pass could not be drawn.
    pub fn backward(
        &mut self,
        context: &StepContext,
        minibatch: &Minibatch,
    ) -> Result<(), SelectionFailure> {
        self.backward_each(context, minibatch, &mut |_| {})
    }

    /// The same, with [`Network::backward_each`].
    ///
    /// # Errors
    /// As [`Learner::backward`].
    pub fn backward_each(
        &mut self,
        context: &StepContext,
        minibatch: &Minibatch,
        done: &mut dyn FnMut(LayerParameters<'_>),
    ) -> Result<(), SelectionFailure> {
        self.network.backward_each(context, &minibatch.input, &self.output_gradient, done)
    }

    /// Changes the parameters by the gradient that the network has.
    pub fn update(&mut self) {
        if let Some(most) = self.gradient_norm {
            let norm = self.network.gradient_norm(self.set);
            let factor = if norm > f64::from(most) { f64::from(most) / norm } else { 1.0 };
            self.optimizer.set_gradient_factor(factor as f32);
        }
        self.network.update(&mut self.optimizer);
    }

    /// Loss and accuracy on all of these minibatches, computed exactly.
    ///
    /// # Errors
    /// When a minibatch cannot be had.
    pub fn evaluate(&mut self, minibatches: &mut dyn Minibatches) -> Result<Metrics, DataError> {
        let (context, mut minibatch) = (StepContext::evaluation(self.set), Minibatch::default());
        let mut sum = Loss::default();
        while minibatches.next_into(&mut minibatch)? {
            let context = StepContext { continues: minibatch.continues, ..context };
            sum += self.forward(&context, &minibatch);
        }
        Ok(sum.into())
    }

    /// The same of the outputs averaged over views of every image.
    ///
    /// # Errors
    /// As [`Learner::evaluate`].
    ///
    /// # Panics
    /// As [`TestTimeViews::forward`].
    pub fn evaluate_views(
        &mut self,
        minibatches: &mut dyn Minibatches,
        views: TestTimeViews,
        image: ImageShape,
    ) -> Result<Metrics, DataError> {
        let (context, mut minibatch) = (StepContext::evaluation(self.set), Minibatch::default());
        let mut sum = Loss::default();
        while minibatches.next_into(&mut minibatch)? {
            let output = views.forward(&mut self.network, &context, image, &minibatch.input);
            let gradient = &mut self.output_gradient;
            sum += softmax_cross_entropy(&output, &minibatch.labels, gradient);
        }
        Ok(sum.into())
    }

    /// The network as it is now.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The network, of which nothing more is to be learnt.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The network and what changes it.
    pub fn parts(&mut self) -> (&mut Network, &mut Optimizer) {
        (&mut self.network, &mut self.optimizer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::generated_digits;
    use crate::network::mlp;
    use crate::sampling::LayerPolicies;

    /// The gradient's norm before a step of plain descent, and the length of the step over its rate.
    fn step(policies: &str, most: impl Fn(f64) -> Option<f32>) -> (f64, f64) {
        let (set, stream, rate) = (InstructionSet::detect(), Stream::new(1, "clipped"), 0.5);
        let policies: LayerPolicies = serde_yaml::from_str(policies).unwrap();
        let network = mlp(784, &[32, 16], 10, 0.0).build(&policies, stream.child("weights"));
        let descent = OptimizerConfig::Sgd {
            learning_rate: rate,
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
        };
        let mut learner = Learner::new(network.unwrap(), descent, set, stream);
        let mut minibatch = Minibatch::default();
        generated_digits(1, 50, 1, 1).train.fill(0..50, None, &mut minibatch);
        learner.gradient(&learner.context(), &minibatch).unwrap();
        let mut gradient = Vec::new();
        learner.network().visit_parameters(&mut |parameter| {
            parameter.append_gradient(&mut gradient);
        });
        let length = |numbers: &mut dyn Iterator<Item = f64>| {
            numbers.map(|number| number * number).sum::<f64>().sqrt()
        };
        let norm = length(&mut gradient.iter().map(|&x| f64::from(x)));
        let found = learner.network().gradient_norm(set);
        assert!((found / norm - 1.0).abs() < 1e-12, "{found} in the place of {norm}");
        let before = learner.network().parameters();
        let mut learner = learner.with_gradient_norm(most(norm));
        learner.update();
        let after = learner.network().parameters();
        let pairs = before.iter().zip(&after);
        let moved = length(&mut pairs.map(|(&x, &y)| f64::from(x) - f64::from(y)));
        (norm, moved / f64::from(rate))
    }

    #[test]
    fn gradients_that_are_too_long_are_shortened_and_others_left_alone() {
        let sampled = "default: {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward}";
        for policies in ["{}", sampled] {
            let (norm, moved) = step(policies, |_| None);
            assert!((moved / norm - 1.0).abs() < 1e-4, "{moved} of {norm}");
            let limit = |share: f64| move |norm: f64| Some((share * norm) as f32);
            assert_eq!(step(policies, limit(1.01)), (norm, moved), "left alone bit for bit");
            let (_, shortened) = step(policies, limit(0.25));
            assert!((shortened / norm - 0.25).abs() < 1e-4, "{shortened} of {norm}");
        }
    }
}
