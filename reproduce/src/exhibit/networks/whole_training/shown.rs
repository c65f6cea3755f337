//! Committed results of long runs, shown: nothing is trained but the beginnings.

use super::beginnings::Beginnings;
use super::making::{Made, committed, name};
use super::settings::WholeTraining;
use crate::exhibit::settings::FieldError;
use crate::exhibit::{Environment, Experiment};
use crate::images::ImageConfig;
use crate::memory::Need;
use crate::result::ExhibitResult;

/// The committed results of these settings.
pub struct Shown(pub WholeTraining);

impl Experiment for Shown {
    fn check(&self) -> Result<(), FieldError> {
        self.0.check()
    }

    fn memory(&self) -> Vec<Need> {
        self.0.memory()
    }

    fn images(&self) -> Option<ImageConfig> {
        self.0.images.clone()
    }

    fn can_do_without_images(&self) -> bool {
        true
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        let made = self.found(environment)?;
        let beginnings = self.0.recompute(environment, &made.runs)?;
        Ok(self.0.report(made, Some(&beginnings)))
    }
}

const STALE_TIMES: &str = "the times of whole trainings are stale";

impl Shown {
    /// The runs of the record that are of these settings, and what is to be said of the others.
    fn found(&self, environment: &Environment) -> anyhow::Result<Made> {
        let mut made = Made::default();
        let record = committed(environment)?;
        if let Some(times) = record.times() {
            match self.0.are_timed(times)? {
                true => made.times = Some(times.clone()),
                false => made.failures.push(format!("{STALE_TIMES}: they are of other settings")),
            }
        }
        for run in record.runs() {
            let stale = |reason: &str| format!("{} is stale: {reason}", name(run));
            let Some(place) = self.0.arms.iter().position(|arm| arm.name == run.arm) else {
                made.failures.push(stale("the settings have no such arm"));
                continue;
            };
            if run.is_of(&self.0.arms[place].config(place, &self.0.training, run.seed)?) {
                made.runs.push((place, run.clone()));
            } else {
                made.failures.push(stale("it is of other settings"));
            }
        }
        made.runs.sort_by_key(|(arm, run)| (*arm, run.seed));
        Ok(made)
    }
}

impl Beginnings {
    /// What was computed again, in a sentence.
    pub fn words(&self) -> String {
        match self {
            Beginnings::NotRecomputed(missing) => format!(
                "These are committed results of long runs. Not recomputed: no {missing} in the data \
                 directory."
            ),
            Beginnings::Recomputed { runs: 0, .. } => "No long run is committed yet.".to_string(),
            Beginnings::Recomputed { steps, runs, stale } => {
                let steps = match steps {
                    1 => "step".to_string(),
                    _ => format!("{steps} steps"),
                };
                let found = match stale.len() {
                    0 => "The parameters are the committed ones in every bit.".to_string(),
                    _ => format!("STALE, no longer what the code computes: {}.", stale.join("; ")),
                };
                format!(
                    "These are committed results of long runs; computed again: the first {steps} of \
                     {runs} of them, one an arm; other seeds choose other arms. {found}"
                )
            }
        }
    }

    /// The runs that are stale.
    pub fn stale(&self) -> &[String] {
        match self {
            Beginnings::NotRecomputed(_) => &[],
            Beginnings::Recomputed { stale, .. } => stale,
        }
    }
}
