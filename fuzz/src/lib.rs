//! What the targets share: places for files, and one thread.

use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use training::checkpoint::VERSION;

/// A folder of the temporary directory. A target makes it once; libFuzzer ends a process without
/// dropping what is static, so that it stays there.
pub struct Folder(TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self(tempfile::tempdir().expect("the temporary directory can be written"))
    }
}

impl Folder {
    /// A file of the folder with these bytes, in place of an older one.
    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        let folder = path.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("the temporary directory can be written");
        fs::write(&path, bytes).expect("the temporary directory can be written");
        path
    }

    /// Where the folder is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Lets rayon work on the calling thread alone: a fuzzer counts the branches of one thread.
pub fn on_this_thread() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    pool.build_global().expect("rayon has not been used yet");
}

/// An IDX file of so many images of 28 x 28.
pub fn images(count: u8) -> Vec<u8> {
    let pixels = (0..usize::from(count) * 784).map(|at| (at % 251) as u8);
    [0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 28, 0, 0, 0, 28].into_iter().chain(pixels).collect()
}

/// An IDX file of so many labels.
pub fn labels(count: u8) -> Vec<u8> {
    [0, 0, 8, 1, 0, 0, 0, count].into_iter().chain((0..count).map(|label| label % 10)).collect()
}

/// A small image in a format.
pub fn encoded_image(format: image::ImageFormat) -> Vec<u8> {
    let colour = |x, y| image::Rgb([(x * 16) as u8, (y * 20) as u8, (x * y) as u8]);
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::RgbImage::from_fn(16, 12, colour);
    image.write_to(&mut bytes, format).expect("the format is known");
    bytes.into_inner()
}

/// A checkpoint's file with these contents, whatever they are.
pub fn checkpoint_of(contents: &[u8]) -> Vec<u8> {
    let length = contents.len() as u64;
    let checksum = Sha256::digest(contents);
    [&b"SPROCHKP"[..], &VERSION.to_le_bytes(), &length.to_le_bytes(), &checksum, contents].concat()
}
