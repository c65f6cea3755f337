//! `data status`: what the data directory holds, and how to get the rest.

use std::path::Path;

use indicatif::DecimalBytes;
use serde_json::{Value, json};

use super::catalogue::{DataSet, PublishedFile};
use super::local::{FileState, LocalFile, folder, inspect, part_path};

/// Whether a data set can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// All files are there and usable.
    Found,
    /// Some files are.
    Incomplete,
    /// No file is there.
    Missing,
    /// A copy of other pixels is there, and nothing else.
    Copy,
}

impl Availability {
    /// A word for people.
    fn word(self) -> &'static str {
        match self {
            Availability::Copy => "found: a JPEG copy",
            other => other.slug(),
        }
    }

    /// One word for programs.
    pub fn slug(self) -> &'static str {
        match self {
            Availability::Found => "found",
            Availability::Incomplete => "incomplete",
            Availability::Missing => "missing",
            Availability::Copy => "jpeg-copy",
        }
    }
}

/// What the data directory holds of a data set.
#[derive(Clone, Debug)]
pub struct Status<'a> {
    data: &'a Path,
    data_set: &'a DataSet,
    files: Vec<(&'a PublishedFile, LocalFile)>,
}

impl<'a> Status<'a> {
    /// Looks at every file of the data set and compares its checksum.
    pub fn of(data: &'a Path, data_set: &'a DataSet) -> Self {
        let files =
            data_set.files.iter().map(|file| (file, inspect(data, data_set, file))).collect();
        Status { data, data_set, files }
    }

    /// Whether the data set can be used.
    pub fn availability(&self) -> Availability {
        let states = || self.files.iter().map(|(_, local)| &local.state);
        if states().all(FileState::is_usable) {
            Availability::Found
        } else if states().all(|state| *state == FileState::Missing) {
            Availability::Missing
        } else if states().all(|state| *state == FileState::JpegCopy) {
            Availability::Copy
        } else {
            Availability::Incomplete
        }
    }

    /// The command that gets what is missing.
    fn command(&self) -> Option<String> {
        let is_found = self.availability() == Availability::Found;
        (!is_found).then(|| self.data_set.fetch_command(self.data))
    }

    /// Some lines for people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{:<14} {:<11} {}\n  {}\n",
            self.data_set.name,
            self.availability().word(),
            folder(self.data, self.data_set).display(),
            self.data_set.about,
        );
        for (file, local) in &self.files {
            // The folder is named above; a file elsewhere is named in full.
            let name = match local.path.strip_prefix(folder(self.data, self.data_set)) {
                Ok(name) => name.display(),
                Err(_) => local.path.display(),
            };
            let bytes = match local.state {
                FileState::Missing => file.bytes,
                _ => local.bytes,
            };
            let line = format!("    {name:<28} {bytes:>11} bytes  {}\n", sentence(file, local));
            text.push_str(&line);
        }
        if let Some(command) = self.command() {
            let bytes = DecimalBytes(self.bytes_to_fetch());
            text.push_str(&format!("  to get it ({bytes}): {command}\n"));
        }
        text
    }

    /// Size of all files that are not usable, in bytes.
    fn bytes_to_fetch(&self) -> u64 {
        let unusable = self.files.iter().filter(|(_, local)| !local.state.is_usable());
        unusable.map(|(file, _)| file.bytes).sum()
    }

    /// One object for programs.
    pub fn json(&self) -> Value {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|(file, local)| {
                json!({
                    "name": file.name, "path": local.path, "state": local.state.slug(),
                    "usable": local.state.is_usable(), "bytes": local.bytes,
                    "published_bytes": file.bytes, "published_md5": file.md5,
                })
            })
            .collect();
        json!({
            "event": "data-set", "name": self.data_set.name, "about": self.data_set.about,
            "folder": folder(self.data, self.data_set),
            "availability": self.availability().slug(),
            "bytes_to_fetch": self.bytes_to_fetch(), "files": files, "command": self.command(),
        })
    }
}

/// What a file is, in words.
fn sentence(file: &PublishedFile, local: &LocalFile) -> String {
    match &local.state {
        FileState::Missing => match part_path(&local.path).metadata() {
            Ok(part) => format!("missing; {} of it are fetched", DecimalBytes(part.len())),
            Err(_) => "missing".to_string(),
        },
        FileState::Published => "the published file".to_string(),
        FileState::PackedAnew => {
            "the published contents, packed anew: another archive holds the same bytes".to_string()
        }
        FileState::Unpacked => "the published contents, unpacked".to_string(),
        FileState::JpegCopy => {
            "a JPEG copy: other pixels than the published ones, so it is not read as this set; \
             train on it as images of your own (set: folder)"
                .to_string()
        }
        FileState::WebPage => {
            "an HTML page: the download was answered by a page; fetch it again".to_string()
        }
        FileState::Unverified => "unpacked; no checksum is published for it".to_string(),
        FileState::Different { md5 } => {
            format!("not the published file: MD5 {md5} instead of {}", file.md5)
        }
        FileState::Unreadable { reason } => format!("cannot be read: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::catalogue::{CIFAR_10, FASHION_MNIST, MNIST};

    #[test]
    fn nothing_there_says_what_to_do() {
        let data = tempfile::tempdir().unwrap();
        let status = Status::of(data.path(), &CIFAR_10);
        assert_eq!(status.availability(), Availability::Missing);
        let command = format!("reproduce data fetch cifar-10 --data {}", data.path().display());
        assert!(status.text().ends_with(&format!("to get it (170.05 MB): {command}\n")));
        assert_eq!(status.json()["command"], command);
        assert_eq!(status.json()["files"][0]["state"], "missing");
    }

    #[test]
    fn the_published_fashion_mnist_is_known_by_its_checksums() {
        let data = testing::data_directory();
        let status = Status::of(&data, &FASHION_MNIST);
        if status.availability() == Availability::Missing {
            let lack = format!("no Fashion-MNIST in {}", data.display());
            return testing::skip_without_data(&lack);
        }
        assert_eq!(status.availability(), Availability::Found, "{}", status.text());
        for (file, local) in &status.files {
            assert_eq!(local.state, FileState::Published, "{}", file.name);
        }
    }

    #[test]
    fn an_unfinished_download_and_a_wrong_file_are_seen() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("mnist");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("train-images-idx3-ubyte.gz.part"), [0; 3000]).unwrap();
        assert_eq!(Status::of(data.path(), &MNIST).availability(), Availability::Missing);
        std::fs::write(folder.join("t10k-labels-idx1-ubyte.gz"), "abc").unwrap();
        let status = Status::of(data.path(), &MNIST);
        assert_eq!(status.availability(), Availability::Incomplete);
        let text = status.text();
        assert!(text.contains("missing; 3.00 kB of it are fetched"), "{text}");
        let wrong = "not the published file: MD5 900150983cd24fb0d6963f7d28e17f72 instead of ec29";
        assert!(text.contains(wrong), "{text}");
        assert_eq!(status.json()["bytes_to_fetch"], MNIST.bytes());
    }

    #[test]
    fn a_jpeg_copy_is_found_and_not_taken_for_the_published_set() {
        for place in ["cifar-10-jpeg.tar.gz", "cifar-10/cifar-10-jpeg.tar.gz"] {
            let data = tempfile::tempdir().unwrap();
            let path = data.path().join(place);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, [0; 3000]).unwrap();
            let status = Status::of(data.path(), &CIFAR_10);
            let text = status.text();
            assert!(text.contains("cifar-10       found: a JPEG copy"), "{text}");
            assert!(text.contains("3000 bytes  a JPEG copy: other pixels"), "{text}");
            assert!(text.contains("reproduce data fetch cifar-10"), "{text}");
            assert_eq!(status.json()["files"][0]["state"], "jpeg-copy");
            assert_eq!(status.json()["files"][0]["usable"], false);
        }
    }
}
