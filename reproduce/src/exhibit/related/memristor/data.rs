//! The data sets: two tables and the digits, published or drawn by code.

use std::path::Path;

use memristor_classifier::experiment::Data;
use memristor_classifier::samples;
use training::data::Splits;

use super::settings::Memristor;
use crate::exhibit::Environment;
use crate::images::{ImageSet, Images};

/// Samples with their classes.
#[derive(Clone, Debug)]
pub enum Samples<'a> {
    /// Rows without a test part.
    Table(samples::Samples),
    /// Images in their parts.
    Images(&'a Splits),
}

/// What is classified, and with which seeds.
#[derive(Clone, Debug)]
pub struct DataSet<'a> {
    /// What figures and tables call it.
    pub name: String,
    /// The samples.
    pub samples: Samples<'a>,
    /// A seed a repetition.
    pub seeds: Vec<u64>,
    /// Whether it was drawn by code.
    pub is_generated: bool,
}

impl DataSet<'_> {
    /// As the experiment takes it.
    pub fn data(&self) -> Data<'_> {
        match &self.samples {
            Samples::Table(table) => Data::Table(table),
            Samples::Images(images) => Data::Images(images),
        }
    }
}

impl Memristor {
    /// The tables and the digits. Where the digits are drawn by code the tables are too.
    ///
    /// # Errors
    /// When a table is missing or damaged.
    pub fn data_sets<'a>(
        &self,
        images: &'a Images,
        environment: &Environment,
    ) -> anyhow::Result<Vec<DataSet<'a>>> {
        let seeds = |count: usize| -> Vec<u64> {
            (0..count as u64).map(|seed| environment.seed.wrapping_add(seed)).collect()
        };
        let generated = ImageSet::GeneratedDigits.slugs()[0];
        let is_generated = images.slug == generated;
        let mut sets = Vec::new();
        for &table in &self.tables {
            let samples = match is_generated {
                true => table.generated(),
                false => table.load_published(environment.data)?,
            };
            let (name, samples) = (samples.name.clone(), Samples::Table(samples));
            sets.push(DataSet { name, samples, seeds: seeds(self.seeds), is_generated });
        }
        let name = match is_generated {
            true => "digits drawn by code".to_string(),
            false => images.splits.train.name.clone(),
        };
        let (samples, seeds) = (Samples::Images(&images.splits), seeds(self.image_seeds));
        sets.push(DataSet { name, samples, seeds, is_generated });
        Ok(sets)
    }

    /// The first table that a data directory does not hold.
    pub fn missing_table(&self, directory: &Path) -> Option<&'static str> {
        self.tables.iter().find_map(|table| table.missing_from(directory))
    }
}
