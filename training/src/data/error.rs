//! What can be wrong with data.

use std::path::PathBuf;

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// None of the names under which a file is looked for exists.
    #[error("{folder}: there is no {name} (nor {name}.gz), here or in its subfolder mnist")]
    Missing {
        /// The data directory.
        folder: PathBuf,
        /// The published name.
        name: &'static str,
    },
    /// A file cannot be read or unpacked.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The first four bytes are not those of the expected kind of IDX file.
    #[error("{path}: the magic number is {found:#010x}, not {expected:#010x}")]
    Magic {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        found: u32,
        /// What such a file begins with.
        expected: u32,
    },
    /// The file is shorter or longer than its header says.
    #[error("{path}: the header announces {expected} bytes, the file has {found}")]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes there are.
        found: u64,
        /// Bytes announced, header included.
        expected: u64,
    },
    /// Images are not 28 x 28.
    #[error("{path}: images are {height} x {width}, not 28 x 28")]
    ImageSize {
        /// The file.
        path: PathBuf,
        /// Rows found.
        height: u64,
        /// Columns found.
        width: u64,
    },
    /// There is not one label an image.
    #[error("{path}: {labels} labels for {images} images")]
    Count {
        /// The file of labels.
        path: PathBuf,
        /// Labels found.
        labels: usize,
        /// Images found.
        images: usize,
    },
    /// A label is no class.
    #[error("{path}: label {index} is {label}; labels are below {classes}")]
    Label {
        /// The file, or the name of the data set.
        path: PathBuf,
        /// Which label.
        index: usize,
        /// Its value.
        label: u16,
        /// The number of classes.
        classes: usize,
    },
    /// More images are to be held out than there are.
    #[error("{path}: {held_out} images are to be held out of {images}")]
    HeldOut {
        /// The file of training images.
        path: PathBuf,
        /// Images to hold out.
        held_out: usize,
        /// Images there are.
        images: usize,
    },
}
