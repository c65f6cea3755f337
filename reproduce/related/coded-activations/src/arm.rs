//! The ways of training that are compared.

use training::layer::{CodeForm, CodeSettings, ParameterPattern};
use training::optimizer::ParameterGroup;
use training::sampling::{LayerPolicies, SamplingPolicy};
use training::setting::{FieldError, distinct};
use training::train::TrainingConfig;

/// Bits of the codes that controls, ablations and sampled arms have.
pub const FEW_BITS: u32 = 4;

/// Bits that thresholds are for, or that a control has.
pub const NEEDED_BITS: [u32; 3] = [8, FEW_BITS, 2];

/// A way of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arm {
    /// All activations are kept as they are.
    Exact,
    /// Codes of so many bits for the backward pass.
    Backward(u32),
    /// The forward pass has what the codes stand for, too.
    Naive(u32),
    /// Codes whose zero is the middle of a bin: masks are wrong.
    ZeroAsLevel,
    /// Each channel decoded from the codes of the next.
    Permuted,
    /// The bins of the released program, which move with the zero and have no upper limit.
    AsReleased,
    /// Exact, but for the first layer, which stays as it was drawn.
    Frozen,
    /// Sampled products.
    Sampled,
    /// Sampled products, and codes of the selected channels.
    SampledCoded,
    /// The same with each channel decoded from the codes of the next.
    SampledPermuted,
}

/// What the arms are made of.
#[derive(Clone, Debug)]
pub struct Means {
    /// How products are sampled.
    pub sampling: SamplingPolicy,
    /// The parameters of the first layer.
    pub first_layer: ParameterPattern,
}

/// Checks the bits that arms are to have.
///
/// # Errors
/// When some are not those of whole codes in a byte, stand twice, or are missing.
pub fn check_bits(bits: &[u32]) -> Result<(), FieldError> {
    for (place, &bits) in bits.iter().enumerate() {
        let codes = CodeSettings { bits, form: CodeForm::Backward };
        let named = |error: FieldError| FieldError { field: format!("bits[{place}]"), ..error };
        codes.check().map_err(named)?;
    }
    distinct("bits", bits)?;
    match NEEDED_BITS.iter().all(|needed| bits.contains(needed)) {
        true => Ok(()),
        false => {
            let expected = "8, 4 and 2 among them: thresholds and controls are of these";
            Err(FieldError::new("bits", format!("{bits:?}"), expected))
        }
    }
}

impl Arm {
    /// All of them, with codes of these bits.
    pub fn all(bits: &[u32]) -> Vec<Self> {
        let backward = bits.iter().map(|bits| Self::Backward(*bits));
        let naive = bits.iter().map(|bits| Self::Naive(*bits));
        let others = [
            Self::ZeroAsLevel,
            Self::Permuted,
            Self::AsReleased,
            Self::Frozen,
            Self::Sampled,
            Self::SampledCoded,
            Self::SampledPermuted,
        ];
        std::iter::once(Self::Exact).chain(backward).chain(naive).chain(others).collect()
    }

    /// The name in tables and figures.
    pub fn name(self) -> String {
        match self {
            Self::Exact => "exact".to_owned(),
            Self::Backward(bits) => format!("{bits} bits"),
            Self::Naive(bits) => format!("naive, {bits} bits"),
            Self::ZeroAsLevel => format!("zero as level, {FEW_BITS} bits"),
            Self::Permuted => format!("permuted, {FEW_BITS} bits"),
            Self::AsReleased => format!("bins as released, {FEW_BITS} bits"),
            Self::Frozen => "first layer frozen".to_owned(),
            Self::Sampled => "sampled".to_owned(),
            Self::SampledCoded => format!("sampled, {FEW_BITS} bits"),
            Self::SampledPermuted => format!("sampled, permuted, {FEW_BITS} bits"),
        }
    }

    /// The codes in the place of activations, if there are any.
    pub fn codes(self) -> Option<CodeSettings> {
        let few = |form| Some(CodeSettings { bits: FEW_BITS, form });
        match self {
            Self::Exact | Self::Frozen | Self::Sampled => None,
            Self::Backward(bits) => Some(CodeSettings { bits, form: CodeForm::Backward }),
            Self::Naive(bits) => Some(CodeSettings { bits, form: CodeForm::Naive }),
            Self::ZeroAsLevel => few(CodeForm::ZeroAsLevel),
            Self::Permuted | Self::SampledPermuted => few(CodeForm::Permuted),
            Self::AsReleased => few(CodeForm::AsReleased),
            Self::SampledCoded => few(CodeForm::Backward),
        }
    }

    /// Whether its products are sampled.
    pub fn is_sampled(self) -> bool {
        match self {
            Self::Sampled | Self::SampledCoded | Self::SampledPermuted => true,
            Self::Exact
            | Self::Backward(_)
            | Self::Naive(_)
            | Self::ZeroAsLevel
            | Self::Permuted
            | Self::AsReleased
            | Self::Frozen => false,
        }
    }

    /// The training of this arm, from that of exact products and activations.
    pub fn config(self, exact: &TrainingConfig, means: &Means) -> TrainingConfig {
        let mut config = TrainingConfig { codes: self.codes(), ..exact.clone() };
        if self.is_sampled() {
            config.policies = LayerPolicies::uniform(Some(means.sampling));
        }
        if self == Self::Frozen {
            let first = ParameterGroup::new(means.first_layer.clone());
            config.parameter_groups.insert(0, ParameterGroup { epochs: Some(0), ..first });
        }
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_whole_codes_and_the_needed_ones_are_there() {
        let error = |bits: &[u32]| check_bits(bits).unwrap_err().to_string();
        assert!(check_bits(&[8, 4, 2]).is_ok() && check_bits(&[1, 2, 4, 8]).is_ok());
        for bits in [0, 3, 9] {
            let expected = "expected 1, 2, 4 or 8: whole codes fill a byte";
            assert_eq!(error(&[8, bits]), format!("bits[1] is {bits}, {expected}"));
        }
        assert!(
            error(&[8, 4, 2, 4]).starts_with("bits[3] is the same as bits[1], expected another")
        );
        assert!(error(&[8, 4]).starts_with("bits is [8, 4], expected 8, 4 and 2 among them"));
        assert!(error(&[]).starts_with("bits is []"));
    }

    #[test]
    fn no_two_arms_have_one_name() {
        let arms = Arm::all(&[8, 4, 2, 1]);
        let mut names: Vec<String> = arms.iter().map(|arm| arm.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), arms.len());
    }
}
