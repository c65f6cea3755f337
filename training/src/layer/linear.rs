//! The fully connected layer, with exact and sampled products.

use super::demand::{Demand, ExpectedChannels};
use super::elementwise::{add_rows, add_to_rows};
use super::initialization::Initialization;
use super::sampler::{Sampler, sampled_layer};
use super::{Gradient, Layer, Parameter, ParameterName, RowNorms, SampledLayer, StepContext};
use crate::channels::Channels;
use crate::counting::Computations;
use crate::matrix::Matrix;
use crate::sampling::{Mode, SamplingPolicy};
use kernels::Selection;
use kernels::product::{
    matmul, matmul_selected, matmul_selected_columns, matmul_selected_rows,
    matmul_stored_selected_columns,
};
use kernels::random::Stream;
use kernels::scores::{column_norms_into, row_norms_into};

/// Y = XW + b, with X of batch x inputs and W of inputs x outputs.
///
/// A row of W belongs to an input feature, so the rows of a selection are read where they are.
#[derive(Debug)]
pub struct Linear {
    name: String,
    inputs: usize,
    outputs: usize,
    weight: Vec<f32>,
    bias: Vec<f32>,
    policy: Option<SamplingPolicy>,
    /// The forward product's selection. Its right norms, those of the rows of W, are kept until
    /// the weights change.
    features: Sampler,
    weight_norms_valid: bool,
    /// The weight gradient's selection in backward sampling, over the minibatch.
    samples: Sampler,
    /// The input gradient's selection in backward sampling, over the outputs.
    outputs_kept: Sampler,
    /// The forward product's selection, by where the input stores the selected features.
    stored_features: Selection,
    /// Whether `weight_gradient` holds the rows of the selected features only.
    compact: bool,
    weight_gradient: Vec<f32>,
    /// The outputs that `weight_gradient` has columns of; all where it is `None`.
    gradient_outputs: ExpectedChannels,
    bias_gradient: Vec<f32>,
    output: Matrix,
    input_gradient: Matrix,
}

impl Linear {
    /// A layer with weights and biases uniform in +-1/sqrt(inputs) (PyTorch's default).
    pub fn new(
        name: &str,
        inputs: usize,
        outputs: usize,
        policy: Option<SamplingPolicy>,
        stream: Stream,
    ) -> Self {
        let (counts, fans) = ((inputs * outputs, outputs), (inputs, outputs));
        let parameters = Initialization::UniformFanIn.draw(counts, fans, stream);
        Self::with_parameters(name, [inputs, outputs], parameters, policy)
    }

    /// A layer with these weights (inputs x outputs) and biases.
    pub(super) fn with_parameters(
        name: &str,
        [inputs, outputs]: [usize; 2],
        (weight, bias): (Vec<f32>, Vec<f32>),
        policy: Option<SamplingPolicy>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            inputs,
            outputs,
            weight,
            bias,
            policy,
            features: Sampler::default(),
            weight_norms_valid: false,
            samples: Sampler::default(),
            outputs_kept: Sampler::default(),
            stored_features: Selection::default(),
            compact: false,
            weight_gradient: Vec::new(),
            gradient_outputs: ExpectedChannels::default(),
            bias_gradient: vec![0.0; outputs],
            output: Matrix::default(),
            input_gradient: Matrix::default(),
        }
    }

    /// The same layer without biases: Y = XW.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { bias: Vec::new(), bias_gradient: Vec::new(), ..self }
    }

    /// The policy and its ratio in this step, if it is sampled.
    fn active_policy(&self, context: &StepContext) -> Option<SamplingPolicy> {
        self.policy.and_then(|policy| context.sampling.policy(policy))
    }

    /// The selection that the gradients pass through, in forward sampling.
    fn forward_selection(&self) -> Option<&Selection> {
        self.features.forward_selection(self.policy)
    }

    /// The output of the last forward pass, which is then this layer's no more.
    pub(super) fn take_output(&mut self) -> Matrix {
        std::mem::take(&mut self.output)
    }

    fn weight_view(&self) -> kernels::MatrixView<'_, f32> {
        kernels::MatrixView::row_major(&self.weight, self.inputs, self.outputs)
    }

    /// Chooses the pairs of the forward product to keep.
    fn select_features(&mut self, context: &StepContext, input: &Matrix) {
        self.features.clear();
        let policy = self.active_policy(context).filter(|policy| policy.mode != Mode::Backward);
        let Some(policy) = policy else { return };
        let weight = kernels::MatrixView::row_major(&self.weight, self.inputs, self.outputs);
        let are_valid = &mut self.weight_norms_valid;
        let left = |norms: &mut [f64]| column_norms_into(context.set, input.view(), norms);
        let right = |norms: &mut [f64]| {
            if !std::mem::replace(are_valid, true) {
                row_norms_into(context.set, weight, norms);
            }
        };
        let mut generator = context.generator(&self.name);
        let (of, generator) = ((&*self.name, &policy), generator.as_mut());
        self.features.select(context, of, self.inputs, generator, left, right);
    }

    /// The bias gradient: the rows of the output gradient added in order.
    fn sum_bias_gradient(&mut self, context: &StepContext, gradient: &Matrix) {
        let sums = &mut self.bias_gradient;
        if sums.is_empty() {
            return;
        }
        sums.fill(0.0);
        add_rows(context.set, &mut sums[..gradient.columns()], gradient.data());
        // Sums of some outputs move to their places, the last first: each moves on, if at all.
        for (place, &output) in gradient.channels().unwrap_or(&[]).iter().enumerate().rev() {
            let sum = std::mem::take(&mut sums[place]);
            sums[output as usize] = sum;
        }
    }

    fn backward_exact_weight(&mut self, context: &StepContext, input: &Matrix, gradient: &Matrix) {
        if !context.learns(&self.name, "weight") {
            return;
        }
        let batch = input.rows();
        self.weight_gradient.resize(self.inputs * self.outputs, 0.0);
        let to =
            kernels::MatrixViewMut::row_major(&mut self.weight_gradient, self.inputs, self.outputs);
        matmul(context.set, input.view().transpose(), gradient.view(), to);
        context.count(Computations::of_product(
            [self.inputs, batch, self.outputs],
            [self.inputs, batch, self.outputs],
        ));
    }

    fn backward_exact_input(&mut self, context: &StepContext, gradient: &Matrix) {
        let batch = gradient.rows();
        let mut to = std::mem::take(&mut self.input_gradient);
        to.reshape_in(context.memory, batch, self.inputs);
        matmul(context.set, gradient.view(), self.weight_view().transpose(), to.view_mut());
        self.input_gradient = to;
        let sides = [batch, self.outputs, self.inputs];
        context.count(Computations::of_product(sides, sides));
    }

    /// Gradients through the sampled entries: rows S of W's, columns S of X's. Of the output
    /// gradient, the columns that it has; of the input, the selected ones at the least.
    fn backward_selected(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        gradient: &Matrix,
        selection: &Selection,
        input_gradient_needed: bool,
    ) {
        if context.learns(&self.name, "weight") {
            self.selected_weight_gradient(context, input, gradient, selection);
        }
        if input_gradient_needed {
            self.selected_input_gradient(context, gradient, selection);
        }
    }

    fn selected_weight_gradient(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        gradient: &Matrix,
        selection: &Selection,
    ) {
        let (batch, kept) = (input.rows(), selection.len());
        let place = |feature: u32| input.place_of(feature as usize).expect("what is read is kept");
        let stored = &mut self.stored_features;
        stored.set_places(selection, input.columns(), |feature| place(feature) as u32);
        let (x, dy) = (input.stored_view().transpose(), gradient.stored_view());
        let outputs = gradient.channels().map(|indices| Channels { indices, count: self.outputs });
        self.gradient_outputs.only(outputs);
        let columns = outputs.map_or(self.outputs, |outputs| outputs.indices.len());
        self.weight_gradient.resize(kept * columns, 0.0);
        let to = kernels::MatrixViewMut::row_major(&mut self.weight_gradient, kept, columns);
        matmul_selected_rows(context.set, x, dy, stored, to);
        self.compact = true;
        let exact = [self.inputs, batch, self.outputs];
        context.count(Computations::of_product([kept, batch, self.outputs], exact));
    }

    fn selected_input_gradient(
        &mut self,
        context: &StepContext,
        gradient: &Matrix,
        selection: &Selection,
    ) {
        let (batch, kept, dy) = (gradient.rows(), selection.len(), gradient.stored_view());
        let features = Channels { indices: selection.indices(), count: self.inputs };
        let mut to = std::mem::take(&mut self.input_gradient);
        to.reshape_channels_in(context.memory, (batch, self.inputs), features);
        let (weight, view) = (self.weight_view().transpose(), to.stored_view_mut());
        match gradient.channels() {
            None => matmul_selected_columns(context.set, dy, weight, selection, view),
            Some(outputs) => {
                matmul_stored_selected_columns(context.set, dy, outputs, weight, selection, view);
            }
        }
        self.input_gradient = to;
        let exact = [batch, self.outputs, self.inputs];
        context.count(Computations::of_product([batch, self.outputs, kept], exact));
    }

    /// Backward sampling: dW over the minibatch, dX over the output features.
    fn backward_sampled(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        gradient: &Matrix,
        policy: SamplingPolicy,
        input_gradient_needed: bool,
    ) {
        let batch = input.rows();
        let mut generator = context.generator(&self.name);
        let mut draw = |sampler: &mut Sampler,
                        policy: &SamplingPolicy,
                        left: kernels::MatrixView<f32>,
                        right: kernels::MatrixView<f32>| {
            let (of, pairs) = ((&*self.name, policy), left.columns());
            let left = |norms: &mut [f64]| column_norms_into(context.set, left, norms);
            let right = |norms: &mut [f64]| row_norms_into(context.set, right, norms);
            sampler.select(context, of, pairs, generator.as_mut(), left, right);
        };
        let mut samples = std::mem::take(&mut self.samples);
        // Those of the next minibatch are others.
        let anew = SamplingPolicy { keep_for: 1, ..policy };
        draw(&mut samples, &anew, input.view().transpose(), gradient.view());
        let mut outputs = std::mem::take(&mut self.outputs_kept);
        if input_gradient_needed {
            draw(&mut outputs, &policy, gradient.view(), self.weight_view().transpose());
        }
        match samples.selection() {
            _ if !context.learns(&self.name, "weight") => {}
            None => self.backward_exact_weight(context, input, gradient),
            Some(samples) => {
                self.weight_gradient.resize(self.inputs * self.outputs, 0.0);
                let to = kernels::MatrixViewMut::row_major(
                    &mut self.weight_gradient,
                    self.inputs,
                    self.outputs,
                );
                let transposed = input.view().transpose();
                matmul_selected(context.set, transposed, gradient.view(), samples, to);
                context.count(Computations::of_product(
                    [self.inputs, samples.len(), self.outputs],
                    [self.inputs, batch, self.outputs],
                ));
            }
        }
        match outputs.selection() {
            _ if !input_gradient_needed => {}
            None => self.backward_exact_input(context, gradient),
            Some(outputs) => {
                let mut to = std::mem::take(&mut self.input_gradient);
                to.reshape_in(context.memory, batch, self.inputs);
                let weight = self.weight_view().transpose();
                matmul_selected(context.set, gradient.view(), weight, outputs, to.view_mut());
                self.input_gradient = to;
                context.count(Computations::of_product(
                    [batch, outputs.len(), self.inputs],
                    [batch, self.outputs, self.inputs],
                ));
            }
        }
        (self.samples, self.outputs_kept) = (samples, outputs);
    }
}

impl Layer for Linear {
    fn forward(&mut self, context: &StepContext, input: &Matrix) {
        assert_eq!(input.columns(), self.inputs, "{}: input features", self.name);
        self.select_features(context, input);
        let batch = input.rows();
        let mut output = std::mem::take(&mut self.output);
        output.reshape_in(context.memory, batch, self.outputs);
        let kept = match self.features.selection() {
            None => {
                matmul(context.set, input.view(), self.weight_view(), output.view_mut());
                self.inputs
            }
            Some(selection) => {
                let weight = self.weight_view();
                matmul_selected(context.set, input.view(), weight, selection, output.view_mut());
                selection.len()
            }
        };
        if context.training.is_some() {
            let exact = [batch, self.inputs, self.outputs];
            context.count(Computations::of_product([batch, kept, self.outputs], exact));
        }
        if !self.bias.is_empty() {
            add_to_rows(context.set, &mut output, &self.bias);
        }
        self.output = output;
    }

    fn output(&self) -> &Matrix {
        &self.output
    }

    fn demand(&self) -> Demand<'_> {
        let features = self
            .forward_selection()
            .map(|kept| Channels { indices: kept.indices(), count: self.inputs });
        Demand { reads: features, sends: features }
    }

    fn keep(&mut self, context: &StepContext, demand: Demand<'_>) -> bool {
        demand.keep_read(context, &mut self.output);
        false
    }

    fn takes_gradients_of(&self, _: &StepContext, channels: usize) -> bool {
        channels == self.outputs && self.forward_selection().is_some()
    }

    fn learns(&self, context: &StepContext) -> bool {
        context.learns(&self.name, "weight")
            || !self.bias.is_empty() && context.learns(&self.name, "bias")
    }

    fn backward(
        &mut self,
        context: &StepContext,
        input: &Matrix,
        output_gradient: &Matrix,
        input_gradient_needed: bool,
    ) {
        self.sum_bias_gradient(context, output_gradient);
        self.compact = false;
        let policy = self.active_policy(context);
        let features = std::mem::take(&mut self.features);
        match (features.selection(), policy) {
            (Some(selection), Some(SamplingPolicy { mode: Mode::Forward, .. })) => {
                let needed = input_gradient_needed;
                self.backward_selected(context, input, output_gradient, selection, needed);
            }
            (_, Some(policy)) if policy.mode == Mode::Backward => {
                let needed = input_gradient_needed;
                self.backward_sampled(context, input, output_gradient, policy, needed);
            }
            _ => {
                self.backward_exact_weight(context, input, output_gradient);
                if input_gradient_needed {
                    self.backward_exact_input(context, output_gradient);
                }
            }
        }
        self.features = features;
    }

    fn input_gradient(&self) -> &Matrix {
        &self.input_gradient
    }

    fn release_input_gradient(&mut self, context: &StepContext) {
        self.input_gradient.release(context.memory);
    }

    fn visit_parameters(&mut self, visit: &mut dyn FnMut(Parameter<'_>)) {
        let (selection, norms) = self.features.selection_and_right_norms();
        let gradient = match selection {
            Some(selection) if self.compact => {
                let (rows, values) = (selection.indices(), &self.weight_gradient[..]);
                match self.gradient_outputs.channels() {
                    None => Gradient::Rows { indices: rows, values },
                    Some(Channels { indices: columns, .. }) => {
                        Gradient::Block { rows, columns, values }
                    }
                }
            }
            _ => Gradient::Dense(&self.weight_gradient),
        };
        let were_current = std::mem::take(&mut self.weight_norms_valid);
        let are_current = &mut self.weight_norms_valid;
        let norms = RowNorms { norms, were_current, are_current };
        let row_norms = (norms.norms.len() == self.inputs).then_some(norms);
        let (values, row_length) = (&mut self.weight, self.outputs);
        let name = ParameterName::new(&self.name, "weight");
        visit(Parameter { name, values, row_length, gradient, row_norms, is_frozen: false });
        if !self.bias.is_empty() {
            let gradient = Gradient::Dense(&self.bias_gradient);
            let name = ParameterName::new(&self.name, "bias");
            visit(Parameter::new(name, &mut self.bias, row_length, gradient));
        }
    }

    fn visit_sampled(&mut self, visit: &mut dyn FnMut(SampledLayer<'_>)) {
        let Self { name, inputs, outputs, policy, .. } = self;
        let Some(policy) = policy else { return };
        let sides = [*inputs, *outputs];
        let samplers = [&mut self.features, &mut self.samples, &mut self.outputs_kept];
        visit(sampled_layer(name, policy, (sides[0] * sides[1]) as u64, sides, samplers));
    }

    fn visit_state(&mut self, visit: &mut dyn FnMut(&str, &mut [f32])) {
        visit(&format!("{}.weight", self.name), &mut self.weight);
        if !self.bias.is_empty() {
            visit(&format!("{}.bias", self.name), &mut self.bias);
        }
        self.weight_norms_valid = false;
    }
}

#[cfg(test)]
mod tests;
