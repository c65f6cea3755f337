//! The pieces that an exhibit is made of: a function to be learnt, a method, a seed.

use crate::assimilation::{Assimilation, AssimilationError};
use crate::ensemble::{Ensemble, Prior, mean};
use kernels::MatrixView;
use kernels::random::Stream;
use rayon::prelude::*;
use regression::fit::{mean_squared_error, r_squared};
use regression::optimizer::{Adam, descend};
use regression::{Activation, Architecture, Data, Network, Sampling, Target};
use serde::{Deserialize, Serialize};
use training::setting::{FieldError, POSITIVE, count, count_within, number};

/// What all methods have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Hidden units of the network, with hyperbolic tangents.
    pub hidden: usize,
    /// Examples, at uniform points.
    pub examples: usize,
    /// Standard deviation of the errors of their targets; known to the filters.
    pub noise: f64,
    /// Members of the ensemble.
    pub members: usize,
    /// Where the members start. Gradient methods start from the first.
    pub prior: Prior,
    /// Whether and how the ensemble's forward passes are sampled.
    #[serde(default)]
    pub sampling: Option<Sampling>,
    /// Points at which fits are measured, equally spaced.
    pub test_points: usize,
}

/// Values of hidden units that an ensemble may have at once: 8 GB of them.
const MOST_UNITS: u64 = 1 << 30;

impl Default for Settings {
    fn default() -> Self {
        Self {
            hidden: 20,
            examples: 100,
            noise: 0.05,
            members: 100,
            prior: Prior::CENTRED,
            sampling: None,
            test_points: 201,
        }
    }
}

impl Settings {
    /// Checks every range.
    ///
    /// # Errors
    /// Names the field, its value, and what would have been right.
    pub fn check(&self) -> Result<(), FieldError> {
        count_within("hidden", self.hidden, 1..=100_000)?;
        count_within("examples", self.examples, 1..=1_000_000)?;
        number("noise", self.noise, POSITIVE)?;
        count_within("members", self.members, 2..=1_000_000)?;
        self.prior.check().map_err(|error| error.within("prior"))?;
        if let Some(Sampling { estimator, ratio }) = &self.sampling {
            let within = |error: FieldError| error.within("sampling");
            number("ratio", *ratio, (POSITIVE.0, std::ops::Bound::Included(1.0)))
                .map_err(within)?;
            let refused = |error: kernels::selection::SelectionError| {
                within(FieldError::new("estimator", estimator, error.to_string()))
            };
            estimator.check().map_err(refused)?;
            if ratio * (self.hidden as f64) < 1.0 {
                let expected = format!("a share of {} units that keeps one", self.hidden);
                return Err(within(FieldError::new("ratio", ratio, expected)));
            }
        }
        count_within("test_points", self.test_points, 2..=1_000_000)?;
        // All of these are held at once.
        let points = self.examples.max(self.test_points) as u64;
        if self.members as u64 * self.hidden as u64 * points > MOST_UNITS {
            let expected = format!("fewer: members x hidden x points is at most {MOST_UNITS}");
            return Err(FieldError::new("members", self.members, expected));
        }
        Ok(())
    }
}

/// How the network is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Ensemble smoother with multiple data assimilation.
    Smoother {
        /// Updates, each by all data with their variance inflated by this number.
        iterations: usize,
    },
    /// Ensemble Kalman filter.
    Filter {
        /// How often the data are gone through.
        passes: usize,
        /// Examples an update.
        batch: usize,
    },
    /// Gradient descent with the gradient over all data.
    GradientDescent {
        /// Steps.
        steps: usize,
        /// Their rate.
        rate: f64,
    },
    /// Adam with the gradient over all data.
    Adam {
        /// Steps.
        steps: usize,
        /// Their rate.
        rate: f64,
    },
}

impl Method {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoother { .. } => "ES-MDA",
            Self::Filter { .. } => "EnKF",
            Self::GradientDescent { .. } => "gradient descent",
            Self::Adam { .. } => "Adam",
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// When a number of things is zero, or a rate is not above zero.
    pub fn check(self) -> Result<(), FieldError> {
        match self {
            Self::Smoother { iterations } => count_within("iterations", iterations, 1..=100_000),
            Self::Filter { passes, batch } => {
                count("passes", passes)?;
                count("batch", batch)
            }
            Self::GradientDescent { steps, rate } | Self::Adam { steps, rate } => {
                count("steps", steps)?;
                number("rate", rate, POSITIVE)
            }
        }
    }
}

/// Why a piece could not be run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExperimentError {
    /// A setting is out of range.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// Data could not be assimilated.
    #[error(transparent)]
    Assimilation(#[from] AssimilationError),
}

/// How well a curve fits the function without noise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Root of the mean squared error.
    pub root_mean_squared_error: f64,
    /// 1 - SSE / SST.
    pub r_squared: f64,
}

impl Fit {
    fn of(curve: &[f64], truth: &[f64]) -> Self {
        Self {
            root_mean_squared_error: mean_squared_error(curve, truth).sqrt(),
            r_squared: r_squared(curve, truth),
        }
    }
}

/// What an ensemble adds to a fit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// At each test point, the value that one member in twenty is below.
    pub low: Vec<f64>,
    /// At each test point, the value that one member in twenty is above.
    pub high: Vec<f64>,
    /// The fit of the network with the mean parameters.
    pub fit_of_mean_parameters: Fit,
    /// The sum of the variances of all parameters, before the first and after each update.
    pub total_variance: Vec<f64>,
}

/// The fit after some of the examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Examples seen.
    pub seen: usize,
    /// The fit then.
    pub fit: Fit,
}

/// What a method came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The test points.
    pub points: Vec<f64>,
    /// The function there.
    pub truth: Vec<f64>,
    /// The prediction there; of an ensemble, the mean of its members' outputs.
    pub curve: Vec<f64>,
    /// How well it fits.
    pub fit: Fit,
    /// Of ensembles.
    pub spread: Option<Spread>,
    /// Of the filter: after every tenth of the first pass.
    pub progress: Vec<Progress>,
    /// Networks evaluated at all examples: members times updates, or steps.
    pub forward_passes: f64,
}

/// One piece: a function, a method and a seed. All methods of a seed have the same data and the same
/// first member.
///
/// ```
/// use ensemble_kalman::experiment::{Method, Settings, run};
/// use regression::Target;
/// let settings = Settings { members: 50, ..Settings::default() };
/// let outcome = run(&settings, Target::Sine, Method::Smoother { iterations: 4 }, 1)?;
/// assert!(outcome.fit.r_squared > 0.95);
/// # Ok::<(), ensemble_kalman::experiment::ExperimentError>(())
/// ```
///
/// # Errors
/// When a setting is out of range or an update is not possible.
///
/// # Panics
/// When the function is not one of a single variable.
pub fn run(
    settings: &Settings,
    target: Target,
    method: Method,
    seed: u64,
) -> Result<Outcome, ExperimentError> {
    settings.check()?;
    method.check()?;
    let problem = Problem::new(settings, target, seed);
    match method {
        Method::Smoother { iterations } => problem.smooth(&vec![iterations as f64; iterations]),
        Method::Filter { passes, batch } => problem.filter(passes, batch),
        Method::GradientDescent { steps, rate } => {
            Ok(problem.descend(steps, |parameters, gradient| descend(parameters, gradient, rate)))
        }
        Method::Adam { steps, rate } => {
            let mut adam = Adam::new(problem.ensemble.architecture().parameters(), rate);
            Ok(problem.descend(steps, |parameters, gradient| adam.step(parameters, gradient)))
        }
    }
}

/// What a seed draws: data, and an ensemble before it has seen them.
pub(crate) struct Problem {
    pub(crate) data: Data,
    pub(crate) ensemble: Ensemble,
    pub(crate) assimilation: Assimilation,
    points: Vec<f64>,
    truth: Vec<f64>,
}

impl Problem {
    pub(crate) fn new(settings: &Settings, target: Target, seed: u64) -> Self {
        assert_eq!(target.inputs(), 1, "fits are measured along a line");
        let stream = Stream::new(seed, "ensemble kalman");
        let architecture = Architecture {
            inputs: 1,
            hidden: settings.hidden,
            outputs: target.outputs(),
            activation: Activation::Tanh,
        };
        let steps = settings.test_points as f64 - 1.0;
        let points: Vec<f64> =
            (0..settings.test_points).map(|i| 2.0 * i as f64 / steps - 1.0).collect();
        let mut rng = stream.child("data").at(0);
        Self {
            data: Data::uniform(target, settings.examples, settings.noise, &mut rng),
            ensemble: Ensemble::draw(
                architecture,
                settings.members,
                &settings.prior,
                stream.child("prior"),
            ),
            assimilation: Assimilation {
                variance: settings.noise * settings.noise,
                sampling: settings.sampling,
                stream: stream.child("assimilation"),
            },
            truth: points.iter().flat_map(|&x| target.value(&[x])).collect(),
            points,
        }
    }

    pub(crate) fn smooth(mut self, inflations: &[f64]) -> Result<Outcome, ExperimentError> {
        let mut total_variance = vec![self.ensemble.total_variance()];
        let after = |ensemble: &Ensemble| total_variance.push(ensemble.total_variance());
        self.assimilation.smooth(&mut self.ensemble, &self.data, inflations, after)?;
        let passes = self.ensemble.members() * inflations.len();
        Ok(self.of_ensemble(total_variance, Vec::new(), passes as f64))
    }

    fn filter(mut self, passes: usize, batch: usize) -> Result<Outcome, ExperimentError> {
        let mut ensemble = self.ensemble.clone();
        let mut total_variance = vec![ensemble.total_variance()];
        let mut progress = Vec::new();
        let examples = self.data.examples();
        let tenth = examples.div_ceil(10);
        self.assimilation.filter(&mut ensemble, &self.data, passes, batch, |seen, ensemble| {
            total_variance.push(ensemble.total_variance());
            let is_due = seen / tenth > progress.len() || seen == examples;
            if seen <= examples && is_due {
                progress.push(Progress { seen, fit: self.fit_of(ensemble) });
            }
        })?;
        let forward_passes = (ensemble.members() * passes) as f64;
        self.ensemble = ensemble;
        Ok(self.of_ensemble(total_variance, progress, forward_passes))
    }

    fn descend(&self, steps: usize, mut step: impl FnMut(&mut [f64], &[f64])) -> Outcome {
        let mut network = self.ensemble.network(0);
        for _ in 0..steps {
            let gradient = network.gradient(&self.data);
            step(network.parameters_mut(), &gradient.parameters);
        }
        let curve = self.curve_of(&network);
        Outcome {
            fit: Fit::of(&curve, &self.truth),
            points: self.points.clone(),
            truth: self.truth.clone(),
            curve,
            spread: None,
            progress: Vec::new(),
            forward_passes: steps as f64,
        }
    }

    pub(crate) fn of_ensemble(
        self,
        total_variance: Vec<f64>,
        progress: Vec<Progress>,
        forward_passes: f64,
    ) -> Outcome {
        let curves = self.curves_of(&self.ensemble);
        let curve = mean(&curves, self.ensemble.members());
        let bands: Vec<(f64, f64)> = (0..curve.len())
            .into_par_iter()
            .map(|point| {
                let values = curves.iter().skip(point).step_by(curve.len());
                let mut sorted: Vec<f64> = values.copied().collect();
                sorted.sort_unstable_by(f64::total_cmp);
                let twentieth = sorted.len() / 20;
                (sorted[twentieth], sorted[sorted.len() - 1 - twentieth])
            })
            .collect();
        let (low, high) = bands.into_iter().unzip();
        let of_mean = self.curve_of(&self.ensemble.mean_network());
        let fit_of_mean_parameters = Fit::of(&of_mean, &self.truth);
        Outcome {
            fit: Fit::of(&curve, &self.truth),
            points: self.points,
            truth: self.truth,
            curve,
            spread: Some(Spread { low, high, fit_of_mean_parameters, total_variance }),
            progress,
            forward_passes,
        }
    }

    fn curve_of(&self, network: &Network) -> Vec<f64> {
        network.predict(MatrixView::row_major(&self.points, self.points.len(), 1))
    }

    fn curves_of(&self, ensemble: &Ensemble) -> Vec<f64> {
        ensemble.predict(MatrixView::row_major(&self.points, self.points.len(), 1))
    }

    fn fit_of(&self, ensemble: &Ensemble) -> Fit {
        Fit::of(&mean(&self.curves_of(ensemble), ensemble.members()), &self.truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Estimator;

    fn settings() -> Settings {
        Settings { members: 30, test_points: 21, ..Settings::default() }
    }

    const METHODS: [Method; 4] = [
        Method::Smoother { iterations: 2 },
        Method::Filter { passes: 1, batch: 7 },
        Method::GradientDescent { steps: 20, rate: 0.05 },
        Method::Adam { steps: 20, rate: 0.01 },
    ];

    #[test]
    fn every_method_learns_something() {
        for method in METHODS {
            let untrained = Problem::new(&settings(), Target::Sine, 1);
            let before = match method {
                Method::Smoother { .. } | Method::Filter { .. } => {
                    untrained.fit_of(&untrained.ensemble)
                }
                _ => Fit::of(&untrained.curve_of(&untrained.ensemble.network(0)), &untrained.truth),
            };
            let outcome = run(&settings(), Target::Sine, method, 1).unwrap();
            assert!(outcome.fit.r_squared > before.r_squared, "{method:?}: {outcome:?}");
        }
    }

    #[test]
    fn the_filter_reports_its_progress_and_bands_hold_the_curve() {
        let method = Method::Filter { passes: 2, batch: 1 };
        let outcome = run(&settings(), Target::MexicanHat, method, 1).unwrap();
        let seen: Vec<usize> = outcome.progress.iter().map(|progress| progress.seen).collect();
        assert_eq!(seen, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        let spread = outcome.spread.unwrap();
        assert_eq!(spread.total_variance.len(), 201);
        for (low, high) in spread.low.iter().zip(&spread.high) {
            assert!(low < high);
        }
        assert_eq!(outcome.forward_passes, 60.0);
    }

    #[test]
    fn threads_do_not_change_a_bit() {
        let sampling = Some(Sampling { estimator: Estimator::ColumnRow, ratio: 0.5 });
        let settings = Settings { sampling, ..settings() };
        for method in METHODS {
            let outcome = || run(&settings, Target::Sine, method, 3).unwrap();
            let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
            assert_eq!(alone.install(outcome), outcome(), "{method:?}");
        }
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let refused = |settings: Settings, method: Method| {
            run(&settings, Target::Sine, method, 1).unwrap_err().to_string()
        };
        let method = METHODS[0];
        let alone = refused(Settings { members: 1, ..settings() }, method);
        let sentence = "members is 1, expected a whole number of at least 2, at most 1000000";
        assert_eq!(alone, sentence);
        let exact = refused(Settings { noise: 0.0, ..settings() }, method);
        assert_eq!(exact, "noise is 0, expected a finite number above 0");
        let prior = Prior { spread_output: f64::NAN, ..Prior::CENTRED };
        let unknown = refused(Settings { prior, ..settings() }, method);
        assert!(unknown.starts_with("prior.spread_output is NaN"), "{unknown}");
        let sampling = Some(Sampling { estimator: Estimator::TopK, ratio: 1.5 });
        let more = refused(Settings { sampling, ..settings() }, method);
        assert!(more.starts_with("sampling.ratio is 1.5"), "{more}");
        let still = refused(settings(), Method::Adam { steps: 1, rate: 0.0 });
        assert_eq!(still, "rate is 0, expected a finite number above 0");
        assert!(
            refused(settings(), Method::Smoother { iterations: 0 }).contains("iterations is 0")
        );
    }

    #[test]
    fn a_share_that_keeps_no_unit_is_named() {
        let sampling = Some(Sampling { estimator: Estimator::TopK, ratio: 0.01 });
        let error = run(&Settings { sampling, ..settings() }, Target::Sine, METHODS[0], 1);
        let sentence = "sampling.ratio is 0.01, expected a share of 20 units that keeps one";
        assert_eq!(error.unwrap_err().to_string(), sentence);
    }
}
