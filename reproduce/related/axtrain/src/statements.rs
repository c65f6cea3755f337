//! What is claimed of training for approximate hardware, each with a mistake that its check has to
//! find out.
//!
//! Bounds were fixed before the first run. A bound that is missed is a failed claim; a mistake that is
//! not found out is said, too.

use crate::arm::Arm;
use crate::experiment::{Outcome, Run, Settings};
use crate::hardware::HardwareError;
use crate::images::input;
use crate::inference::{IntegerLayer, IntegerNetwork};
use crate::memory::{Memory, Stored};
use crate::multiplier::Multiplier;
use crate::network::{Network, ORDINALS};
use crate::patches::Patches;
use crate::sensitivity::{closed_form, monte_carlo, noise_scales};
use crate::train::TrainingError;
use kernels::random::Stream;
use theory::claim::Claim;
use theory::statistics::Sample;
use theory::suite::Suite;
use theory::verdict::{Exact, Verdict};
use training::data::{Dataset, Splits};
use training::layer::ImageShape;
use training::setting::distinct;

const NOTE: &str = "related-axtrain.md";
const SOURCE: &str = "He and others 2018, abstract; the bound is ours";

/// Training for faults recovers accuracy.
pub static RECOVERY: Claim = Claim::new(
    "axtrain.recovery",
    "Half of the drop",
    "At the least probability of a flip that costs the baseline ten points or more, the combined \
     method gives at least half of them back, and the interval of what it gains is above zero.",
    r"\frac{a_0(0)-a(p)}{a_0(0)-a_0(p)}\le\tfrac12",
    SOURCE,
    NOTE,
);

/// It costs little without faults.
pub static CLEAN: Claim = Claim::new(
    "axtrain.clean",
    "Accuracy without faults",
    "Without faults the combined method is right for at most one image in a hundred fewer than the \
     baseline.",
    r"a_0(0)-a(0)\le0.01",
    SOURCE,
    NOTE,
);

/// Both together beat either.
pub static SYNERGY: Claim = Claim::new(
    "axtrain.synergy",
    "Synergy",
    "At that probability the combined method is better than the passive and than the active one \
     alone, and the interval of either difference is above zero.",
    r"a_{\text{single}}(p)-a(p)\le0",
    SOURCE,
    NOTE,
);

/// The penalty lowers what it penalises.
pub static SENSITIVITY: Claim = Claim::new(
    "axtrain.sensitivity",
    "Half the sensitivity",
    "The active method at least halves R, the mean squared change of the outputs by small noise of \
     the memory.",
    r"R_{\text{active}}/R_0\le\tfrac12",
    SOURCE,
    NOTE,
);

/// The closed form of what is penalised.
pub static CLOSED_FORM: Claim = Claim::new(
    "axtrain.closed-form",
    "R in closed form",
    "For small noise R is, within a twentieth, what the Jacobian of the network says.",
    r"\mathbb{E}\lVert f(x;w+\delta)-f(x;w)\rVert^2\approx\sum_is_i^2\,\mathbb{E}\lVert\partial f/\partial w_i\rVert^2",
    "a limit; derived in paper-notes/related-axtrain.md",
    NOTE,
);

/// The variance of misread weights.
pub static FLIPS: Claim = Claim::new(
    "axtrain.flips",
    "Variance of flips",
    "Over chips the variance of a code is p (1 - p) times the sum of the squares of its bits' worth.",
    r"\operatorname{Var}\tilde c=p(1-p)\sum_{k<b}4^k",
    "proved in paper-notes/related-axtrain.md",
    NOTE,
);

/// A memory without faults.
pub static FAULTLESS: Claim = Claim::new(
    "axtrain.faultless",
    "No flips, same bits",
    "At a probability of zero the outputs are those of plain multiplication of 8-bit integers, bit for \
     bit.",
    r"p=0\ \Rightarrow\ \tilde f=f_{\text{int8}}",
    "from the definition",
    NOTE,
);

/// It takes this multiplier's errors, not just any.
pub static TABLE: Claim = Claim::new(
    "axtrain.table",
    "The right table",
    "On the approximate multiplier a network is the better for having been trained on it, and not on \
     one that has the same errors at other places.",
    r"a_{\text{shuffled}}-a_{\text{true}}\le0",
    "from the idea of the passive method; the bound is ours",
    NOTE,
);

/// Every check and every control on what was run, on the images it was run on.
///
/// # Errors
/// When there is no run, or the networks cannot be computed with; a claim that fails is no error.
pub fn check(settings: &Settings, splits: &Splits, runs: &[Run]) -> Result<Suite, TrainingError> {
    let seeds: Vec<u64> = runs.iter().map(|run| run.seed).collect();
    distinct("seeds", &seeds)?;
    let mut suite = Suite { verdicts: Vec::new(), controls: Vec::new() };
    comparisons(settings, runs, &mut suite);
    accuracies_without_faults(splits, runs, &mut suite)?;
    let network = &runs[0].of(Arm::Baseline).network;
    let stream = Stream::new(runs[0].seed, "checks");
    formulas(settings, network, &splits.test, stream, &mut suite);
    same_bits(network, splits, &mut suite)?;
    Ok(suite)
}

/// Which of the tested probabilities is the least at which the baseline loses ten points on average.
pub fn drop_place(settings: &Settings, runs: &[Run]) -> Option<usize> {
    let clean = mean(runs, Arm::Baseline, |it| it.clean);
    let mut places: Vec<usize> = (0..settings.tested.probabilities.len()).collect();
    places.sort_by(|one, other| {
        let of = |place: &usize| settings.tested.probabilities[*place];
        of(one).total_cmp(&of(other))
    });
    let loses = |place: &usize| clean - mean(runs, Arm::Baseline, |it| it.faulty(*place)) >= 0.1;
    places.into_iter().find(loses)
}

fn values<'a>(
    runs: &'a [Run],
    arm: Arm,
    number: impl Fn(&Outcome) -> f64 + 'a,
) -> impl Iterator<Item = f64> + 'a {
    runs.iter().map(move |run| number(run.of(arm)))
}

fn mean(runs: &[Run], arm: Arm, number: impl Fn(&Outcome) -> f64) -> f64 {
    Sample::of(values(runs, arm, number)).mean()
}

/// Where the 95 % interval of the differences of two arms ends; not a number for one seed.
fn upper_end(runs: &[Run], one: Arm, other: Arm, number: impl Fn(&Outcome) -> f64) -> f64 {
    let pairs = values(runs, one, &number).zip(values(runs, other, &number));
    let differences = Sample::of(pairs.map(|(one, other)| one - other));
    differences.mean() + differences.half_width(0.05)
}

/// What one arm has beside another, over the seeds.
fn comparisons(settings: &Settings, runs: &[Run], suite: &mut Suite) {
    let how = Exact::ClosedForm(runs.len());
    let at_most = |claim: &Claim, check: String, found: f64, bound: f64, meaning: &'static str| {
        Verdict::at_most(claim, check, found, bound, 0.0, how, meaning)
    };
    let place = drop_place(settings, runs);
    let faulty = |it: &Outcome| place.map_or(f64::NAN, |place| it.faulty(place));

    let left = |arm: Arm| {
        let clean = mean(runs, Arm::Baseline, |it| it.clean);
        let found = (clean - mean(runs, arm, faulty)) / (clean - mean(runs, Arm::Baseline, faulty));
        let meaning = "Most of what faults cost is still lost.";
        at_most(
            &RECOVERY,
            format!("{}: share of the drop that is left", arm.name()),
            found,
            0.5,
            meaning,
        )
    };
    suite.verdicts.push(left(Arm::Combined));
    suite.controls.push(left(Arm::MatchedNorm));
    let lead = |claim: &Claim, better: Arm, worse: Arm, meaning: &'static str| {
        let check = format!("{} less {}: upper end of the interval", worse.name(), better.name());
        at_most(claim, check, upper_end(runs, worse, better, faulty), 0.0, meaning)
    };
    let meaning = "Training for faults may have gained nothing.";
    suite.verdicts.push(lead(&RECOVERY, Arm::Combined, Arm::Baseline, meaning));
    suite.controls.push(lead(&RECOVERY, Arm::Baseline, Arm::Combined, meaning));
    let meaning = "One of the methods does it alone.";
    for single in [Arm::Passive, Arm::Active] {
        suite.verdicts.push(lead(&SYNERGY, Arm::Combined, single, meaning));
        suite.controls.push(lead(&SYNERGY, Arm::Baseline, single, meaning));
    }

    let halved = |arm: Arm| {
        let found =
            mean(runs, arm, |it| it.sensitivity) / mean(runs, Arm::Baseline, |it| it.sensitivity);
        let meaning = "The penalty does not lower what it penalises.";
        at_most(&SENSITIVITY, format!("{} over baseline", arm.name()), found, 0.5, meaning)
    };
    suite.verdicts.push(halved(Arm::Active));
    suite.controls.push(halved(Arm::MatchedNorm));

    let trained_on = |on: usize, one: Arm, other: Arm| {
        let accuracy = |it: &Outcome| it.trained_for[on];
        let found = mean(runs, one, accuracy) - mean(runs, other, accuracy);
        let table = ["the multiplier", "the shuffled one"][on];
        let check = format!("on {table}: {} less {}", one.name(), other.name());
        at_most(&TABLE, check, found, 0.0, "Any errors in training do as much.")
    };
    suite.verdicts.push(trained_on(0, Arm::Shuffled, Arm::Multiplier));
    suite.controls.push(trained_on(1, Arm::Shuffled, Arm::Multiplier));
}

fn accuracies_without_faults(
    splits: &Splits,
    runs: &[Run],
    suite: &mut Suite,
) -> Result<(), HardwareError> {
    let baseline = mean(runs, Arm::Baseline, |it| it.clean);
    let exact = Multiplier::EXACT.table();
    let in_bits = |bits: u32| -> Result<f64, HardwareError> {
        let accuracy = |run: &Run| {
            let network = &run.of(Arm::Combined).network;
            let codes = IntegerNetwork::new(network, bits, &splits.held_out)?;
            Ok(codes.accuracy(&exact, &splits.test)?)
        };
        let accuracies: Vec<f64> =
            runs.iter().map(accuracy).collect::<Result<_, HardwareError>>()?;
        Ok(Sample::of(accuracies).mean())
    };
    let shortfall = |check: &str, accuracy: f64| {
        let how = Exact::ClosedForm(runs.len());
        let meaning = "Training for faults costs accuracy where there are none.";
        Verdict::at_most(&CLEAN, check.to_owned(), baseline - accuracy, 0.01, 0.0, how, meaning)
    };
    let combined = mean(runs, Arm::Combined, |it| it.clean);
    suite.verdicts.push(shortfall("combined", combined));
    suite.controls.push(shortfall("combined, in 2 bits", in_bits(2)?));
    Ok(())
}

/// Small enough for the limit, and far above rounding.
const SMALL: f64 = 1e-6;

/// Images that R is taken over, and draws.
const IMAGES: usize = 100;
const DRAWS: usize = 100;

/// Chips that a variance is taken over.
const CHIPS: u64 = 200;

/// What has a closed form, on a trained network.
fn formulas(
    settings: &Settings,
    network: &Network,
    images: &Dataset,
    stream: Stream,
    suite: &mut Suite,
) {
    let small = Memory { bits: 8, probability: SMALL };
    let images = input(&images.part(0, IMAGES));
    let scales = noise_scales(network, small);
    let claimed = closed_form(network, &images, &scales);
    let ratio = |check: &str, factor: f64| {
        let scales: Vec<f64> = scales.iter().map(|scale| factor * scale).collect();
        let drawn = monte_carlo(network, &images, &scales, DRAWS, stream.child("R"));
        let deviation = (drawn.mean() / claimed - 1.0).abs();
        let how = Exact::ClosedForm(DRAWS);
        let meaning = "The penalty is not the one that was derived.";
        Verdict::at_most(&CLOSED_FORM, check.to_owned(), deviation, 0.05, 0.0, how, meaning)
    };
    suite.verdicts.push(ratio("deviation of draws", 1.0));
    suite.controls.push(ratio("deviation of draws with noise a twentieth too large", 1.05));

    // The layer with the most weights: among few, flips are too rare for the mistake to be seen.
    let sizes = network.layers.iter().map(|layer| layer.weights.len()).enumerate();
    let (place, _) = sizes.max_by_key(|(_, size)| *size).unwrap_or_default();
    let stored = Stored::new(&network.layers[place].weights, settings.memory.bits);
    let variance = |check: &str, factor: f64| {
        let faulty =
            Memory { probability: factor * settings.memory.probability, ..settings.memory };
        let chips = (0..CHIPS).map(|chip| {
            square_of_flips(&stored, faulty, settings.memory, stream.child("flips"), chip)
        });
        let (sample, claimed) = (Sample::of(chips), settings.memory.variance());
        let meaning = "The simulated memory is not the one that was described.";
        let result = sample.student(claimed);
        Verdict::drawn(&FLIPS, check.to_owned(), &sample, claimed, result, meaning)
    };
    suite.verdicts.push(variance(&format!("codes of the {} layer", ORDINALS[place]), 1.0));
    suite.controls.push(variance("flips an eighth more likely", 1.125));
}

/// The mean over the codes of the squared distance that one chip of `faulty` puts between a code and
/// the mean that `claimed` says it has, c - p (1 + 2 c).
fn square_of_flips(
    stored: &Stored,
    faulty: Memory,
    claimed: Memory,
    stream: Stream,
    chip: u64,
) -> f64 {
    let misread = stored.misread(faulty.probability, &mut stream.at(chip));
    let square = |(&code, &misread): (&i8, &i8)| {
        let code = f64::from(code);
        let mean = code - claimed.probability * (1.0 + 2.0 * code);
        (f64::from(misread) - mean).powi(2)
    };
    Sample::of(stored.codes.iter().zip(&misread.codes).map(square)).mean()
}

/// A memory without faults gives the outputs of plain integers.
fn same_bits(network: &Network, splits: &Splits, suite: &mut Suite) -> Result<(), HardwareError> {
    let codes = IntegerNetwork::new(network, 8, &splits.held_out)?;
    let images = splits.test.part(0, IMAGES);
    let plain = plain_logits(&codes, &images);
    let different = |check: &str, codes: &IntegerNetwork| -> Result<Verdict, HardwareError> {
        let logits = codes.logits(&Multiplier::EXACT.table(), &images.pixels)?;
        let pairs = logits.iter().zip(&plain);
        let count = pairs.filter(|(one, other)| one.to_bits() != other.to_bits()).count();
        let how = Exact::ClosedForm(plain.len());
        let meaning = "The simulated hardware computes something else even without faults.";
        Ok(Verdict::exact(&FAULTLESS, check.to_owned(), count as f64, 0.0, 0.0, how, meaning))
    };
    let faultless = codes.misread(0.0, &mut Stream::new(0, "chip").at(0));
    suite.verdicts.push(different("outputs that differ", &faultless)?);
    let mut lowest = codes;
    if let Some(IntegerLayer { shape, weights, .. }) = lowest.layers.last_mut() {
        weights.codes[..shape.inputs].iter_mut().for_each(|code| *code ^= 1);
    }
    suite.controls.push(different("with the lowest bits of one class flipped", &lowest)?);
    Ok(())
}

/// The outputs by multiplication, without a table, a kernel or a memory.
fn plain_logits(codes: &IntegerNetwork, images: &Dataset) -> Vec<f32> {
    let sums = |layer: &IntegerLayer, inputs: &[u8]| -> Vec<f32> {
        let rows = layer.weights.codes.chunks_exact(inputs.len()).zip(&layer.biases);
        let output = |(row, bias): (&[i8], &f32)| {
            let products = inputs.iter().zip(row);
            let sum: i32 = products.map(|(&x, &w)| i32::from(x) * i32::from(w)).sum();
            sum as f32 * (layer.weights.step * layer.step) + bias
        };
        rows.map(output).collect()
    };
    let of_image = |image: usize| {
        let (mut inputs, mut values) = (images.image(image).to_vec(), Vec::new());
        for (place, layer) in codes.layers.iter().enumerate() {
            if place > 0 {
                let rounded = |unit: &f32| (unit / layer.step).round().clamp(0.0, 255.0) as u8;
                inputs = values.iter().map(rounded).collect();
            }
            let seen = seen(layer, &inputs);
            values = seen.iter().flat_map(|inputs| sums(layer, inputs)).collect();
        }
        values
    };
    (0..images.len()).flat_map(of_image).collect()
}

/// What a layer sees at each of its positions, by the definition of a convolution.
fn seen(layer: &IntegerLayer, inputs: &[u8]) -> Vec<Vec<u8>> {
    let Some(Patches { planes, size, stride, .. }) = layer.shape.patches else {
        return vec![inputs.to_vec()];
    };
    let ImageShape { channels, height, width } = planes.shape;
    let mut seen = Vec::new();
    for top in (0..=height - size).step_by(stride) {
        for left in (0..=width - size).step_by(stride) {
            let pixels = (top..top + size).flat_map(|y| (left..left + size).map(move |x| (y, x)));
            let of_pixel = |(y, x)| (0..channels).map(move |channel| [channel, y, x]);
            seen.push(pixels.flat_map(of_pixel).map(|place| inputs[planes.index(place)]).collect());
        }
    }
    seen
}

#[cfg(test)]
mod tests;
