//! The bytes of a published file, packed by gzip or not, as a stream that holds none of them.
//!
//! Three megabytes of gzip can hold three gigabytes. So a reader looks at what its format says
//! first, takes as many bytes as that allows, and sets a limit where the format says nothing.

use super::DataError;
use crate::file;
use flate2::bufread::GzDecoder;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;

/// What a gzip file begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What a file holds.
///
/// One gzip member after another is read through, and zeros behind the last are read past, as gzip
/// does both: tapes and block devices pad with zeros. Other bytes there are refused and counted.
#[derive(Debug)]
pub struct Unpacked<R = BufReader<File>> {
    state: State<R>,
    limit: u64,
    left: u64,
}

#[derive(Debug)]
enum State<R> {
    Plain(R),
    Packed(GzDecoder<R>),
    Ended,
}

impl Unpacked {
    /// Opens a file; `again` says how to get it once more.
    ///
    /// # Errors
    /// When it cannot be read, is empty, is no file but a folder or a device, or is an HTML page.
    pub fn open(path: &Path, again: &'static str) -> Result<Self, DataError> {
        let unreadable = |source| DataError::Unreadable { path: path.to_owned(), source };
        let (file, _) = file::open(path).map_err(unreadable)?;
        let mut source = BufReader::new(file);
        let start = source.fill_buf().map_err(unreadable)?;
        if start.is_empty() {
            return Err(DataError::Empty { path: path.to_owned() });
        }
        if is_web_page(start) {
            return Err(DataError::WebPage { path: path.to_owned(), again });
        }
        Self::new(source).map_err(unreadable)
    }
}

impl<R: BufRead> Unpacked<R> {
    /// What a reader holds, unpacked where it begins as gzip does.
    ///
    /// # Errors
    /// That of the reader.
    pub fn new(mut source: R) -> io::Result<Self> {
        let state = if source.fill_buf()?.starts_with(&MAGIC) {
            State::Packed(GzDecoder::new(source))
        } else {
            State::Plain(source)
        };
        Ok(Self { state, limit: u64::MAX, left: u64::MAX })
    }

    /// Makes it an error to hold more than so many bytes.
    #[must_use]
    pub fn at_most(self, limit: u64) -> Self {
        Self { limit, left: limit, ..self }
    }

    /// Whether it is packed.
    pub fn is_packed(&self) -> bool {
        !matches!(self.state, State::Plain(_))
    }
}

impl<R: BufRead> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let count = match &mut self.state {
                State::Plain(source) => source.read(buffer)?,
                State::Packed(member) => member.read(buffer)?,
                State::Ended => 0,
            };
            let is_over = count as u64 > self.left;
            self.left = self.left.saturating_sub(count as u64);
            if is_over {
                let message = format!("it holds more than {} bytes", self.limit);
                return Err(io::Error::new(ErrorKind::FileTooLarge, message));
            }
            let is_packed = matches!(self.state, State::Packed(_));
            if count > 0 || !is_packed {
                return Ok(count);
            }
            if let State::Packed(member) = std::mem::replace(&mut self.state, State::Ended) {
                self.state = behind(member.into_inner())?;
            }
        }
        Ok(0)
    }
}

/// What follows a gzip member: another one, zeros, or nothing.
fn behind<R: BufRead>(mut source: R) -> io::Result<State<R>> {
    let mut trailing = 0;
    let mut is_first = true;
    loop {
        let bytes = match source.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            bytes => bytes?,
        };
        if bytes.is_empty() {
            break;
        }
        if is_first && bytes[0] == MAGIC[0] {
            return Ok(State::Packed(GzDecoder::new(source)));
        }
        is_first = false;
        let zeros = if trailing > 0 { 0 } else { bytes.iter().take_while(|&&b| b == 0).count() };
        let count = bytes.len();
        trailing += count - zeros;
        source.consume(count);
    }
    if trailing > 0 {
        let message = format!("{trailing} bytes follow the end of what gzip packed");
        return Err(io::Error::new(ErrorKind::InvalidData, message));
    }
    Ok(State::Ended)
}

/// Whether a file begins as an HTML page does: a server's answer in place of a download.
///
/// ```
/// assert!(training::data::is_web_page(b"\n<!DOCTYPE html><title>404</title>"));
/// assert!(!training::data::is_web_page(&[0x1f, 0x8b, 8]));
/// ```
pub fn is_web_page(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    [&b"<!doctype html"[..], b"<html", b"<head", b"<body"].iter().any(|beginning| {
        start.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(bytes: &[u8], buffer: usize) -> io::Result<Vec<u8>> {
        let mut held = Vec::new();
        let source = BufReader::with_capacity(buffer, bytes);
        Unpacked::new(source)?.read_to_end(&mut held)?;
        Ok(held)
    }

    proptest! {
        #[test]
        fn members_are_joined_and_zeros_are_read_past(
            one in prop::collection::vec(0u8.., 0..100),
            two in prop::collection::vec(0u8.., 0..100),
            zeros in 0usize..1_100,
            buffer in 2usize..40,
        ) {
            let bytes = [packed(&one), packed(&two), vec![0; zeros]].concat();
            prop_assert_eq!(unpacked(&bytes, buffer).unwrap(), [one, two].concat());
        }

        #[test]
        fn other_bytes_behind_are_refused_and_counted(
            zeros in 0usize..600,
            first in prop::sample::select(vec![1u8, 0x1e, 0x20, 0x8b, b'<']),
            rest in prop::collection::vec(0u8.., 0..600),
            buffer in 2usize..40,
        ) {
            let trailing = [&[first][..], &rest].concat();
            let bytes = [packed(b"held"), vec![0; zeros], trailing.clone()].concat();
            let error = unpacked(&bytes, buffer).unwrap_err().to_string();
            let expected = format!("{} bytes follow the end of what gzip packed", trailing.len());
            prop_assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_limit_is_kept_however_much_is_packed() {
        let bomb = packed(&vec![0; 50_000_000]);
        let measured = allocation_counter::measure(|| {
            let mut held = Vec::new();
            let packed = Unpacked::new(&bomb[..]).unwrap();
            let error = packed.at_most(100_000).read_to_end(&mut held).unwrap_err();
            assert_eq!(error.to_string(), "it holds more than 100000 bytes");
        });
        assert!(measured.bytes_max < 1_000_000, "{} bytes", measured.bytes_max);
        let mut held = Vec::new();
        Unpacked::new(&b"exactly"[..]).unwrap().at_most(7).read_to_end(&mut held).unwrap();
        assert_eq!(held, b"exactly");
    }

    #[test]
    fn pages_are_told_by_their_beginning() {
        for page in ["<!DOCTYPE html>", "\u{feff}\r\n <HTML lang=en>", "<head>", "<!doctype HTML "]
        {
            assert!(is_web_page(page.as_bytes()), "{page}");
        }
        for other in ["", "<", "<svg>", "html", "\0\0<html"] {
            assert!(!is_web_page(other.as_bytes()), "{other}");
        }
    }
}
