//! How far the run is: one line on the terminal, silence elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::duration;

/// Progress of one exhibit, with the time that is left of the whole run.
///
/// Nothing is drawn when standard error is no terminal; the line has no colours,
/// so that `NO_COLOR` needs no special case.
pub struct Progress {
    bar: ProgressBar,
}

/// What is known of the time of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeLeft {
    /// What the exhibit in hand is expected to take, in seconds.
    pub now: Option<f64>,
    /// What all after it are.
    pub later: f64,
}

impl TimeLeft {
    /// Seconds that are left when `share` of the exhibit took `elapsed` of them: by what was done so
    /// far where that is some of it, by what was expected before.
    fn after(self, elapsed: f64, share: f64) -> Option<f64> {
        const SOME: f64 = 0.1;
        let measured = (share >= SOME).then(|| elapsed * (1.0 - share) / share);
        let expected = self.now.map(|seconds| (seconds - elapsed).max(0.0));
        Some(measured.or(expected)? + self.later)
    }

    fn words(self, elapsed: f64, share: f64) -> String {
        let left = self.after(elapsed, share);
        left.map_or("no estimate".to_string(), |s| format!("{} left", duration::in_words(s)))
    }
}

impl Progress {
    /// Progress of the exhibit `name`.
    pub fn new(name: &str, time_left: TimeLeft) -> Self {
        let left = move |state: &ProgressState, text: &mut dyn std::fmt::Write| {
            let share = f64::from(state.fraction());
            let _ = text.write_str(&time_left.words(state.elapsed().as_secs_f64(), share));
        };
        let template = "{prefix} [{bar:20}] {percent:>3} %, {left} in all  {wide_msg}";
        let style = ProgressStyle::with_template(template);
        Self::with_style(name, style.map(|style| style.with_key("left", left)).ok())
    }

    /// Progress of reading data.
    pub fn reading() -> Self {
        Self::with_style("reading", ProgressStyle::with_template("{prefix} {wide_msg}").ok())
    }

    fn with_style(prefix: &str, style: Option<ProgressStyle>) -> Self {
        let bar = ProgressBar::new(0);
        style.into_iter().for_each(|style| bar.set_style(style.progress_chars("=> ")));
        bar.set_prefix(prefix.to_string());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_all_exhibits_together() {
        let left = TimeLeft { now: Some(100.0), later: 50.0 };
        assert_eq!(left.after(0.0, 0.0), Some(150.0), "as expected");
        assert_eq!(left.after(30.0, 0.01), Some(120.0));
        assert_eq!(left.after(200.0, 0.05), Some(50.0), "it is late");
        assert_eq!(left.after(10.0, 0.25), Some(80.0), "as measured");
        assert_eq!(left.words(10.0, 0.25), "80 s left");
        let unknown = TimeLeft { now: None, later: 50.0 };
        assert_eq!(unknown.after(3.0, 0.0), None);
        assert_eq!(unknown.after(10.0, 0.5), Some(60.0));
        assert_eq!(unknown.words(3.0, 0.0), "no estimate");
    }
}
