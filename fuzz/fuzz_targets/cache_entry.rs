//! A file that should be a stored result.
//!
//! The first byte says whether the rest is the whole file or the stored value, which then gets its
//! key and the right checksum. A result that is read can be written, and comes back as it was.

#![no_main]

use fuzz::Folder;
use libfuzzer_sys::fuzz_target;
use reproduce::cache::{Cache, sha256};
use reproduce::result::ExhibitResult;
use std::sync::LazyLock;

const KEY: &str = "any";

static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::default);

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, rest)) = bytes.split_first() else { return };
    let entry = match std::str::from_utf8(rest) {
        Ok(value) if which % 2 == 1 => {
            let checksum = sha256(rest);
            serde_json::json!({"key": KEY, "checksum": checksum, "value": value}).to_string().into()
        }
        _ => rest.to_vec(),
    };
    FOLDER.write(format!("{}.json", sha256(KEY.as_bytes())), &entry);
    if let Some(value) = Cache::new(FOLDER.path()).get::<ExhibitResult>(KEY) {
        let text = serde_json::to_string(&value).expect("what was read can be written");
        let again: ExhibitResult = serde_json::from_str(&text).expect("what was written is read");
        assert!(again == value, "{text}");
    }
});
