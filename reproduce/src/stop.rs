//! Ending before the work is done: at a signal, or because nobody reads the output any more.
//!
//! Files are renamed into place, so that ending needs only to wait for the one being written. Exit
//! codes are those by which a shell reports a signal: 128 and its number.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::cache::WRITING;

/// The exit code where the output was closed: what a shell reports for SIGPIPE.
pub const OUTPUT_CLOSED: i32 = 128 + 13;

/// Temporary folders that there are.
static SCRATCH: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A temporary folder that is removed when it is dropped, and by [`exit`].
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// A new, empty folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("a temporary folder cannot be made")?;
        let mut all = SCRATCH.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(folder.path().to_path_buf());
        Ok(Scratch(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut all = SCRATCH.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|path| path != self.0.path());
    }
}

/// Ends the program after the file that is being written, and removes its temporary folders.
pub fn exit(code: i32) -> ! {
    let _whole = WRITING.lock();
    for folder in SCRATCH.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = std::fs::remove_dir_all(folder);
    }
    std::process::exit(code)
}

/// Says what becomes of the work, and ends the program.
fn exit_at_signal(signal: i32) -> ! {
    let _ = writeln!(
        std::io::stderr(),
        "\nstopped; what a run has stored is kept, and the same run goes on from there"
    );
    exit(128 + signal)
}

/// From now on interrupts, requests to terminate and the end of the terminal stop the program
/// cleanly; a second one stops it at once, should a file take too long to write. A signal that
/// whoever started the program has it ignore (as nohup does) stays ignored.
///
/// # Errors
/// When signals cannot be caught.
#[cfg(unix)]
pub fn cleanly_at_signals() -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::flag;
    use signal_hook::iterator::Signals;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    const CANNOT: &str = "signals cannot be caught";
    let caught: Vec<i32> =
        [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)).collect();
    let is_second = Arc::new(AtomicBool::new(false));
    for signal in &caught {
        // In this order: the first signal finds the flag down and raises it.
        flag::register_conditional_shutdown(*signal, 128 + signal, is_second.clone())
            .context(CANNOT)?;
        flag::register(*signal, is_second.clone()).context(CANNOT)?;
    }
    let mut signals = Signals::new(&caught).context(CANNOT)?;
    std::thread::Builder::new()
        .name("signals".to_string())
        .spawn(move || signals.forever().next().map(|signal| exit_at_signal(signal)))
        .context(CANNOT)?;
    Ok(())
}

/// From now on an interrupt stops the program cleanly.
///
/// # Errors
/// When interrupts cannot be caught.
#[cfg(not(unix))]
pub fn cleanly_at_signals() -> anyhow::Result<()> {
    const INTERRUPT: i32 = 2;
    ctrlc::set_handler(|| exit_at_signal(INTERRUPT)).context("interrupts cannot be caught")
}

/// Whether the program was started with this signal ignored, as far as the system says so in
/// `/proc`: bit n - 1 of the mask is signal n.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}
