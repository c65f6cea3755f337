//! The wall time of whole trainings: some arms in turns, a few steps each, on all threads.
//!
//! The runs whose accuracies are compared are made side by side, so that their wall times depend on
//! one another. Here each training has the whole machine while it is its turn, and what slows the
//! machine down for a while slows down all of them. Evaluations are no part of the time.

use std::ops::ControlFlow;

use anyhow::Context as _;
use serde::Deserialize;
use training::network::TestTimeViews;
use training::setting::{count_within, distinct};
use training::train::{BatchNormStatistics, TrainingConfig};

use super::settings::{Timed, WholeTraining};
use super::times::{TimedTraining, Times};
use crate::exhibit::networks::learnt::Learnt;
use crate::exhibit::settings::{FieldError, MOST_REPEATS};
use crate::exhibit::{Environment, LongRuns};
use crate::timing::training_seconds;
use crate::{provenance, sources};

impl WholeTraining {
    /// Checks which arms are timed.
    ///
    /// # Errors
    /// Names the first that is none, or that the exact one is missing.
    pub fn check_timed(&self) -> Result<(), FieldError> {
        let Some(Timed { arms, turn_steps }) = &self.timed else { return Ok(()) };
        let places = (0..arms.len()).map(|place| format!("arms[{place}]"));
        for (place, arm) in places.zip(arms) {
            if !self.arms.iter().any(|known| known.name == *arm) {
                return Err(FieldError::new(place, arm, "the name of one of the arms"));
            }
        }
        distinct("arms", arms)?;
        if self.arms.first().is_some_and(|exact| !arms.contains(&exact.name)) {
            return Err(FieldError::new("arms", arms.join(", "), "the exact arm among them"));
        }
        count_within("turn_steps", *turn_steps, 1..=MOST_REPEATS)
    }

    /// The times of whole trainings, where the settings ask for some: the committed ones, those that
    /// are stored, or else measured now. A measurement that is stopped begins anew.
    ///
    /// # Errors
    /// When a training diverges, or the times cannot be stored.
    pub fn times(
        &self,
        environment: &Environment,
        committed: Option<Times>,
        learnt: Learnt,
    ) -> anyhow::Result<Option<Times>> {
        let Some(timed) = &self.timed else { return Ok(None) };
        let trainings = self.to_time(timed, environment.seed)?;
        if committed.as_ref().is_some_and(|times| are_of(times, &trainings)) {
            return Ok(committed);
        }
        let threads = rayon::current_num_threads();
        let settings = serde_json::to_string(&(timed, &trainings))?;
        let key = format!(
            "times of whole trainings code {} images {} settings {settings} instructions {} threads \
             {threads}",
            sources::RUNS,
            learnt.checksum(),
            environment.instructions,
        );
        match environment.long_runs {
            // No time comes out again: there is nothing to compare.
            LongRuns::Again => Ok(None),
            LongRuns::Finished => Ok(environment.cache.get(&key)),
            LongRuns::Missing => {
                let measure = || measure(&trainings, timed.turn_steps, environment, learnt);
                environment.stored(&key, measure).map(Some)
            }
        }
    }

    /// Whether these are times of what the settings want timed.
    ///
    /// # Errors
    /// Names a setting that is none.
    pub fn are_timed(&self, times: &Times) -> Result<bool, FieldError> {
        let (Some(timed), Some(seed)) = (&self.timed, times.seed()) else { return Ok(false) };
        Ok(are_of(times, &self.to_time(timed, seed)?))
    }

    /// The trainings that are timed, with the names of their arms.
    fn to_time(
        &self,
        timed: &Timed,
        seed: u64,
    ) -> Result<Vec<(String, TrainingConfig)>, FieldError> {
        let arms = self.arms.iter().enumerate().filter(|(_, arm)| timed.arms.contains(&arm.name));
        arms.map(|(place, arm)| Ok((arm.name.clone(), arm.config(place, &self.training, seed)?)))
            .collect()
    }
}

/// A training but for its evaluations, which are no part of its time.
fn but_for_evaluations(config: TrainingConfig) -> TrainingConfig {
    TrainingConfig {
        batch_norm_statistics: BatchNormStatistics::default(),
        test_time_views: TestTimeViews::default(),
        ..config
    }
}

/// Whether these are times of these trainings.
fn are_of(times: &Times, trainings: &[(String, TrainingConfig)]) -> bool {
    let is_of = |timed: &TimedTraining, (name, config): &(String, TrainingConfig)| {
        let settings = TrainingConfig::deserialize(&timed.settings);
        let config = but_for_evaluations(config.clone());
        timed.arm == *name && settings.is_ok_and(|settings| but_for_evaluations(settings) == config)
    };
    times.trainings.len() == trainings.len()
        && times.trainings.iter().zip(trainings).all(|(timed, training)| is_of(timed, training))
}

fn measure(
    trainings: &[(String, TrainingConfig)],
    turn_steps: usize,
    environment: &Environment,
    learnt: Learnt,
) -> anyhow::Result<Times> {
    let all_steps = trainings.iter().map(|(_, config)| learnt.steps(config)).sum();
    environment.progress.set_length(all_steps);
    let mut trainers = Vec::new();
    for (_, config) in trainings {
        trainers.push(learnt.trainer(config, environment.instructions)?);
    }
    let mut turns = vec![Vec::new(); trainers.len()];
    while trainers.iter().any(|trainer| !trainer.is_finished()) {
        let unfinished = trainers.iter_mut().zip(&mut turns).zip(trainings);
        let unfinished = unfinished.filter(|((trainer, _), _)| !trainer.is_finished());
        for ((trainer, turns), (name, _)) in unfinished {
            let observe = &mut |_: training::train::Progress| {
                environment.progress.advance(1);
                ControlFlow::Continue(())
            };
            let turn = training_seconds(trainer, |it| it.advance(turn_steps, observe));
            let [steps, _] = turn.with_context(|| format!("{name}, timed"))?;
            turns.push(steps);
        }
    }
    let ended = trainings.iter().zip(&mut trainers).zip(turns);
    let trainings = ended.map(|(((name, config), trainer), turns)| {
        Ok(TimedTraining {
            arm: name.clone(),
            settings: serde_json::from_str(&serde_json::to_string(config)?)?,
            parameters: trainer.report().parameters,
            turns,
        })
    });
    let times = Times {
        trainings: trainings.collect::<Result<_, serde_json::Error>>()?,
        threads: rayon::current_num_threads(),
        instructions: environment.instructions.to_string(),
        commit: provenance::commit(),
        date: provenance::now(),
        processor: provenance::processor(),
        checksum: String::new(),
    };
    Ok(times.signed()?)
}
