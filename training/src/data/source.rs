//! Minibatches of large images, decoded by threads while the network works.
//!
//! An epoch is a fixed sequence of samples. Thread t of T decodes samples t, t + T, t + 2T, ...
//! into a bounded channel of its own, and the reader takes from the channels in turn: the order
//! is that of the sequence for any number of threads, and a thread whose channel is full waits.
//! At most `buffer` decoded images wait, and each thread holds one more.

use super::decoding::Pixels;
use super::resizing::{Window, resize};
use super::{DataError, ImageFolder, Normalisation, OnCorrupt, Part};
use crate::matrix::Matrix;
use kernels::random::{Stream, below, shuffle, uniform};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// How a stream of images is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSettings {
    /// Pixels of the shorter side after resizing; the other keeps the ratio, rounded down.
    pub resize: usize,
    /// Rows and columns cut out of the resized image.
    pub crop: usize,
    /// Samples in a minibatch; the last of an epoch may be smaller.
    pub batch_size: usize,
    /// Threads that decode.
    pub threads: usize,
    /// Decoded images that may wait for the reader.
    pub buffer: usize,
    /// What bytes become.
    pub normalisation: Normalisation,
    /// What becomes of a corrupt file.
    #[serde(default)]
    pub on_corrupt: OnCorrupt,
}

impl StreamSettings {
    fn check(&self) -> Result<(), DataError> {
        let setting = |valid: bool, field, value, requirement| {
            if valid { Ok(()) } else { Err(DataError::Setting { field, value, requirement }) }
        };
        setting(self.crop >= 1, "crop", self.crop, "it is at least 1")?;
        setting(self.resize >= self.crop, "resize", self.resize, "it is at least crop")?;
        setting(self.batch_size >= 1, "batch_size", self.batch_size, "it is at least 1")?;
        setting(self.threads >= 1, "threads", self.threads, "it is at least 1")?;
        self.normalisation.check(3)
    }
}

/// Images of class folders as minibatches, epoch by epoch, without holding them in memory.
///
/// ```no_run
/// use kernels::random::Stream;
/// use std::{path::Path, sync::Arc};
/// use training::data::{FolderSource, ImageFolder, Normalisation, OnCorrupt, StreamSettings};
/// use training::matrix::Matrix;
///
/// let folder = Arc::new(ImageFolder::open(Path::new("imagenet"))?);
/// let settings = StreamSettings {
///     resize: 256,
///     crop: 224,
///     batch_size: 64,
///     threads: 2,
///     buffer: 128,
///     normalisation: Normalisation::imagenet(),
///     on_corrupt: OnCorrupt::Skip,
/// };
/// let source = FolderSource::new(folder, settings)?;
/// let (mut input, mut labels) = (Matrix::default(), Vec::new());
/// let mut minibatches = source.training_epoch(Stream::new(1, "images"), 0)?;
/// while minibatches.next_into(&mut input, &mut labels)? {
///     println!("{} rows of {} numbers", input.rows(), input.columns());
/// }
/// # Ok::<(), training::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FolderSource {
    folder: Arc<ImageFolder>,
    settings: StreamSettings,
}

impl FolderSource {
    /// A source of these images.
    ///
    /// # Errors
    /// When a setting is out of its range.
    pub fn new(folder: Arc<ImageFolder>, settings: StreamSettings) -> Result<Self, DataError> {
        settings.check()?;
        Ok(Self { folder, settings })
    }

    /// The training images in the order of an epoch, cropped at a random place and mirrored half
    /// of the time. Everything random depends on stream, epoch and file only.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn training_epoch(&self, stream: Stream, epoch: u64) -> Result<Minibatches, DataError> {
        let mut order: Vec<usize> = (0..self.folder.files(Part::Train).len()).collect();
        shuffle(&mut stream.child("order").at(epoch), &mut order);
        let crops = stream.child("crop").child(&epoch.to_string());
        self.start(Part::Train, order, Some(crops))
    }

    /// The images of a part sorted by path, cropped in their middle.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn evaluation(&self, part: Part) -> Result<Minibatches, DataError> {
        self.start(part, (0..self.folder.files(part).len()).collect(), None)
    }

    fn start(
        &self,
        part: Part,
        order: Vec<usize>,
        crops: Option<Stream>,
    ) -> Result<Minibatches, DataError> {
        let StreamSettings { resize, crop, threads, buffer, .. } = self.settings;
        let folder = Arc::clone(&self.folder);
        let plan = Arc::new(Plan { folder, part, order, crops, resize, crop });
        let mut minibatches = Minibatches {
            plan: Arc::clone(&plan),
            settings: self.settings.clone(),
            receivers: Vec::new(),
            workers: Vec::new(),
            position: 0,
            skipped: 0,
        };
        for thread in 0..threads {
            let (sender, receiver) = sync_channel(buffer / threads);
            let plan = Arc::clone(&plan);
            let worker = std::thread::Builder::new()
                .name(format!("decoding {thread}"))
                .spawn(move || plan.decode_every(thread, threads, &sender))
                .map_err(|source| DataError::Unreadable {
                    path: self.folder.path().to_owned(),
                    source,
                })?;
            minibatches.receivers.push(receiver);
            minibatches.workers.push(worker);
        }
        Ok(minibatches)
    }
}

/// What the threads of an epoch share.
#[derive(Debug)]
struct Plan {
    folder: Arc<ImageFolder>,
    part: Part,
    order: Vec<usize>,
    /// Where random crops come from; none for the middle.
    crops: Option<Stream>,
    resize: usize,
    crop: usize,
}

type Sample = Result<Vec<u8>, DataError>;

impl Plan {
    fn decode_every(&self, first: usize, stride: usize, sender: &SyncSender<Sample>) {
        for &file in self.order.iter().skip(first).step_by(stride) {
            // The reader has gone: nobody wants the rest.
            if sender.send(self.sample(file)).is_err() {
                return;
            }
        }
    }

    /// One image as 3 x crop x crop bytes.
    fn sample(&self, file: usize) -> Sample {
        let image = self.folder.decode(&self.folder.files(self.part)[file])?;
        let target = image.target(self.resize);
        let free = (target.0 - self.crop, target.1 - self.crop);
        let mut rng = self.crops.map(|crops| crops.at(file as u64));
        let corner = match &mut rng {
            Some(rng) => (below(rng, free.0 + 1), below(rng, free.1 + 1)),
            None => (free.0 / 2, free.1 / 2),
        };
        let mut image: Pixels =
            resize(&image, Window { target, corner, size: (self.crop, self.crop) });
        if rng.is_some_and(|mut rng| uniform(&mut rng) < 0.5) {
            image.mirror();
        }
        let mut planes = Vec::with_capacity(image.rgb.len());
        image.append_planes(&mut planes);
        Ok(planes)
    }
}

/// The minibatches of one epoch; dropping it stops the threads.
#[derive(Debug)]
pub struct Minibatches {
    plan: Arc<Plan>,
    settings: StreamSettings,
    receivers: Vec<Receiver<Sample>>,
    workers: Vec<JoinHandle<()>>,
    /// Samples taken from the threads so far.
    position: usize,
    skipped: usize,
}

impl Minibatches {
    /// Writes the next minibatch, (batch) x (3 x crop x crop) normalised numbers and one label a
    /// row; says whether there was one.
    ///
    /// A skipped file is replaced by the next one, so that only the last minibatch is smaller.
    ///
    /// # Errors
    /// When a file cannot be read or is corrupt (unless that is to be skipped), or not one image
    /// of the epoch could be decoded.
    pub fn next_into(
        &mut self,
        input: &mut Matrix,
        labels: &mut Vec<u16>,
    ) -> Result<bool, DataError> {
        let features = 3 * self.settings.crop * self.settings.crop;
        let files = self.plan.folder.files(self.plan.part);
        labels.clear();
        input.reshape(self.settings.batch_size, features);
        for row in input.data_mut().chunks_exact_mut(features) {
            let (pixels, label) = loop {
                let Some(&file) = self.plan.order.get(self.position) else {
                    input.reshape(labels.len(), features);
                    return self.end(labels.len());
                };
                let decoded = self.receivers[self.position % self.receivers.len()].recv();
                self.position += 1;
                let decoded = decoded.unwrap_or_else(|_| {
                    let path = self.plan.folder.path().to_owned();
                    Err(DataError::Thread { path, file: files[file].name.clone() })
                });
                if let Some(pixels) =
                    self.settings.on_corrupt.tolerate(decoded, &mut self.skipped)?
                {
                    break (pixels, files[file].label);
                }
            };
            self.settings.normalisation.fill(&pixels, row);
            labels.push(label);
        }
        Ok(true)
    }

    /// Corrupt files left out so far.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    fn end(&self, samples: usize) -> Result<bool, DataError> {
        if self.skipped == self.plan.order.len() {
            return Err(DataError::NoImages { path: self.plan.folder.path().to_owned() });
        }
        Ok(samples > 0)
    }
}

impl Drop for Minibatches {
    fn drop(&mut self) {
        // A thread that waits for room in its channel wakes up when the channel is gone.
        self.receivers.clear();
        for worker in self.workers.drain(..) {
            // A panic of the thread was printed there, and read here as a missing image.
            let _ = worker.join();
        }
    }
}

#[cfg(test)]
mod tests;
