//! The settings, and what is wrong with them.

use regression::Sampling;
use serde::{Deserialize, Serialize};
use training::setting::{count_within, distinct};
use zonotope_training::{Obstacle, Settings};

use crate::exhibit::settings::{FieldError, MOST_REPEATS};
use crate::memory::Need;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zonotopes {
    /// Network, steps, margin and obstacle.
    pub training: Settings,
    /// How many seeds.
    pub seeds: usize,
    /// Ways of sampling the objective's weight gradients in constrained training.
    pub samplings: Vec<Sampling>,
    /// Other half-widths of the obstacle, for a sweep of constrained training.
    pub half_widths: Vec<f64>,
    /// Random outputs that are drawn over the reachable set.
    pub drawn_outputs: usize,
}

impl Zonotopes {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        self.training.check().map_err(|error| error.within("training"))?;
        if self.training.sampling.is_some() {
            let expected = "none: ways of sampling stand in samplings";
            return Err(FieldError::new("training.sampling", "there", expected));
        }
        count_within("seeds", self.seeds, 1..=MOST_REPEATS)?;
        distinct("samplings", &self.samplings)?;
        for (place, &sampling) in self.samplings.iter().enumerate() {
            let settings = Settings { sampling: Some(sampling), ..self.training.clone() };
            settings.check().map_err(|error| {
                let field = error.field.trim_start_matches("sampling.");
                FieldError { field: format!("samplings[{place}].{field}"), ..error }
            })?;
        }
        distinct("half_widths", &self.half_widths)?;
        for (place, &half_width) in self.half_widths.iter().enumerate() {
            let obstacle = Obstacle { half_width, ..self.training.obstacle };
            let named = |error| FieldError { field: format!("half_widths[{place}]"), ..error };
            obstacle.check().map_err(named)?;
            if half_width == self.training.obstacle.half_width {
                let expected = "another than that of training.obstacle, which is run anyway";
                return Err(FieldError::new(format!("half_widths[{place}]"), half_width, expected));
            }
        }
        count_within("drawn_outputs", self.drawn_outputs, 1..=MOST_DRAWN)
    }

    /// The seeds, counted on from the first.
    pub fn all_seeds(&self, first: u64) -> Vec<u64> {
        (0..self.seeds as u64).map(|seed| first.wrapping_add(seed)).collect()
    }

    /// What runs side by side keep in memory: training and test examples with the hidden units.
    pub fn memory(&self) -> Vec<Need> {
        let Settings { examples, hidden, .. } = self.training;
        let side_by_side = rayon::current_num_threads();
        let units = [examples * side_by_side, 2 * hidden + 8];
        vec![Need::of_matrices("training.examples", examples, &[units], size_of::<f64>())]
    }
}

/// More dots than this cannot be told apart, and make a figure heavy.
const MOST_DRAWN: usize = 5_000;
