//! The tables, published or drawn by code.

use std::path::Path;

use kernels::random::Stream;
use memristor_classifier::generated::clouds;
use memristor_classifier::samples;
use memristor_classifier::table::{TableError, load_iris, load_wine};
use serde::{Deserialize, Serialize};

use super::EXHIBIT;
use crate::cache::sha256;

/// A table by its published name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableName {
    /// 150 flowers of three species, four measurements.
    Iris,
    /// 178 wines of three cultivars, thirteen measurements.
    Wine,
}

impl TableName {
    /// The table in a data directory.
    ///
    /// # Errors
    /// When it is missing or damaged.
    fn load(self, directory: &Path) -> Result<samples::Samples, TableError> {
        match self {
            Self::Iris => load_iris(directory),
            Self::Wine => load_wine(directory),
        }
    }

    /// The same, and that it is the published one: what is stored of results is kept by the name.
    ///
    /// # Errors
    /// When it is missing, damaged or another.
    pub fn load_published(self, directory: &Path) -> anyhow::Result<samples::Samples> {
        let samples = self.load(directory)?;
        let (found, published) = (digest(&samples), self.published_digest());
        anyhow::ensure!(
            found == published,
            "{}: the {} in {} is not the published table: SHA-256 of its numbers is {found}, not \
             {published}",
            EXHIBIT.name,
            samples.name,
            directory.display()
        );
        Ok(samples)
    }

    /// [`digest`] of the published file, whose MD5 is 42615765a885ddf54427f12c34a0a070 (Iris) or
    /// 3e584720e6718d28509f86f05b7885a1 (Wine).
    fn published_digest(self) -> &'static str {
        match self {
            Self::Iris => "d2712b028401f0400cb671cb99d85387a1c721d41262f30ecb7b90f029d20a90",
            Self::Wine => "3a28849ef2366c4b9d4e382b3fa5624a66f693c04d7fdcf43c529bbb0bb338d7",
        }
    }

    /// The file, where the data directory does not hold it.
    pub fn missing_from(self, directory: &Path) -> Option<&'static str> {
        match self.load(directory) {
            Err(TableError::Missing { name, .. }) => Some(name),
            _ => None,
        }
    }

    /// Clouds with the sizes of the published table, so wide that they overlap a little. The data are
    /// one set, whatever the seed of the experiment.
    pub fn generated(self) -> samples::Samples {
        let (name, members, features, spread): (&str, [usize; 3], usize, f64) = match self {
            Self::Iris => ("clouds of 4 features", [50, 50, 50], 4, 0.2),
            Self::Wine => ("clouds of 13 features", [59, 71, 48], 13, 0.4),
        };
        clouds(name, &members, features, spread, Stream::new(GENERATED_SEED, name))
    }
}

/// SHA-256 of all values and labels.
fn digest(samples: &samples::Samples) -> String {
    let values = samples.values.iter().flat_map(|value| value.to_le_bytes());
    let labels = samples.labels.iter().flat_map(|label| (*label as u64).to_le_bytes());
    sha256(&values.chain(labels).collect::<Vec<u8>>())
}

const GENERATED_SEED: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use testing::{data_directory, skip_without_data};

    #[test]
    fn published_tables_are_known_by_their_numbers_and_others_are_refused() {
        let directory = data_directory();
        for table in [TableName::Iris, TableName::Wine] {
            if let Some(missing) = table.missing_from(&directory) {
                skip_without_data(&format!("no {missing}"));
                continue;
            }
            let samples = table.load_published(&directory).unwrap();
            assert_eq!(samples.labels.len(), table.generated().labels.len());
            assert_eq!(samples.features, table.generated().features);
            let other = tempfile::tempdir().unwrap();
            let (folder, file) = match table {
                TableName::Iris => ("iris", "iris.data"),
                TableName::Wine => ("wine", "wine.data"),
            };
            let text = std::fs::read_to_string(directory.join(folder).join(file)).unwrap();
            std::fs::write(other.path().join(file), text.replacen("3.5", "3.6", 1)).unwrap();
            let error = table.load_published(other.path()).unwrap_err().to_string();
            assert!(error.contains("is not the published table"), "{error}");
        }
    }
}
