//! What was measured, as tables, figures and sentences ask for it.

use coded_activations::arm::Arm;
use coded_activations::comparison::Comparison;
use coded_activations::ledger::Ledger;
use coded_activations::outcome::Run;

use super::settings::Coded;
use crate::exhibit::difference::Difference;
use crate::exhibit::related::ranking::Way;
use crate::exhibit::statistics::{Estimate, apart_from_rounding};

/// All arms on one set of images.
pub struct Measured<'a> {
    /// The settings.
    pub settings: &'a Coded,
    /// The images, as tables name them.
    pub data: String,
    /// The arms.
    pub arms: Vec<Arm>,
    /// Trainings, one a seed.
    pub runs: Vec<Run>,
    /// How many trainings of an arm diverged, where some did.
    pub diverged: Vec<(Arm, usize)>,
    /// Gradients at the same weights, one a seed.
    pub comparisons: Vec<Comparison>,
    /// What every arm stores of a minibatch of the training.
    pub ledgers: Vec<(Arm, Ledger)>,
    /// The same of other minibatches, by their images.
    pub others: Vec<(usize, Vec<(Arm, Ledger)>)>,
    /// Bytes of one exact tensor a normalisation.
    pub one_tensor: usize,
}

impl Measured<'_> {
    /// The test error of an arm after the last epoch, in percent, seed by seed.
    pub fn errors(&self, arm: Arm) -> Vec<f64> {
        self.runs.iter().map(|run| run.error(arm)).collect()
    }

    /// Its mean.
    pub fn error(&self, arm: Arm) -> Estimate {
        apart_from_rounding(&self.errors(arm))
    }

    /// The test error of an arm, epoch by epoch.
    pub fn curve(&self, arm: Arm) -> Vec<Estimate> {
        let outcomes = self.runs.iter().flat_map(|run| &run.outcomes);
        let own: Vec<&[f64]> =
            outcomes.filter(|of| of.arm == arm).map(|of| of.errors.as_slice()).collect();
        let epochs = own.iter().map(|errors| errors.len()).min().unwrap_or(0);
        let at = |epoch: usize| -> Vec<f64> { own.iter().map(|errors| errors[epoch]).collect() };
        (0..epochs).map(|epoch| apart_from_rounding(&at(epoch))).collect()
    }

    /// The test error of one arm less that of another, in points, paired over the seeds.
    pub fn difference(&self, one: Arm, other: Arm) -> Difference {
        Difference::paired(&self.errors(one), &self.errors(other))
    }

    /// An arm among others that are compared.
    pub fn way(&self, arm: Arm) -> Way {
        Way { name: arm.name(), values: self.errors(arm) }
    }

    /// The arms whose gradients were compared with the exact ones.
    pub fn compared(&self) -> Vec<Arm> {
        let first = self.comparisons.first();
        first.map_or(Vec::new(), |first| first.errors.iter().map(|(arm, _)| *arm).collect())
    }

    /// The layers, in the network's order.
    pub fn layers(&self) -> &[String] {
        self.comparisons.first().map_or(&[], |first| &first.layers)
    }

    /// The relative error of an arm's gradient in a layer.
    pub fn gradient_error(&self, arm: Arm, layer: usize) -> Estimate {
        let own = self.comparisons.iter().flat_map(|comparison| &comparison.errors);
        let own = own.filter(|(of, _)| *of == arm).filter_map(|(_, errors)| errors.get(layer));
        apart_from_rounding(&own.copied().collect::<Vec<_>>())
    }

    /// The same of sampled products with codes of so many bits, to those without.
    pub fn of_codes_alone(&self, bits: u32, layer: usize) -> Estimate {
        let own = self.comparisons.iter().flat_map(|comparison| &comparison.of_codes_alone);
        let own = own.filter(|(of, _)| *of == bits).filter_map(|(_, errors)| errors.get(layer));
        apart_from_rounding(&own.copied().collect::<Vec<_>>())
    }

    /// What an arm stores.
    pub fn ledger(&self, arm: Arm) -> Option<Ledger> {
        self.ledgers.iter().find(|(of, _)| *of == arm).map(|(_, ledger)| *ledger)
    }

    /// Bytes that an arm stores; not a number where that was not measured.
    pub fn stored(&self, arm: Arm) -> f64 {
        self.ledger(arm).map_or(f64::NAN, |ledger| ledger.stored as f64)
    }

    /// How many times less an arm stores than exact training.
    pub fn times_less(&self, arm: Arm) -> f64 {
        times_less(&self.ledgers, arm)
    }

    /// The same of every size of a minibatch, in increasing order.
    pub fn times_less_by_size(&self, arm: Arm) -> Vec<(usize, f64)> {
        let own = (self.settings.training.batch_size, &self.ledgers);
        let all = [own].into_iter().chain(self.others.iter().map(|(size, of)| (*size, of)));
        let mut all: Vec<_> = all.map(|(size, of)| (size, times_less(of, arm))).collect();
        all.sort_by_key(|(size, _)| *size);
        all
    }
}

fn times_less(ledgers: &[(Arm, Ledger)], arm: Arm) -> f64 {
    let stored = |arm: Arm| {
        let ledger = ledgers.iter().find(|(of, _)| *of == arm);
        ledger.map_or(f64::NAN, |(_, ledger)| ledger.stored as f64)
    };
    stored(Arm::Exact) / stored(arm)
}
