//! What sampling saves by count: multiply-adds and gradient numbers of a training step.

use serde::{Deserialize, Serialize};
use training::counting::GradientNumbers;
use training::layer::ImageShape;
use training::network::{Description, NetworkConfig, NetworkError};
use training::sampling::{LayerPolicies, Mode, SamplingPolicy, Scores};
use training::setting::{count, distinct};

use crate::exhibit::finding::range;
use crate::exhibit::settings::{FieldError, Ratio, check_ratios, configure, ratios_without_effect};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::result::{
    Axis, Cell, Evidence, ExhibitResult, Figure, Mark, Panel, PaperClaim, Point, Rows, Series,
    Standing, Table, significant,
};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "compute-communication",
    title: "Computation and communication of a training step, counted",
    shows: "the multiply-adds of a training step and the gradient numbers that a worker sends if all \
            select by the weights alone, from the shapes of the networks, against the share of the \
            pairs kept, and the largest ratio that saves the paper's 66 %",
    paper: "up to 66 % fewer computations and up to 66 % less communication (abstract)",
    section: Section::Savings,
    note: "counting",
    statements: &[],
    interactive: &[],
    is_timing: false,
    settings: &[built_in!("compute-communication")],
    configure: configure::<Counts>,
};

/// What the abstract says is saved.
pub(super) const PAPER: f64 = 0.66;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    networks: Vec<Counted>,
    ratios: Vec<Ratio>,
}

/// A network with its images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    network: NetworkConfig,
    image: ImageShape,
    classes: usize,
    batch_size: usize,
    /// The least number of pairs kept in a product.
    minimal_k: usize,
}

/// The counts of one network at one ratio.
struct Measurement<'a> {
    counted: &'a Counted,
    ratio: f64,
    multiply_adds: u64,
    work: f64,
    sent: GradientNumbers,
}

/// A network's size, and the ratios that save what the abstract says.
struct Size<'a> {
    counted: &'a Counted,
    description: Description,
    half: Option<&'a Measurement<'a>>,
    computation: Option<f64>,
    communication: Option<f64>,
}

impl Counted {
    fn check(&self) -> Result<(), FieldError> {
        count("batch_size", self.batch_size)?;
        count("minimal_k", self.minimal_k)?;
        let network = self.description().map_err(NetworkError::in_settings)?;
        // The three products of a step are counted in 64 bits.
        let step = 3.0 * network.forward_multiply_adds() as f64 * self.batch_size as f64;
        let expected = "a minibatch whose multiply-adds can be counted in 64 bits";
        let is_countable = step < u64::MAX as f64;
        is_countable.then_some(()).ok_or(FieldError::new("batch_size", self.batch_size, expected))
    }
}

impl Experiment for Counts {
    fn check(&self) -> Result<(), FieldError> {
        check_ratios(&self.ratios)?;
        distinct("networks", &self.networks)?;
        for (place, network) in self.networks.iter().enumerate() {
            network.check().map_err(|error| error.within(&format!("networks[{place}]")))?;
        }
        Ok(())
    }

    fn without_effect(&self) -> Vec<FieldError> {
        ratios_without_effect(&self.ratios).into_iter().collect()
    }

    fn run(&self, _environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let mut measurements = Vec::new();
        for counted in &self.networks {
            let description = counted.description()?;
            for ratio in &self.ratios {
                let policies = counted.policies(ratio.value());
                let work = description.computations(counted.batch_size, &policies)?;
                measurements.push(Measurement {
                    counted,
                    ratio: ratio.value(),
                    multiply_adds: work.performed,
                    work: work.share(),
                    sent: description.gradient_numbers(&policies)?,
                });
            }
        }
        self.report(&measurements)
    }
}

impl Counted {
    fn description(&self) -> Result<Description, NetworkError> {
        self.network.describe(self.image, self.classes)
    }

    /// By the weights alone: workers that select by both norms send the whole gradient.
    fn policies(&self, ratio: f64) -> LayerPolicies {
        LayerPolicies::uniform(Some(SamplingPolicy {
            scores: Scores::Weights,
            ..SamplingPolicy::new(kernels::Estimator::TopK, ratio, self.minimal_k, Mode::Forward)
        }))
    }
}

impl Counts {
    fn report(&self, measurements: &[Measurement]) -> anyhow::Result<ExhibitResult> {
        let sizes = self.sizes(measurements)?;
        let ratios = |cell: fn(&Size) -> Option<f64>| sizes.iter().map(cell).collect::<Vec<_>>();
        let [computation, communication] =
            [ratios(|size| size.computation), ratios(|size| size.communication)]
                .map(|r| needed(&r));
        let records = Rows::of(measurements)
            .key("network", |m| m.counted.network.title())
            .key("ratio", |m| m.ratio)
            .diagnostic("multiply-adds", "a step", |m| m.multiply_adds as f64)
            .value("computation", "% of exact", |m| 100.0 * m.work)
            .diagnostic("gradient-numbers", "sent a step", |m| m.sent.sent as f64)
            .value("communication", "% of all", |m| 100.0 * m.sent.share())
            .table("Counts of a training step");
        Ok(ExhibitResult {
            title: EXHIBIT.title.to_string(),
            finding: format!(
                "By count, 66 % less computation takes {computation}, 66 % less communication \
                 {communication}."
            ),
            evidence: vec![
                counted(PaperClaim::Computation, &computation),
                counted(PaperClaim::Communication, &communication),
            ],
            data: "shapes of the networks".to_string(),
            records,
            tables: vec![summary(&sizes)],
            figures: vec![self.figure(measurements)],
            remarks: vec![
                "Forward mode: a layer sampled at a ratio does that share of all three products. Only \
                 the gradient of the kept slices of its weights is sent where all workers keep the \
                 same, as they do when they select by the norms of the weights alone; by the norms \
                 of both factors they send the whole gradient. Layers that are never sampled (the \
                 first 7 x 7 convolution and the last linear layer of a ResNet, the linear layers \
                 of the CNN and the WRN) and the parameters of normalisation are counted whole."
                    .to_string(),
                "A product over n pairs keeps floor(ratio x n) of them, and at least the minimum: a \
                 layer of few channels saves more than the ratio where this rounds down, less where \
                 it is the minimum, and nothing where there is one channel."
                    .to_string(),
            ],
            ..ExhibitResult::default()
        })
    }

    /// Each network's size, and the largest ratio that saves what the abstract says.
    fn sizes<'a>(&'a self, measurements: &'a [Measurement]) -> anyhow::Result<Vec<Size<'a>>> {
        let mut sizes = Vec::with_capacity(self.networks.len());
        for counted in &self.networks {
            let description = counted.description()?;
            let computation = largest_ratio(|ratio| {
                let policies = counted.policies(ratio);
                Ok(description.computations(counted.batch_size, &policies)?.share())
            })?;
            let communication = largest_ratio(|ratio| {
                Ok(description.gradient_numbers(&counted.policies(ratio))?.share())
            })?;
            let half = measurements.iter().find(|m| m.counted == counted && m.ratio == 0.5);
            sizes.push(Size { counted, description, half, computation, communication });
        }
        Ok(sizes)
    }

    fn figure(&self, measurements: &[Measurement]) -> Figure {
        let panel = |title: &str, label: &str, number: &dyn Fn(&Measurement) -> f64| {
            let mut series: Vec<Series> = self
                .networks
                .iter()
                .enumerate()
                .map(|(style, counted)| Series {
                    label: counted.network.title(),
                    style,
                    mark: Mark::JoinedPoints,
                    points: measurements
                        .iter()
                        .filter(|m| m.counted == counted)
                        .map(|m| Point::new(m.ratio, 100.0 * number(m)))
                        .collect(),
                })
                .collect();
            series.push(Series {
                label: "66 % saved".to_string(),
                style: 0,
                mark: Mark::Dashed,
                points: [0.0, 1.0].map(|x| Point::new(x, 100.0 * (1.0 - PAPER))).to_vec(),
            });
            Panel {
                title: title.to_string(),
                x: Axis::linear("share of the pairs kept, k/n"),
                y: Axis::linear(label),
                series,
            }
        };
        Figure {
            part: String::new(),
            caption:
                "Multiply-adds of a training step and gradient numbers sent, if all workers select \
                 by the weights alone, counted from the shapes of the networks, against the share \
                 of the pairs kept in the sampled layers; the dashed line is a saving of 66 %."
                    .to_string(),
            panels: vec![
                panel("Computation", "multiply-adds, % of exact", &|m| m.work),
                panel("Communication", "gradient numbers, % of all", &|m| m.sent.share()),
            ],
        }
    }
}

/// A row a network.
fn summary(sizes: &[Size]) -> Table {
    let table = Rows::of(sizes)
        .key("network", |size| size.counted.network.title())
        .diagnostic("parameters", "", |size| size.description.parameters() as f64)
        .value("multiply-adds forward", "a sample", |size| {
            size.description.forward_multiply_adds() as f64
        })
        .value("computation at 0.5", "% of exact", |size| size.half.map(|m| 100.0 * m.work))
        .value("communication at 0.5", "% of all", |size| size.half.map(|m| 100.0 * m.sent.share()))
        .key("ratio for 66 % less computation", |size| shown(size.computation))
        .key("ratio for 66 % less communication", |size| shown(size.communication));
    table.table("The networks, and the largest ratio, to a thousandth, that saves 66 %")
}

/// A ratio for a cell.
fn shown(ratio: Option<f64>) -> Cell {
    ratio.map_or("none".into(), |ratio| significant(ratio, 3).into())
}

/// Which ratios save so much, of all networks; in words.
fn needed(ratios: &[Option<f64>]) -> String {
    let found: Vec<f64> = ratios.iter().copied().flatten().collect();
    let without = ratios.len() - found.len();
    match without {
        _ if found.is_empty() => "no ratio that is small enough".to_string(),
        0 => format!("a ratio of {}, by network", range(found, 3, "")),
        1 => format!("a ratio of {}, and one network never saves it", range(found, 3, "")),
        _ => format!("a ratio of {}, and {without} networks never save it", range(found, 3, "")),
    }
}

/// Counts alone: they say which ratio would be needed, and not what it costs.
fn counted(claim: PaperClaim, needed: &str) -> Evidence {
    Evidence {
        claim,
        standing: Standing::Undecided,
        number: format!("by count it takes {needed}"),
        setting: "counted from the shapes of the networks; nothing is trained".to_string(),
        caveat: "a count does not say what such a ratio costs in accuracy".to_string(),
    }
}

/// The largest ratio, to a thousandth, whose share is at most 34 %: 66 % are saved.
pub(super) fn largest_ratio(
    share: impl Fn(f64) -> anyhow::Result<f64>,
) -> anyhow::Result<Option<f64>> {
    for thousandths in (1..=1000).rev() {
        let ratio = f64::from(thousandths) / 1000.0;
        // 1 - 0.66 is below 0.34 in binary.
        if share(ratio)? + PAPER <= 1.0 + 1e-12 {
            return Ok(Some(ratio));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_ratio_is_the_last_below_the_bound() {
        assert_eq!(largest_ratio(Ok).unwrap(), Some(0.34));
        assert_eq!(largest_ratio(|_| Ok(1.0)).unwrap(), None);
        assert_eq!(largest_ratio(|_| Ok(f64::NAN)).unwrap(), None);
        assert_eq!([shown(Some(0.34)), shown(None)], ["0.340".into(), "none".into()]);
    }

    #[test]
    fn the_ratios_that_are_needed_are_said_with_the_networks_that_never_save() {
        assert_eq!(needed(&[Some(0.34), Some(0.25)]), "a ratio of 0.250 to 0.340, by network");
        let some = needed(&[Some(0.34), None, None]);
        assert_eq!(some, "a ratio of 0.340, and 2 networks never save it");
        assert!(needed(&[Some(0.34), None]).ends_with("and one network never saves it"));
        assert_eq!(needed(&[None]), "no ratio that is small enough");
    }
}
