//! Arms with their runs, what they cost, and what is found of each beside the others.

use kernels::Estimator;

use super::arms::{Arm, Role};
use super::control::{Curve, Priced};
use super::finding::Finding;
use super::long_run::LongRun;
use super::measure::Measure;
use super::times::Times;
use crate::exhibit::difference::Difference;
use crate::exhibit::statistics::Estimate;

/// An arm with the runs that are finished.
pub struct Trained<'a> {
    /// The arm.
    pub arm: &'a Arm,
    /// What it is there for.
    pub role: Role,
    /// What it is judged by.
    pub measure: Measure,
    /// Whether it has the network of the exact arm.
    pub has_exact_network: bool,
    /// How its products are sampled; none where they are exact.
    pub estimator: Option<Estimator>,
    /// One a seed, in the order of the seeds.
    pub runs: Vec<&'a LongRun>,
}

impl Trained<'_> {
    /// A number of every run.
    pub fn a_seed(&self, number: impl Fn(&LongRun) -> f64) -> Vec<f64> {
        self.runs.iter().map(|run| number(run)).collect()
    }

    /// Its mean and interval over the seeds; none where no run is finished.
    pub fn over_seeds(&self, number: impl Fn(&LongRun) -> f64) -> Option<Estimate> {
        (!self.runs.is_empty()).then(|| Estimate::of(&self.a_seed(number)))
    }

    /// The mean alone.
    pub fn mean(&self, number: impl Fn(&LongRun) -> f64) -> Option<f64> {
        self.over_seeds(number).map(|estimate| estimate.mean)
    }

    /// What is shown of the scores: mean and interval over the seeds; none where no run is finished.
    pub fn shown(&self) -> Option<Estimate> {
        self.over_seeds(|run| self.measure.shown(self.measure.score(run)))
    }

    /// Its score less that of another arm in points, paired over the seeds that both have;
    /// none where there is no such seed.
    pub fn against(&self, other: &Trained) -> Option<Difference> {
        let pairs = self.runs.iter().filter_map(|run| {
            let same = other.runs.iter().find(|other| other.seed == run.seed)?;
            Some((self.measure.score(run), self.measure.score(same)))
        });
        let (own, others): (Vec<f64>, Vec<f64>) = pairs.unzip();
        (!own.is_empty()).then(|| Difference::paired(&own, &others))
    }

    /// Whether it is exact training of the exact arm's network, of as many epochs or of fewer.
    pub fn is_on_the_curve(&self) -> bool {
        self.role != Role::Sampled && self.has_exact_network
    }

    /// What it costs and comes to.
    pub fn priced(&self, cost: Cost) -> Priced {
        Priced {
            cost: self.mean(|run| cost.of(run)).unwrap_or(f64::NAN),
            scores: self.runs.iter().map(|run| (run.seed, self.measure.score(run))).collect(),
        }
    }
}

/// What a training costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// Multiply-adds of its steps.
    Computations,
    /// Time that its steps were on a processor.
    ProcessorTime,
    /// Wall time of its steps, where the other is not known of all.
    WallTime,
}

impl Cost {
    /// The time that all runs have: on a processor, if that is known of each. The system counts it
    /// in ticks, of which a short run has none.
    pub fn time(trained: &[Trained]) -> Self {
        let mut runs = trained.iter().flat_map(|arm| &arm.runs);
        match runs.all(|run| run.provenance.processor_seconds.is_some_and(|s| s > 0.0)) {
            true => Cost::ProcessorTime,
            false => Cost::WallTime,
        }
    }

    /// Of a run.
    pub fn of(self, run: &LongRun) -> f64 {
        match self {
            Cost::Computations => computations(run),
            Cost::ProcessorTime => run.provenance.processor_seconds.unwrap_or(f64::NAN),
            Cost::WallTime => seconds(run),
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Cost::Computations => "multiply-adds",
            Cost::ProcessorTime => "time on a processor",
            Cost::WallTime => "time of training",
        }
    }
}

/// The control: the arms that are exact and have the network of the exact one, that one among them.
pub fn curve(trained: &[Trained], cost: Cost) -> Curve {
    let controls = trained.iter().filter(|arm| arm.is_on_the_curve());
    Curve::of(controls.map(|arm| arm.priced(cost)))
}

/// What is found of every arm that is not on the curve, with the arm.
pub fn findings<'a, 'b>(
    trained: &'b [Trained<'a>],
    times: Option<&Times>,
) -> Vec<(&'b Trained<'a>, Finding)> {
    let costs = [Cost::Computations, Cost::time(trained)];
    let curves = costs.map(|cost| curve(trained, cost));
    let exact = costs.map(|cost| trained[0].priced(cost).cost);
    let others = trained.iter().filter(|arm| !arm.is_on_the_curve());
    let findings = others.map(|arm| {
        let own = costs.map(|cost| arm.priced(cost));
        let finding = Finding {
            arm: arm.arm.name.clone(),
            computations: own[0].cost / exact[0],
            time: own[1].cost / exact[1],
            whole_time: times.and_then(|times| times.over(&arm.arm.name, &trained[0].arm.name)),
            against_exact: arm.against(&trained[0]),
            at_equal_computations: curves[0].against(&own[0]),
            at_equal_time: curves[1].against(&own[1]),
        };
        (arm, finding)
    });
    findings.collect()
}

/// Multiply-adds of all training steps.
pub fn computations(run: &LongRun) -> f64 {
    run.report.computations.performed as f64
}

/// Wall time of all training steps.
pub fn seconds(run: &LongRun) -> f64 {
    run.provenance.training_seconds
}
