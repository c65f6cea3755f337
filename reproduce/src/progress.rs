//! How far the run is: one line on the terminal, silence elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Progress of one exhibit, with elapsed and remaining time.
///
/// Nothing is drawn when standard error is no terminal; the line has no colours,
/// so that `NO_COLOR` needs no special case.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Progress of the exhibit `name`.
    pub fn new(name: &str) -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template(
            "{prefix} [{bar:30}] {percent:>3} %  {elapsed} elapsed, {eta} left  {wide_msg}",
        ) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_string());
        bar.enable_steady_tick(Duration::from_millis(500));
        Progress { bar }
    }

    /// Progress that nobody sees.
    pub fn hidden() -> Self {
        Progress { bar: ProgressBar::hidden() }
    }

    /// The whole is this many steps.
    pub fn set_length(&self, steps: usize) {
        self.bar.set_length(steps as u64);
    }

    /// Some steps are done.
    pub fn advance(&self, steps: usize) {
        self.bar.inc(steps as u64);
    }

    /// What is being computed now.
    pub fn say(&self, message: &str) {
        self.bar.set_message(message.to_string());
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
