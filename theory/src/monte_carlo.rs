//! Draws at realistic sizes, each from its own address, so that any thread may make any of them.

use crate::claim::{CheckError, Scale, Settings};
use crate::matrices::{Factors, Family};
use crate::sampler::Sampler;
use kernels::random::Stream;
use nalgebra::DMatrix;
use rayon::prelude::*;

/// How large and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rows of A and columns of B.
    pub outer: usize,
    /// Column-row pairs n.
    pub pairs: usize,
    /// The budget k.
    pub k: usize,
    /// Number of estimates drawn.
    pub repeats: u64,
}

/// The sizes of a scale.
pub fn sizes(scale: Scale) -> &'static [Size] {
    const QUICK: [Size; 1] = [Size { outer: 8, pairs: 32, k: 8, repeats: 1_000 }];
    const STANDARD: [Size; 3] = [
        Size { outer: 8, pairs: 64, k: 16, repeats: 4_000 },
        Size { outer: 16, pairs: 512, k: 64, repeats: 2_000 },
        Size { outer: 16, pairs: 4_096, k: 512, repeats: 1_000 },
    ];
    match scale {
        Scale::Quick => &QUICK,
        Scale::Standard => &STANDARD,
    }
}

/// Estimates of one product by one sampler.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Seed and instruction set.
    pub settings: Settings,
    /// Who samples.
    pub sampler: Sampler,
    /// What is multiplied.
    pub factors: Factors,
    /// How large and how often.
    pub size: Size,
}

impl Experiment {
    /// An experiment on a family of factors.
    pub fn new(settings: &Settings, sampler: Sampler, family: Family, size: Size) -> Self {
        let factors = family.factors(settings.seed, size.outer, size.pairs);
        Self { settings: *settings, sampler, factors, size }
    }

    /// What it is called in a verdict.
    pub fn name(&self) -> String {
        let Size { k, repeats, .. } = self.size;
        format!("{repeats} draws of {}: {}, k = {k}", self.sampler, self.factors.name)
    }

    /// Draws the estimates and looks at each, in order.
    ///
    /// `check` names the randomness: two checks with different names see different draws.
    ///
    /// # Errors
    /// When the sampler refuses its input.
    pub fn observe<T: Send>(
        &self,
        check: &str,
        look: impl Fn(&DMatrix<f64>) -> T + Sync,
    ) -> Result<Vec<T>, CheckError> {
        let scores = self.factors.scores();
        let stream = Stream::new(self.settings.seed, "monte carlo")
            .child(check)
            .child(&self.sampler.to_string())
            .child(&self.factors.name);
        (0..self.size.repeats)
            .into_par_iter()
            .map(|repeat| {
                let selection =
                    self.sampler.select(&scores, self.size.k, &mut stream.at(repeat))?;
                Ok(look(&self.factors.estimate(self.settings.set, &selection)))
            })
            .collect()
    }
}
