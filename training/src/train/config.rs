//! The settings of a training run.

use super::{BatchNormStatistics, TrainingError};
use crate::data::{
    Augmentation, Corpus, Dataset, EVALUATION_BATCH, Minibatch, Minibatches, TextSource,
};
use crate::layer::{CodeSettings, ImageShape, ParameterPattern};
use crate::network::{Description, Footprint, Network, NetworkConfig, NetworkError, TestTimeViews};
use crate::optimizer::{
    LookaheadConfig, Moment, OptimizerConfig, ParameterGroup, Schedule, check_groups,
};
use crate::sampling::{Course, LayerPolicies, StepSampling};
use crate::setting::{FieldError, POSITIVE, count, number};
use kernels::random::Stream;
use serde::{Deserialize, Serialize};

/// A training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// What is trained.
    pub network: NetworkConfig,
    /// Samples in a minibatch; the last of an epoch may be smaller.
    pub batch_size: usize,
    /// Passes over the training set.
    pub epochs: usize,
    /// How gradients change parameters.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes in the course of the run.
    #[serde(default)]
    pub schedule: Schedule,
    /// Parameters that are learnt otherwise than the rest: at another rate, or not to the end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameter_groups: Vec<ParameterGroup>,
    /// The average of past states that the network returns to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookahead: Option<LookaheadConfig>,
    /// The probability with which a label is replaced by any class in the loss of a training step.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_smoothing: f32,
    /// The largest norm of a gradient that is not shortened; see [`Learner::with_gradient_norm`].
    ///
    /// [`Learner::with_gradient_norm`]: crate::learner::Learner::with_gradient_norm
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_norm: Option<f32>,
    /// How the products of each layer are sampled.
    #[serde(default)]
    pub policies: LayerPolicies,
    /// What is kept for the backward pass in the place of the activations around every batch
    /// normalisation that is rectified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<CodeSettings>,
    /// First epochs that are exact whatever the policies.
    #[serde(default)]
    pub exact_epochs: usize,
    /// How sampling changes after them.
    #[serde(default, skip_serializing_if = "Course::is_constant")]
    pub course: Course,
    /// How training images are changed at random, every epoch anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// The statistics that batch normalisation uses in evaluations.
    #[serde(default, skip_serializing_if = "BatchNormStatistics::is_running")]
    pub batch_norm_statistics: BatchNormStatistics,
    /// Whether batch normalisation takes the statistics of the whole minibatch where workers share it,
    /// in the place of each worker's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub synchronised_batch_norm: bool,
    /// The views of every image in the evaluation after the last epoch; all others are of the image
    /// alone.
    #[serde(default, skip_serializing_if = "TestTimeViews::is_image")]
    pub test_time_views: TestTimeViews,
    /// Where all randomness of the run starts.
    pub seed: u64,
}

fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

impl TrainingConfig {
    /// A run with exact products at a constant rate, of images as they are.
    pub fn new(
        network: NetworkConfig,
        batch_size: usize,
        epochs: usize,
        optimizer: OptimizerConfig,
        seed: u64,
    ) -> Self {
        Self {
            network,
            batch_size,
            epochs,
            optimizer,
            schedule: Schedule::default(),
            parameter_groups: Vec::new(),
            lookahead: None,
            label_smoothing: 0.0,
            gradient_norm: None,
            policies: LayerPolicies::default(),
            codes: None,
            exact_epochs: 0,
            course: Course::default(),
            augmentation: None,
            batch_norm_statistics: BatchNormStatistics::default(),
            synchronised_batch_norm: false,
            test_time_views: TestTimeViews::default(),
            seed,
        }
    }

    /// Checks every setting but for those that depend on the data.
    ///
    /// # Errors
    /// On the first one out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        count("batch_size", self.batch_size)?;
        count("epochs", self.epochs)?;
        self.network.check().map_err(|error| error.within("network"))?;
        self.optimizer.check().map_err(|error| error.within("optimizer"))?;
        self.schedule.check().map_err(|error| error.within("schedule"))?;
        for (place, group) in self.parameter_groups.iter().enumerate() {
            let within = |error: FieldError| error.within(&format!("parameter_groups[{place}]"));
            group.check().map_err(within)?;
        }
        if let Some(lookahead) = &self.lookahead {
            lookahead.check().map_err(|error| error.within("lookahead"))?;
        }
        number("label_smoothing", self.label_smoothing, 0.0..1.0)?;
        if let Some(most) = self.gradient_norm {
            number("gradient_norm", most, POSITIVE)?;
        }
        if let Some(codes) = self.codes {
            codes.check().map_err(|error| error.within("codes"))?;
        }
        self.check_course()?;
        if let BatchNormStatistics::ReEstimated { minibatches } = self.batch_norm_statistics {
            let within = |error: FieldError| error.within("batch_norm_statistics");
            count("minibatches", minibatches).map_err(within)?;
        }
        Ok(())
    }

    fn check_course(&self) -> Result<(), FieldError> {
        if self.course.is_constant() {
            return Ok(());
        }
        let (exact_epochs, epochs) = (self.exact_epochs, self.epochs);
        if exact_epochs >= epochs {
            let expected = format!("fewer than the {epochs} epochs: the course of sampling is set");
            return Err(FieldError::new("exact_epochs", exact_epochs, expected));
        }
        let checked = self.course.check(exact_epochs, epochs, self.policies.least_ratio());
        checked.map_err(|error| error.within("course"))
    }

    /// What a step of the run samples.
    pub fn sampling(&self, moment: Moment) -> StepSampling {
        self.course.sampling(moment, self.exact_epochs)
    }

    /// Checks the settings that depend on the images' shorter side.
    ///
    /// # Errors
    /// When the augmentation makes no sense for them.
    pub fn check_images(&self, side: usize) -> Result<(), FieldError> {
        let augmentation = self.augmentation.unwrap_or_default();
        augmentation.check(side).map_err(|error| error.within("augmentation"))
    }

    /// The network for so many images of this shape, which can compute every minibatch of a run.
    ///
    /// # Errors
    /// When the network does not exist in this size, does not fit the images, minibatches or
    /// evaluations, or has no parameter of a group.
    pub fn describe(
        &self,
        image: ImageShape,
        classes: usize,
        images: usize,
    ) -> Result<Description, NetworkError> {
        let description = self.description(image, classes)?;
        let batch = self.batch_size.min(images);
        description.check_batch(batch).map_err(|error| {
            let expected = format!("a minibatch that fits the network: {error}");
            FieldError::new("batch_size", self.batch_size, expected)
        })?;
        description.check_batch(EVALUATION_BATCH)?;
        check_groups(&self.parameter_groups, &description.parameter_names())?;
        Ok(description)
    }

    fn description(&self, image: ImageShape, classes: usize) -> Result<Description, NetworkError> {
        let description = self.network.describe(image, classes)?;
        match self.codes {
            None => Ok(description),
            Some(codes) => description.with_codes(codes),
        }
    }

    /// The network before its first step, for images of this shape. A layer that whitens still
    /// lacks its filters, see [`TrainingConfig::build_on`].
    ///
    /// # Errors
    /// When the network does not exist in this size, or cannot be sampled as the policies say.
    pub fn build(&self, image: ImageShape, classes: usize) -> Result<Network, NetworkError> {
        let description = self.description(image, classes)?;
        description.build(&self.policies, self.stream().child("initialisation"))
    }

    /// The network before its first step on these images, from the first of which it has its
    /// whitening filters, where it whitens.
    ///
    /// # Errors
    /// As [`TrainingConfig::build`], and when there are fewer images than the filters need.
    pub fn build_on(&self, data: &Dataset) -> Result<Network, NetworkError> {
        let image = ImageShape::new(data.channels, data.height, data.width);
        let mut network = self.build(image, data.classes)?;
        let Some(mut whitening) = self.network.describe(image, data.classes)?.whitening()? else {
            return Ok(network);
        };
        if data.len() < whitening.images() {
            let expected = format!("at most the {} training images", data.len());
            let field = "network.whitening_images";
            return Err(FieldError::new(field, whitening.images(), expected).into());
        }
        let (mut images, mut minibatch) =
            (data.minibatches(EVALUATION_BATCH), Minibatch::default());
        // Reading images in memory cannot fail.
        while images.next_into(&mut minibatch).is_ok_and(|is_there| is_there)
            && whitening.add(&minibatch.input)
        {}
        whitening.fill(&mut network);
        Ok(network)
    }

    /// Checks the settings that a run on a text does not have, and returns the words of a window.
    ///
    /// # Errors
    /// Names the network where it reads images, or the first setting that is for images alone.
    pub fn check_text(&self) -> Result<usize, FieldError> {
        let none = |field: &str, is_set: bool| match is_set {
            true => Err(FieldError::new(field, "set", "none: it is for images")),
            false => Ok(()),
        };
        none("codes", self.codes.is_some())?;
        none("augmentation", self.augmentation.is_some())?;
        none("test_time_views", !self.test_time_views.is_image())?;
        self.network.text_steps().ok_or_else(|| self.network.reads("a text"))
    }

    /// The minibatches of a text that the network reads.
    ///
    /// # Errors
    /// As [`TrainingConfig::check_text`], and when a part of the text is too short.
    pub fn text_source<'a>(&self, corpus: &'a Corpus) -> Result<TextSource<'a>, TrainingError> {
        Ok(TextSource::new(corpus, self.batch_size, self.check_text()?)?)
    }

    /// The network before its first step on a text of so many different words.
    ///
    /// # Errors
    /// As [`NetworkConfig::build_for_text`].
    pub fn build_for_text(&self, words: usize) -> Result<Network, NetworkError> {
        let stream = self.stream().child("initialisation");
        self.network.build_for_text(words, self.batch_size, &self.policies, stream)
    }

    /// The memory of a run of this network, see [`Description::footprint`].
    pub fn footprint(&self, description: &Description) -> Footprint {
        let footprint = description.footprint(self.batch_size);
        let average = self.lookahead.map_or(0.0, |_| description.state_numbers() as f64);
        let parameters = footprint.parameters + size_of::<f32>() as f64 * average;
        Footprint { parameters, ..footprint }
    }

    /// The parameters that are not learnt in an epoch, counted from 0.
    pub fn frozen(&self, epoch: usize) -> Vec<ParameterPattern> {
        let groups = self.parameter_groups.iter().filter(|group| group.is_frozen(epoch));
        groups.map(|group| group.parameters.clone()).collect()
    }

    /// Where all randomness of the run comes from.
    pub(super) fn stream(&self) -> Stream {
        Stream::new(self.seed, "training")
    }
}
