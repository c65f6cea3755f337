//! The sentences below the tables that are computed from the numbers.

use super::Accuracy;
use crate::exhibit::difference::Difference;
use crate::exhibit::finding::against_exact;
use crate::exhibit::networks::headline::is_shown;
use crate::exhibit::networks::runs::Trained;
use crate::exhibit::networks::sampling::Sampling;

impl Accuracy {
    /// What each way of sampling costs or gains at a half, a quarter and a tenth, where these are
    /// among the ratios.
    pub(super) fn costs(&self, exact: &Trained, trained: &[Trained]) -> Vec<String> {
        let mut sentences = Vec::new();
        for kind in self.kinds() {
            let here = trained.iter().rev().filter(|setting| setting.sampling.is_like(&kind));
            let found: Vec<String> = here
                .filter(|setting| is_shown(setting.sampling.ratio))
                .map(|setting| {
                    let difference = self.against(exact, setting).words();
                    format!("{difference} at {}", setting.sampling.ratio)
                })
                .collect();
            if !found.is_empty() {
                sentences.push(format!(
                    "{} less exact, in points of test accuracy: {}.",
                    kind.name(),
                    found.join("; ")
                ));
            }
        }
        sentences
    }

    /// What the first way of sampling does at a half and at the least ratio, in a sentence.
    pub(super) fn finding(&self, exact: &Trained, trained: &[Trained]) -> String {
        let kinds = self.kinds();
        let of_kind = |kind: &Sampling| {
            let here = trained.iter().filter(|setting| setting.sampling.is_like(kind));
            here.filter(|setting| setting.sampling.ratio < 1.0).collect::<Vec<&Trained>>()
        };
        let settings = kinds.first().map(of_kind).unwrap_or_default();
        let half = settings.iter().find(|setting| setting.sampling.ratio == 0.5).copied();
        let least = settings
            .first()
            .copied()
            .filter(|least| half.is_none_or(|half| half.sampling.ratio != least.sampling.ratio));
        let found = half.into_iter().chain(least).map(|setting| {
            let name = format!("{} at {}", setting.sampling.name(), setting.sampling.ratio);
            (name, self.against(exact, setting))
        });
        against_exact(&found.collect::<Vec<_>>())
    }

    /// The accuracy with the running statistics of batch normalisation less that with others.
    pub(super) fn statistics(&self, trained: &[Trained]) -> Option<String> {
        let costs = trained.iter().map(|setting| {
            let running =
                setting.a_seed_with_running_statistics(|metrics| 100.0 * metrics.accuracy)?;
            let difference = Difference::paired(&running, &self.accuracies(setting)).words();
            let (name, ratio) = (setting.sampling.name(), setting.sampling.ratio);
            Some(format!("{difference} for {name} at {ratio}"))
        });
        let costs = costs.collect::<Option<Vec<_>>>()?.join("; ");
        Some(format!(
            "The running statistics of batch normalisation are averages over training steps, in \
             sampled runs over sampled ones; the evaluation is exact, and here has statistics \
             estimated anew from exact passes. With the running ones, as in the released code, less \
             with these, paired over the seeds, in points of test accuracy: {costs}."
        ))
    }
}
