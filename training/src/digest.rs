//! Digests as they are shown and compared.

/// Bytes in lower-case hexadecimal, two digits each.
///
/// ```
/// assert_eq!(training::digest::hexadecimal(&[0, 10, 255]), "000aff");
/// ```
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
