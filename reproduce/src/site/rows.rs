//! The numbers of an exhibit as the page holds them: packed, and made into a table when it is asked
//! for.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use minijinja::Value;

/// Comma-separated values packed by gzip, in letters that can stand in a page (RFC 4648, base 64).
pub fn embedded(csv: &str) -> Value {
    Value::from_safe_string(letters(&packed(csv)))
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing into memory does not fail.
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// Three bytes are four letters of six bits each; "=" stands for what is missing at the end.
fn letters(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| chunk.get(place).map_or(0, |byte| u32::from(*byte));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn letters_are_those_of_the_standard() {
        // RFC 4648, section 10.
        let vectors =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")];
        for (bytes, expected) in vectors {
            assert_eq!(letters(bytes.as_bytes()), expected);
        }
        assert_eq!(letters(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn rows_come_back_as_they_were_the_same_bytes_each_time() {
        let csv = "a,b\n\"</script><b>\",2\n".repeat(100);
        let bytes = packed(&csv);
        let mut text = String::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
        assert_eq!(text, csv);
        assert!(bytes.len() < csv.len() / 10);
        assert_eq!(bytes, packed(&csv));
        assert!(!embedded(&csv).to_string().contains('<'));
    }
}
