//! MD5 of what a reader holds, as published beside the data sets.

use std::io::{self, BufReader, Read};

use md5::{Digest, Md5};
use training::data::Unpacked;
use training::digest::hexadecimal;

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
    Ok(hexadecimal(&digest.finalize()))
}

/// MD5 of what a gzip archive holds, as loaders read it: zeros behind its end are read past.
///
/// # Errors
/// That of the reader, that it is no whole gzip archive, or that it holds more than `limit` bytes.
pub fn md5_of_unpacked(archive: impl Read, limit: u64) -> io::Result<String> {
    let unpacked = Unpacked::new(BufReader::new(archive))?;
    if !unpacked.is_packed() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no gzip archive"));
    }
    md5(unpacked.at_most(limit))
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
        let unpacked = |archive: &[u8]| md5_of_unpacked(archive, 5000);
        assert_eq!(unpacked(&one).unwrap(), unpacked(&other).unwrap());
        assert_eq!(unpacked(&[&one[..], &[0; 512]].concat()).unwrap(), unpacked(&one).unwrap());
        assert!(unpacked(&one[..one.len() - 1]).is_err());
        assert!(md5_of_unpacked(&one[..], 4999).is_err());
    }
}
