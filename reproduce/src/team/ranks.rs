//! The ranks of a job as rank 0 has them: a training with as many workers is of all of them.

use std::sync::{Mutex, PoisonError};

use training::exchange::Collective;
use training::train::{DataParallelReport, train_rank};

use super::agreement::broadcast;
use super::follow::{Order, Work, agree_on};
use super::{Team, TeamRun, Threads};
use crate::exhibit::networks::one_run::Observer;

/// Rank 0 of several, with what carries its messages to the others.
pub struct Ranks<'a> {
    size: usize,
    collective: Mutex<&'a mut (dyn Collective + Send)>,
}

impl<'a> Ranks<'a> {
    /// The ranks that are reached so.
    pub fn new(collective: &'a mut (dyn Collective + Send)) -> Self {
        Ranks { size: collective.size(), collective: Mutex::new(collective) }
    }

    /// Lets the other ranks go.
    ///
    /// # Errors
    /// When another rank has failed.
    pub fn dismiss(self) -> anyhow::Result<()> {
        let collective = self.collective.into_inner().unwrap_or_else(PoisonError::into_inner);
        broadcast(collective, &serde_json::to_string(&Order::End)?).map(drop)
    }
}

impl Team for Ranks<'_> {
    fn size(&self) -> usize {
        self.size
    }

    fn train(
        &self,
        run: &TeamRun<'_>,
        observe: &mut Observer<'_>,
    ) -> anyhow::Result<DataParallelReport> {
        if run.parallel.workers != self.size {
            return Threads.train(run, observe);
        }
        let TeamRun { config, parallel, wanted, images, instructions, checkpoint } = *run;
        let mut guard = self.collective.lock().unwrap_or_else(PoisonError::into_inner);
        let collective: &mut (dyn Collective + Send) = &mut **guard;
        let work =
            Work { config: config.clone(), exchange: parallel.exchange, images: wanted.clone() };
        broadcast(collective, &serde_json::to_string(&Order::Train(Box::new(work.clone())))?)?;
        agree_on(collective, &work, images)?;
        let (exchange, path, splits) = (parallel.exchange, Some(checkpoint), &images.splits);
        let collective = Box::new(collective);
        Ok(train_rank(config, splits, collective, exchange, instructions, path, observe)?)
    }
}
