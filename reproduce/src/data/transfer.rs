//! One exchange with one mirror: the rest of a file, appended to what is already there.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use thiserror::Error;
use training::data::is_web_page;
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use super::checksum::md5;

/// Why a mirror did not deliver.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Reason {
    /// The answer is no file.
    #[error("answers with status {0}")]
    Status(u16),
    /// The answer is a page in place of the file: a notice, a form, an error that says "OK".
    #[error("answers with an HTML page in place of the file")]
    Page,
    /// No connection, no name, no certificate, and whatever else the network has in store.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// Nothing arrived for too long.
    #[error("sends nothing for {} s", .0.as_secs_f64())]
    Stalled(Duration),
    /// The connection ended early.
    #[error("ends after {received} of {bytes} bytes")]
    Cut {
        /// Bytes in hand.
        received: u64,
        /// Bytes of the published file.
        bytes: u64,
    },
    /// The answer announces another size, or is longer.
    #[error("offers {offered} bytes where the published file has {bytes}")]
    Size {
        /// Bytes offered.
        offered: u64,
        /// Bytes of the published file.
        bytes: u64,
    },
    /// The answer to a request for the rest of the file is another part of it.
    #[error("answers a request for bytes from {offset} with {answer:?}")]
    Range {
        /// First byte asked for.
        offset: u64,
        /// The header Content-Range, or the status.
        answer: String,
    },
    /// All bytes arrived and they are others.
    #[error("sends other bytes: MD5 {found} instead of {published}")]
    Checksum {
        /// MD5 of what arrived.
        found: String,
        /// MD5 of the published file.
        published: &'static str,
    },
}

/// Why a transfer ended early: the mirror, or this machine.
#[derive(Debug)]
pub(super) enum Failure {
    Mirror(Reason),
    Local(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Local(error)
    }
}

/// An unfinished download, locked against other processes while it is open.
pub(super) struct Part {
    file: File,
}

impl Part {
    /// Opens or makes the file; `None` where another process is writing it.
    pub fn open(path: &Path) -> io::Result<Option<Part>> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Ok(None),
            // A file system without locks still holds files.
            Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(Part { file })),
        }
    }

    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)
    }

    /// MD5 of everything received.
    pub fn md5(&mut self) -> io::Result<String> {
        self.file.seek(SeekFrom::Start(0))?;
        md5(&self.file)
    }

    /// Waits until the bytes are on the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// Asks `url` for what `part` lacks of a file of `bytes` bytes, and appends it.
///
/// A mirror that sends the whole file instead of the rest is taken at its word: the part starts
/// over. Bytes received before a failure stay in the part.
pub(super) fn transfer(
    agent: &Agent,
    url: &str,
    bytes: u64,
    part: &mut Part,
    stall: Duration,
    progress: &ProgressBar,
) -> Result<(), Failure> {
    let offset = part.bytes()?;
    if offset == bytes {
        return Ok(());
    }
    let mut request = agent.get(url);
    if offset > 0 {
        request = request.header(header::RANGE, format!("bytes={offset}-"));
    }
    let response =
        request.call().map_err(|error| Failure::Mirror(reason(error, stall, offset, bytes)))?;
    let start = first_byte(&response, offset, bytes).map_err(Failure::Mirror)?;
    part.file.set_len(start)?;
    part.file.seek(SeekFrom::Start(start))?;
    progress.set_position(start);
    let mut received = start;
    let mut reader = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) if received < bytes => {
                return Err(Failure::Mirror(Reason::Cut { received, bytes }));
            }
            Ok(0) => return Ok(()),
            Ok(count) => count,
            Err(error) => {
                return Err(Failure::Mirror(reason(error.into(), stall, received, bytes)));
            }
        };
        if received == 0 && is_web_page(&buffer[..count]) {
            return Err(Failure::Mirror(Reason::Page));
        }
        received += count as u64;
        if received > bytes {
            // A longer file is another file, from its first byte on.
            part.clear()?;
            return Err(Failure::Mirror(Reason::Size { offered: received, bytes }));
        }
        part.file.write_all(&buffer[..count])?;
        progress.set_position(received);
    }
}

/// Where in the file the answer begins: at `offset`, or at 0 for a mirror without ranges.
fn first_byte(response: &Response<Body>, offset: u64, bytes: u64) -> Result<u64, Reason> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let announced = header(header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    let start = match response.status() {
        StatusCode::OK => 0,
        StatusCode::PARTIAL_CONTENT => {
            let answer = header(header::CONTENT_RANGE).unwrap_or("no Content-Range");
            if range(answer) != Some((offset, bytes)) {
                return Err(Reason::Range { offset, answer: answer.to_string() });
            }
            offset
        }
        status @ StatusCode::RANGE_NOT_SATISFIABLE => {
            return Err(Reason::Range { offset, answer: status.to_string() });
        }
        status => return Err(Reason::Status(status.as_u16())),
    };
    if header(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html")) {
        return Err(Reason::Page);
    }
    match announced {
        Some(length) if start.saturating_add(length) != bytes => {
            Err(Reason::Size { offered: start.saturating_add(length), bytes })
        }
        _ => Ok(start),
    }
}

/// First byte and size of the whole from `bytes FIRST-LAST/SIZE`, where LAST is the last byte.
fn range(answer: &str) -> Option<(u64, u64)> {
    let (span, size) = answer.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let (first, last, size) = (first.parse().ok()?, last.parse::<u64>().ok()?, size.parse().ok()?);
    (last.checked_add(1) == Some(size)).then_some((first, size))
}

/// The sentence for an error of the client.
fn reason(error: ureq::Error, stall: Duration, received: u64, bytes: u64) -> Reason {
    match error {
        ureq::Error::Timeout(ureq::Timeout::PerRead | ureq::Timeout::RecvResponse) => {
            Reason::Stalled(stall)
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof && received > 0 => {
            Reason::Cut { received, bytes }
        }
        error => Reason::Unreachable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_range_up_to_the_end_is_understood() {
        assert_eq!(range("bytes 10-99/100"), Some((10, 100)));
        for other in ["bytes 10-98/100", "bytes 10-99/*", "10-99/100", "bytes */100", ""] {
            assert_eq!(range(other), None, "{other}");
        }
        assert_eq!(range(&format!("bytes 0-{}/0", u64::MAX)), None);
    }

    #[test]
    fn a_part_is_written_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.gz.part");
        let first = Part::open(&path).unwrap();
        assert!(first.is_some());
        assert!(Part::open(&path).unwrap().is_none());
        drop(first);
        assert!(Part::open(&path).unwrap().is_some());
    }
}
