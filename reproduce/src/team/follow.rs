//! What the ranks other than the first do: what rank 0 says.

use std::ops::ControlFlow;
use std::path::Path;

use kernels::InstructionSet;
use serde::{Deserialize, Serialize};
use training::exchange::{Collective, Exchange};
use training::train::{TrainingConfig, train_rank};

use super::agreement::{agree, broadcast};
use crate::images::{ImageConfig, Images, Library};

/// What rank 0 says to the others.
#[derive(Serialize, Deserialize)]
pub(super) enum Order {
    /// To train together.
    Train(Box<Work>),
    /// That nothing more is to be done.
    End,
}

/// A training as it is told to the other ranks, which read the images where they are.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Work {
    pub(super) config: TrainingConfig,
    pub(super) exchange: Exchange,
    pub(super) images: ImageConfig,
}

/// Makes sure that a training is the same on all ranks; whether its weights are is seen when it
/// starts.
pub(super) fn agree_on(
    collective: &mut dyn Collective,
    work: &Work,
    images: &Images,
) -> anyhow::Result<()> {
    let settings = serde_json::to_string(work)?;
    agree(collective, &[("training", &settings), ("data", &images.checksum)])
}

/// Takes part in the trainings that rank 0 starts, until it has no more. Each rank reads the images
/// in its own data directory. Nothing is printed or written.
///
/// # Errors
/// When images are missing or differ from those of rank 0, or a rank fails.
pub fn follow(
    collective: &mut dyn Collective,
    data: &Path,
    instructions: InstructionSet,
) -> anyhow::Result<()> {
    let mut library = Library::new(data);
    loop {
        let order = broadcast(collective, "")?;
        let Order::Train(work) = serde_json::from_str(&order)? else { return Ok(()) };
        let images = library.get(&work.images)?;
        agree_on(collective, &work, &images)?;
        let Work { config, exchange, .. } = &*work;
        // Rank 0 has the checkpoint, and says what is in it.
        let (splits, nowhere) = (&images.splits, Some(Path::new("")));
        let go_on = &mut |_| ControlFlow::Continue(());
        let rank = Box::new(&mut *collective);
        train_rank(config, splits, rank, *exchange, instructions, nowhere, go_on)?;
    }
}
