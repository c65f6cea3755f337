//! Minibatches of large images, decoded by threads while the network works.
//!
//! What is to be decoded is a fixed sequence of files. Thread t of T decodes files t, t + T,
//! t + 2T, ... into a bounded channel of its own, and the reader takes from the channels in turn:
//! the order is that of the sequence for any number of threads, and a thread whose channel is full
//! waits. At most `buffer` decoded images wait, and each thread holds one more.

use super::decoding::Pixels;
use super::resizing::{Crop, resize};
use super::{
    DataError, Epoch, EvaluationSet, ImageFolder, Minibatch, Minibatches, Normalisation, OnCorrupt,
    Part, Source,
};
use crate::digest::hexadecimal;
use crate::setting::{count, count_within};
use kernels::random::{Stream, below, shuffle, uniform};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
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
    /// Training images that are held out.
    #[serde(default)]
    pub held_out: usize,
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
        count("crop", self.crop)?;
        count_within("resize", self.resize, self.crop..)?;
        count("threads", self.threads)?;
        self.normalisation.check(3)
    }
}

/// Images in a minibatch of an evaluation: few, since they are large.
const EVALUATION_BATCH: usize = 50;

/// Images of class folders as minibatches, epoch by epoch, without holding them in memory.
///
/// Training images are cropped at a random place and mirrored half of the time, others are cropped
/// in their middle. A corrupt file that is skipped leaves its minibatch smaller by one: what is in
/// the others does not depend on it.
///
/// ```no_run
/// use kernels::{InstructionSet, random::Stream};
/// use std::{ops::ControlFlow, path::Path, sync::Arc};
/// use training::data::{FolderSource, ImageFolder, Normalisation, OnCorrupt, StreamSettings};
/// use training::exchange::Alone;
/// use training::layer::ImageShape;
/// use training::train::{Trainer, TrainingConfig};
///
/// let folder = Arc::new(ImageFolder::open(Path::new("imagenet"))?);
/// let (classes, crop) = (folder.classes().len(), 224);
/// let settings = StreamSettings {
///     resize: 256,
///     crop,
///     held_out: 10_000,
///     threads: 2,
///     buffer: 128,
///     normalisation: Normalisation::imagenet(),
///     on_corrupt: OnCorrupt::Skip,
/// };
/// let source = FolderSource::new(folder, settings)?;
/// let config: TrainingConfig = serde_yaml::from_str(
///     "{network: {name: resnet, depth: 50}, batch_size: 64, epochs: 90, seed: 1,
///       optimizer: {name: sgd, learning_rate: 0.025, momentum: 0.9, weight_decay: 0.0001}}",
/// )?;
/// let network = config.build(ImageShape::new(3, crop, crop), classes)?;
/// let set = InstructionSet::detect();
/// let run = Trainer::with(&config, network, Box::new(source), Box::new(Alone), set)?;
/// let report = run.finish_with_checkpoints(Path::new("run.checkpoint"), None, &mut |at| {
///     println!("step {} of {}", at.steps, at.total);
///     ControlFlow::Continue(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FolderSource {
    folder: Arc<ImageFolder>,
    settings: StreamSettings,
    /// Files of the training part, by number in the order of their paths.
    train: Vec<usize>,
    held_out: Vec<usize>,
}

impl FolderSource {
    /// A source of these images. Those held out are drawn from the training part, the same ones
    /// every time.
    ///
    /// # Errors
    /// When a setting is out of its range, or all training images are to be held out.
    pub fn new(folder: Arc<ImageFolder>, settings: StreamSettings) -> Result<Self, DataError> {
        settings.check()?;
        let images = folder.files(Part::Train).len();
        count_within("held_out", settings.held_out, 0..images)?;
        let mut held_out = folder.shuffled(Part::Train);
        let mut train = held_out.split_off(settings.held_out);
        train.sort_unstable();
        Ok(Self { folder, settings, train, held_out })
    }

    /// The minibatches of an epoch; see [`Source::epoch`].
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn training(&self, epoch: &Epoch) -> Result<FolderMinibatches, DataError> {
        let mut order = self.train.clone();
        shuffle(&mut epoch.stream.child("order").at(epoch.number), &mut order);
        let crops = epoch.stream.child("crop").child(&epoch.number.to_string());
        let crops = Some(crops).filter(|_| epoch.augmented);
        self.start(Part::Train, &order, epoch, crops)
    }

    /// The images of a part sorted by path, cropped in their middle, in minibatches of so many.
    ///
    /// # Errors
    /// When the minibatches are to be empty, or a thread cannot be started.
    pub fn part(&self, part: Part, batch_size: usize) -> Result<FolderMinibatches, DataError> {
        count("batch_size", batch_size)?;
        let all: Vec<usize> = (0..self.folder.files(part).len()).collect();
        self.in_order(part, &all, batch_size)
    }

    fn in_order(
        &self,
        part: Part,
        files: &[usize],
        batch_size: usize,
    ) -> Result<FolderMinibatches, DataError> {
        // Nothing is drawn from the stream.
        self.start(part, files, &Epoch::new(Stream::new(0, "in order"), 0, batch_size), None)
    }

    fn start(
        &self,
        part: Part,
        order: &[usize],
        epoch: &Epoch,
        crops: Option<Stream>,
    ) -> Result<FolderMinibatches, DataError> {
        let StreamSettings { resize, crop, threads, buffer, .. } = self.settings;
        let (mut files, mut sizes) = (Vec::new(), Vec::new());
        for minibatch in epoch.first..epoch.minibatches(order.len()) {
            let wanted = &order[epoch.positions(order.len(), minibatch)];
            files.extend_from_slice(wanted);
            sizes.push(wanted.len());
        }
        let folder = Arc::clone(&self.folder);
        let plan = Arc::new(Plan { folder, part, files, crops, resize, crop });
        let mut minibatches = FolderMinibatches {
            plan: Arc::clone(&plan),
            settings: self.settings.clone(),
            sizes: sizes.into_iter(),
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

impl Source for FolderSource {
    fn samples(&self) -> usize {
        self.train.len()
    }

    fn evaluation_samples(&self, set: EvaluationSet) -> usize {
        match set {
            EvaluationSet::HeldOut => self.held_out.len(),
            EvaluationSet::Test => self.folder.files(Part::Test).len(),
        }
    }

    fn epoch<'a>(&'a mut self, epoch: &Epoch) -> Result<Box<dyn Minibatches + 'a>, DataError> {
        Ok(Box::new(self.training(epoch)?))
    }

    fn evaluation<'a>(
        &'a mut self,
        set: EvaluationSet,
    ) -> Result<Box<dyn Minibatches + 'a>, DataError> {
        Ok(Box::new(match set {
            EvaluationSet::HeldOut => {
                self.in_order(Part::Train, &self.held_out, EVALUATION_BATCH)?
            }
            EvaluationSet::Test => self.part(Part::Test, EVALUATION_BATCH)?,
        }))
    }

    /// SHA-256 of the settings and of all names and labels. To read every image would take longer
    /// than many a run.
    fn checksum(&mut self) -> String {
        let StreamSettings { resize, crop, held_out, .. } = self.settings;
        let mut hash = Sha256::new();
        for number in [resize, crop, held_out, self.folder.classes().len()] {
            hash.update((number as u64).to_le_bytes());
        }
        let Normalisation { mean, deviation } = &self.settings.normalisation;
        mean.iter().chain(deviation).for_each(|number| hash.update(number.to_le_bytes()));
        for part in [Part::Train, Part::Test] {
            let files = self.folder.files(part);
            hash.update((files.len() as u64).to_le_bytes());
            for file in files {
                let name = file.name.as_os_str().as_encoded_bytes();
                hash.update((name.len() as u64).to_le_bytes());
                hash.update(name);
                hash.update(file.label.to_le_bytes());
            }
        }
        hexadecimal(&hash.finalize())
    }
}

/// What the threads of an epoch share.
#[derive(Debug)]
struct Plan {
    folder: Arc<ImageFolder>,
    part: Part,
    /// What is to be decoded, in this order.
    files: Vec<usize>,
    /// Where random crops come from; none for the middle.
    crops: Option<Stream>,
    resize: usize,
    crop: usize,
}

type Sample = Result<Vec<u8>, DataError>;

impl Plan {
    fn decode_every(&self, first: usize, stride: usize, sender: &SyncSender<Sample>) {
        for &file in self.files.iter().skip(first).step_by(stride) {
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
            resize(&image, Crop { target, corner, size: (self.crop, self.crop) });
        if rng.is_some_and(|mut rng| uniform(&mut rng) < 0.5) {
            image.mirror();
        }
        let mut planes = Vec::with_capacity(image.rgb.len());
        image.append_planes(&mut planes);
        Ok(planes)
    }
}

/// Minibatches of (batch) x (3 x crop x crop) normalised numbers; dropping them stops the threads.
#[derive(Debug)]
pub struct FolderMinibatches {
    plan: Arc<Plan>,
    settings: StreamSettings,
    /// Files of the minibatches still to come.
    sizes: std::vec::IntoIter<usize>,
    receivers: Vec<Receiver<Sample>>,
    workers: Vec<JoinHandle<()>>,
    /// Files taken from the threads so far.
    position: usize,
    skipped: usize,
}

impl FolderMinibatches {
    /// Corrupt files left out so far.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// The next file's pixels, unless they are corrupt and that is tolerated, and its label.
    fn next_image(&mut self) -> Result<Option<(Vec<u8>, u16)>, DataError> {
        let folder = &self.plan.folder;
        let file = &folder.files(self.plan.part)[self.plan.files[self.position]];
        let decoded = self.receivers[self.position % self.receivers.len()].recv();
        self.position += 1;
        let decoded = decoded.unwrap_or_else(|_| {
            Err(DataError::Thread { path: folder.path().to_owned(), file: file.name.clone() })
        });
        let pixels = self.settings.on_corrupt.tolerate(decoded, &mut self.skipped)?;
        Ok(pixels.map(|pixels| (pixels, file.label)))
    }
}

impl Minibatches for FolderMinibatches {
    /// Fails when a file cannot be read or is corrupt (unless that is to be skipped), or not one
    /// image of the minibatch could be decoded.
    fn next_into(&mut self, minibatch: &mut Minibatch) -> Result<bool, DataError> {
        let Some(images) = self.sizes.next() else { return Ok(false) };
        let features = 3 * self.settings.crop * self.settings.crop;
        let Minibatch { input, labels, continues } = minibatch;
        *continues = false;
        input.reshape(images, features);
        labels.clear();
        for _ in 0..images {
            if let Some((pixels, label)) = self.next_image()? {
                let row = &mut input.data_mut()[labels.len() * features..][..features];
                self.settings.normalisation.fill(&pixels, row);
                labels.push(label);
            }
        }
        if labels.is_empty() {
            let path = self.plan.folder.path().to_owned();
            return Err(DataError::NothingDecoded { path, images });
        }
        input.reshape(labels.len(), features);
        Ok(true)
    }
}

impl Drop for FolderMinibatches {
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
