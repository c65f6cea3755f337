//! What is claimed of the classifier, each with a mistake that its check has to find out.
//!
//! Bounds were fixed before the first run. A bound that is missed is a failed claim; a mistake that
//! is not found out is said, too: the check has then no power on this data set.

use crate::classifier::{evaluate, test};
use crate::crossbar::{Device, Levels, Storage, Stored};
use crate::error::ClassifierError;
use crate::experiment::{Data, Settings};
use crate::rule::{FittedRule, Rule};
use crate::split::{Pair, Split};
use kernels::random::Stream;
use theory::claim::Claim;
use theory::extremes::largest;
use theory::statistics::Sample;
use theory::suite::Suite;
use theory::verdict::{Exact, Verdict};
use training::setting::distinct;

const NOTE: &str = "related-memristor-classifier.md";
const SOURCE: &str = "Krestinskaya and James 2018, abstract; the bound is ours";

/// Sixteen levels are enough.
pub static LEVELS: Claim = Claim::new(
    "memristor.levels",
    "Sixteen levels",
    "With weights rounded to 16 levels the gated classifier is right for at most one sample in a \
     hundred fewer than with exact weights.",
    r"a_{\text{gates}}-a_{\text{gates},16}\le0.01",
    SOURCE,
    NOTE,
);

/// Gates stand for exponentials.
pub static GATES: Claim = Claim::new(
    "memristor.gates",
    "Gates for exponentials",
    "Gates with a threshold a class and 16 levels are nearly as often right as exponentials with \
     exact weights: on tables in five of a hundred cases fewer at most, on images in eight.",
    r"a_{\exp}-a_{\text{gates},16}\le0.05\text{ or }0.08",
    SOURCE,
    NOTE,
);

/// Exactly sixteen values are stored.
pub static DISTINCT: Claim = Claim::new(
    "memristor.distinct",
    "Distinct values",
    "Of all stored weights exactly 16 are distinct.",
    r"\bigl|\{Q(w)\}\bigr|=16",
    SOURCE,
    NOTE,
);

/// The current is the dot product.
pub static CURRENT: Claim = Claim::new(
    "memristor.current",
    "Currents are dot products",
    "Without variation the current of a column less that of the reference column is the dot product \
     with the integer levels, up to a factor and rounding.",
    r"\frac{15}{G_{\max}-G_{\min}}\sum_fv_f(G_{fj}-G_{\min})=\sum_fv_f\ell_{fj}",
    "Ohm's and Kirchhoff's laws",
    NOTE,
);

/// Without knowledge there is chance.
pub static CHANCE: Claim = Claim::new(
    "memristor.chance",
    "Shuffled labels",
    "With the labels of the stored samples shuffled the classifier is right at most as often as the \
     most frequent class is.",
    r"\mathbb{E}a_{\text{shuffled}}\le\max_k\pi_k",
    "from the definition",
    NOTE,
);

/// Open gates tell nothing.
pub static OPEN: Claim = Claim::new(
    "memristor.open",
    "Open gates",
    "With a threshold of zero every gate is open, so that every decision is a tie.",
    r"\tau=0\ \Rightarrow\ \text{ties}=1",
    "from the definition: similarities of non-negative vectors are non-negative",
    NOTE,
);

/// Every check and every control on a data set, over these seeds.
///
/// # Errors
/// When a setting is out of range, there are no seeds, or a class has too few samples; a claim that
/// fails is no error.
pub fn check(settings: &Settings, data: Data, seeds: &[u64]) -> Result<Suite, ClassifierError> {
    settings.check()?;
    distinct("seeds", seeds)?;
    let mut suite = Suite { verdicts: Vec::new(), controls: Vec::new() };
    // What holds of every sample needs one split.
    let first = &settings.splits(data, seeds[0])?[0];
    exact_checks(&first.test, Stream::new(seeds[0], "checks"), &mut suite)?;
    let accuracies: Vec<Accuracies> = seeds
        .iter()
        .map(|&seed| Accuracies::measure(settings, &settings.splits(data, seed)?, seed))
        .collect::<Result<_, ClassifierError>>()?;
    let most_gates = if matches!(data, Data::Table(_)) { 0.05 } else { 0.08 };
    let sample = |number: fn(&Accuracies) -> f64| Sample::of(accuracies.iter().map(number));
    let seeds = Exact::ClosedForm(seeds.len());
    let at_most =
        |claim: &Claim, check: &str, sample: Sample, bound: f64, meaning: &'static str| {
            Verdict::at_most(claim, check.to_owned(), sample.mean(), bound, 0.0, seeds, meaning)
        };
    let meaning = "Rounding to these levels costs accuracy.";
    let with = |levels: &str| format!("gates, a threshold a class: {levels} levels");
    let shortfall = sample(|a| a.gates_exact - a.gates);
    suite.verdicts.push(at_most(&LEVELS, &with("16"), shortfall, 0.01, meaning));
    let shortfall = sample(|a| a.gates_exact - a.gates_two_levels);
    suite.controls.push(at_most(&LEVELS, &with("2"), shortfall, 0.01, meaning));
    let meaning = "Gates lose what exponentials tell.";
    let shortfall = sample(|a| a.density - a.gates);
    suite.verdicts.push(at_most(&GATES, "16 levels", shortfall, most_gates, meaning));
    let shortfall = sample(|a| a.density - a.gates_shuffled);
    suite.controls.push(at_most(&GATES, "shuffled labels", shortfall, most_gates, meaning));
    let share = sample(|a| a.most_frequent).mean();
    let chance = |check: &str, sample: Sample| {
        let result = sample.student_upper(share);
        let meaning = "Something of the test is known: labels leak.";
        Verdict::drawn(&CHANCE, check.to_owned(), &sample, share, result, meaning)
    };
    let by_lot = sample(|a| a.gates_shuffled_by_lot);
    suite.verdicts.push(chance("shuffled labels, ties by lot", by_lot));
    suite.controls.push(chance("labels as they are", sample(|a| a.gates)));
    Ok(suite)
}

/// The accuracies of one seed.
struct Accuracies {
    density: f64,
    gates_exact: f64,
    gates: f64,
    gates_two_levels: f64,
    gates_shuffled: f64,
    gates_shuffled_by_lot: f64,
    /// The share of the most frequent class among the tested.
    most_frequent: f64,
}

impl Accuracies {
    fn measure(settings: &Settings, splits: &[Split], seed: u64) -> Result<Self, ClassifierError> {
        let stream = Stream::new(seed, "storage");
        let of = |splits: &[Split], storage, rules: &[Rule]| {
            evaluate(splits, storage, rules, &settings.tuning, stream)
        };
        let gates = [Rule::ClassThresholds];
        let exact = of(splits, Storage::Exact, &[Rule::Density, Rule::ClassThresholds])?;
        let sixteen = Storage::Levels(Levels::SIXTEEN);
        let shuffled: Vec<Split> = splits
            .iter()
            .zip(0..)
            .map(|(split, index): (_, u64)| {
                split.with_shuffled_labels(Stream::new(seed, "shuffled").child(&index.to_string()))
            })
            .collect();
        let shuffled = of(&shuffled, sixteen, &gates)?[0].tally;
        let labels = splits.iter().flat_map(|split| &split.test.queries.labels);
        let mut members = vec![0u64; splits[0].test.queries.classes.len()];
        labels.for_each(|&label| members[label] += 1);
        let most = members.iter().max().copied().unwrap_or(0);
        Ok(Self {
            density: exact[0].tally.accuracy(),
            gates_exact: exact[1].tally.accuracy(),
            gates: of(splits, sixteen, &gates)?[0].tally.accuracy(),
            gates_two_levels: of(splits, Storage::Levels(Levels::of_bits(1)), &gates)?[0]
                .tally
                .accuracy(),
            gates_shuffled: shuffled.accuracy(),
            gates_shuffled_by_lot: shuffled.accuracy_by_lot(),
            most_frequent: most as f64 / members.iter().sum::<u64>() as f64,
        })
    }
}

/// What holds of every stored and every asked sample.
fn exact_checks(pair: &Pair, stream: Stream, suite: &mut Suite) -> Result<(), ClassifierError> {
    let store = |storage| Stored::new(&pair.stored, storage, stream);
    let levels = store(Storage::Levels(Levels::SIXTEEN))?;
    let distinct = |check: &str, stored: &Stored| {
        let mut values = stored.weights.clone();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let (found, how) = (values.len() as f64, Exact::ClosedForm(stored.weights.len()));
        let meaning = "Levels are unused, or there are others.";
        Verdict::exact(&DISTINCT, check.to_owned(), found, 16.0, 0.0, how, meaning)
    };
    suite.verdicts.push(distinct("4 bits", &levels));
    suite.controls.push(distinct("5 bits", &store(Storage::Levels(Levels::of_bits(5)))?));

    let products = levels.read(pair.queries.matrix());
    let current = |check: &str, device| -> Result<Verdict, ClassifierError> {
        let devices = store(Storage::Devices { levels: Levels::SIXTEEN, device })?;
        let currents = devices.read(pair.queries.matrix());
        let difference = products.iter().zip(&currents).map(|(x, y)| (x - y).abs());
        let deviation = largest(difference) / largest(products.iter().map(|x| x.abs()));
        let how = Exact::ClosedForm(products.len());
        let meaning = "The read-out of a crossbar is not the dot product.";
        Ok(Verdict::at_most(&CURRENT, check.to_owned(), deviation, 1e-9, 0.0, how, meaning))
    };
    suite.verdicts.push(current("ideal devices", Device::IDEAL)?);
    let varied = Device { variation: 1e-6, ..Device::IDEAL };
    suite.controls.push(current("a variation of one millionth", varied)?);

    let ties = |check: &str, threshold: f64| {
        let thresholds = vec![threshold; pair.stored.classes.len()];
        let tally = test(pair, &levels, &[FittedRule::Gates { thresholds }])[0];
        let how = Exact::ClosedForm(pair.queries.len());
        let meaning = "A gate with threshold zero is closed.";
        Verdict::exact(&OPEN, check.to_owned(), tally.tie_rate(), 1.0, 0.0, how, meaning)
    };
    suite.verdicts.push(ties("threshold 0", 0.0));
    let mut sorted = products;
    sorted.sort_unstable_by(f64::total_cmp);
    suite.controls.push(ties("threshold at the median", sorted[sorted.len() / 2]));
    Ok(())
}
