//! Made files of a set, for tests.

use super::Cifar;
use flate2::{Compression, write::GzEncoder};
use std::fs::{self, File};
use std::io::Write;
use tempfile::TempDir;

impl Cifar {
    /// A data directory with the unpacked folder of these files.
    pub fn made_folder(&self, files: &[(&str, Vec<u8>)]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join(self.unpacked);
        fs::create_dir(&folder).unwrap();
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes).unwrap();
        }
        directory
    }

    /// A data directory with the archive of these files in the set's subfolder.
    pub fn made_archive(&self, files: &[(&str, Vec<u8>)]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join(self.subfolder);
        fs::create_dir(&folder).unwrap();
        let file = File::create(folder.join(self.archive)).unwrap();
        let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            let inside = format!("{}/{name}", self.unpacked);
            archive.append_data(&mut header, inside, &bytes[..]).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap().flush().unwrap();
        directory
    }
}
