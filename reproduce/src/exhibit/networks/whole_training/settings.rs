//! The settings, and what is wrong with them.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_yaml::Mapping;
use training::network::{Footprint, NetworkError};
use training::setting::count_within;
use training::train::TrainingConfig;

use super::arms::{Arm, Role};
use super::long_run::Wanted;
use super::measure::Measure;
use crate::exhibit::Environment;
use crate::exhibit::networks::learnt::Learnt;
use crate::exhibit::networks::one_run::Marks;
use crate::exhibit::settings::{Document, FieldError, MOST_REPEATS, PerScale, Scale};
use crate::exhibits::built_in_named;
use crate::images::ImageConfig;
use crate::memory::Need;
use crate::texts::{Text, TextConfig};

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WholeTraining {
    /// The images that are learnt, unless a text is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageConfig>,
    /// The text that is learnt, of which the next word is to be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextConfig>,
    /// What the arms have in common: the fields of [`TrainingConfig`] without the seed.
    pub training: Mapping,
    /// How many seeds each arm is trained with.
    pub seeds: usize,
    /// How many first steps of each arm are computed again where long results are shown.
    #[serde(default = "one")]
    pub recompute_steps: usize,
    /// Of how many arms, one run each.
    #[serde(default = "four")]
    pub recompute_arms: usize,
    /// The ways to train, the exact one first.
    pub arms: Vec<Arm>,
    /// Whose wall time is measured, each alone on all threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed: Option<Timed>,
}

/// Which arms are timed, and how often they change turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timed {
    /// By their names; the exact one is among them.
    pub arms: Vec<String>,
    /// Steps that an arm makes when it is its turn.
    pub turn_steps: usize,
}

fn one() -> usize {
    1
}

fn four() -> usize {
    4
}

/// The images and the exact arm of built-in settings of a whole training, those of its long runs
/// where it has some.
///
/// # Errors
/// When there are no settings of that name, or they are of something else.
pub fn exact_training(name: &str, seed: u64) -> anyhow::Result<(ImageConfig, TrainingConfig)> {
    let (_, own) = built_in_named(name).map_err(anyhow::Error::msg)?;
    let document: Document<WholeTraining> = serde_yaml::from_str(own.yaml)
        .with_context(|| format!("{name} are no settings of a whole training"))?;
    let scales = document.scales.map_or(Vec::new(), PerScale::into_values);
    let longest = scales.into_iter().max_by_key(|(scale, _)| *scale == Scale::Long);
    let (_, settings) = longest.with_context(|| format!("{name} has no settings"))?;
    let exact = settings.arms.first().with_context(|| format!("{name} has no arm"))?;
    let config = exact.config(0, &settings.training, seed)?;
    let images = settings.images.with_context(|| format!("{name} learns no images"))?;
    Ok((images, config))
}

impl WholeTraining {
    /// Checks what the types do not: every range, that the networks exist and fit the images, and
    /// that arms are what their roles say.
    ///
    /// # Errors
    /// Names the first setting that makes no sense.
    pub fn check(&self) -> Result<(), FieldError> {
        match (&self.images, &self.text) {
            (Some(images), None) => images.check().map_err(|error| error.within("images"))?,
            (None, Some(text)) => text.check().map_err(|error| error.within("text"))?,
            (None, None) => {
                return Err(FieldError::new("images", "missing", "images or a text to learn"));
            }
            (Some(_), Some(_)) => {
                return Err(FieldError::new("text", "set", "none beside images"));
            }
        }
        count_within("seeds", self.seeds, 1..=MOST_REPEATS)?;
        count_within("recompute_steps", self.recompute_steps, 1..=Marks::FIRST)?;
        count_within("recompute_arms", self.recompute_arms, 1..=MOST_REPEATS)?;
        let mut names = BTreeSet::new();
        for (place, arm) in self.arms.iter().enumerate() {
            if arm.name.is_empty() || !names.insert(&arm.name) {
                let (field, expected) = (format!("arms[{place}].name"), "a name of its own");
                return Err(FieldError::new(field, &arm.name, expected));
            }
            let is_right = match self.role(place) {
                Some(Role::Exact) => place == 0,
                Some(Role::Sampled | Role::Control) => place > 0,
                None => false,
            };
            if !is_right {
                let role = self.role(place).map_or("missing", Role::name);
                let expected = "exact for the first arm, sampled or control for the others";
                return Err(FieldError::new(format!("arms[{place}].role"), role, expected));
            }
            self.check_arm(place)?;
        }
        if self.arms.is_empty() {
            return Err(FieldError::new("arms", "[]", "an exact arm at the least"));
        }
        self.check_timed().map_err(|error| error.within("timed"))
    }

    fn check_arm(&self, place: usize) -> Result<(), FieldError> {
        let arm = &self.arms[place];
        let config = arm.config(place, &self.training, 0)?;
        let within = |error| arm.within(place, error);
        config.check().map_err(within)?;
        count_within("epochs", config.epochs, 1..=MOST_REPEATS).map_err(within)?;
        let role = self.role(place);
        let is_sampled = match (&self.images, &self.text) {
            (_, Some(_)) => is_sampled_on_text(&config),
            (Some(images), None) => is_sampled_on_images(images, &config),
            (None, None) => return Ok(()),
        };
        let Some(is_sampled) = is_sampled.map_err(within)? else { return Ok(()) };
        if is_sampled != (role == Some(Role::Sampled)) {
            let expected = match role {
                Some(Role::Sampled) => "policies that sample some product",
                _ => "no sampled product in an arm that is exact or a control",
            };
            let field = format!("arms[{place}].changes");
            return Err(FieldError::new(field, format!("that of '{}'", arm.name), expected));
        }
        Ok(())
    }

    /// What an arm is there for.
    pub fn role(&self, place: usize) -> Option<Role> {
        self.arms[place].role.or((place == 0).then_some(Role::Exact))
    }

    /// The runs, one seed after the other, so that every arm has some before any has all.
    ///
    /// # Errors
    /// Names a setting that is none.
    pub fn wanted(&self, first_seed: u64) -> Result<Vec<Wanted>, FieldError> {
        // After the last seed comes seed 0.
        let seeds = (0..self.seeds as u64).map(|seed| first_seed.wrapping_add(seed));
        let runs = seeds.flat_map(|seed| {
            self.arms.iter().enumerate().map(move |(arm, of)| {
                let config = of.config(arm, &self.training, seed)?;
                Ok(Wanted { arm, name: of.name.clone(), config })
            })
        });
        runs.collect()
    }

    /// What runs side by side, or those that take turns, keep in memory: the images once, and the
    /// largest networks.
    pub fn memory(&self) -> Vec<Need> {
        let runs = self.arms.len().saturating_mul(self.seeds);
        let in_turns = self.timed.as_ref().map_or(0, |timed| timed.arms.len());
        let side_by_side = rayon::current_num_threads().min(runs).max(in_turns) as f64;
        let learnt = match (&self.images, &self.text) {
            (Some(images), _) => Need::new("images", images.train, images.bytes()),
            (None, text) => {
                let tokens = text.as_ref().map_or(0, TextConfig::tokens);
                Need::new("text", tokens, (tokens * size_of::<u16>()) as f64)
            }
        };
        let footprints = (0..self.arms.len()).filter_map(|place| {
            let config = self.arms[place].config(place, &self.training, 0).ok()?;
            let Footprint { parameters, activations } = self.footprint(&config)?;
            Some(Need::new("training", &self.arms[place].name, parameters + activations))
        });
        let largest = footprints.max_by(|one, other| one.bytes.total_cmp(&other.bytes));
        let largest = largest.map(|need| Need { bytes: side_by_side * need.bytes, ..need });
        std::iter::once(learnt).chain(largest).collect()
    }

    fn footprint(&self, config: &TrainingConfig) -> Option<Footprint> {
        if let Some(text) = &self.text {
            return config.network.text_footprint(text.words(), config.batch_size);
        }
        let (image, classes) = self.images.as_ref()?.shape()?;
        Some(config.footprint(&config.network.describe(image, classes).ok()?))
    }

    /// The text that is learnt, in memory.
    ///
    /// # Errors
    /// When a file of it is missing or damaged.
    pub fn text(&self, environment: &Environment) -> anyhow::Result<Option<Text>> {
        Ok(self.text.as_ref().map(|text| text.load(environment.data)).transpose()?)
    }

    /// What is learnt: the text, where there is one.
    ///
    /// # Errors
    /// When images were not loaded.
    pub fn learnt<'a>(
        &self,
        environment: &'a Environment,
        text: Option<&'a Text>,
    ) -> anyhow::Result<Learnt<'a>> {
        text.map_or_else(|| Learnt::images(environment), |text| Ok(Learnt::Text(text)))
    }

    /// What a training of these settings is judged by.
    pub fn measure(&self) -> Measure {
        if self.text.is_some() { Measure::Perplexity } else { Measure::Accuracy }
    }
}

/// Whether a product of a training on images is sampled; nothing where their shape is not known yet.
fn is_sampled_on_images(
    images: &ImageConfig,
    config: &TrainingConfig,
) -> Result<Option<bool>, FieldError> {
    let Some((image, classes)) = images.shape() else { return Ok(None) };
    config.check_images(image.height.min(image.width))?;
    let network = config.describe(image, classes, images.training_images());
    let network = network.map_err(NetworkError::in_settings)?;
    network.check(&config.policies).map_err(unfit)?;
    let products = network.products();
    Ok(Some(products.iter().any(|product| is_sampled(config, product.layer, product.sampled))))
}

/// Whether a product of a training on a text is sampled.
fn is_sampled_on_text(config: &TrainingConfig) -> Result<Option<bool>, FieldError> {
    config.check_text()?;
    config.network.check_for_text(&config.policies).map_err(unfit)?;
    let layers = config.network.text_layers();
    Ok(Some(layers.iter().any(|layer| is_sampled(config, layer, true))))
}

fn is_sampled(config: &TrainingConfig, layer: &str, by_itself: bool) -> bool {
    config.policies.of(layer, by_itself).is_some_and(|policy| policy.ratio < 1.0)
}

fn unfit(error: impl std::fmt::Display) -> FieldError {
    let expected = format!("policies that fit the network: {error}");
    FieldError::new("policies", "others", expected)
}
