//! When, where and by which code something was measured.

use std::path::Path;
use std::time::SystemTime;

use sysinfo::{CpuRefreshKind, RefreshKind, System};

use crate::git;

/// The processor's name.
pub fn processor() -> String {
    let processors = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(processors);
    let brand = system.cpus().first().map_or("", |processor| processor.brand().trim());
    if brand.is_empty() { "unknown" } else { brand }.to_string()
}

/// The commit of the repository in which the program was started, with "-dirty" where files had
/// changed; empty where there is none.
pub fn commit() -> String {
    let describe = ["describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"];
    git::ask(Path::new("."), &describe).unwrap_or_default().trim().to_string()
}

/// This moment in universal time: 2026-01-31T23:59:59Z.
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    date(seconds.map_or(0, |time| time.as_secs()))
}

/// Seconds since 1970 as a date and a time of day in universal time.
///
/// The date is by H. Hinnant's `civil_from_days` (chrono-compatible low-level date algorithms):
/// years begin with March, so that the leap day is a year's last.
fn date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // From 0000-03-01, in eras of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = 400 * era + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // The first second, a leap day of a century, the day after one that is none, a late evening.
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(date(1_798_761_599), "2026-12-31T23:59:59Z");
    }
}
