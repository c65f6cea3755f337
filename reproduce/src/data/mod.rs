//! The published data sets: what is there, and fetching what is not.
//!
//! A data set lives in a folder of its own in the data directory, under the names of its
//! authors. Its files are known by size and checksum ([`catalogue`]), so that a mirror need not be
//! trusted.

pub mod catalogue;
pub mod checksum;
pub mod fetch;
pub mod local;
pub mod own;
pub mod status;
pub mod transfer;

use std::path::Path;

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use serde_json::json;

use catalogue::{DATA_SETS, DataSet};
use fetch::{FetchError, FetchSettings, Fetched, Fetcher};
use status::Status;

use crate::output::say;

/// Prints what the data directory holds of every data set, and images of one's own.
pub fn print_status(data: &Path, is_json: bool) {
    for data_set in &DATA_SETS {
        let status = Status::of(data, data_set);
        if is_json {
            say!("{}", status.json());
        } else {
            say!("{}", status.text());
        }
    }
    for own in own::own_images(data) {
        if is_json {
            say!("{}", own.json());
        } else {
            say!("{}", own.text());
        }
    }
}

/// Fetches the files that are missing from the data sets, with a line for each.
///
/// # Errors
/// That of the first file that cannot be fetched. What is fetched before it stays.
pub fn fetch_all(
    data_sets: &[&DataSet],
    data: &Path,
    settings: FetchSettings,
    is_json: bool,
) -> Result<(), FetchError> {
    let fetcher = Fetcher::new(settings)?;
    for data_set in data_sets {
        for file in data_set.files {
            let progress = progress(file.name);
            let fetched = fetcher.fetch(data, data_set, file, &progress);
            progress.finish_and_clear();
            let (path, source) = match fetched? {
                Fetched::AlreadyThere(local) => (local.path, None),
                Fetched::From { path, url } => (path, Some(url)),
            };
            if is_json {
                let event = json!({
                    "event": "file", "data_set": data_set.name, "name": file.name,
                    "path": path, "already_there": source.is_none(), "url": source,
                });
                say!("{event}");
            } else {
                let source = match source {
                    Some(url) => format!("{} from {url}", DecimalBytes(file.bytes)),
                    None => "already there".to_string(),
                };
                say!("{}  {source}", path.display());
            }
        }
    }
    Ok(())
}

/// Bytes, speed and remaining time on the terminal; silence where standard error is none.
fn progress(name: &str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template(
        "{prefix} [{bar:20}] {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}, \
         {eta} left  {wide_msg}",
    ) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(name.to_string());
    bar
}
