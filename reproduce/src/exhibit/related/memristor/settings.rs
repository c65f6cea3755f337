//! The settings, and what is wrong with them.

use memristor_classifier::crossbar::{Device, Levels};
use memristor_classifier::experiment::Settings;
use serde::{Deserialize, Serialize};
use training::setting::{count_within, distinct};

use super::table_name::TableName;
use crate::exhibit::settings::{FieldError, MOST_REPEATS};
use crate::images::ImageConfig;
use crate::memory::Need;

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memristor {
    /// How accuracies are measured.
    pub classifier: Settings,
    /// The digits.
    pub images: ImageConfig,
    /// The tables.
    pub tables: Vec<TableName>,
    /// Repetitions on each table.
    pub seeds: usize,
    /// Repetitions on the digits.
    pub image_seeds: usize,
    /// What stored samples are rounded to; the 16 levels of 4 bits are always tried.
    pub levels: Vec<Levels>,
    /// Faults of devices with 16 levels; devices without are always tried.
    pub devices: Vec<Device>,
}

impl Memristor {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        self.classifier.check().map_err(|error| error.within("classifier"))?;
        self.images.check().map_err(|error| error.within("images"))?;
        let wanted = self.classifier.images;
        for (field, wanted, there) in [
            ("tuning", wanted.tuning, self.images.held_out),
            ("test", wanted.test, self.images.test),
            ("stored_a_class", wanted.stored_a_class, self.images.train),
        ] {
            let named = |error: FieldError| error.within("classifier.images");
            count_within(field, wanted, 1..=there).map_err(named)?;
        }
        if !self.tables.is_empty() {
            distinct("tables", &self.tables)?;
        }
        // The test that shuffled labels leave chance is Student's, over the seeds.
        count_within("seeds", self.seeds, 2..=MOST_REPEATS)?;
        count_within("image_seeds", self.image_seeds, 2..=MOST_REPEATS)?;
        distinct("levels", &self.levels)?;
        for (place, levels) in self.levels.iter().enumerate() {
            // Whatever the weights are: levels are judged before them.
            levels.quantiser(1.0).map_err(|error| {
                let field = format!("levels[{place}].levels");
                FieldError::new(field, levels.levels, error.to_string())
            })?;
        }
        distinct("devices", &self.devices)?;
        for (place, device) in self.devices.iter().enumerate() {
            device.check().map_err(|error| error.within(&format!("devices[{place}]")))?;
        }
        Ok(())
    }

    /// What is kept in memory: the images, and a batch of read-outs of the tuned images with their
    /// shares at all thresholds.
    pub fn memory(&self) -> Vec<Need> {
        let Settings { images, tuning, .. } = &self.classifier;
        let columns = 10 * images.stored_a_class;
        let thresholds = tuning.halvings * tuning.thresholds_a_halving + 1;
        let tuned = [[images.tuning, columns], [images.tuning, 10 * thresholds]];
        // Stored and asked images as vectors of 28 x 28 numbers, levels beside.
        let vectors = [[2 * columns + images.tuning + images.test, 784]];
        let sides = [&tuned[..], &vectors[..]].concat();
        vec![
            Need::new("images", self.images.train, self.images.bytes()),
            Need::of_matrices("classifier.images.test", images.test, &sides, size_of::<f64>()),
        ]
    }
}
