//! The images of one run of the program: each set read once, and known again by its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use training::data::DataError;

use super::{ImageConfig, ImageSet, Images};
use crate::cache::{Cache, sha256};
use crate::sources;

/// The image sets of one run of the program, each read once.
pub struct Library {
    directory: PathBuf,
    loaded: BTreeMap<ImageConfig, Arc<Images>>,
    /// What the directory holds, once it has been asked.
    files: Option<String>,
}

impl Library {
    /// The sets below a data directory.
    pub fn new(directory: &Path) -> Self {
        Library { directory: directory.to_path_buf(), loaded: BTreeMap::new(), files: None }
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The images that `config` asks for.
    ///
    /// # Errors
    /// When a file of the set is missing or damaged.
    pub fn get(&mut self, config: &ImageConfig) -> Result<Arc<Images>, DataError> {
        if let Some(images) = self.loaded.get(config) {
            return Ok(images.clone());
        }
        let images = Arc::new(config.load(&self.directory)?);
        if config.set == ImageSet::Digits && images.slug != "mnist" {
            log::info!("no MNIST in {}: digits are generated", self.directory.display());
        }
        self.loaded.insert(config.clone(), images.clone());
        Ok(images)
    }

    /// Stores which images a run has read, for the pages of later runs ([`Library::known`]).
    ///
    /// # Errors
    /// When the cache cannot be written.
    pub fn remember(
        &mut self,
        config: &ImageConfig,
        images: &Images,
        cache: &Cache,
    ) -> anyhow::Result<()> {
        let key = self.key(config)?;
        if cache.get::<String>(&key).as_ref() == Some(&images.checksum) {
            return Ok(());
        }
        cache.put(&key, &images.checksum)
    }

    /// The checksum of the images that `config` asks for, without reading them: as an earlier run
    /// found it in the same files, by name, length and time of change. None where no run has read
    /// them, so that nothing is stored for them either.
    pub fn known(&mut self, config: &ImageConfig, cache: &Cache) -> Option<String> {
        cache.get(&self.key(config).ok()?)
    }

    fn key(&mut self, config: &ImageConfig) -> Result<String, serde_json::Error> {
        let files = self.files.get_or_insert_with(|| files(&self.directory));
        let config = serde_json::to_string(config)?;
        Ok(format!("images {config} code {} files {files}", sources::EXHIBITS))
    }
}

/// A checksum over name, length and time of change of the files in a directory, as deep as published
/// sets lie in it: `cifar-10/cifar-10-batches-bin/test_batch.bin`.
fn files(directory: &Path) -> String {
    const DEEPEST: usize = 3;
    let (mut all, mut folders) = (Vec::new(), vec![directory.to_path_buf()]);
    for _ in 0..DEEPEST {
        let within = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
        folders = within.flatten().flatten().map(|entry| entry.path()).collect();
        all.extend(folders.iter().cloned());
    }
    all.sort();
    let lines = all.iter().filter_map(|path| {
        let facts = std::fs::metadata(path).ok().filter(|facts| facts.is_file())?;
        Some(format!("{} {} {:?}\n", path.display(), facts.len(), facts.modified().ok()))
    });
    sha256(lines.collect::<String>().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::FEW;
    use super::*;

    #[test]
    fn the_checksum_says_which_images_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut library = Library::new(folder.path());
        let one = library.get(&FEW).unwrap();
        assert_eq!(one.checksum, library.get(&FEW).unwrap().checksum);
        let fewer = library.get(&ImageConfig { train: 19, ..FEW }).unwrap();
        assert_ne!(one.checksum, fewer.checksum);
    }

    #[test]
    fn images_are_known_again_by_their_files_and_others_are_not() {
        let (data, stored) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = Cache::new(stored.path());
        let library = || Library::new(data.path());
        assert_eq!(library().known(&FEW, &cache), None);
        let images = library().get(&FEW).unwrap();
        library().remember(&FEW, &images, &cache).unwrap();
        assert_eq!(library().known(&FEW, &cache), Some(images.checksum.clone()));
        assert_eq!(library().known(&ImageConfig { train: 19, ..FEW }, &cache), None);
        let deep = data.path().join("cifar-10/cifar-10-batches-bin");
        std::fs::create_dir_all(&deep).unwrap();
        assert!(library().known(&FEW, &cache).is_some(), "a folder is no file");
        std::fs::write(deep.join("test_batch.bin"), "cut short").unwrap();
        assert_eq!(library().known(&FEW, &cache), None);
    }
}
