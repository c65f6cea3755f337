//! The products of a network's training step, counted from shapes.

use super::description::learns;
use super::description::{Description, LayerDescription};
use crate::counting::{Computations, GradientNumbers};
use crate::layer::{ParameterName, ParameterPattern, is_frozen};
use crate::sampling::{LayerPolicies, Mode, PolicyError, SamplingPolicy, Scores, WeightGradient};

/// The three products of a linear layer or convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Product<'a> {
    /// The layer's name.
    pub layer: &'a str,
    /// Input features or channels: the pairs that the forward product sums over.
    pub pairs: usize,
    /// Output features or channels: the pairs that the input gradient sums over.
    pub outputs: usize,
    /// Positions of the output: with the images of the minibatch, what the weight gradient sums
    /// over. One of a linear layer.
    pub positions: usize,
    /// Numbers of the weight that are learnt.
    pub weights: usize,
    /// Multiply-adds of the forward product for one sample.
    pub forward: u64,
    /// Multiply-adds of the input gradient for one sample; none where no layer before learns.
    pub input_gradient: u64,
    /// Multiply-adds of the weight gradient for one sample; none where it is not learnt.
    pub weight_gradient: u64,
    /// Whether the layer is sampled where its policy does not say otherwise.
    pub sampled: bool,
}

impl Description {
    /// The products, layer by layer.
    pub fn products(&self) -> Vec<Product<'_>> {
        self.products_without(&[])
    }

    /// The products while some parameters are frozen.
    pub fn products_without(&self, frozen: &[ParameterPattern]) -> Vec<Product<'_>> {
        let mut products = Vec::new();
        collect(&self.layers, false, frozen, &mut products);
        products
    }

    /// Checks policies against the layers with products.
    ///
    /// # Errors
    /// When a policy is out of range, a name is no layer's, or a layer is both sampled and not.
    pub fn check(&self, policies: &LayerPolicies) -> Result<(), PolicyError> {
        let products = self.products();
        policies.check(&products.iter().map(|product| product.layer).collect::<Vec<_>>())
    }

    /// Multiply-adds of the forward passes of one sample, all products exact.
    pub fn forward_multiply_adds(&self) -> u64 {
        self.products().iter().map(|product| product.forward).sum()
    }

    /// Multiply-adds of a training step, every sampled product keeping exactly its budget.
    ///
    /// # Errors
    /// When the policies are not of this network.
    pub fn computations(
        &self,
        batch: usize,
        policies: &LayerPolicies,
    ) -> Result<Computations, PolicyError> {
        self.check(policies)?;
        let mut counts = Computations::default();
        for product in self.products() {
            let policy = policies.of(product.layer, product.sampled);
            let mut count = |multiply_adds: u64, pairs: usize, sampled: bool| {
                let kept = policy.filter(|_| sampled).map_or(pairs, |policy| policy.budget(pairs));
                let exact = multiply_adds * batch as u64;
                counts.performed += exact / pairs as u64 * kept as u64;
                counts.exact += exact;
            };
            let mode = policy.map(|policy| policy.mode);
            let (forward, backward) = (mode == Some(Mode::Forward), mode == Some(Mode::Backward));
            count(product.forward, product.pairs, !backward);
            if backward {
                count(product.input_gradient, product.outputs, true);
                let over = policy.map(|policy| policy.weight_gradient);
                let is_over_positions = over == Some(WeightGradient::Positions);
                let positions = if is_over_positions { product.positions } else { 1 };
                count(product.weight_gradient, batch * positions, true);
            } else {
                count(product.input_gradient, product.pairs, forward);
                count(product.weight_gradient, product.pairs, forward);
            }
        }
        Ok(counts)
    }

    /// Numbers of the gradient a worker sends in a step: of a layer sampled in the forward pass by
    /// scores that all workers have those of the weights of its budget of pairs, of all others every
    /// one; and the column norms of its activations, where the scores are made of them. Workers that
    /// each select by their own activations keep different pairs, and the exchange of slices refuses
    /// them.
    ///
    /// # Errors
    /// When the policies are not of this network.
    pub fn gradient_numbers(
        &self,
        policies: &LayerPolicies,
    ) -> Result<GradientNumbers, PolicyError> {
        self.check(policies)?;
        let all = self.parameters();
        let (mut sent, mut norms) = (all, 0);
        for product in self.products() {
            let is_agreed = |policy: &SamplingPolicy| {
                policy.mode == Mode::Forward && policy.scores.are_agreed()
            };
            let policy = policies.of(product.layer, product.sampled);
            if let Some(policy) = policy.filter(is_agreed) {
                let left_out = product.pairs - policy.budget(product.pairs);
                if left_out > 0 && policy.scores != Scores::Weights {
                    norms += product.pairs as u64;
                }
                sent -= (product.weights / product.pairs * left_out) as u64;
            }
        }
        Ok(GradientNumbers { sent, all, norms })
    }
}

fn collect<'a>(
    layers: &'a [LayerDescription],
    mut input_gradient_needed: bool,
    frozen: &[ParameterPattern],
    products: &mut Vec<Product<'a>>,
) {
    for layer in layers {
        let needed = input_gradient_needed;
        input_gradient_needed |= learns(layer, frozen);
        let (layer, pairs, outputs, weights, positions, is_learnt, sampled) = match layer {
            LayerDescription::Residual { main, shortcut, .. } => {
                collect(main, needed, frozen, products);
                collect(shortcut, needed, frozen, products);
                continue;
            }
            LayerDescription::Linear { name, inputs, outputs, sampled, .. } => {
                (name, *inputs, *outputs, inputs * outputs, 1, true, *sampled)
            }
            LayerDescription::Convolution { name, geometry, initialization, sampled, .. } => {
                // A geometry without an output has no product; building it is the error.
                let Ok(output) = geometry.output() else { continue };
                let (pairs, outputs) = (geometry.image.channels, geometry.outputs);
                let (weights, is_learnt) = (geometry.weights(), initialization.is_learnt());
                (name, pairs, outputs, weights, output.pixels(), is_learnt, *sampled)
            }
            _ => continue,
        };
        let is_learnt = is_learnt && !is_frozen(frozen, ParameterName { layer, part: "weight" });
        let forward = weights as u64 * positions as u64;
        products.push(Product {
            layer,
            pairs,
            outputs,
            positions,
            weights: if is_learnt { weights } else { 0 },
            forward,
            input_gradient: if needed { forward } else { 0 },
            weight_gradient: if is_learnt { forward } else { 0 },
            sampled,
        });
    }
}
