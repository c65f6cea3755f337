//! A file that should be a checkpoint.
//!
//! The first byte says whether the rest is the whole file or its contents. Contents get the right
//! header: no fuzzer would find the checksum of one. What is read holds no more than was written.

#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use training::checkpoint::Checkpoint;

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::default);

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, rest)) = bytes.split_first() else { return };
    let file = if which % 2 == 0 { rest.to_vec() } else { fuzz::checkpoint_of(rest) };
    let path = FOLDER.write("run.checkpoint", &file);
    if let Ok(checkpoint) = Checkpoint::load(&path) {
        let states = checkpoint.network.iter().chain(&checkpoint.lookahead);
        let states = states.map(|(name, numbers)| name.len() + 4 * numbers.len());
        let averages = checkpoint.optimizer.averages.iter();
        let averages = averages.map(|averages| 4 * (averages.first.len() + averages.second.len()));
        let texts = checkpoint.settings.len() + checkpoint.data.len();
        let held = texts + 48 * checkpoint.epochs.len() + states.chain(averages).sum::<usize>();
        assert!(held < file.len(), "{held} bytes from {}", file.len());
    }
});
