//! What was measured on nodes that are linked to each other, as it is written and read.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::timing;

/// All measurements of a call of `nodes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When it was begun, in universal time.
    pub date: String,
    /// The code that was measured.
    pub commit: String,
    /// The processor's name.
    pub processor: String,
    /// How many cores all ranks shared.
    pub cores: usize,
    /// The MPI library.
    pub mpi: String,
    /// PyTorch's version; none where it was not measured.
    pub pytorch: Option<String>,
    /// Processes that were ready to run beside, on average over the minute before.
    pub load_before: f64,
    /// Exchanges of a vector.
    pub exchanges: Vec<Exchange>,
    /// Steps of trainings.
    pub steps: Vec<Step>,
}

/// How fast every link is, both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As fast as the machine is.
    Unlimited,
    /// So many bits a second in units of 1e6.
    Megabits(u32),
}

impl Rate {
    /// Bits a second in units of 1e6; none: not limited.
    pub fn megabits(self) -> Option<u32> {
        match self {
            Rate::Unlimited => None,
            Rate::Megabits(megabits) => Some(megabits),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "unlimited" => Ok(Rate::Unlimited),
            Ok(megabits) if megabits > 0 => Ok(Rate::Megabits(megabits)),
            _ => Err("a rate is a whole number of Mbit/s of at least 1, or unlimited".to_string()),
        }
    }
}

/// Where something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Bits a second of each link, in units of 1e6; none: not limited.
    pub megabits: Option<u32>,
    /// How many ranks there are, each on a host of its own.
    pub ranks: usize,
}

/// A vector that all ranks have the average of afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Where.
    pub place: Place,
    /// Who carried it.
    pub contestant: String,
    /// The ratio of the pairs kept, by which the vector is shorter than a whole gradient.
    pub ratio: f64,
    /// Bytes of the vector.
    pub payload: u64,
    /// Bytes that the interface of the rank that sends most counted in one exchange, with all
    /// headers.
    pub sent: u64,
    /// How long it took the slowest rank.
    pub milliseconds: Spread,
}

/// A training step of all ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where.
    pub place: Place,
    /// Who trains what.
    pub contestant: String,
    /// Samples of all ranks together.
    pub minibatch: usize,
    /// The ratio of the pairs kept.
    pub ratio: f64,
    /// Bytes of the gradient that a rank gives to the exchange; none where that is not known.
    pub payload: Option<u64>,
    /// As of an [`Exchange`].
    pub sent: u64,
    /// How long the slowest rank took.
    pub milliseconds: Spread,
    /// What of it was what; none where that is not known.
    pub parts: Option<Parts>,
}

/// What a step is made of on rank 0, medians in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Forward and backward pass, packing, sums and update.
    pub computation: f64,
    /// What of the computation are norms, scores and the choice, measured by themselves.
    pub selection: f64,
    /// Losses and digests, with the wait for the slowest rank.
    pub waiting: f64,
    /// The gradient on its way.
    pub exchange: f64,
}

/// Median and quartiles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// Of values, of which there is one at least.
    pub fn of(values: &[f64]) -> Self {
        let timing::Spread { low, median, high } = timing::Spread::of(values.to_vec());
        Spread { low, median, high }
    }
}

impl Place {
    /// Bytes that a rank has to send of a vector of so many: 2 (W - 1)/W times as many.
    pub fn least(self, payload: u64) -> f64 {
        2.0 * (self.ranks as f64 - 1.0) / self.ranks as f64 * payload as f64
    }

    /// How long a link takes for so many bytes, in milliseconds; none where it has no limit.
    pub fn wire(self, bytes: f64) -> Option<f64> {
        self.megabits.map(|megabits| 8.0 * bytes / (1e3 * f64::from(megabits)))
    }

    /// "100 Mbit/s".
    pub fn rate(self) -> String {
        match self.megabits {
            None => "unlimited".to_string(),
            Some(megabits) if megabits >= 1000 => format!("{} Gbit/s", f64::from(megabits) / 1e3),
            Some(megabits) => format!("{megabits} Mbit/s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_takes_the_bytes_of_the_formula_at_its_rate() {
        let place = Place { megabits: Some(100), ranks: 4 };
        assert_eq!(place.least(1_000_000), 1_500_000.0);
        assert_eq!(place.wire(place.least(1_000_000)), Some(120.0));
        assert_eq!(place.rate(), "100 Mbit/s");
        assert_eq!(Place { megabits: Some(2500), ranks: 2 }.rate(), "2.5 Gbit/s");
        let unlimited = Place { megabits: None, ranks: 2 };
        assert_eq!((unlimited.least(8), unlimited.wire(8.0)), (8.0, None));
    }
}
