//! What is claimed of codes in the place of activations, each with a mistake that its check has to
//! find out.
//!
//! Bounds were fixed before the first run. A bound that is missed is a failed claim; a mistake that is
//! not found out is said, too.

use crate::arm::{Arm, FEW_BITS};
use crate::comparison::{ALL_BITS, Comparison};
use crate::ledger::Ledger;
use crate::norm::{Channels, Masks, backward, deviation_of_gradients};
use crate::outcome::Run;
use kernels::InstructionSet;
use kernels::random::Stream;
use theory::claim::Claim;
use theory::statistics::Sample;
use theory::suite::Suite;
use theory::verdict::{Exact, Verdict};
use training::layer::{CodeForm, CodeSettings};
use training::network::State;

const NOTE: &str = "related-coded-activations.md";
const SOURCE: &str = "Chakrabarti and Moseley 2019, abstract; the bound is ours";
const PROOF: &str = "proved in paper-notes/related-coded-activations.md";

/// The mask is exact.
pub static MASK: Claim = Claim::new(
    "coded.mask",
    "Exact masks",
    "A code tells the sign of what was rectified, whatever its bits and wherever zero lies: no mask is \
     wrong.",
    r"[q\ge k_0]=[u>0]",
    PROOF,
    NOTE,
);

/// The forward pass is exact.
pub static FORWARD: Claim = Claim::new(
    "coded.forward",
    "Exact forward pass",
    "At the same weights the outputs of the network are those without codes, bit for bit.",
    r"f_q(x;w)=f(x;w)",
    "from the definition",
    NOTE,
);

/// Without codes the gradients are derivatives.
pub static GRADIENT: Claim = Claim::new(
    "coded.gradient",
    "Gradients without codes",
    "With codes off the gradients of a rectified normalisation are its derivatives, to a ten-thousandth.",
    r"\bigl|\nabla-\tfrac{\Delta}{2\varepsilon}\bigr|\le10^{-4}(1+|\nabla|)",
    "from the definition",
    NOTE,
);

/// Few bits cost little accuracy.
pub static ACCURACY: Claim = Claim::new(
    "coded.accuracy",
    "Accuracy with few bits",
    "With codes of 8 bits the test error is at most 0.3 points above that of exact activations, with 4 \
     bits at most a point.",
    r"e_8-e\le0.3,\quad e_4-e\le1",
    SOURCE,
    NOTE,
);

/// Less is stored.
pub static MEMORY: Claim = Claim::new(
    "coded.memory",
    "Bytes stored",
    "What the forward pass stores for the backward pass is at least 3.5 times less with codes of 8 bits, \
     and 6 times with 4, than with exact activations; also if these were one tensor a normalisation.",
    r"S_8/S\le1/3.5,\quad S_4/S\le1/6",
    SOURCE,
    NOTE,
);

/// Errors do not add up over the layers.
pub static DEPTH: Claim = Claim::new(
    "coded.depth",
    "Error in the first layer",
    "With 4 bits, at the same weights, the error of the first layer's gradient is at most half of what \
     it is where the forward pass has the codes, too.",
    r"\frac{\lVert\nabla_1-\nabla_1^{\text{codes}}\rVert}{\lVert\nabla_1-\nabla_1^{\text{naive}}\rVert}\le\tfrac12",
    SOURCE,
    NOTE,
);

/// Codes and sampling together.
pub static TOGETHER: Claim = Claim::new(
    "coded.together",
    "Sampled and coded",
    "With sampled products and codes of 4 bits for the selected channels the test error is at most a \
     point above that of sampled products alone, and what is stored is at most three quarters of what \
     either stores alone.",
    r"e_{\text{both}}-e_{\text{sampled}}\le1,\quad S_{\text{both}}\le\tfrac34\min(S_{\text{sampled}},S_4)",
    "ours: neither paper has both",
    NOTE,
);

/// What was measured of the networks.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The trainings, one a seed.
    pub runs: &'a [Run],
    /// The arms at the same weights, one a seed.
    pub comparisons: &'a [Comparison],
    /// What every arm stores.
    pub ledgers: &'a [(Arm, Ledger)],
    /// Bytes of one exact tensor a normalisation.
    pub one_tensor: usize,
}

impl Evidence<'_> {
    /// The mean test error of one arm less that of another, in points.
    fn difference(&self, one: Arm, other: Arm) -> f64 {
        Sample::of(self.runs.iter().map(|run| run.error(one) - run.error(other))).mean()
    }

    /// Bytes that an arm stores; not a number where that was not measured.
    fn stored(&self, arm: Arm) -> f64 {
        let ledger = self.ledgers.iter().find(|(of, _)| *of == arm);
        ledger.map_or(f64::NAN, |(_, ledger)| ledger.stored as f64)
    }
}

/// Every check and every control on what was measured; `states` are trained networks.
pub fn check(evidence: &Evidence, states: &[State], set: InstructionSet, stream: Stream) -> Suite {
    let mut suite = Suite { verdicts: Vec::new(), controls: Vec::new() };
    masks(states, set, stream.child("masks"), &mut suite);
    forward(evidence, &mut suite);
    gradients(set, stream.child("gradients"), &mut suite);
    accuracies(evidence, &mut suite);
    memory(evidence, &mut suite);
    depth(evidence, &mut suite);
    together(evidence, &mut suite);
    suite
}

fn words(bits: u32) -> String {
    if bits == 1 { "1 bit".to_owned() } else { format!("{bits} bits") }
}

/// Channels of a layer that is made up.
const MADE_UP: usize = 16;
/// Where zero lies in them, in deviations above the mean: beyond the three that bins span.
const BEYOND: f32 = 5.0;

fn masks(states: &[State], set: InstructionSet, stream: Stream, suite: &mut Suite) {
    let trained: Vec<Channels> = states.iter().map(Channels::of).collect();
    let beyond = [Channels::with_zero_at(BEYOND, MADE_UP)];
    let verdict = |check: String, channels: &[Channels], codes: CodeSettings| {
        let masks = channels.iter().map(|of| of.masks(codes, set, stream));
        let total = masks.fold(Masks { wrong: 0, all: 0 }, |sum, masks| Masks {
            wrong: sum.wrong + masks.wrong,
            all: sum.all + masks.all,
        });
        let (wrong, how) = (total.wrong as f64, Exact::ClosedForm(total.all));
        let meaning =
            "Gradients pass where the rectifier is closed, or are stopped where it is open.";
        Verdict::exact(&MASK, check, wrong, 0.0, 0.0, how, meaning)
    };
    for bits in ALL_BITS {
        let check = format!("{}, trained scales and shifts: wrong masks", words(bits));
        suite.verdicts.push(verdict(check, &trained, backward(bits)));
    }
    let few = |form| CodeSettings { bits: FEW_BITS, form };
    let check = format!("{FEW_BITS} bits, zero {BEYOND} deviations above the mean: wrong masks");
    suite.verdicts.push(verdict(check, &beyond, few(CodeForm::Backward)));
    let check = "zero in the middle of a bin, trained scales and shifts".to_owned();
    suite.controls.push(verdict(check, &trained, few(CodeForm::ZeroAsLevel)));
    let check = format!("bins as released, zero {BEYOND} deviations above the mean");
    suite.controls.push(verdict(check, &beyond, few(CodeForm::AsReleased)));
}

fn forward(evidence: &Evidence, suite: &mut Suite) {
    let Some(first) = evidence.comparisons.first() else { return };
    for (place, (codes, _)) in first.differing.iter().enumerate() {
        let counts = evidence.comparisons.iter().map(|of| of.differing[place].1);
        let differing = counts.sum::<usize>() as f64;
        let cases = evidence.comparisons.iter().map(|of| of.outputs).sum();
        let verdict = |check: String| {
            let (how, meaning) = (Exact::ClosedForm(cases), "Codes change what the network says.");
            Verdict::exact(&FORWARD, check, differing, 0.0, 0.0, how, meaning)
        };
        match codes.form {
            CodeForm::Naive => {
                suite.controls.push(verdict(format!("naive, {}", words(codes.bits))));
            }
            _ => {
                let check = format!("{}: outputs that differ", words(codes.bits));
                suite.verdicts.push(verdict(check));
            }
        }
    }
}

fn gradients(set: InstructionSet, stream: Stream, suite: &mut Suite) {
    let verdict = |check: &str, codes| {
        let found = deviation_of_gradients(codes, set, stream);
        let meaning = "The backward pass is not the derivative of the forward pass.";
        let how = Exact::ClosedForm(1);
        Verdict::at_most(&GRADIENT, check.to_owned(), found, 1e-4, 0.0, how, meaning)
    };
    suite.verdicts.push(verdict("largest deviation from finite differences", None));
    suite.controls.push(verdict("the same of codes of 8 bits", Some(backward(8))));
}

fn accuracies(evidence: &Evidence, suite: &mut Suite) {
    let verdict = |arm: Arm, bound: f64| {
        let check = format!("{} less exact, bound of {bound}", arm.name());
        let how = Exact::ClosedForm(evidence.runs.len());
        let meaning = "Approximate activations in the backward pass cost accuracy.";
        let found = evidence.difference(arm, Arm::Exact);
        Verdict::at_most(&ACCURACY, check, found, bound, 0.0, how, meaning)
    };
    suite.verdicts.push(verdict(Arm::Backward(8), 0.3));
    suite.controls.push(verdict(Arm::Permuted, 0.3));
    suite.verdicts.push(verdict(Arm::Backward(FEW_BITS), 1.0));
    for mistake in [Arm::Naive(2), Arm::Permuted, Arm::ZeroAsLevel] {
        suite.controls.push(verdict(mistake, 1.0));
    }
}

fn memory(evidence: &Evidence, suite: &mut Suite) {
    let exact = evidence.stored(Arm::Exact);
    let least = exact - evidence.one_tensor as f64;
    let verdict = |arm: Arm, times: f64, stored: f64, than: &str| {
        let check = format!("{} over {than}, bound of 1 to {times}", arm.name());
        let meaning = "Codes save less memory than their bits say.";
        let (found, how) = (evidence.stored(arm) / stored, Exact::ClosedForm(1));
        Verdict::at_most(&MEMORY, check, found, 1.0 / times, 0.0, how, meaning)
    };
    for (bits, times) in [(8, 3.5), (FEW_BITS, 6.0)] {
        suite.verdicts.push(verdict(Arm::Backward(bits), times, exact, "exact"));
        let than = "one tensor a normalisation";
        suite.verdicts.push(verdict(Arm::Backward(bits), times, least, than));
    }
    let than = "one tensor a normalisation";
    suite.controls.push(verdict(Arm::Backward(8), 6.0, least, than));
    suite.controls.push(verdict(Arm::Sampled, 3.5, exact, "exact"));
}

fn depth(evidence: &Evidence, suite: &mut Suite) {
    let verdict = |arm: Arm| {
        let ratios = evidence.comparisons.iter().map(|comparison| {
            comparison.first_layer(arm) / comparison.first_layer(Arm::Naive(FEW_BITS))
        });
        let check = format!("{} over {}", arm.name(), Arm::Naive(FEW_BITS).name());
        let how = Exact::ClosedForm(evidence.comparisons.len());
        let meaning = "Errors of the codes add up over the layers.";
        Verdict::at_most(&DEPTH, check, Sample::of(ratios).mean(), 0.5, 0.0, how, meaning)
    };
    suite.verdicts.push(verdict(Arm::Backward(FEW_BITS)));
    suite.controls.push(verdict(Arm::Permuted));
    suite.controls.push(verdict(Arm::ZeroAsLevel));
}

fn together(evidence: &Evidence, suite: &mut Suite) {
    let accuracy = |arm: Arm| {
        let check = format!("{} less {}", arm.name(), Arm::Sampled.name());
        let how = Exact::ClosedForm(evidence.runs.len());
        let meaning = "Codes cost accuracy where products are sampled.";
        let found = evidence.difference(arm, Arm::Sampled);
        Verdict::at_most(&TOGETHER, check, found, 1.0, 0.0, how, meaning)
    };
    suite.verdicts.push(accuracy(Arm::SampledCoded));
    suite.controls.push(accuracy(Arm::SampledPermuted));
    let either = evidence.stored(Arm::Sampled).min(evidence.stored(Arm::Backward(FEW_BITS)));
    let stored = |arm: Arm| {
        let check = format!("{}: bytes over the fewer of either", arm.name());
        let (found, how) = (evidence.stored(arm) / either, Exact::ClosedForm(1));
        let meaning = "What the two save does not multiply.";
        Verdict::at_most(&TOGETHER, check, found, 0.75, 0.0, how, meaning)
    };
    suite.verdicts.push(stored(Arm::SampledCoded));
    suite.controls.push(stored(Arm::Backward(FEW_BITS)));
}

#[cfg(test)]
mod tests;
