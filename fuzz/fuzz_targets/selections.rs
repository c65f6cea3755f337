//! Every estimator, with scores, budgets and parameters of any bits: it selects, or says why not.
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | which estimator |
//! | 8 | its parameter, where it has one |
//! | 1 | the seed |
//! | 2 | the budget |
//! | 8 each | the scores |

#![no_main]

use kernels::Estimator;
use kernels::random::Stream;
use kernels::selection::{Selection, Workspace};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;

thread_local! {
    /// Used again by every input, as a layer does in every step.
    static MEMORY: RefCell<(Workspace, Selection)> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&[which, p0, p1, p2, p3, p4, p5, p6, p7, seed, k0, k1], scores)) =
        bytes.split_first_chunk()
    else {
        return;
    };
    let parameter = f64::from_le_bytes([p0, p1, p2, p3, p4, p5, p6, p7]);
    let estimator = match Estimator::ALL[usize::from(which) % Estimator::ALL.len()] {
        Estimator::AdaptiveTopK { .. } => Estimator::AdaptiveTopK { share: parameter },
        Estimator::ColumnRowMixture { .. } => Estimator::ColumnRowMixture { epsilon: parameter },
        other => other,
    };
    let k = usize::from(u16::from_le_bytes([k0, k1]));
    let scores: Vec<f64> =
        scores.as_chunks().0.iter().map(|&score| f64::from_le_bytes(score)).collect();
    let generator = || Stream::new(u64::from(seed), "fuzz").at(0);

    let is_valid = k > 0
        && estimator.check().is_ok()
        && scores.iter().all(|score| (0.0..=f64::MAX).contains(score));
    let found = estimator.select(&scores, k, &mut generator());
    assert_eq!(found.is_ok(), is_valid, "{estimator}, k {k}: {found:?}");
    MEMORY.with_borrow_mut(|(workspace, selection)| {
        let again = estimator.select_into(&scores, k, &mut generator(), workspace, selection);
        let again = again.ok().map(|()| &*selection);
        assert_eq!(again, found.as_ref().ok(), "with memory used before");
    });
    if let Ok(selection) = found {
        check(estimator, &scores, k, &selection);
    }
});

fn check(estimator: Estimator, scores: &[f64], k: usize, selection: &Selection) {
    let (pairs, kept) = (scores.len(), selection.len());
    let (indices, scales) = (selection.indices(), selection.scales());
    assert_eq!((selection.pairs(), scales.len()), (pairs, kept));
    assert!(indices.is_sorted_by(|one, other| one < other), "{indices:?}");
    assert!(indices.iter().all(|&index| (index as usize) < pairs), "{indices:?} of {pairs}");
    assert!(scales.iter().all(|&scale| scale > 0.0 && scale.is_finite()), "{scales:?}");
    let positive = scores.iter().filter(|&&score| score > 0.0).count();
    if positive == 0 || k >= pairs {
        assert!(selection.is_exact(), "{estimator}: {selection:?}");
        return;
    }
    match estimator {
        Estimator::TopK
        | Estimator::UniformWithoutReplacement
        | Estimator::UniformWithoutReplacementUnscaled => assert_eq!(kept, k, "{estimator}"),
        Estimator::Systematic | Estimator::ConditionalPoisson => {
            assert_eq!(kept, k.min(positive), "{estimator}: {scores:?}");
        }
        Estimator::ColumnRow
        | Estimator::ColumnRowMixture { .. }
        | Estimator::UniformWithReplacement
        | Estimator::UniformWithReplacementUnscaled
        | Estimator::WinnerTakeAll => assert!((1..=k).contains(&kept), "{estimator}: {kept}"),
        Estimator::AdaptiveTopK { .. } => assert!(kept > 0),
        // How many coins fall on their heads is not fixed.
        _ => {}
    }
}
