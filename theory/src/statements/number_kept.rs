//! T6: how many pairs Bernoulli-CRS keeps.

use crate::claim::{CheckError, Claim, Scale, Settings};
use crate::closed_form::{chernoff_upper_tail, hoeffding_tail, number_kept};
use crate::controls::Mistake;
use crate::matrices::{Family, squared};
use crate::moments::{Case, ROUNDINGS, cases};
use crate::monte_carlo::sizes;
use crate::sampler::Sampler;
use crate::statistics::Sample;
use crate::verdict::{Exact, Verdict, worst};
use kernels::Estimator;
use kernels::random::Stream;

/// T6, the mean.
pub static MEAN: Claim = Claim::new(
    "T6.mean",
    "Mean number of pairs kept",
    "The number of pairs kept has the sum of the probabilities as mean.",
    r"\mathbb{E}|S|=\sum_i p_i",
    "from the definition",
    "number-kept.md",
);

/// T6, the variance.
pub static VARIANCE: Claim = Claim::new(
    "T6.variance",
    "Variance of the number of pairs kept",
    "The number of pairs kept is a sum of independent coins.",
    r"\operatorname{Var}|S|=\sum_i p_i(1-p_i)",
    "from the definition",
    "number-kept.md",
);

/// T6, the tail.
pub static TAIL: Claim = Claim::new(
    "T6.tail",
    "Tail of the number of pairs kept",
    "The bounds of Chernoff and Hoeffding hold for the number of pairs kept.",
    r"\Pr(|S|\ge\mu+t)\le e^{-\mu h(t/\mu)},\quad\Pr(||S|-\mu|\ge t)\le 2e^{-2t^2/n}",
    "Chernoff 1952, Hoeffding 1963",
    "number-kept.md",
);

/// The bounds of the tail claim, or wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    /// Chernoff's for the upper tail and Hoeffding's for both.
    Right,
    /// The square of the right ones: a control.
    Squared,
}

impl Bound {
    /// Bounds on the upper tail and on both tails together, at a distance t from the mean.
    fn tails(self, mean: f64, pairs: usize, excess: f64) -> (f64, f64) {
        let tails = (chernoff_upper_tail(mean, excess), hoeffding_tail(pairs, excess));
        match self {
            Self::Right => tails,
            Self::Squared => (squared(tails.0), squared(tails.1)),
        }
    }
}

/// The claimed coins of a sampler: those of the estimator it says it is.
fn claimed_coins(case: &Case) -> Result<Vec<f64>, CheckError> {
    Ok(Estimator::Bernoulli.law(&case.factors.scores(), case.k)?.inclusion())
}

/// Mean, variance and tails of the number that a sampler keeps, enumerated, against those of
/// Bernoulli-CRS.
fn enumerated(
    settings: &Settings,
    sampler: &Sampler,
    bound: Bound,
) -> Result<[Verdict; 3], CheckError> {
    let (mut means, mut variances, mut tails) = (Vec::new(), Vec::new(), Vec::new());
    for case in cases(settings.seed) {
        let outcomes = sampler.outcomes(&case.factors.scores(), case.k)?;
        let expectation = |value: &dyn Fn(f64) -> f64| {
            let terms = outcomes.iter().map(|o| o.probability * value(o.selection.len() as f64));
            terms.sum::<f64>()
        };
        let (mean, variance) = number_kept(&claimed_coins(&case)?);
        let pairs = case.factors.pairs();
        let check = format!("enumeration of {sampler}: {}", case.name());
        let allowed = ROUNDINGS * f64::EPSILON * (pairs * pairs) as f64;
        let measured = expectation(&|kept| kept);
        let spread = expectation(&|kept| (kept - measured) * (kept - measured));
        let wrong_work = "The work of a sampled product is not what its budget says.";
        let how = Exact::Enumerated(outcomes.len());
        means.push(Verdict::exact(&MEAN, check.clone(), measured, mean, allowed, how, wrong_work));
        variances.push(Verdict::exact(
            &VARIANCE,
            check.clone(),
            spread,
            variance,
            allowed,
            how,
            wrong_work,
        ));
        for number in 0..=pairs {
            let excess = (number as f64 - mean).abs();
            let above = |kept: f64| f64::from(u8::from(kept >= mean + excess));
            let apart = |kept: f64| f64::from(u8::from((kept - mean).abs() >= excess));
            let (upper, both) = bound.tails(mean, pairs, excess);
            for (side, measured, limit) in
                [("upper tail", expectation(&above), upper), ("tails", expectation(&apart), both)]
            {
                tails.push(Verdict::at_most(
                    &TAIL,
                    format!("{side} beyond {excess:.3}, {check}"),
                    measured,
                    limit,
                    ROUNDINGS * f64::EPSILON,
                    how,
                    "Memory reserved by the tail bound would not suffice.",
                ));
            }
        }
    }
    Ok([worst(means)?, worst(variances)?, worst(tails)?])
}

/// Student's test of the mean number kept.
fn sampled(settings: &Settings, sampler: &Sampler) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for &size in sizes(settings.scale) {
        let factors = Family::HeavyTailed.factors(settings.seed, size.outer, size.pairs);
        let scores = factors.scores();
        let p = Estimator::Bernoulli.law(&scores, size.k)?.inclusion();
        let (mean, _) = number_kept(&p);
        let stream = Stream::new(settings.seed, "number kept").child(&factors.name);
        let kept: Result<Vec<f64>, CheckError> = (0..size.repeats)
            .map(|r| Ok(sampler.select(&scores, size.k, &mut stream.at(r))?.len() as f64))
            .collect();
        let sample = Sample::of(kept?);
        found.push(Verdict::drawn(
            &MEAN,
            format!("{} draws of {sampler}: {}", size.repeats, factors.name),
            &sample,
            mean,
            sample.student(mean),
            "The work of a sampled product is not what its budget says.",
        ));
    }
    Ok(found)
}

/// Mean, variance and tails by enumeration.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn exact_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    Ok(enumerated(settings, &Sampler::right(Estimator::Bernoulli), Bound::Right)?.into())
}

/// The released probabilities and draws with replacement called Bernoulli-CRS at the budget, and
/// tail bounds squared: each must fail.
///
/// # Errors
/// When a sampler cannot be enumerated.
pub fn exact_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let mut found = Vec::new();
    for estimator in [Estimator::BernoulliAsReleased, Estimator::ColumnRow] {
        let [mean, variance, _] = enumerated(settings, &Sampler::right(estimator), Bound::Right)?;
        found.extend([mean, variance]);
    }
    let [.., tail] = enumerated(settings, &Sampler::right(Estimator::Bernoulli), Bound::Squared)?;
    found.push(tail);
    Ok(found)
}

/// Mean by Monte Carlo. The bounds on the tails are so wide that no sampler near the right one
/// breaks them: only the enumeration, against wrong bounds, tells something of them.
///
/// # Errors
/// When the sampler refuses its input.
pub fn sampled_checks(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    sampled(settings, &Sampler::right(Estimator::Bernoulli))
}

/// A biased generator, and the released probabilities called those of the budget: each must fail.
///
/// # Errors
/// When the sampler refuses its input.
pub fn sampled_controls(settings: &Settings) -> Result<Vec<Verdict>, CheckError> {
    let settings = Settings { scale: Scale::Quick, ..*settings };
    let mut found =
        sampled(&settings, &Sampler::wrong(Estimator::Bernoulli, Mistake::BiasedGenerator))?;
    found.extend(sampled(&settings, &Sampler::right(Estimator::BernoulliAsReleased))?);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statements::tests::{assert_passed, assert_rejected};

    #[test]
    fn the_number_kept_has_its_moments_and_controls_have_not() {
        assert_passed(exact_checks);
        assert_rejected(exact_controls);
    }

    #[test]
    fn draws_agree_and_reject_the_controls() {
        assert_passed(sampled_checks);
        assert_rejected(sampled_controls);
    }
}
