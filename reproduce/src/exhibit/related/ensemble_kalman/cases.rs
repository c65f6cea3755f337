//! What is run with every seed, and what came of it.

use ensemble_kalman::ensemble::Prior;
use ensemble_kalman::experiment::{Method, Outcome, Settings, Spread};
use regression::Target;

use super::settings::EnsembleKalman;
use crate::exhibit::related::ranking::Way;

/// Which question a case belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Part {
    /// Which method.
    Method,
    /// How many members and iterations.
    Size,
    /// How far members are from the shared network: the standard deviation in the first layer; none
    /// for the prior around zero.
    Prior(Option<f64>),
    /// Whether forward passes may be sampled.
    Sampled,
}

impl Part {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Size => "size",
            Self::Prior(_) => "prior",
            Self::Sampled => "sampled",
        }
    }
}

/// Settings, a function and a method.
#[derive(Clone, Debug)]
pub struct Case {
    /// The question.
    pub part: Part,
    /// What is learnt.
    pub target: Target,
    /// What sets it apart from the others of its part.
    pub name: String,
    /// What it is run with.
    pub settings: Settings,
    /// How the network is fitted.
    pub method: Method,
}

/// A case with an outcome a seed.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The case.
    pub case: Case,
    /// What came of it, seed by seed.
    pub outcomes: Vec<Outcome>,
}

impl EnsembleKalman {
    /// Everything that is run, function by function.
    pub fn cases(&self) -> Vec<Case> {
        self.targets.iter().flat_map(|&target| self.cases_of(target)).collect()
    }

    fn cases_of(&self, target: Target) -> Vec<Case> {
        let subject = self.methods[0];
        let case = |part, name, settings, method| Case { part, target, name, settings, method };
        let mut cases = Vec::new();
        for &method in &self.methods {
            cases.push(case(Part::Method, words(method), self.network.clone(), method));
        }
        for &iterations in &self.iterations {
            for &members in &self.members {
                let name = format!("{members} members, {iterations} iterations");
                let settings = Settings { members, ..self.network.clone() };
                cases.push(case(Part::Size, name, settings, Method::Smoother { iterations }));
            }
        }
        let spreads = self.first_spreads.iter().map(|&spread| {
            let name = match spread {
                0.0 => "first layer frozen".to_string(),
                _ => format!("first layer spread by {spread}"),
            };
            (name, Some(spread), self.network.prior.with_first_spread(spread))
        });
        let around_zero = ("prior around zero".to_string(), None, Prior::ZERO_CENTRED);
        for (name, spread, prior) in spreads.chain([around_zero]) {
            let settings = Settings { prior, ..self.network.clone() };
            cases.push(case(Part::Prior(spread), name, settings, subject));
        }
        for &sampling in &self.samplings {
            let name = format!("{} of {} of the units", sampling.estimator, sampling.ratio);
            let settings = Settings { sampling: Some(sampling), ..self.network.clone() };
            cases.push(case(Part::Sampled, name, settings, subject));
        }
        cases
    }
}

/// "ES-MDA, 10 iterations".
pub fn words(method: Method) -> String {
    let name = method.name();
    match method {
        Method::Smoother { iterations } => format!("{name}, {iterations} iterations"),
        Method::Filter { passes, batch: 1 } => format!("{name}, passes: {passes}"),
        Method::Filter { passes, batch } => format!("{name}, passes: {passes}, {batch} at a time"),
        Method::GradientDescent { steps, rate } | Method::Adam { steps, rate } => {
            format!("{name}, {steps} steps at {rate}")
        }
    }
}

impl Measured {
    /// The error of every seed: root of the mean square against the function.
    pub fn errors(&self) -> Vec<f64> {
        self.outcomes.iter().map(|outcome| outcome.fit.root_mean_squared_error).collect()
    }

    /// Its median.
    pub fn error(&self) -> f64 {
        median(self.errors())
    }

    /// The median of the variance explained.
    pub fn r_squared(&self) -> f64 {
        median(self.outcomes.iter().map(|outcome| outcome.fit.r_squared).collect())
    }

    /// The median error of the network with the mean parameters; none of gradient methods.
    pub fn error_of_mean_parameters(&self) -> Option<f64> {
        let error = |spread: &Spread| spread.fit_of_mean_parameters.root_mean_squared_error;
        let errors = self.outcomes.iter().map(|o| o.spread.as_ref().map(error));
        errors.collect::<Option<Vec<f64>>>().map(median)
    }

    /// Networks evaluated at all examples.
    pub fn forward_passes(&self) -> f64 {
        self.outcomes.first().map_or(f64::NAN, |outcome| outcome.forward_passes)
    }

    /// The total variance of the parameters along the way, seed by seed; none of gradient methods.
    pub fn variances(&self) -> Vec<&[f64]> {
        let spreads = self.outcomes.iter().filter_map(|outcome| outcome.spread.as_ref());
        spreads.map(|spread| spread.total_variance.as_slice()).collect()
    }

    /// Its median before the first and after each update.
    pub fn median_variances(&self) -> Vec<f64> {
        let all = self.variances();
        let steps = all.iter().map(|trace| trace.len()).min().unwrap_or(0);
        (0..steps).map(|step| median(all.iter().map(|trace| trace[step]).collect())).collect()
    }

    /// Examples that a filter has seen, with the median error then; nothing of other methods.
    pub fn median_progress(&self) -> Vec<(usize, f64)> {
        let Some(first) = self.outcomes.first() else { return Vec::new() };
        let seen = first.progress.iter().map(|progress| progress.seen).enumerate();
        let with_error = seen.map(|(place, seen)| {
            let error = |o: &Outcome| o.progress[place].fit.root_mean_squared_error;
            (seen, median(self.outcomes.iter().map(error).collect()))
        });
        with_error.collect()
    }

    /// The case among others that are ranked.
    pub fn way(&self) -> Way {
        Way { name: self.case.name.clone(), values: self.errors() }
    }
}

/// The middle number, or the mean of the two middle ones; what is not a number counts as the largest.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    match numbers.len() {
        0 => f64::NAN,
        count => (numbers[(count - 1) / 2] + numbers[count / 2]) / 2.0,
    }
}

/// The cases of a part, of one function.
pub fn of_part(measured: &[Measured], target: Target, part: Part) -> Vec<&Measured> {
    let same = |it: &&Measured| it.case.target == target && it.case.part.name() == part.name();
    measured.iter().filter(same).collect()
}

/// Of each kind of method the first, with its outcome for the first seed: what curves are shown of.
pub fn shown(measured: &[Measured], target: Target) -> Vec<(&Measured, &Outcome)> {
    let mut shown: Vec<(&Measured, &Outcome)> = Vec::new();
    for it in of_part(measured, target, Part::Method) {
        let is_new =
            |(other, _): &(&Measured, &Outcome)| other.case.method.name() != it.case.method.name();
        if let Some(outcome) = it.outcomes.first().filter(|_| shown.iter().all(is_new)) {
            shown.push((it, outcome));
        }
    }
    shown
}
