//! The pieces that an exhibit is made of: all arms of a seed, trained and measured.

use crate::arm::{Arm, Means, Penalties};
use crate::hardware::{Hardware, HardwareError};
use crate::images::{input, without_offset};
use crate::inference::{IntegerNetwork, share_right};
use crate::memory::Memory;
use crate::multiplier::Multiplier;
use crate::network::Network;
use crate::pass::Pass;
use crate::sensitivity::{closed_form, noise_scales};
use crate::train::{Training, TrainingError};
use kernels::Estimator;
use kernels::random::Stream;
use kernels::table_product::ProductTable;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use theory::statistics::Sample;
use training::data::{Dataset, Minibatch, Minibatches, Splits};
use training::setting::{FieldError, POSITIVE, count, distinct, number};

/// What is trained, and with what it is tested.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What all arms have in common.
    pub training: Training,
    /// The memory that arms are trained for.
    pub memory: Memory,
    /// Columns that the multiplier leaves out that arms are trained for.
    pub columns: usize,
    /// The share of column-row pairs that sampled training keeps, in (0, 1].
    pub ratio: f64,
    /// What is tried for the weight of the penalty.
    pub penalties: Vec<f64>,
    /// What networks are tested with.
    pub tested: Tested,
}

/// What networks are tested with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tested {
    /// Probabilities that a bit is flipped.
    pub probabilities: Vec<f64>,
    /// Chips of each probability.
    pub chips: usize,
    /// Columns that a multiplier leaves out.
    pub columns: Vec<usize>,
    /// Shares of column-row pairs that inference keeps.
    pub ratios: Vec<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            training: Training::default(),
            memory: Memory { bits: 8, probability: 3e-3 },
            columns: 8,
            ratio: 0.5,
            penalties: vec![1e-3, 1e-2, 1e-1],
            tested: Tested {
                probabilities: vec![1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
                chips: 50,
                columns: (0..=8).collect(),
                ratios: vec![0.1, 0.25, 0.5],
            },
        }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the field, its value, and what would have been right.
    pub fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        self.memory.check().map_err(|error| error.within("memory"))?;
        Multiplier::Truncated(self.columns).check()?;
        number("ratio", self.ratio, (POSITIVE.0, std::ops::Bound::Included(1.0)))?;
        distinct("penalties", &self.penalties)?;
        for (place, &penalty) in self.penalties.iter().enumerate() {
            number(&format!("penalties[{place}]"), penalty, POSITIVE)?;
        }
        self.tested.check().map_err(|error| error.within("tested"))
    }

    /// The multiplier that arms are trained for, and the one with its errors at other places.
    pub(crate) fn tables(&self) -> [ProductTable; 2] {
        let multiplier = Multiplier::Truncated(self.columns);
        let rng = &mut Stream::new(0, "shuffled multiplier").at(0);
        [multiplier.table(), multiplier.shuffled_table(rng)]
    }
}

impl Tested {
    fn check(&self) -> Result<(), FieldError> {
        distinct("probabilities", &self.probabilities)?;
        for (place, &probability) in self.probabilities.iter().enumerate() {
            number(&format!("probabilities[{place}]"), probability, 0.0..=1.0)?;
        }
        count("chips", self.chips)?;
        distinct("columns", &self.columns)?;
        for (place, &columns) in self.columns.iter().enumerate() {
            let named = |error| FieldError { field: format!("columns[{place}]"), ..error };
            Multiplier::Truncated(columns).check().map_err(named)?;
        }
        distinct("ratios", &self.ratios)?;
        for (place, &ratio) in self.ratios.iter().enumerate() {
            let share = (POSITIVE.0, std::ops::Bound::Included(1.0));
            number(&format!("ratios[{place}]"), ratio, share)?;
        }
        Ok(())
    }
}

/// What an arm came to with one seed; accuracies are shares of the test images.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The arm.
    pub arm: Arm,
    /// The trained network.
    pub network: Network,
    /// R of small noise at the probability of training, on the test images.
    pub sensitivity: f64,
    /// In 8-bit integers without any fault.
    pub clean: f64,
    /// Of each tested probability, on every chip.
    pub chips: Vec<Vec<f64>>,
    /// By each tested truncation.
    pub truncated: Vec<f64>,
    /// By Mitchell's multiplier.
    pub mitchell: f64,
    /// By the multiplier that arms are trained for, and by the one with its errors at other places.
    pub trained_for: [f64; 2],
    /// At each tested ratio by top-k and Bernoulli sampling, in exact numbers.
    pub sampled: Vec<[f64; 2]>,
}

/// The estimators that inference is sampled by.
pub const SAMPLED_BY: [Estimator; 2] = [Estimator::TopK, Estimator::Bernoulli];

impl Outcome {
    /// The mean over the chips of a tested probability.
    pub fn faulty(&self, place: usize) -> f64 {
        Sample::of(self.chips[place].iter().copied()).mean()
    }
}

/// All arms with one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// One an arm, in the order of [`Arm::ALL`].
    pub outcomes: Vec<Outcome>,
}

impl Run {
    /// What an arm came to.
    pub fn of(&self, arm: Arm) -> &Outcome {
        &self.outcomes[arm as usize]
    }
}

/// Trains and measures all arms with one seed.
///
/// # Errors
/// When a setting is out of range, or an arm diverges.
pub fn run(
    settings: &Settings,
    splits: &Splits,
    penalties: Penalties,
    seed: u64,
) -> Result<Run, TrainingError> {
    settings.check()?;
    let splits = without_offset(splits);
    let tables = settings.tables();
    let train = |arm: Arm, norms: Option<&[f64]>| {
        let objective = arm.objective(&means(settings, &tables, penalties));
        settings.training.train(&splits, &objective, norms, seed)
    };
    let first = |arm: &Arm| -> Result<Option<Network>, TrainingError> {
        if *arm == Arm::MatchedNorm { Ok(None) } else { train(*arm, None).map(Some) }
    };
    let mut networks: Vec<Option<Network>> =
        Arm::ALL.par_iter().map(first).collect::<Result<_, _>>()?;
    let norms = networks[Arm::Combined as usize].as_ref().map(Network::norms);
    networks[Arm::MatchedNorm as usize] = Some(train(Arm::MatchedNorm, norms.as_deref())?);
    let trained: Vec<(Arm, Network)> =
        Arm::ALL.into_iter().zip(networks).filter_map(|(arm, it)| Some((arm, it?))).collect();
    let measured = trained
        .into_par_iter()
        .map(|(arm, network)| measure(settings, &splits, &tables, arm, network, seed));
    Ok(Run { seed, outcomes: measured.collect::<Result<_, HardwareError>>()? })
}

fn means<'a>(
    settings: &Settings,
    [table, shuffled]: &'a [ProductTable; 2],
    penalties: Penalties,
) -> Means<'a> {
    let Settings { memory, ratio, .. } = *settings;
    Means { memory, table, shuffled, ratio, penalties }
}

/// Chooses the weights of the penalty on the held-out images: the one with the best accuracy on chips
/// of the memory that is trained for, among those that cost a point at most without faults, or the
/// least where none does. Where one is to be tried, it is taken.
///
/// # Errors
/// When a setting is out of range, or an arm diverges.
pub fn tune(settings: &Settings, splits: &Splits, seed: u64) -> Result<Penalties, TrainingError> {
    settings.check()?;
    if let [only] = settings.penalties[..] {
        return Ok(Penalties { active: only, combined: only });
    }
    let splits = without_offset(splits);
    let tables = settings.tables();
    // Accuracy without faults, and on the chips.
    let judged = |arm: Arm, penalty: f64| -> Result<[f64; 2], TrainingError> {
        let penalties = Penalties { active: penalty, combined: penalty };
        let objective = arm.objective(&means(settings, &tables, penalties));
        let network = match settings.training.train(&splits, &objective, None, seed) {
            // Too large a penalty is no choice.
            Err(TrainingError::Diverged { .. }) => return Ok([f64::NEG_INFINITY; 2]),
            trained => trained?,
        };
        let exact = Multiplier::EXACT.table();
        let held_out = &splits.held_out;
        let codes = IntegerNetwork::new(&network, settings.memory.bits, held_out)?;
        let clean = codes.accuracy(&exact, held_out).map_err(HardwareError::from)?;
        let chips = chips(&codes, settings.memory.probability, settings.tested.chips, seed);
        let faulty = chips.map(|chip| chip.accuracy(&exact, held_out));
        let faulty: Vec<f64> = faulty.collect::<Result<_, _>>().map_err(HardwareError::from)?;
        Ok([clean, Sample::of(faulty).mean()])
    };
    let [baseline, _] = judged(Arm::Baseline, 0.0)?;
    let best = |arm: Arm| -> Result<f64, TrainingError> {
        let found: Vec<[f64; 2]> = settings
            .penalties
            .par_iter()
            .map(|&penalty| judged(arm, penalty))
            .collect::<Result<_, _>>()?;
        Ok(choose(&settings.penalties, &found, baseline))
    };
    Ok(Penalties { active: best(Arm::Active)?, combined: best(Arm::Combined)? })
}

/// The penalty with the best second number among those whose first is at most a point below the
/// baseline; the first of equally good ones.
fn choose(penalties: &[f64], found: &[[f64; 2]], baseline: f64) -> f64 {
    let harmless = penalties.iter().zip(found).filter(|(_, [clean, _])| *clean >= baseline - 0.01);
    let better = |best: (f64, f64), (&penalty, &[_, faulty]): (&f64, &[f64; 2])| {
        if faulty > best.1 { (penalty, faulty) } else { best }
    };
    let least = penalties.iter().copied().fold(f64::INFINITY, f64::min);
    harmless.fold((least, f64::NEG_INFINITY), better).0
}

/// The chips of a seed, by their number.
fn chips(
    codes: &IntegerNetwork,
    probability: f64,
    count: usize,
    seed: u64,
) -> impl Iterator<Item = IntegerNetwork> {
    let stream = Stream::new(seed, "chip");
    (0..count as u64).map(move |chip| codes.misread(probability, &mut stream.at(chip)))
}

fn measure(
    settings: &Settings,
    splits: &Splits,
    tables: &[ProductTable; 2],
    arm: Arm,
    network: Network,
    seed: u64,
) -> Result<Outcome, HardwareError> {
    let (memory, tested, test) = (settings.memory, &settings.tested, &splits.test);
    let codes = IntegerNetwork::new(&network, memory.bits, &splits.held_out)?;
    let exact = Multiplier::EXACT.table();
    let by = |table: &ProductTable| codes.accuracy(table, test).map_err(HardwareError::from);
    let on_chips = |&probability: &f64| -> Result<Vec<f64>, HardwareError> {
        let chips = chips(&codes, probability, tested.chips, seed);
        chips.map(|chip| Ok(chip.accuracy(&exact, test)?)).collect()
    };
    let sampled_at = |&ratio: &f64| -> Result<[f64; 2], HardwareError> {
        let [one, other] = SAMPLED_BY.map(|estimator| {
            let hardware = Hardware::Sampling { estimator, ratio };
            accuracy_in_batches(&network, &hardware, test, settings.training.batch, seed)
        });
        Ok([one?, other?])
    };
    let truncated =
        tested.columns.iter().map(|&columns| by(&Multiplier::Truncated(columns).table()));
    Ok(Outcome {
        arm,
        sensitivity: closed_form(&network, &input(test), &noise_scales(&network, memory)),
        clean: by(&exact)?,
        chips: tested.probabilities.iter().map(on_chips).collect::<Result<_, _>>()?,
        truncated: truncated.collect::<Result<_, _>>()?,
        mitchell: by(&Multiplier::Mitchell.table())?,
        trained_for: [by(&tables[0])?, by(&tables[1])?],
        sampled: tested.ratios.iter().map(sampled_at).collect::<Result<_, _>>()?,
        network,
    })
}

/// The share of right answers on some hardware that looks at a minibatch at a time.
fn accuracy_in_batches(
    network: &Network,
    hardware: &Hardware,
    images: &Dataset,
    batch: usize,
    seed: u64,
) -> Result<f64, HardwareError> {
    let stream = Stream::new(seed, "sampled inference");
    let (mut minibatches, mut minibatch) = (images.minibatches(batch), Minibatch::default());
    let (mut logits, mut step) = (Vec::new(), 0);
    // Images in memory can always be read.
    while minibatches.next_into(&mut minibatch).unwrap_or(false) {
        let pass = Pass::forward(network, hardware, &minibatch.input, &mut stream.at(step))?;
        logits.extend_from_slice(pass.logits.data());
        step += 1;
    }
    Ok(share_right(&logits, &images.labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_penalty_is_one_that_costs_a_point_at_most() {
        let penalties = [0.1, 0.01, 1.0];
        let found = [[0.97, 0.5], [0.98, 0.4], [0.5, 0.9]];
        assert_eq!(choose(&penalties, &found, 0.975), 0.1);
        assert_eq!(choose(&penalties, &found, 0.985), 0.01);
        assert_eq!(choose(&penalties, &found, 0.4), 1.0);
        assert_eq!(choose(&penalties, &found, 0.999), 0.01, "the least where none is harmless");
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let error = |change: fn(&mut Settings)| {
            let mut settings = Settings::default();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert!(Settings::default().check().is_ok());
        assert!(error(|it| it.memory.bits = 9).starts_with("memory.bits is 9, expected"));
        assert!(error(|it| it.memory.probability = 1.5).starts_with("memory.probability is 1.5"));
        assert!(error(|it| it.columns = 9).starts_with("columns is 9"));
        assert!(error(|it| it.ratio = 0.0).starts_with("ratio is 0"));
        assert!(error(|it| it.penalties.clear()).starts_with("penalties is []"));
        assert!(error(|it| it.penalties[1] = -1.0).starts_with("penalties[1] is -1"));
        assert!(
            error(|it| it.tested.probabilities[2] = -0.1)
                .starts_with("tested.probabilities[2] is -0.1")
        );
        assert!(error(|it| it.tested.chips = 0).starts_with("tested.chips is 0"));
        assert!(error(|it| it.tested.columns[3] = 9).starts_with("tested.columns[3] is 9"));
        assert!(error(|it| it.tested.ratios[0] = 2.0).starts_with("tested.ratios[0] is 2"));
    }
}
