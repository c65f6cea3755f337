//! One run: fit a network, train it on under one arm, and say what came of it.

use crate::cells::{CellError, patterns};
use crate::certificate::{Certificate, NotCertified};
use crate::collision::{Collision, Depths};
use crate::layers::{Layers, NetworkError};
use crate::obstacle::Obstacle;
use crate::regions::{Region, meets, regions};
use crate::samples::Samples;
use crate::settings::{Arm, Settings};
use crate::zonotope::{ConstrainedZonotope, SetError};
use kernels::MatrixView;
use kernels::random::{Stream, uniform};
use kernels::selection::SelectionError;
use regression::fit::mean_squared_error;
use regression::optimizer::descend;
use regression::{Activation, Architecture, Data, Gradient, Network, Target};
use theory::extremes::least;
use training::setting::FieldError;

/// The steps aim this far above 1 + margin, so that they arrive.
const OVERSHOOT: f64 = 0.01;

/// Why a run has no result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RunError {
    /// A setting makes no sense.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// The network is not one that can be analysed; with too large a rate its parameters are no
    /// longer numbers.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The obstacle is no set.
    #[error("the obstacle: {0}")]
    Obstacle(#[from] SetError),
    /// A linear program did not converge.
    #[error(transparent)]
    Program(#[from] CellError),
    /// The estimator refused the scores of a product.
    #[error(transparent)]
    Sampling(#[from] SelectionError),
    /// Every output of the fitted network is unsafe: there is no way out to be followed.
    #[error(
        "the obstacle with centre {:?} and half-width {} covers all that the fitted network can \
         put out; constrained training starts from a network with some safe outputs",
        .0.centre, .0.half_width
    )]
    ObstacleCoversStart(Obstacle),
}

/// A network and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessment {
    /// The network.
    pub network: Network,
    /// Mean squared error on test examples.
    pub test_error: f64,
    /// The least scale at which the outputs of a cell touch the obstacle; unsafe up to 1.
    pub least_scale: f64,
    /// What the falsifier found.
    pub samples: Samples,
    /// Its cells, and with them the reachable set, as polygons.
    pub regions: Vec<Region>,
}

/// The network on its way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Steps after the fit.
    pub step: usize,
    /// Mean squared error on test examples.
    pub test_error: f64,
    /// The least scale of a collision.
    pub least_scale: f64,
    /// The number of cells.
    pub cells: usize,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// How the network was trained after the fit.
    pub arm: Arm,
    /// The fitted network.
    pub before: Assessment,
    /// The trained network.
    pub after: Assessment,
    /// The way from one to the other.
    pub history: Vec<Point>,
    /// Steps on the constraint that found something to do.
    pub constraint_steps: usize,
    /// The proof that the trained network is safe, or why there is none.
    pub certificate: Result<Certificate, NotCertified>,
}

/// Fits a network to [`Target::SquaresAndSines`] and trains it on under an arm.
///
/// The numbers depend on the settings, the arm and the seed alone; up to the first difference
/// between two arms they are the same bits.
///
/// # Errors
/// When a setting makes no sense, training diverges, or a linear program does not converge.
pub fn run(settings: &Settings, arm: Arm, seed: u64) -> Result<Run, RunError> {
    settings.check()?;
    let experiment = Experiment::new(settings, seed)?;
    let mut network = experiment.fitted()?;
    let before = experiment.assess(&network)?;
    let all_unsafe = |region: &Region| {
        region.outputs.vertices().iter().all(|&output| settings.obstacle.contains(output))
    };
    if arm != Arm::Unconstrained && before.regions.iter().all(all_unsafe) {
        return Err(RunError::ObstacleCoversStart(settings.obstacle));
    }

    let mut history = vec![experiment.point(&network, 0)?];
    let (mut steps, mut constraint_steps) = (0, 0);
    let objective_steps = settings.constrained_steps;
    while steps < objective_steps + settings.repair_steps {
        if steps < objective_steps {
            let rate = settings.rate * (1.0 - steps as f64 / objective_steps as f64);
            experiment.descend_objective(&mut network, rate, settings.fit_steps + steps)?;
        }
        match experiment.violation(&network, arm, steps)? {
            Some(gradient) => {
                descend(network.parameters_mut(), &gradient, settings.rate);
                constraint_steps += 1;
            }
            None if steps >= objective_steps => break,
            None => {}
        }
        steps += 1;
        if steps.is_multiple_of(settings.history_interval) {
            history.push(experiment.point(&network, steps)?);
        }
    }
    if history.last().is_none_or(|last| last.step != steps) {
        history.push(experiment.point(&network, steps)?);
    }
    let after = experiment.assess(&network)?;
    let certificate = Certificate::compute(&network, &settings.obstacle, 0.5 * settings.margin);
    Ok(Run { arm, before, after, history, constraint_steps, certificate })
}

/// The settings of a run with its data.
struct Experiment<'a> {
    settings: &'a Settings,
    stream: Stream,
    training: Data,
    test: Data,
    obstacle: ConstrainedZonotope,
}

impl<'a> Experiment<'a> {
    fn new(settings: &'a Settings, seed: u64) -> Result<Self, RunError> {
        let stream = Stream::new(seed, "zonotope-training");
        let examples = |name| {
            let mut rng = stream.child(name).at(0);
            Data::uniform(Target::SquaresAndSines, settings.examples, 0.0, &mut rng)
        };
        let (training, test) = (examples("training examples"), examples("test examples"));
        Ok(Self { settings, stream, training, test, obstacle: settings.obstacle.set()? })
    }

    /// A random network after the steps on the objective alone.
    fn fitted(&self) -> Result<Network, RunError> {
        let hidden = self.settings.hidden;
        let architecture =
            Architecture { inputs: 2, hidden, outputs: 2, activation: Activation::Relu };
        let mut network = Network::random(architecture, &mut self.stream.child("network").at(0));
        for step in 0..self.settings.fit_steps {
            self.descend_objective(&mut network, self.settings.rate, step)?;
        }
        Ok(network)
    }

    fn descend_objective(
        &self,
        network: &mut Network,
        rate: f64,
        step: usize,
    ) -> Result<(), RunError> {
        let Gradient { parameters, .. } = match &self.settings.sampling {
            None => network.gradient(&self.training),
            Some(sampling) => {
                let mut rng = self.stream.child("sampled products").at(step as u64);
                network.sampled_gradient(&self.training, sampling, &mut rng)?
            }
        };
        descend(network.parameters_mut(), &parameters, rate);
        Ok(())
    }

    /// The gradient of the arm's loss of unsafe outputs; None when the arm finds none.
    fn violation(
        &self,
        network: &Network,
        arm: Arm,
        step: usize,
    ) -> Result<Option<Vec<f64>>, RunError> {
        match arm {
            Arm::Unconstrained => Ok(None),
            Arm::Constrained => self.collisions(network),
            Arm::SampledPenalty => Ok(self.penalty(network, step)),
        }
    }

    /// The gradient of sum (1 + margin + overshoot - v)^2 over the cells with a scale v of at most
    /// 1 + margin. Polygons say which cells these are, linear programs give v and its derivatives.
    fn collisions(&self, network: &Network) -> Result<Option<Vec<f64>>, RunError> {
        let layers = Layers::of(network)?;
        let limit = 1.0 + self.settings.margin;
        let mut sum: Option<Vec<f64>> = None;
        for Region { pattern, .. } in regions(&layers) {
            if !meets(&layers, &pattern, &self.settings.obstacle, limit) {
                continue;
            }
            let collision = Collision::of(&layers, &pattern, &self.obstacle)?;
            let Some(collision) = collision else { continue };
            let factor = -2.0 * (limit + OVERSHOOT - collision.scale.upper);
            let gradient = collision.gradient(&layers, Depths::Moving);
            let sum = sum.get_or_insert_with(|| vec![0.0; gradient.len()]);
            sum.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += factor * slope);
        }
        Ok(sum)
    }

    /// The same loss with the gauge of sampled outputs in the place of v, as a mean over those that
    /// count.
    fn penalty(&self, network: &Network, step: usize) -> Option<Vec<f64>> {
        let Settings { obstacle, examples, margin, .. } = self.settings;
        let limit = 1.0 + margin;
        let mut rng = self.stream.child("penalty").at(step as u64);
        let inputs: Vec<f64> = (0..2 * examples).map(|_| 2.0 * uniform(&mut rng) - 1.0).collect();
        let inputs = MatrixView::row_major(&inputs, *examples, 2);
        let pass = network.forward(inputs);
        let mut slopes = vec![0.0; 2 * examples];
        let mut violations = 0;
        let outputs = pass.outputs.as_chunks::<2>().0;
        for (&output, slope) in outputs.iter().zip(slopes.as_chunks_mut::<2>().0) {
            let gauge = obstacle.gauge(output);
            if gauge > limit {
                continue;
            }
            violations += 1;
            let [x, y] = [0, 1].map(|axis| output[axis] - obstacle.centre[axis]);
            let (axis, offset) = if x.abs() >= y.abs() { (0, x) } else { (1, y) };
            let outwards = if offset < 0.0 { -1.0 } else { 1.0 };
            slope[axis] = -2.0 * (limit + OVERSHOOT - gauge) * outwards / obstacle.half_width;
        }
        if violations == 0 {
            return None;
        }
        slopes.iter_mut().for_each(|slope| *slope /= f64::from(violations));
        Some(network.backward(inputs, &pass, MatrixView::row_major(&slopes, *examples, 2)))
    }

    fn point(&self, network: &Network, step: usize) -> Result<Point, RunError> {
        let layers = Layers::of(network)?;
        let cells = regions(&layers);
        let least_scale = self.least_scale(&layers, &cells)?;
        Ok(Point { step, test_error: self.test_error(network), least_scale, cells: cells.len() })
    }

    fn assess(&self, network: &Network) -> Result<Assessment, RunError> {
        let layers = Layers::of(network)?;
        let regions = regions(&layers);
        let samples = Samples::draw(
            network,
            &self.settings.obstacle,
            &patterns(&layers.sums)?,
            self.settings.falsifier_inputs,
            &self.stream.child("falsifier"),
        );
        Ok(Assessment {
            test_error: self.test_error(network),
            least_scale: self.least_scale(&layers, &regions)?,
            network: network.clone(),
            samples,
            regions,
        })
    }

    fn test_error(&self, network: &Network) -> f64 {
        mean_squared_error(&network.predict(self.test.inputs()), self.test.targets().data())
    }

    fn least_scale(&self, layers: &Layers, cells: &[Region]) -> Result<f64, RunError> {
        let mut scales = Vec::with_capacity(cells.len());
        for Region { pattern, .. } in cells {
            let collision = Collision::of(layers, pattern, &self.obstacle)?;
            scales.push(collision.map_or(f64::INFINITY, |collision| collision.scale.upper));
        }
        Ok(least(scales))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::small;
    use kernels::Estimator;
    use regression::Sampling;

    #[test]
    fn constrained_training_ends_in_a_certificate_and_without_it_the_network_stays_unsafe() {
        let constrained = run(&small(), Arm::Constrained, 1).unwrap();
        let plain = run(&small(), Arm::Unconstrained, 1).unwrap();
        assert_eq!(constrained.before, plain.before);
        assert!(
            constrained.before.least_scale < 1.0 && constrained.before.samples.unsafe_outputs > 0
        );
        let certificate = constrained.certificate.unwrap();
        assert_eq!(*certificate.network(), constrained.after.network);
        assert!(certificate.least_scale() >= 1.01);
        assert_eq!(constrained.after.samples.unsafe_outputs, 0);
        assert!(plain.after.samples.unsafe_outputs > 0 && plain.certificate.is_err());
        assert_eq!(plain.constraint_steps, 0);
        let steps: Vec<usize> = plain.history.iter().map(|point| point.step).collect();
        assert_eq!(steps, [0, 25, 50, 75, 100]);
        let (first, last) = (constrained.history[0], constrained.history.last().unwrap());
        assert_eq!(first.least_scale, constrained.before.least_scale);
        assert_eq!(last.least_scale, constrained.after.least_scale);
        assert_eq!(last.test_error, constrained.after.test_error);
    }

    #[test]
    fn a_far_obstacle_changes_no_bit() {
        let obstacle = Obstacle { centre: [50.0, 50.0], half_width: 0.5 };
        let far = Settings { obstacle, ..small() };
        let run = |arm| run(&far, arm, 2).unwrap();
        let (plain, constrained) = (run(Arm::Unconstrained), run(Arm::Constrained));
        assert_eq!(constrained.constraint_steps, 0);
        assert_eq!(plain.after, constrained.after);
        assert!(constrained.certificate.is_ok());
    }

    #[test]
    fn networks_trained_with_sampled_products_are_certified_all_the_same() {
        let sampling = Some(Sampling { estimator: Estimator::Bernoulli, ratio: 0.3 });
        let sampled = run(&Settings { sampling, ..small() }, Arm::Constrained, 1).unwrap();
        let exact = run(&small(), Arm::Constrained, 1).unwrap();
        assert_ne!(sampled.before.network, exact.before.network);
        assert!(sampled.certificate.is_ok());
    }

    #[test]
    fn an_obstacle_over_everything_is_refused() {
        let obstacle = Obstacle { centre: [0.0, 0.0], half_width: 100.0 };
        let error = run(&Settings { obstacle, ..small() }, Arm::Constrained, 1).unwrap_err();
        assert!(error.to_string().contains("covers all that the fitted network can put out"));
    }

    #[test]
    fn a_rate_at_which_training_diverges_is_an_error_and_no_result() {
        let error = run(&Settings { rate: 1e6, ..small() }, Arm::Constrained, 1).unwrap_err();
        assert!(matches!(error, RunError::Network(NetworkError::NonFinite { .. })), "{error}");
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&small(), Arm::SampledPenalty, 3).unwrap())
        };
        assert_eq!(with(1), with(2));
    }
}
