//! Networks: layers in a row, and the networks of the experiments.

mod batch_norm_mlp;
mod cnn;
mod config;
mod description;
mod error;
mod fast_cifar;
mod footprint;
mod language_model;
mod layers;
mod mlp;
mod pre_activation_resnet;
mod products;
mod resnet;
mod sampled;
mod state;
#[cfg(test)]
mod tests;
mod transformer;
mod views;
mod whitening;
mod wrn;

pub use batch_norm_mlp::batch_norm_mlp;
pub use cnn::cnn;
pub use config::NetworkConfig;
pub use description::{Description, LayerDescription};
pub use error::NetworkError;
pub use fast_cifar::{FastCifar, fast_cifar};
pub use footprint::Footprint;
pub use language_model::{LstmModel, TransformerModel};
pub use layers::LayerConfig;
pub use mlp::mlp;
pub use pre_activation_resnet::pre_activation_resnet;
pub use products::Product;
pub use resnet::resnet;
pub use sampled::SampledState;
pub use state::{State, StateError};
pub use transformer::{Transformer, transformer_layers};
pub use views::TestTimeViews;
pub use whitening::Whitening;
pub use wrn::wrn;

use crate::counting::Computations;
use crate::layer::{
    Chain, Layer, Parameter, ParameterPattern, SelectionFailure, StepContext, StepReport, is_frozen,
};
use crate::matrix::Matrix;
use crate::memory::Memory;
use crate::optimizer::Optimizer;
use kernels::InstructionSet;
use kernels::scores::sum_of_squares;

/// Layers one after another.
pub struct Network {
    chain: Chain,
    memory: Memory,
    report: StepReport,
    frozen: Vec<ParameterPattern>,
}

/// The parameters of a layer.
pub struct LayerParameters<'a> {
    layer: &'a mut dyn Layer,
    frozen: &'a [ParameterPattern],
}

impl LayerParameters<'_> {
    /// Calls `visit` on each of them with its gradient, always in the same order.
    pub fn visit(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        self.layer.visit_parameters(&mut |parameter| {
            let is_frozen = is_frozen(self.frozen, parameter.name);
            visit(Parameter { is_frozen, ..parameter });
        });
    }
}

impl Network {
    /// A network of at least one layer.
    ///
    /// # Panics
    /// When there is no layer.
    pub fn new(layers: Vec<Box<dyn Layer>>) -> Self {
        let (memory, report) = (Memory::default(), StepReport::default());
        Self { chain: Chain::new(layers), memory, report, frozen: Vec::new() }
    }

    /// The output of a minibatch. In evaluation nothing is kept for a backward pass.
    pub fn forward(&mut self, context: &StepContext, input: &Matrix) -> &Matrix {
        if context.training.is_some() {
            self.memory.begin_step();
        }
        let (memory, report) = (Some(&self.memory), Some(&self.report));
        let context = &StepContext { memory, report, frozen: &self.frozen, ..*context };
        self.chain.forward(context, input);
        self.chain.output()
    }

    /// The gradients of all parameters, from that of the output of the last forward pass, which was
    /// one of training. The activations are gone afterwards.
    ///
    /// # Errors
    /// When a selection of either pass could not be drawn. Its product is then the exact one, and
    /// so the gradients are not those that were asked for.
    pub fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
    ) -> Result<(), SelectionFailure> {
        self.backward_each(context, input, output_gradient, &mut |_| {})
    }

    /// [`Network::backward`], which calls `done` with each layer of the network once it has the
    /// gradients of its parameters: from the last one to the first, all of them.
    ///
    /// # Errors
    /// As [`Network::backward`].
    pub fn backward_each(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        done: &mut dyn FnMut(LayerParameters<'_>),
    ) -> Result<(), SelectionFailure> {
        let Self { chain, memory, report, frozen } = self;
        memory.begin_backward();
        let (memory, report) = (Some(&*memory), &*report);
        let context = &StepContext { memory, report: Some(report), frozen, ..*context };
        chain.backward_each(context, input, output_gradient, false, &mut |layer| {
            done(LayerParameters { layer, frozen });
        });
        report.take_failure().map_or(Ok(()), Err)
    }

    /// The memory of activations and their gradients.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Freezes these parameters from the next step on, and no others.
    pub fn freeze(&mut self, frozen: Vec<ParameterPattern>) {
        self.frozen = frozen;
    }

    /// The Euclidean norm of the gradient of all parameters together, but for those that are frozen.
    pub fn gradient_norm(&mut self, set: InstructionSet) -> f64 {
        let mut sum = 0.0;
        self.visit_parameters(&mut |Parameter { gradient, is_frozen, .. }| {
            if !is_frozen {
                sum += sum_of_squares(set, gradient.numbers());
            }
        });
        sum.sqrt()
    }

    /// One step of an optimiser on every parameter.
    pub fn update(&mut self, optimizer: &mut Optimizer) {
        optimizer.begin_step();
        self.visit_parameters(&mut |parameter| optimizer.update(parameter));
    }

    /// Calls `visit` on each parameter with its gradient, always in the same order.
    pub fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        LayerParameters { layer: &mut self.chain, frozen: &self.frozen }.visit(visit);
    }

    /// All parameters, in order.
    pub fn parameters(&mut self) -> Vec<f32> {
        let mut all = Vec::new();
        self.visit_parameters(&mut |parameter| all.extend_from_slice(parameter.values));
        all
    }

    /// Takes the multiply-adds counted since the last call.
    pub fn take_computations(&self) -> Computations {
        self.report.take_computations()
    }
}
