//! What the data directory holds of a published file.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use training::data::{is_web_page, jpeg_copy_of_cifar10};
use training::file;

use super::catalogue::{CIFAR_10, DataSet, PublishedFile, PublishedFolder};
use super::checksum::{md5, md5_of_unpacked};

/// What a file in the data directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// It is not there.
    Missing,
    /// The published bytes.
    Published,
    /// A gzip archive of other bytes that holds what the published one holds.
    PackedAnew,
    /// What the published archive holds, without the archive.
    Unpacked,
    /// A copy whose pixels went through JPEG; loaders of the published set do not read it.
    JpegCopy,
    /// A server's page, saved in place of the file.
    WebPage,
    /// An unpacked file, and nothing is published that it could be compared with.
    Unverified,
    /// Something else under the published name.
    Different {
        /// MD5 of its bytes.
        md5: String,
    },
    /// It cannot be read.
    Unreadable {
        /// The system's words.
        reason: String,
    },
}

impl FileState {
    /// Whether the data set can be used with this file.
    pub fn is_usable(&self) -> bool {
        use FileState::{PackedAnew, Published, Unpacked, Unverified};
        matches!(self, Published | PackedAnew | Unpacked | Unverified)
    }

    /// One word for programs.
    pub fn slug(&self) -> &'static str {
        match self {
            FileState::Missing => "missing",
            FileState::Published => "published",
            FileState::PackedAnew => "packed-anew",
            FileState::Unpacked => "unpacked",
            FileState::Unverified => "unverified",
            FileState::JpegCopy => "jpeg-copy",
            FileState::WebPage => "web-page",
            FileState::Different { .. } => "different",
            FileState::Unreadable { .. } => "unreadable",
        }
    }
}

/// A file that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// Where it is, or where it would be fetched to.
    pub path: PathBuf,
    /// Its size in bytes; 0 where it is missing.
    pub bytes: u64,
    /// What it is.
    pub state: FileState,
}

/// The folder that a data set is fetched to.
pub fn folder(data: &Path, data_set: &DataSet) -> PathBuf {
    data.join(data_set.folder)
}

/// Where an unfinished download of `path` is kept.
pub fn part_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    path.with_file_name(name)
}

/// Looks for `file` where loaders look, and in their order, and compares its checksum.
pub fn inspect(data: &Path, data_set: &DataSet, file: &PublishedFile) -> LocalFile {
    let own = folder(data, data_set);
    let root = data_set.is_read_from_root.then(|| data.to_path_buf());
    let folders: Vec<&PathBuf> = root.iter().chain([&own]).collect();
    let unpacked = file.folder.iter().flat_map(|unpacked| {
        folders.iter().map(|folder| (folder.join(unpacked.name), Kind::Folder(unpacked)))
    });
    let files = folders.iter().flat_map(|folder| {
        file.local_names().into_iter().map(|(name, is_unpacked)| {
            (folder.join(name), if is_unpacked { Kind::Unpacked } else { Kind::Archive })
        })
    });
    let is_there = |(path, kind): &(PathBuf, Kind)| match kind {
        Kind::Folder(_) => path.is_dir(),
        Kind::Unpacked | Kind::Archive => path.is_file(),
    };
    let Some((path, kind)) = unpacked.chain(files).find(is_there) else {
        let copy = (data_set.name == CIFAR_10.name).then(|| jpeg_copy_of_cifar10(data)).flatten();
        return match copy {
            Some(path) => LocalFile { bytes: size(&path), path, state: FileState::JpegCopy },
            None => LocalFile { path: own.join(file.name), bytes: 0, state: FileState::Missing },
        };
    };
    let (bytes, state) = match kind {
        Kind::Folder(unpacked) => {
            let bytes = unpacked.files.iter().map(|(name, _)| size(&path.join(name))).sum();
            (bytes, compare_folder(&path, unpacked))
        }
        Kind::Unpacked => (size(&path), compare_unpacked(&path, file)),
        Kind::Archive => (size(&path), compare(&path, file)),
    };
    let state = state.unwrap_or_else(|error| FileState::Unreadable { reason: error.to_string() });
    LocalFile { path, bytes, state }
}

/// What may stand for a published file.
enum Kind<'a> {
    Folder(&'a PublishedFolder),
    Unpacked,
    Archive,
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

/// MD5 of a file, or that it is a page and none.
fn md5_of_file(path: &Path) -> io::Result<Result<String, FileState>> {
    let mut start = Vec::new();
    file::open(path)?.0.take(512).read_to_end(&mut start)?;
    Ok(if is_web_page(&start) { Err(FileState::WebPage) } else { Ok(md5(File::open(path)?)?) })
}

fn compare_folder(path: &Path, published: &PublishedFolder) -> io::Result<FileState> {
    for (name, md5) in published.files {
        let path = path.join(name);
        let found = md5_of_file(&path)
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        match found {
            Ok(found) if found == *md5 => {}
            Ok(md5) => return Ok(FileState::Different { md5 }),
            Err(state) => return Ok(state),
        }
    }
    Ok(FileState::Unpacked)
}

fn compare_unpacked(path: &Path, file: &PublishedFile) -> io::Result<FileState> {
    let found = match md5_of_file(path)? {
        Ok(found) => found,
        Err(state) => return Ok(state),
    };
    let Some(published) = file.unpacked_md5 else { return Ok(FileState::Unverified) };
    Ok(if found == published { FileState::Unpacked } else { FileState::Different { md5: found } })
}

fn compare(path: &Path, file: &PublishedFile) -> io::Result<FileState> {
    let found = match md5_of_file(path)? {
        Ok(found) if found == file.md5 => return Ok(FileState::Published),
        Ok(found) => found,
        Err(state) => return Ok(state),
    };
    // A damaged archive cannot be unpacked; it is different, whatever the reason.
    let is_packed_anew = match file.unpacked_md5 {
        Some(published) => md5_of_unpacked(File::open(path)?, file.unpacked_bytes)
            .is_ok_and(|unpacked| unpacked == published),
        None => false,
    };
    Ok(if is_packed_anew { FileState::PackedAnew } else { FileState::Different { md5: found } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::catalogue::{MNIST, PENN_TREEBANK};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn packed(text: &[u8], level: Compression) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), level);
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// A file whose published archive is `text` without compression.
    fn published(text: &[u8]) -> PublishedFile {
        let archive = packed(text, Compression::none());
        PublishedFile {
            name: "labels.gz",
            bytes: archive.len() as u64,
            md5: md5(&archive[..]).unwrap().leak(),
            unpacked_md5: Some(md5(text).unwrap().leak()),
            unpacked_bytes: text.len() as u64,
            folder: None,
        }
    }

    fn state(name: &str, contents: &[u8], file: &PublishedFile) -> FileState {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        let found = inspect(data.path(), &MNIST, file);
        assert_eq!((found.path, found.bytes), (path, contents.len() as u64));
        found.state
    }

    #[test]
    fn every_state_is_told_apart() {
        let text = [3; 1000];
        let file = published(&text);
        let archive = packed(&text, Compression::none());
        let anew = packed(&text, Compression::best());
        assert_eq!(state("mnist/labels.gz", &archive, &file), FileState::Published);
        assert_eq!(state("labels.gz", &archive, &file), FileState::Published);
        assert_eq!(state("mnist/labels.gz", &anew, &file), FileState::PackedAnew);
        assert_eq!(state("mnist/labels", &text, &file), FileState::Unpacked);
        let padded = [&anew[..], &[0; 512]].concat();
        assert_eq!(state("mnist/labels.gz", &padded, &file), FileState::PackedAnew);
        let page = b"<!DOCTYPE html>Sign in";
        assert_eq!(state("mnist/labels.gz", page, &file), FileState::WebPage);
        assert_eq!(state("mnist/labels", page, &file), FileState::WebPage);
        let dotted = PublishedFile { name: "labels-idx1-ubyte.gz", ..file };
        assert_eq!(state("mnist/labels.idx1-ubyte", &text, &dotted), FileState::Unpacked);
        assert_eq!(state("mnist/labels.idx1-ubyte.gz", &anew, &dotted), FileState::PackedAnew);
        let unknown = PublishedFile { unpacked_md5: None, ..file };
        assert_eq!(state("mnist/labels", &text, &unknown), FileState::Unverified);
        for damaged in [&archive[..archive.len() - 1], &anew[..20], &text[..]] {
            let expected = FileState::Different { md5: md5(damaged).unwrap() };
            assert_eq!(state("mnist/labels.gz", damaged, &file), expected);
        }
        let expected = FileState::Different { md5: md5(&text[1..]).unwrap() };
        assert_eq!(state("mnist/labels", &text[1..], &file), expected);
    }

    #[test]
    fn a_file_published_unpacked_is_known_packed_too() {
        let text = [3; 1000];
        let md5 = md5(&text[..]).unwrap().leak();
        let file =
            PublishedFile { name: "a.txt", md5, unpacked_md5: Some(md5), ..published(&text) };
        let anew = packed(&text, Compression::best());
        assert_eq!(state("mnist/a.txt", &text, &file), FileState::Published);
        assert_eq!(state("mnist/a.txt.gz", &anew, &file), FileState::PackedAnew);
        let other = state("mnist/a.txt.gz", &anew[..20], &file);
        assert!(matches!(other, FileState::Different { .. }));
    }

    #[test]
    fn the_penn_treebank_is_where_its_loader_looks() {
        let data = testing::data_directory();
        if training::data::load_penn_treebank(&data).is_err() {
            return testing::skip_without_data("no Penn Treebank");
        }
        for file in PENN_TREEBANK.files {
            let state = inspect(&data, &PENN_TREEBANK, file).state;
            assert!(matches!(state, FileState::Published | FileState::PackedAnew), "{state:?}");
        }
    }

    #[test]
    fn a_missing_file_has_the_path_it_would_be_fetched_to() {
        let data = tempfile::tempdir().unwrap();
        let found = inspect(data.path(), &MNIST, &MNIST.files[3]);
        assert_eq!(found.state, FileState::Missing);
        assert_eq!(found.path, data.path().join("mnist/t10k-labels-idx1-ubyte.gz"));
        assert_eq!(
            part_path(&found.path),
            data.path().join("mnist/t10k-labels-idx1-ubyte.gz.part")
        );
    }

    #[test]
    fn an_unpacked_folder_is_compared_file_by_file() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().join("cifar-10/batches");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("one"), "abc").unwrap();
        // RFC 1321, section A.5.
        let inside = PublishedFolder {
            name: "batches",
            files: &[("one", "900150983cd24fb0d6963f7d28e17f72")],
        };
        let file = PublishedFile { folder: Some(inside), ..CIFAR_10.files[0] };
        let found = inspect(data.path(), &CIFAR_10, &file);
        assert_eq!((found.path, found.state), (folder.clone(), FileState::Unpacked));
        std::fs::write(folder.join("one"), "abcd").unwrap();
        let found = inspect(data.path(), &CIFAR_10, &file);
        assert!(matches!(found.state, FileState::Different { .. }));
        std::fs::remove_file(folder.join("one")).unwrap();
        let found = inspect(data.path(), &CIFAR_10, &file);
        assert!(matches!(found.state, FileState::Unreadable { .. }));
    }
}
