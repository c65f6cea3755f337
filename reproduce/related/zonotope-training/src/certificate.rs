//! The proof that a network's outputs avoid the obstacle, and the one way to come by it.

use crate::cells::{Branch, CellError, branches};
use crate::collision::{Collision, unsafe_outputs};
use crate::layers::{Layers, NetworkError};
use crate::least_norm::{LeastNorm, bound};
use crate::obstacle::Obstacle;
use crate::pattern::Pattern;
use crate::zonotope::{ConstrainedZonotope, SetError};
use nalgebra::DVector;
use regression::Network;

/// Why a network is not certified.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotCertified {
    /// The outputs of a cell come too near the obstacle, or reach into it.
    #[error(
        "the outputs of cell {pattern} touch the obstacle at a scale of {upper}, proven is {lower}; \
         a certificate needs {required}"
    )]
    TooClose {
        /// The cell.
        pattern: Pattern,
        /// The proven bound on the scale.
        lower: f64,
        /// The scale at which they do touch.
        upper: f64,
        /// What the margin asks for.
        required: f64,
    },
    /// A linear program did not converge, so nothing is known of its cell.
    #[error(transparent)]
    Program(#[from] CellError),
    /// The network is not one that can be analysed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The obstacle is no set.
    #[error("the obstacle: {0}")]
    Obstacle(#[from] SetError),
    /// The margin is negative, infinite or not a number.
    #[error("a margin of {0} was asked for; it is a finite number of at least 0")]
    Margin(f64),
    /// The multipliers of a pattern prove less than they should.
    #[error("the multipliers of {pattern} prove a scale of {proven}, not {required}")]
    Unproven {
        /// The pattern, or the prefix of patterns.
        pattern: Pattern,
        /// What they prove.
        proven: f64,
        /// What they should.
        required: f64,
    },
    /// The patterns of the proof are not all, or overlap.
    #[error("the proof speaks of {covered} of 2^{units} patterns, or of one twice")]
    Incomplete {
        /// How many it covers.
        covered: u64,
        /// The hidden units.
        units: usize,
    },
}

/// Why all patterns with a prefix are safe.
#[derive(Clone, Debug, PartialEq)]
enum Reason {
    /// The last unit has this sign nowhere.
    Impossible,
    /// No input has it, by these multipliers.
    Empty(DVector<f64>),
    /// The outputs stay away from the obstacle, by these multipliers.
    Apart(DVector<f64>),
}

/// A proof that no input in [-1, 1]^2 leads the network into the obstacle.
///
/// It can only be made by [`Certificate::compute`], holds its own copy of the network, and is a
/// proof in the strict sense but for rounding: for every activation pattern a reason, most of them
/// the multipliers of a linear program, whose worth follows from weak duality with a few products
/// ([`bound`]). [`Certificate::verify`] goes through it without a solver. The bounds are rounded
/// down; what is not followed is the rounding of the products of weights that the programs are made
/// of, some 1e-15, many orders below any useful margin.
///
/// ```
/// use kernels::random::Stream;
/// use regression::{Activation, Architecture, Network};
/// use zonotope_training::{Certificate, Obstacle};
/// let architecture = Architecture { inputs: 2, hidden: 5, outputs: 2, activation: Activation::Relu };
/// let network = Network::random(architecture, &mut Stream::new(0, "example").at(0));
/// let far = Obstacle { centre: [9.0, 9.0], half_width: 0.5 };
/// assert!(Certificate::compute(&network, &far, 0.01)?.least_scale() > 1.01);
/// let everywhere = Obstacle { centre: [0.0, 0.0], half_width: 5.0 };
/// assert!(Certificate::compute(&network, &everywhere, 0.01).is_err());
/// # Ok::<(), zonotope_training::certificate::NotCertified>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    network: Network,
    obstacle: Obstacle,
    margin: f64,
    reasons: Vec<(Pattern, Reason)>,
    least_scale: f64,
}

impl Certificate {
    /// Proves that the outputs of every cell touch the obstacle only when input square, cell and
    /// obstacle are scaled by at least 1 + margin.
    ///
    /// # Errors
    /// When they come nearer, or nothing is known because a linear program did not converge.
    pub fn compute(
        network: &Network,
        obstacle: &Obstacle,
        margin: f64,
    ) -> Result<Self, NotCertified> {
        if !(margin.is_finite() && margin >= 0.0) {
            return Err(NotCertified::Margin(margin));
        }
        let layers = Layers::of(network)?;
        let set = obstacle.set()?;
        let mut reasons = Vec::new();
        for (pattern, branch) in branches(&layers.sums)? {
            let reason = match branch {
                Branch::Impossible => Reason::Impossible,
                Branch::Empty(multipliers) => Reason::Empty(multipliers),
                Branch::Cell => apart(&layers, &pattern, &set, 1.0 + margin)?,
            };
            reasons.push((pattern, reason));
        }
        let (network, obstacle) = (network.clone(), *obstacle);
        let mut proof = Self { network, obstacle, margin, reasons, least_scale: f64::NAN };
        proof.least_scale = proof.verify()?;
        Ok(proof)
    }

    /// Goes through the proof by itself: every pattern is covered once, and every reason holds, by
    /// products of the network's own numbers. Gives the least scale that is proven.
    ///
    /// # Errors
    /// When a pattern is missing or a reason does not hold; never for what `compute` has made.
    pub fn verify(&self) -> Result<f64, NotCertified> {
        let layers = Layers::of(&self.network)?;
        let set = self.obstacle.set()?;
        self.check_cover(layers.units())?;
        let mut least = f64::INFINITY;
        for (pattern, reason) in &self.reasons {
            let (proven, required) = match reason {
                Reason::Impossible => {
                    let last = pattern.len() - 1;
                    let nowhere = layers.sums.depth(last, pattern.units()[last]) < 0.0;
                    (if nowhere { f64::INFINITY } else { 0.0 }, 1.0)
                }
                Reason::Empty(multipliers) => {
                    let proven = layers.sums.with_signs(pattern).map_or(0.0, |cell| {
                        let (constraints, offsets) = cell.constraints();
                        bound(constraints, offsets, multipliers)
                    });
                    (proven, 1.0)
                }
                Reason::Apart(multipliers) => {
                    let meeting = unsafe_outputs(&layers, pattern, &set);
                    let proven = meeting.map_or(0.0, |meeting| {
                        let (constraints, offsets) = meeting.constraints();
                        bound(constraints, offsets, multipliers)
                    });
                    least = if proven < least { proven } else { least };
                    (proven, 1.0 + self.margin)
                }
            };
            // Asked this way round, so that what is not a number proves nothing.
            let holds = proven >= required;
            if !holds {
                let pattern = pattern.clone();
                return Err(NotCertified::Unproven { pattern, proven, required });
            }
        }
        Ok(least)
    }

    /// Whether the prefixes cover every pattern exactly once: none begins with another, and the
    /// numbers of patterns that they stand for sum to all.
    fn check_cover(&self, units: usize) -> Result<(), NotCertified> {
        let mut prefixes: Vec<&Pattern> = self.reasons.iter().map(|(pattern, _)| pattern).collect();
        prefixes.sort();
        let inside = prefixes.iter().all(|prefix| (1..=units).contains(&prefix.len()));
        let apart = prefixes.windows(2).all(|pair| !pair[1].units().starts_with(pair[0].units()));
        let sizes = prefixes.iter().filter(|prefix| prefix.len() <= units);
        let covered = sizes.map(|prefix| 1u64 << (units - prefix.len())).sum();
        if inside && apart && covered == 1 << units {
            Ok(())
        } else {
            Err(NotCertified::Incomplete { covered, units })
        }
    }

    /// The network it speaks of.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The obstacle it speaks of.
    pub fn obstacle(&self) -> &Obstacle {
        &self.obstacle
    }

    /// The margin that was asked for.
    pub fn margin(&self) -> f64 {
        self.margin
    }

    /// The least scale at which the outputs of a cell may touch the obstacle, at least 1 + margin.
    pub fn least_scale(&self) -> f64 {
        self.least_scale
    }

    /// The number of cells whose outputs were shown to be apart from the obstacle.
    pub fn cells(&self) -> usize {
        self.reasons.iter().filter(|(_, reason)| matches!(reason, Reason::Apart(_))).count()
    }
}

/// The proof that the outputs of a cell touch the obstacle only from the scale `required` on.
fn apart(
    layers: &Layers,
    pattern: &Pattern,
    obstacle: &ConstrainedZonotope,
    required: f64,
) -> Result<Reason, NotCertified> {
    match Collision::of(layers, pattern, obstacle)? {
        None => Ok(Reason::Impossible),
        Some(Collision { scale, .. }) if scale.lower >= required => Ok(Reason::Apart(scale.dual)),
        Some(Collision { pattern, scale: LeastNorm { lower, upper, .. } }) => {
            Err(NotCertified::TooClose { pattern, lower, upper, required })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::patterns_as_released;
    use crate::layers::tests::random;

    const FAR: Obstacle = Obstacle { centre: [3.0, 3.0], half_width: 0.5 };

    fn certificate() -> Certificate {
        Certificate::compute(&random(2, 6), &FAR, 0.01).unwrap()
    }

    #[test]
    fn a_proof_is_verified_without_a_solver() {
        let certificate = certificate();
        assert_eq!(certificate.verify(), Ok(certificate.least_scale()));
        assert!(certificate.least_scale() >= 1.01);
        assert!(certificate.cells() > 3);
    }

    #[test]
    fn a_proof_with_a_cell_left_out_or_twice_is_refused() {
        for index in 0..certificate().reasons.len() {
            let mut broken = certificate();
            broken.reasons.remove(index);
            assert!(matches!(broken.verify(), Err(NotCertified::Incomplete { .. })), "{index}");
            let mut doubled = certificate();
            doubled.reasons.push(doubled.reasons[index].clone());
            assert!(matches!(doubled.verify(), Err(NotCertified::Incomplete { .. })), "{index}");
        }
    }

    #[test]
    fn a_proof_of_another_network_or_obstacle_is_none() {
        let mut other = certificate();
        other.obstacle = Obstacle { centre: [0.0, 0.0], half_width: 0.5 };
        assert!(matches!(other.verify(), Err(NotCertified::Unproven { .. })));
        let mut other = certificate();
        other.network = random(3, 6);
        assert!(other.verify().is_err());
    }

    #[test]
    fn false_reasons_do_not_hold() {
        let mut lied = 0;
        for index in 0..certificate().reasons.len() {
            let mut broken = certificate();
            let (_, reason) = &mut broken.reasons[index];
            if let Reason::Apart(multipliers) | Reason::Empty(multipliers) = reason {
                multipliers.fill(0.0);
                assert!(matches!(broken.verify(), Err(NotCertified::Unproven { .. })), "{index}");
                broken.reasons[index].1 = Reason::Impossible;
                assert!(matches!(broken.verify(), Err(NotCertified::Unproven { .. })), "{index}");
                lied += 1;
            }
        }
        assert!(lied > 5);
    }

    #[test]
    fn what_is_unsafe_too_close_or_unknown_has_no_certificate() {
        let network = random(2, 6);
        let covering = Obstacle { centre: [0.0, 0.0], half_width: 10.0 };
        let refused = Certificate::compute(&network, &covering, 0.01);
        assert!(matches!(refused, Err(NotCertified::TooClose { upper, .. }) if upper <= 1.0));
        let margin = certificate().least_scale() - 1.0 + 1e-6;
        let refused = Certificate::compute(&network, &FAR, margin);
        assert!(matches!(refused, Err(NotCertified::TooClose { upper, .. }) if upper > 1.0));
        assert_eq!(
            Certificate::compute(&network, &FAR, -0.5).unwrap_err().to_string(),
            "a margin of -0.5 was asked for; it is a finite number of at least 0"
        );
        assert!(Certificate::compute(&network, &FAR, f64::NAN).is_err());
    }

    #[test]
    fn a_network_without_an_active_unit_is_unsafe_though_the_released_enumeration_finds_it_safe() {
        // One unit, never active: the only output is b_2, the centre of the obstacle.
        let obstacle = Obstacle { centre: [1.5, 1.5], half_width: 0.5 };
        let parameters = vec![1.0, 0.0, -5.0, 10.0, 0.0, 1.5, 1.5];
        let network = Network::new(random(0, 1).architecture(), parameters).unwrap();
        let layers = Layers::of(&network).unwrap();
        for pattern in patterns_as_released(&layers.sums).unwrap() {
            let cell = layers.sums.with_signs_as_released(&pattern);
            let weights = layers.masked_weights(&pattern);
            let image = cell.affine(&weights, &layers.second_biases);
            let meeting = image.intersection(&obstacle.set().unwrap());
            assert!(
                meeting.scale().unwrap().lower > 1.5,
                "a cell that does not exist, and is safe"
            );
        }
        let refused = Certificate::compute(&network, &obstacle, 0.0).unwrap_err();
        assert!(matches!(refused, NotCertified::TooClose { pattern, upper, .. }
            if pattern.to_string() == "0" && upper <= 1.0));
    }

    #[test]
    fn units_without_weights_and_units_that_are_equal_do_no_harm() {
        let network = random(2, 6);
        let mut degenerate = network.clone();
        let parameters = degenerate.parameters_mut();
        // Unit 0 is constant, unit 2 is unit 1 again.
        parameters[0..2].fill(0.0);
        parameters.copy_within(2..4, 4);
        parameters[12 + 2] = parameters[12 + 1];
        let certificate = Certificate::compute(&degenerate, &FAR, 0.01).unwrap();
        assert!(certificate.cells() >= 2);
        for constant in [0.0, -0.0] {
            degenerate.parameters_mut()[12] = constant;
            assert!(Certificate::compute(&degenerate, &FAR, 0.01).is_ok());
        }
    }

    #[test]
    fn a_program_that_does_not_converge_is_named_and_the_network_not_called_safe() {
        let mut network = random(2, 6);
        // Weights of the first unit beyond what a double-precision solver can balance.
        network.parameters_mut()[0] = 1e200;
        network.parameters_mut()[1] = -1e180;
        let refused = Certificate::compute(&network, &FAR, 0.01).unwrap_err();
        assert!(matches!(refused, NotCertified::Program(_)), "{refused}");
        assert!(refused.to_string().starts_with("pattern "), "{refused}");
    }
}
