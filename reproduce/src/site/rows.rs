//! The numbers of an exhibit as the page holds them: as text, which becomes a table when it is asked
//! for.

use minijinja::Value;

use super::SiteError;

/// Comma-separated values as a JSON string that cannot end the script element it stands in.
///
/// # Errors
/// When the text cannot be written as JSON, which it can.
pub fn embedded(csv: &str) -> Result<Value, SiteError> {
    Ok(Value::from_safe_string(serde_json::to_string(csv)?.replace('<', "\\u003c")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_cannot_end_their_script_and_come_back_as_they_were() {
        let csv = "a,b\n\"</script><b>\",2\n";
        let text = embedded(csv).unwrap().to_string();
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), csv);
    }
}
