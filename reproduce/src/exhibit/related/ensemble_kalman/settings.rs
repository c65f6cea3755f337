//! The settings, and what is wrong with them.

use ensemble_kalman::experiment::{Method, Settings};
use regression::{Sampling, Target};
use serde::{Deserialize, Serialize};
use training::setting::{count_within, distinct, number};

use crate::exhibit::settings::{FieldError, MOST_REPEATS};
use crate::memory::Need;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnsembleKalman {
    /// Network, data, noise, ensemble and prior that all methods have in common.
    pub network: Settings,
    /// What is learnt.
    pub targets: Vec<Target>,
    /// How many seeds.
    pub seeds: usize,
    /// The methods compared. The first is that of the sweeps of prior and sampling, and the one that
    /// the others stand beside.
    pub methods: Vec<Method>,
    /// Ensembles of the sweep of sizes.
    pub members: Vec<usize>,
    /// Iterations of the smoother in the same sweep.
    pub iterations: Vec<usize>,
    /// Standard deviations of the first layer around the shared network, in the place of the
    /// prior's; zero freezes it.
    pub first_spreads: Vec<f64>,
    /// Ways of sampling the ensemble's forward passes.
    pub samplings: Vec<Sampling>,
}

impl EnsembleKalman {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        self.network.check().map_err(|error| error.within("network"))?;
        if self.network.sampling.is_some() {
            let expected = "none: ways of sampling stand in samplings";
            return Err(FieldError::new("network.sampling", "there", expected));
        }
        check_targets(&self.targets)?;
        count_within("seeds", self.seeds, 1..=MOST_REPEATS)?;
        check_methods(&self.methods)?;
        if !matches!(self.methods[0], Method::Smoother { .. } | Method::Filter { .. }) {
            let expected = "a smoother or a filter, which the others stand beside";
            return Err(FieldError::new("methods[0]", self.methods[0].name(), expected));
        }
        check_members(&self.network, &self.members)?;
        distinct("iterations", &self.iterations)?;
        for (place, &iterations) in self.iterations.iter().enumerate() {
            let named = |error| FieldError { field: format!("iterations[{place}]"), ..error };
            Method::Smoother { iterations }.check().map_err(named)?;
        }
        distinct("first_spreads", &self.first_spreads)?;
        for (place, &spread) in self.first_spreads.iter().enumerate() {
            number(&format!("first_spreads[{place}]"), spread, 0.0..)?;
        }
        distinct("samplings", &self.samplings)?;
        for (place, &sampling) in self.samplings.iter().enumerate() {
            let within = |error: FieldError| {
                let field = error.field.trim_start_matches("sampling.");
                FieldError { field: format!("samplings[{place}].{field}"), ..error }
            };
            let settings = Settings { sampling: Some(sampling), ..self.network.clone() };
            settings.check().map_err(within)?;
        }
        Ok(())
    }

    /// The seeds, counted on from the first.
    pub fn all_seeds(&self, first: u64) -> Vec<u64> {
        (0..self.seeds as u64).map(|seed| first.wrapping_add(seed)).collect()
    }

    /// What runs side by side keep in memory: the hidden units of the largest ensemble.
    pub fn memory(&self) -> Vec<Need> {
        let largest = self.members.iter().copied().max().unwrap_or(0).max(self.network.members);
        let points = self.network.examples.max(self.network.test_points);
        let side_by_side = rayon::current_num_threads();
        let units = [largest * side_by_side, self.network.hidden * points];
        vec![Need::of_matrices("network", largest, &[units], size_of::<f64>())]
    }
}

/// Checks that there are functions, each once and of one variable.
///
/// # Errors
/// Names the first that is not.
pub fn check_targets(targets: &[Target]) -> Result<(), FieldError> {
    distinct("targets", targets)?;
    for (place, target) in targets.iter().enumerate() {
        if target.inputs() != 1 {
            let expected = "a function of one variable: sine or mexican-hat";
            return Err(FieldError::new(format!("targets[{place}]"), target.name(), expected));
        }
    }
    Ok(())
}

/// Checks that there are methods, each once and with numbers that make sense.
///
/// # Errors
/// Names the first that has not.
pub fn check_methods(methods: &[Method]) -> Result<(), FieldError> {
    distinct("methods", methods)?;
    for (place, method) in methods.iter().enumerate() {
        method.check().map_err(|error| error.within(&format!("methods[{place}]")))?;
    }
    Ok(())
}

/// Checks that there are ensembles, each size once and of a size that the network can have.
///
/// # Errors
/// Names the first that is not.
pub fn check_members(network: &Settings, sizes: &[usize]) -> Result<(), FieldError> {
    distinct("members", sizes)?;
    for (place, &members) in sizes.iter().enumerate() {
        let named = |error| FieldError { field: format!("members[{place}]"), ..error };
        Settings { members, ..network.clone() }.check().map_err(named)?;
    }
    Ok(())
}
