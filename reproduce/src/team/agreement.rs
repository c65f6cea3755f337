//! What has to be the same on all ranks, and is compared before they work together.

use anyhow::anyhow;
use sha2::{Digest as _, Sha256};
use training::exchange::{Collective, CollectiveError};

/// Makes sure that all ranks have the same of each of these, which are named.
///
/// # Errors
/// On all ranks the first rank that differs, and in what; or another rank has failed.
pub fn agree(collective: &mut dyn Collective, facts: &[(&str, &str)]) -> anyhow::Result<()> {
    let digests: Vec<u8> = facts.iter().flat_map(|(_, text)| Sha256::digest(text)).collect();
    collective.agree(&digests).map_err(|error| match error {
        CollectiveError::Differs { rank, place } => {
            let (name, _) = facts[place / Sha256::output_size()];
            anyhow!("rank {rank} differs from rank 0 in the {name}; all ranks need the same")
        }
        error => error.into(),
    })
}

/// A text of rank 0, on all ranks.
///
/// # Errors
/// When another rank has failed.
pub fn broadcast(collective: &mut dyn Collective, text: &str) -> anyhow::Result<String> {
    let mut bytes = text.as_bytes().to_vec();
    collective.broadcast(&mut bytes)?;
    Ok(String::from_utf8(bytes)?)
}
