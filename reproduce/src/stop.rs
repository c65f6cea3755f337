//! Ending before the work is done: at a signal, or because nobody reads the output any more.
//!
//! Files are renamed into place, so that ending needs only to wait for the one being written. Exit
//! codes are those by which a shell reports a signal: 128 and its number.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::cache::WRITING;

/// The exit code where the output was closed: what a shell reports for SIGPIPE.
pub const OUTPUT_CLOSED: i32 = 128 + 13;

/// Something that is still to be done before the program ends, with its number.
type ToDo = (usize, Box<dyn FnOnce() + Send>);

static TO_DO: Mutex<Vec<ToDo>> = Mutex::new(Vec::new());
static NEXT: AtomicUsize = AtomicUsize::new(0);

/// Something that is done when this is dropped, or by [`exit`].
#[derive(Debug)]
pub struct AtExit(usize);

/// Has something done at the latest when the program ends.
pub fn at_exit(work: impl FnOnce() + Send + 'static) -> AtExit {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    TO_DO.lock().unwrap_or_else(PoisonError::into_inner).push((number, Box::new(work)));
    AtExit(number)
}

impl Drop for AtExit {
    fn drop(&mut self) {
        let mut all = TO_DO.lock().unwrap_or_else(PoisonError::into_inner);
        let place = all.iter().position(|(number, _)| *number == self.0);
        let own = place.map(|place| all.remove(place));
        drop(all);
        if let Some((_, work)) = own {
            work();
        }
    }
}

/// Whether nothing is said when a signal ends the program.
static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// Whether the program is ending.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Waits for the end, where the program is ending at a signal: what fails then fails because of it.
pub fn give_way() {
    while IS_ENDING.load(Ordering::Relaxed) {
        std::thread::park();
    }
}

/// From now on a signal ends the program without a word: another rank of its job says it.
pub fn silently() {
    IS_SILENT.store(true, Ordering::Relaxed);
}

/// A temporary folder that is removed when it is dropped, and by [`exit`].
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _at_exit: AtExit,
}

impl Scratch {
    /// A new, empty folder.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> anyhow::Result<Self> {
        let folder: TempDir = tempfile::tempdir().context("a temporary folder cannot be made")?;
        let path = folder.path().to_path_buf();
        Ok(Scratch { path, _at_exit: at_exit(move || drop(folder)) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Ends the program after the file that is being written, and after what is to be done at its end.
pub fn exit(code: i32) -> ! {
    IS_ENDING.store(true, Ordering::Relaxed);
    let _whole = WRITING.lock();
    let to_do = std::mem::take(&mut *TO_DO.lock().unwrap_or_else(PoisonError::into_inner));
    to_do.into_iter().rev().for_each(|(_, work)| work());
    std::process::exit(code)
}

/// Says what becomes of the work, and ends the program.
fn exit_at_signal(signal: i32) -> ! {
    if !IS_SILENT.load(Ordering::Relaxed) {
        let _ = writeln!(
            std::io::stderr(),
            "\nstopped; what a run has stored is kept, and the same run goes on from there"
        );
    }
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
