//! Language models of the transformer kind.

use super::NetworkError;
use crate::layer::{
    Activation, ActivationLayer, Chain, Layer, LayerNorm, Linear, Positions, Residual,
    self_attention,
};
use crate::sampling::LayerPolicies;
use crate::setting::{FieldError, count};
use kernels::random::Stream;

/// The sizes of a transformer that tells the next token of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transformer {
    /// Numbers of a token between the layers, d.
    pub width: usize,
    /// Heads of each attention, which share the width evenly.
    pub heads: usize,
    /// Blocks, each of an attention and a perceptron.
    pub blocks: usize,
    /// Tokens of a text, T.
    pub steps: usize,
    /// Different tokens.
    pub words: usize,
}

impl Transformer {
    /// Checks that nothing is zero and that the heads share the width.
    ///
    /// # Errors
    /// Names the first size that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        let Self { width, heads, blocks, steps, words } = *self;
        for (field, value) in [
            ("width", width),
            ("heads", heads),
            ("blocks", blocks),
            ("steps", steps),
            ("words", words),
        ] {
            count(field, value)?;
        }
        if width.is_multiple_of(heads) {
            return Ok(());
        }
        let expected = format!("a divisor of the width, which is {width}");
        Err(FieldError::new("heads", heads, expected))
    }

    /// The names of the linear layers, which are those that policies are for.
    pub(super) fn linear_names(&self) -> Vec<String> {
        let parts = [
            "attention.qkv",
            "attention.projection",
            "feed-forward.linear-1",
            "feed-forward.linear-2",
        ];
        let of_blocks =
            (1..=self.blocks).flat_map(|block| parts.map(|part| format!("block{block}.{part}")));
        of_blocks.chain([OUTPUT.to_owned()]).collect()
    }
}

/// The layer whose outputs are the words.
const OUTPUT: &str = "linear";

/// The hidden numbers of a perceptron over those of a token (Vaswani et al. 2017, section 3.3).
const WIDENING: usize = 4;

/// The layers of a language model as Radford et al. (2019) have it: tokens and their learned
/// positions, blocks, a last normalisation, and a linear layer from d numbers to the words.
///
/// A block adds to what it is given first x + A(N(x)), with [`self_attention`] A, then
/// x + M(N(x)), with a perceptron M of 4 d hidden numbers and the Gaussian error linear unit; N is
/// [`LayerNorm`] (layer normalisation before the branches: Xiong et al. 2020). There is no dropout.
///
/// The embedding is given: it turns what a minibatch has, texts of T tokens, into T B rows of d
/// numbers, time by time (row t B + b), and so are the rows of the output, one of T B labels each.
///
/// The linear layers are sampled over their input features by their policies, `blockN.attention.qkv`,
/// `blockN.attention.projection`, `blockN.feed-forward.linear-1`, `blockN.feed-forward.linear-2` and
/// `linear`; what is multiplied inside of the attention is exact.
///
/// ```
/// use kernels::random::Stream;
/// use training::layer::Scale;
/// use training::network::{Network, Transformer, transformer_layers};
/// use training::sampling::LayerPolicies;
///
/// let sizes = Transformer { width: 8, heads: 2, blocks: 1, steps: 4, words: 10 };
/// // In the place of an embedding: rows of d numbers as they are.
/// let rows = Box::new(Scale::new(1.0));
/// let policies = LayerPolicies::default();
/// let layers = transformer_layers(rows, sizes, &policies, Stream::new(1, "example"))?;
/// // Positions T d, a block 12 d^2 + 13 d, a normalisation 2 d, the words (d + 1) words.
/// assert_eq!(Network::new(layers).parameters().len(), 32 + 768 + 104 + 16 + 90);
/// # Ok::<(), training::network::NetworkError>(())
/// ```
///
/// # Errors
/// When a size makes no sense, or a policy is out of range or of no linear layer.
pub fn transformer_layers(
    embedding: Box<dyn Layer>,
    sizes: Transformer,
    policies: &LayerPolicies,
    stream: Stream,
) -> Result<Vec<Box<dyn Layer>>, NetworkError> {
    sizes.check()?;
    let names = sizes.linear_names();
    policies.check(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
    let Transformer { width, heads, blocks, steps, words } = sizes;
    let linear = |name: &str, inputs, outputs| -> Box<dyn Layer> {
        let (policy, stream) = (policies.of(name, true), stream.child(name));
        Box::new(Linear::new(name, inputs, outputs, policy, stream))
    };
    let norm = |name: &str| -> Box<dyn Layer> { Box::new(LayerNorm::new(name, width)) };
    let added = |branch: Vec<Box<dyn Layer>>| -> Box<dyn Layer> {
        Box::new(Residual::new(Chain::new(branch), None))
    };
    let positions = Positions::new("positions", steps, width, stream.child("positions"));
    let mut layers: Vec<Box<dyn Layer>> = vec![embedding, Box::new(positions)];
    for block in 1..=blocks {
        let attention = format!("block{block}.attention");
        let feed_forward = format!("block{block}.feed-forward");
        let attend = self_attention(&attention, (steps, width, heads), policies, stream);
        layers.push(added(vec![norm(&format!("{attention}.norm")), Box::new(attend)]));
        layers.push(added(vec![
            norm(&format!("{feed_forward}.norm")),
            linear(&format!("{feed_forward}.linear-1"), width, WIDENING * width),
            Box::new(ActivationLayer::new(Activation::Gelu)),
            linear(&format!("{feed_forward}.linear-2"), WIDENING * width, width),
        ]));
    }
    layers.push(norm("norm"));
    layers.push(linear(OUTPUT, width, words));
    Ok(layers)
}

#[cfg(test)]
mod tests;
