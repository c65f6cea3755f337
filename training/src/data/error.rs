//! What can be wrong with data.

use crate::setting::FieldError;
use std::path::PathBuf;

fn either(folders: &[PathBuf]) -> String {
    let folders: Vec<String> = folders.iter().map(|path| path.display().to_string()).collect();
    folders.join(" or ")
}

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// None of the names under which a file is looked for exists.
    #[error("{}: there is no {name} (nor {name}.gz)", either(folders))]
    Missing {
        /// The folders that were looked in.
        folders: Vec<PathBuf>,
        /// The published name.
        name: &'static str,
    },
    /// None of the names under which a text is looked for exists.
    #[error("{}: there is no {name} (nor {name}.gz); {again}", either(folders))]
    MissingText {
        /// The folders that were looked in.
        folders: Vec<PathBuf>,
        /// The published name.
        name: &'static str,
        /// How to get it.
        again: &'static str,
    },
    /// A line of a text has no word.
    #[error("{path}: line {line} has no word")]
    EmptySentence {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A line of a text is not UTF-8.
    #[error("{path}: line {line} is not UTF-8: bytes {found} at its byte {place}")]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The byte of the line, from 1.
        place: usize,
        /// The bytes that are wrong, escaped.
        found: String,
    },
    /// A text has the word that stands for the end of a line.
    #[error("{path}: line {line} has the word {word}, which stands for the end of a line")]
    ReservedWord {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The word.
        word: &'static str,
    },
    /// A text to judge by has a word of which nothing could be learnt.
    #[error("{path}: line {line} has the word {word:?}, which the training text lacks")]
    UnknownWord {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The word.
        word: String,
    },
    /// A text has more words than can be numbered.
    #[error("{path}: line {line} has the word {word:?}, one more than {most} different ones")]
    TooManyWords {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The first word too many.
        word: String,
        /// How many there may be.
        most: usize,
    },
    /// A part of a text does not fill a single window.
    #[error("{name}: the {part} text has {tokens} tokens; {needed} are needed")]
    ShortText {
        /// The name of the corpus.
        name: String,
        /// Which part.
        part: &'static str,
        /// Tokens it has.
        tokens: usize,
        /// Tokens of one window in every stream, and the one that follows.
        needed: usize,
    },
    /// A file has no bytes.
    #[error("{path}: the file is empty")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A server's page was saved under the data's name.
    #[error(
        "{path}: this is an HTML page and no data: the download was answered by a page; {again}"
    )]
    WebPage {
        /// The file.
        path: PathBuf,
        /// How to get the data.
        again: &'static str,
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
    /// The file is shorter than its header says.
    #[error("{path}: the header announces {expected} bytes, the file has {found}")]
    Length {
        /// The file.
        path: PathBuf,
        /// Bytes there are.
        found: u64,
        /// Bytes announced, header included.
        expected: u64,
    },
    /// The file is longer than its header says.
    #[error("{path}: the header announces {expected} bytes, and the file goes on after them")]
    Longer {
        /// The file.
        path: PathBuf,
        /// Bytes announced, header included.
        expected: u64,
    },
    /// The file announces more images than were published under its name.
    #[error("{path}: the header announces {images} images; {name} has at most {most} here")]
    TooMany {
        /// The file.
        path: PathBuf,
        /// Images announced.
        images: u64,
        /// The data set.
        name: &'static str,
        /// Images published.
        most: u64,
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
        /// Labels announced.
        labels: u64,
        /// Images announced.
        images: u64,
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
    /// The two labels of an image contradict each other.
    #[error(
        "{path}: record {index} has the coarse label {coarse} and the fine label {fine}, whose \
         coarse label is {expected}; the coarse one comes first"
    )]
    LabelPair {
        /// The file.
        path: PathBuf,
        /// The record, from 0.
        index: usize,
        /// Its first byte.
        coarse: u8,
        /// Its second byte.
        fine: u16,
        /// The group that the fine class is in.
        expected: u8,
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
    /// A set is nowhere under its published names.
    #[error(
        "{folder}: there is neither {unpacked} nor {archive}, here or in its subfolder \
         {subfolder}{}",
        copy.as_ref().map_or(String::new(), |copy| format!(
            "; {} is a JPEG copy, whose pixels are others: train on it as images of your own \
             (set: folder), or get the published ones with `reproduce data fetch {subfolder}`",
            copy.display()
        ))
    )]
    MissingArchive {
        /// The data directory.
        folder: PathBuf,
        /// The folder that the archive unpacks to.
        unpacked: &'static str,
        /// The published archive.
        archive: &'static str,
        /// The subfolder that was looked in, too.
        subfolder: &'static str,
        /// A copy of other pixels, where there is one.
        copy: Option<PathBuf>,
    },
    /// A list of classes is another than that of the published set.
    #[error("{path}: the classes are {found}; those of {name} are {expected}")]
    Classes {
        /// The file of class names.
        path: PathBuf,
        /// What it lists.
        found: String,
        /// The data set.
        name: &'static str,
        /// Its classes.
        expected: String,
    },
    /// An archive holds one of its published files more than once.
    #[error("{path}: {name} is in it more than once")]
    Twice {
        /// The archive.
        path: PathBuf,
        /// The published name.
        name: &'static str,
    },
    /// An archive or a folder lacks one of its published files.
    #[error("{path}: there is no {name} in it")]
    MissingFile {
        /// The archive or the folder.
        path: PathBuf,
        /// The published name.
        name: &'static str,
    },
    /// An archive ends early or its bytes were changed.
    #[error("{path}: the archive is truncated or damaged: {source}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What unpacking says.
        source: std::io::Error,
    },
    /// The last record of a file is incomplete.
    #[error("{path}: record {record} has {found} bytes, not {expected}")]
    RecordLength {
        /// The file.
        path: PathBuf,
        /// The incomplete record, from 0.
        record: usize,
        /// Its bytes.
        found: usize,
        /// Bytes of a record.
        expected: usize,
    },
    /// A file has fewer or more records than published.
    #[error("{path}: there are {found} records, not {expected}")]
    RecordCount {
        /// The file.
        path: PathBuf,
        /// Records found.
        found: usize,
        /// Records published.
        expected: usize,
    },
    /// A folder leads back to itself.
    #[error("{path}: this link leads back to a folder that it is in")]
    Loop {
        /// The link.
        path: PathBuf,
    },
    /// A name cannot be written down.
    #[error("{path}: the name of the class folder {} is not UTF-8", name.display())]
    Name {
        /// The directory or archive.
        path: PathBuf,
        /// The name.
        name: PathBuf,
    },
    /// A class folder has files, and no image that could be read.
    #[error(
        "{path}: class {class} has no JPEG, PNG or WebP file, only {found}; without the class \
         the labels of the others would change"
    )]
    NoReadableImages {
        /// The directory or archive.
        path: PathBuf,
        /// The class.
        class: String,
        /// The endings of its files.
        found: String,
    },
    /// There are training images and none to report on.
    #[error(
        "{path}: there are no test images: either a folder test or val beside train, or class \
         folders alone, of which every fifth image is taken"
    )]
    NoTest {
        /// The directory or archive.
        path: PathBuf,
    },
    /// Images do not fit in memory.
    #[error(
        "{path}: {images} images of {height} x {width} need {:.1} GB of memory; this machine has \
         {:.1} GB",
        *needed as f64 / 1e9, *machine as f64 / 1e9
    )]
    Memory {
        /// The directory or archive.
        path: PathBuf,
        /// Images to load.
        images: usize,
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// Bytes of their pixels.
        needed: u64,
        /// Bytes of memory there are.
        machine: u64,
    },
    /// A folder, or what was opened, has no image.
    #[error("{path}: there are no images")]
    NoImages {
        /// The folder, the archive or the part of it.
        path: PathBuf,
    },
    /// An archive has a link to one of its files in the place of a file.
    #[error(
        "{path}: {file} is a link, which is not followed in an archive; unpack it, or pack it anew \
         with the files that links lead to (tar --dereference --hard-dereference)"
    )]
    Link {
        /// The archive.
        path: PathBuf,
        /// The link.
        file: PathBuf,
    },
    /// Class folders lie in different folders, so that nothing says which are the classes.
    #[error(
        "{path}: the class folders of {file} and {other} do not lie in one folder; images lie in \
         CLASS/FILE, or in train/CLASS/FILE and test/CLASS/FILE"
    )]
    Depth {
        /// The directory or archive.
        path: PathBuf,
        /// An image.
        file: PathBuf,
        /// An image whose class folder lies elsewhere.
        other: PathBuf,
    },
    /// An image lies beside the class folders instead of in one.
    #[error("{path}: {file} lies in no class folder")]
    NoClass {
        /// The directory or archive.
        path: PathBuf,
        /// The image.
        file: PathBuf,
    },
    /// Some images are in train or test, this one is not.
    #[error("{path}: {file} lies outside the folders train and test")]
    NoPart {
        /// The directory or archive.
        path: PathBuf,
        /// The image.
        file: PathBuf,
    },
    /// There is nothing to tell apart, or more than labels can.
    #[error("{path}: {classes} class folders (first: {first}); 2 to 65536 are needed")]
    ClassCount {
        /// The directory or archive.
        path: PathBuf,
        /// Class folders found.
        classes: usize,
        /// The first of them.
        first: String,
    },
    /// A class occurs in the test part only.
    #[error("{path}: test class {class} has no training images")]
    UntrainedClass {
        /// The directory or archive.
        path: PathBuf,
        /// The class.
        class: String,
    },
    /// A file is no whole image.
    #[error("{path}: {file} is corrupt: {reason}")]
    Corrupt {
        /// The directory or archive.
        path: PathBuf,
        /// The file inside.
        file: PathBuf,
        /// What the decoder says.
        reason: String,
    },
    /// Images of a set that is loaded whole differ in size.
    #[error(
        "{path}: {file} is {} x {}, the images before it are {} x {}; a `size` resizes them",
        found.0, found.1, expected.0, expected.1
    )]
    UnequalSize {
        /// The directory or archive.
        path: PathBuf,
        /// The file inside.
        file: PathBuf,
        /// Its height and width.
        found: (usize, usize),
        /// Height and width of the first image.
        expected: (usize, usize),
    },
    /// A normalisation is for another number of channels.
    #[error("normalisation: {means} means and {deviations} deviations for {channels} channels")]
    Channels {
        /// Means there are.
        means: usize,
        /// Deviations there are.
        deviations: usize,
        /// Channels of the images.
        channels: usize,
    },
    /// A channel cannot be normalised.
    #[error(
        "normalisation: channel {channel} has mean {mean} and deviation {deviation}; both are \
         finite and the deviation is above 0"
    )]
    Normalisation {
        /// The channel, from 0.
        channel: usize,
        /// Its mean.
        mean: f32,
        /// Its deviation.
        deviation: f32,
    },
    /// A setting is out of its range.
    #[error(transparent)]
    Setting(#[from] FieldError),
    /// A minibatch would be without an image.
    #[error("{path}: not one of the {images} images of a minibatch could be decoded")]
    NothingDecoded {
        /// The directory or archive.
        path: PathBuf,
        /// Files of the minibatch.
        images: usize,
    },
    /// A decoding thread ended before its images did.
    #[error("{path}: a thread stopped while it decoded {file}")]
    Thread {
        /// The directory or archive.
        path: PathBuf,
        /// The file it worked on.
        file: PathBuf,
    },
}
