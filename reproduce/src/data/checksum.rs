//! MD5 of what a reader holds, as published beside the data sets.

use std::fmt::Write as _;
use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use md5::{Digest, Md5};

/// MD5 of everything that `reader` still holds, in lower-case hexadecimal.
///
/// MD5 is what the authors of the data sets publish. It finds damage, not malice.
///
/// # Errors
/// That of the reader.
///
/// ```
/// use reproduce::data::checksum::md5;
/// // RFC 1321, section A.5.
/// assert_eq!(md5("abc".as_bytes()).unwrap(), "900150983cd24fb0d6963f7d28e17f72");
/// ```
pub fn md5(mut reader: impl Read) -> io::Result<String> {
    let mut digest = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(digest.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// MD5 of what a gzip archive holds.
///
/// # Errors
/// That of the reader, or that it is no whole gzip archive.
pub fn md5_of_unpacked(archive: impl Read) -> io::Result<String> {
    md5(MultiGzDecoder::new(archive))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn packing_anew_changes_the_archive_and_not_what_it_holds() {
        let packed = |level| {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(&[7; 5000]).unwrap();
            encoder.finish().unwrap()
        };
        let (one, other) = (packed(Compression::none()), packed(Compression::best()));
        assert_ne!(md5(&one[..]).unwrap(), md5(&other[..]).unwrap());
        assert_eq!(md5_of_unpacked(&one[..]).unwrap(), md5_of_unpacked(&other[..]).unwrap());
        assert!(md5_of_unpacked(&one[..one.len() - 1]).is_err());
    }
}
