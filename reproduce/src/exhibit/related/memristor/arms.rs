//! What is run on every data set, and what came of it.

use memristor_classifier::classifier::Outcome;
use memristor_classifier::crossbar::{Device, Levels, Storage};
use memristor_classifier::rule::Rule;

use super::settings::Memristor;
use crate::exhibit::related::ranking::Way;
use crate::exhibit::statistics::{Estimate, apart_from_rounding};

/// Which question an arm belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Which rule, with exact weights and with 16 levels.
    Rule,
    /// How many levels.
    Levels,
    /// What devices do.
    Device,
}

impl Part {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Levels => "levels",
            Self::Device => "device",
        }
    }
}

/// A way of storing, with the rules that are tried on it.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The question.
    pub part: Part,
    /// What the storage is called.
    pub name: String,
    /// How samples are stored.
    pub storage: Storage,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// A rule of an arm on a data set, with an outcome a seed.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The data set's name.
    pub data: String,
    /// The arm.
    pub arm: Arm,
    /// What came of it, seed by seed.
    pub outcomes: Vec<Outcome>,
}

/// The rule that the sweeps are of, and the one that it stands for.
pub const SWEPT: [Rule; 2] = [Rule::Density, Rule::ClassThresholds];

impl Memristor {
    /// Everything that is run.
    pub fn arms(&self) -> Vec<Arm> {
        let sixteen = Levels::SIXTEEN;
        let arm = |part, name: String, storage, rules: &[Rule]| Arm {
            part,
            name,
            storage,
            rules: rules.to_vec(),
        };
        let renormalised = Levels { renormalised: true, ..sixteen };
        let mut arms = vec![
            arm(Part::Rule, "exact".into(), Storage::Exact, &Rule::ALL),
            arm(Part::Rule, "16 levels".into(), Storage::Levels(sixteen), &Rule::ALL),
            arm(
                Part::Rule,
                "16 levels, renormalised".into(),
                Storage::Levels(renormalised),
                &[Rule::ClassThresholds],
            ),
        ];
        for &levels in self.levels.iter().filter(|levels| **levels != sixteen) {
            let name = format!("{} levels", levels.levels);
            arms.push(arm(Part::Levels, name, Storage::Levels(levels), &SWEPT));
        }
        for &device in [Device::IDEAL].iter().chain(&self.devices) {
            let Device { ratio, variation, stuck } = device;
            let name = format!(
                "ratio {ratio}, {} % variation, {} % stuck",
                100.0 * variation,
                100.0 * stuck
            );
            let storage = Storage::Devices { levels: sixteen, device };
            arms.push(arm(Part::Device, name, storage, &SWEPT));
        }
        arms
    }
}

impl Measured {
    /// The rule.
    pub fn rule(&self) -> Option<Rule> {
        self.outcomes.first().map(|outcome| outcome.rule)
    }

    /// The rule's name.
    pub fn rule_name(&self) -> &'static str {
        self.rule().map_or("none", Rule::name)
    }

    /// Test accuracy of every seed, in percent; ties are errors.
    pub fn accuracies(&self) -> Vec<f64> {
        self.outcomes.iter().map(|outcome| 100.0 * outcome.tally.accuracy()).collect()
    }

    /// Its mean and interval.
    pub fn accuracy(&self) -> Estimate {
        apart_from_rounding(&self.accuracies())
    }

    /// What a fair lot among the tied would be right on average, in percent.
    pub fn accuracy_by_lot(&self) -> f64 {
        let shares = self.outcomes.iter().map(|outcome| 100.0 * outcome.tally.accuracy_by_lot());
        Estimate::of(&shares.collect::<Vec<f64>>()).mean
    }

    /// The share of ties, in percent.
    pub fn tie_rate(&self) -> f64 {
        let rates = self.outcomes.iter().map(|outcome| 100.0 * outcome.tally.tie_rate());
        Estimate::of(&rates.collect::<Vec<f64>>()).mean
    }

    /// The arm among others that are ranked.
    pub fn way(&self) -> Way {
        let name = format!("{}, {}", self.rule_name(), self.arm.name);
        Way { name, values: self.accuracies() }
    }

    /// The number of levels; none of exact weights.
    pub fn levels(&self) -> Option<u32> {
        match self.arm.storage {
            Storage::Exact => None,
            Storage::Levels(levels) | Storage::Devices { levels, .. } => Some(levels.levels),
        }
    }

    /// The devices; none where levels are held as numbers.
    pub fn device(&self) -> Option<Device> {
        match self.arm.storage {
            Storage::Devices { device, .. } => Some(device),
            _ => None,
        }
    }
}

/// The outcomes of a rule on a data set with levels as numbers that are not renormalised, by their
/// number, the exact ones as none.
pub fn by_levels<'a>(measured: &'a [Measured], data: &str, rule: Rule) -> Vec<&'a Measured> {
    let is_plain = |it: &&Measured| match it.arm.storage {
        Storage::Levels(levels) => !levels.renormalised,
        _ => false,
    };
    let mut own: Vec<&Measured> = measured
        .iter()
        .filter(|it| it.data == data && it.rule() == Some(rule))
        .filter(is_plain)
        .collect();
    own.sort_by_key(|it| it.levels());
    own
}

/// The outcome of a rule on a data set with exact weights.
pub fn exact<'a>(measured: &'a [Measured], data: &str, rule: Rule) -> Option<&'a Measured> {
    let is_exact = |it: &&Measured| it.data == data && it.rule() == Some(rule);
    measured.iter().filter(is_exact).find(|it| it.arm.storage == Storage::Exact)
}

/// The outcomes of a rule on a data set with devices, the ideal ones first.
pub fn by_device<'a>(measured: &'a [Measured], data: &str, rule: Rule) -> Vec<&'a Measured> {
    let own = measured.iter().filter(|it| it.data == data && it.rule() == Some(rule));
    own.filter(|it| it.device().is_some()).collect()
}
