//! Language models as settings name them: networks that tell the next word of a text.

use super::{Footprint, Network, NetworkConfig, NetworkError, Transformer, transformer_layers};
use crate::layer::{Dropout, Embedding, Layer, Linear, Lstm, LstmShape};
use crate::sampling::LayerPolicies;
use crate::setting::{FieldError, POSITIVE, count, count_within, number};
use kernels::random::Stream;
use serde::{Deserialize, Serialize};

/// What no width, depth or window exceeds: a larger one is a mistake.
const MOST: usize = 1 << 16;

/// The layer whose outputs are the words of a model of long short-term memory.
const WORDS: &str = "words";

/// The embedding of a transformer is uniform in plus or minus this: about as wide as the normal one
/// of Radford et al. (2019), of standard deviation 0.02.
const EMBEDDING: f64 = 0.035;

/// An embedding, layers of long short-term memory and a linear layer of the words (Zaremba, Sutskever
/// and Vinyals 2014, arXiv 1409.2329).
///
/// Its layers are called `embedding`, `lstm1` and so on, and `words`. Sampled are `lstm1.inputs` and
/// so on, over its input features, and `words`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LstmModel {
    /// Numbers of a word, and units of every layer.
    pub width: usize,
    /// Layers of long short-term memory.
    pub layers: usize,
    /// Words of a window, after which the gradient is cut off.
    pub steps: usize,
    /// Dropout rate before each layer but the embedding, in [0, 1).
    #[serde(default)]
    pub dropout: f64,
    /// Weights are uniform in plus or minus this at first.
    pub bound: f64,
}

/// A transformer with an embedding, see [`transformer_layers`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransformerModel {
    /// Numbers of a word between the layers.
    pub width: usize,
    /// Heads of each attention.
    pub heads: usize,
    /// Blocks.
    pub blocks: usize,
    /// Words of a window.
    pub steps: usize,
}

impl LstmModel {
    pub(super) fn check(&self) -> Result<(), FieldError> {
        count_within("width", self.width, 1..=MOST)?;
        count_within("layers", self.layers, 1..=MOST)?;
        count_within("steps", self.steps, 1..=MOST)?;
        number("dropout", self.dropout, 0.0..1.0)?;
        number("bound", self.bound, POSITIVE)
    }

    fn sampled_layers(&self) -> Vec<String> {
        let of_layers = (1..=self.layers).map(|layer| format!("lstm{layer}.inputs"));
        of_layers.chain([WORDS.to_owned()]).collect()
    }

    fn build(
        &self,
        words: usize,
        sequences: usize,
        policies: &LayerPolicies,
        stream: Stream,
    ) -> Vec<Box<dyn Layer>> {
        let Self { width, steps, bound, .. } = *self;
        let shape = LstmShape { inputs: width, units: width, steps, sequences };
        let weights = |name: &str| stream.child(name);
        let embedding = Embedding::new("embedding", words, width, bound, weights("embedding"));
        let mut layers: Vec<Box<dyn Layer>> = vec![Box::new(embedding)];
        let drop = |layers: &mut Vec<Box<dyn Layer>>, before: &str| {
            if self.dropout > 0.0 {
                layers.push(Box::new(Dropout::new(&format!("dropout.{before}"), self.dropout)));
            }
        };
        for layer in 1..=self.layers {
            let name = format!("lstm{layer}");
            drop(&mut layers, &name);
            let policy = policies.of(&format!("{name}.inputs"), true);
            layers.push(Box::new(Lstm::new(&name, shape, bound, policy, weights(&name))));
        }
        drop(&mut layers, WORDS);
        let policy = policies.of(WORDS, true);
        layers.push(Box::new(Linear::new(WORDS, width, words, policy, weights(WORDS))));
        layers
    }

    fn parameters(&self, words: f64) -> f64 {
        let (width, layers) = (self.width as f64, self.layers as f64);
        words * width + layers * (8.0 * width + 4.0) * width + (width + 1.0) * words
    }
}

impl TransformerModel {
    pub(super) fn check(&self) -> Result<(), FieldError> {
        count_within("width", self.width, 1..=MOST)?;
        count_within("blocks", self.blocks, 1..=MOST)?;
        count_within("steps", self.steps, 1..=MOST)?;
        self.sizes(1).check()
    }

    fn sizes(&self, words: usize) -> Transformer {
        let Self { width, heads, blocks, steps } = *self;
        Transformer { width, heads, blocks, steps, words }
    }

    fn parameters(&self, words: f64) -> f64 {
        let [width, blocks, steps] = [self.width, self.blocks, self.steps].map(|it| it as f64);
        let of_blocks = blocks * (12.0 * width + 13.0) * width;
        words * width + steps * width + of_blocks + 2.0 * width + (width + 1.0) * words
    }
}

impl NetworkConfig {
    /// Words of a window, of a network that reads a text; none of one that reads images.
    ///
    /// ```
    /// use training::network::NetworkConfig;
    /// let lstm = "{name: lstm, width: 200, layers: 2, steps: 20, bound: 0.1}";
    /// assert_eq!(serde_yaml::from_str::<NetworkConfig>(lstm)?.text_steps(), Some(20));
    /// # Ok::<(), serde_yaml::Error>(())
    /// ```
    pub fn text_steps(&self) -> Option<usize> {
        match self {
            Self::Lstm(model) => Some(model.steps),
            Self::Transformer(model) => Some(model.steps),
            _ => None,
        }
    }

    /// The layers of a network that reads a text whose products policies are for; none of one that
    /// reads images.
    pub fn text_layers(&self) -> Vec<String> {
        match self {
            Self::Lstm(model) => model.sampled_layers(),
            Self::Transformer(model) => model.sizes(1).linear_names(),
            _ => Vec::new(),
        }
    }

    /// The network for a text of so many different words, in minibatches of so many sequences; its
    /// weights drawn from the stream.
    ///
    /// # Errors
    /// When a number is out of its range, a policy is out of range or names no layer, or the network
    /// reads images.
    pub fn build_for_text(
        &self,
        words: usize,
        sequences: usize,
        policies: &LayerPolicies,
        stream: Stream,
    ) -> Result<Network, NetworkError> {
        self.check_for_text(policies)?;
        count("words", words)?;
        let layers = match self {
            Self::Lstm(model) => model.build(words, sequences, policies, stream),
            Self::Transformer(model) => {
                let weights = stream.child("embedding");
                let embedding = Embedding::new("embedding", words, model.width, EMBEDDING, weights);
                transformer_layers(Box::new(embedding), model.sizes(words), policies, stream)?
            }
            _ => return Err(self.reads("a text").into()),
        };
        Ok(Network::new(layers))
    }

    /// Checks all that does not depend on the text.
    ///
    /// # Errors
    /// As [`NetworkConfig::build_for_text`].
    pub fn check_for_text(&self, policies: &LayerPolicies) -> Result<(), NetworkError> {
        self.check().map_err(|error| error.within("network"))?;
        if self.text_steps().is_none() {
            return Err(self.reads("a text").into());
        }
        let names = self.text_layers();
        Ok(policies.check(&names.iter().map(String::as_str).collect::<Vec<_>>())?)
    }

    /// Bytes of a run with minibatches of so many sequences, likewise; see [`Footprint`]. Of the
    /// activations, those of the logits and their gradient, which outweigh the others. None of a
    /// network that reads images.
    pub fn text_footprint(&self, words: usize, sequences: usize) -> Option<Footprint> {
        let number = size_of::<f32>() as f64;
        let parameters = match self {
            Self::Lstm(model) => model.parameters(words as f64),
            Self::Transformer(model) => model.parameters(words as f64),
            _ => return None,
        };
        let rows = self.text_steps()? as f64 * sequences as f64;
        Some(Footprint {
            parameters: 4.0 * number * parameters,
            activations: 2.0 * number * rows * words as f64,
        })
    }

    /// That it would have to read something else.
    pub(crate) fn reads(&self, expected: &str) -> FieldError {
        let expected = format!("a network that reads {expected}");
        FieldError::new("network.name", self.title(), expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::ImageShape;

    const LSTM: &str = "{name: lstm, width: 6, layers: 2, steps: 3, dropout: 0.5, bound: 0.1}";
    const TRANSFORMER: &str = "{name: transformer, width: 8, heads: 2, blocks: 2, steps: 4}";

    fn network(settings: &str) -> NetworkConfig {
        serde_yaml::from_str(settings).unwrap()
    }

    fn build(settings: &str, policies: &str) -> Result<Network, NetworkError> {
        let policies = serde_yaml::from_str(policies).unwrap();
        network(settings).build_for_text(11, 2, &policies, Stream::new(1, "model"))
    }

    #[test]
    fn parameters_are_as_many_as_the_formula_says() {
        for (settings, parameters) in [(LSTM, 66 + 2 * 312 + 77), (TRANSFORMER, 1_979)] {
            let count = build(settings, "{}").unwrap().parameters().len();
            let footprint = network(settings).text_footprint(11, 2).unwrap();
            assert_eq!(footprint.parameters, 16.0 * count as f64);
            assert_eq!(count, parameters, "{settings}");
        }
    }

    #[test]
    fn settings_are_written_as_they_are_read() {
        for settings in [LSTM, TRANSFORMER] {
            let config = network(settings);
            assert_eq!(network(&serde_yaml::to_string(&config).unwrap()), config);
        }
        let unknown = serde_yaml::from_str::<NetworkConfig>(
            "{name: lstm, width: 6, layers: 2, steps: 3, bound: 0.1, units: 3}",
        );
        assert!(unknown.unwrap_err().to_string().contains("unknown field `units`"));
    }

    #[test]
    fn policies_are_of_the_sampled_layers() {
        let policies =
            "{default: {estimator: top-k, ratio: 0.5, minimal_k: 1, mode: forward}, never: [NAME]}";
        for (settings, names) in [(LSTM, 3), (TRANSFORMER, 9)] {
            let layers = network(settings).text_layers();
            assert_eq!(layers.len(), names);
            for name in &layers {
                assert!(build(settings, &policies.replace("NAME", name)).is_ok(), "{name}");
            }
            let error = build(settings, &policies.replace("NAME", "lstm3")).err().unwrap();
            assert!(error.to_string().contains("lstm3"), "{error}");
        }
    }

    #[test]
    fn what_makes_no_network_is_named() {
        let error = |settings: &str| build(settings, "{}").err().unwrap().to_string();
        assert!(error(&LSTM.replace("6", "0")).starts_with("network.width is 0"));
        assert!(error(&LSTM.replace("0.5", "1")).starts_with("network.dropout is 1"));
        assert!(error(&LSTM.replace("0.1", "-1")).starts_with("network.bound is -1"));
        assert!(error(&LSTM.replace("steps: 3", "steps: 0")).starts_with("network.steps is 0"));
        assert!(error(&TRANSFORMER.replace("8", "9")).starts_with("network.heads is 2"));
        assert_eq!(
            error("{name: cnn}"),
            "network.name is CNN, expected a network that reads a text"
        );
        let image = ImageShape::new(1, 28, 28);
        let error = network(LSTM).describe(image, 10).unwrap_err().in_settings().to_string();
        let expected = "network.name is LSTM 2 x 6, expected a network that reads images";
        assert_eq!(error, expected);
    }
}
