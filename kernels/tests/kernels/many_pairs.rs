//! Selections of very many pairs: every estimator draws them, or says what it would need.

use kernels::Estimator;
use kernels::random::{Stream, standard_normal};
use kernels::selection::{ConditionalPoisson, SelectionError, draw_systematic};

/// Scores that differ widely, and scores that are equal but for one: the sum of their probabilities
/// rounds to the same side nearly every time.
fn scores(pairs: usize) -> [Vec<f64>; 2] {
    let mut rng = Stream::new(1, "many").at(0);
    let different = (0..pairs).map(|_| libm::exp(standard_normal(&mut rng))).collect();
    let mut equal = vec![1.0; pairs];
    equal[0] = 0.37;
    [different, equal]
}

#[test]
fn every_estimator_draws_from_a_million_pairs() {
    for pairs in [1 << 18, 1 << 20] {
        for (scores, k) in scores(pairs).iter().flat_map(|w| [(w, 16), (w, pairs / 3)]) {
            for estimator in Estimator::ALL {
                let drawn = estimator.select(scores, k, &mut Stream::new(1, "draw").at(0));
                if estimator == Estimator::ConditionalPoisson && k > 16 {
                    let bytes = 8 * (pairs as u128 + 1) * (k as u128 + 1);
                    let limit = ConditionalPoisson::MOST_BYTES;
                    assert_eq!(
                        drawn,
                        Err(SelectionError::TooMuchMemory { pairs, k, bytes, limit })
                    );
                    continue;
                }
                let drawn = drawn.unwrap_or_else(|error| panic!("{estimator}, {k}: {error}"));
                assert_eq!(drawn.pairs(), pairs, "{estimator}");
                let is_fixed = matches!(
                    estimator,
                    Estimator::TopK
                        | Estimator::Systematic
                        | Estimator::ConditionalPoisson
                        | Estimator::UniformWithoutReplacement
                        | Estimator::UniformWithoutReplacementUnscaled
                );
                assert!(!is_fixed || drawn.len() == k, "{estimator}: {} of {k}", drawn.len());
            }
        }
    }
}

#[test]
fn a_table_too_large_is_named_before_it_is_made() {
    let error = ConditionalPoisson::new(&vec![0.5; 1 << 18]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "conditional Poisson sampling of 131072 of 262144 pairs needs 274881052680 bytes, \
         (n + 1)(k + 1) numbers, and gets at most 1073741824; systematic sampling needs a few a pair"
    );
}

#[test]
fn a_size_that_is_no_whole_number_is_still_refused() {
    let mut p = vec![0.5; 1 << 18];
    p[7] = 0.75;
    let drawn = draw_systematic(&p, &mut Stream::new(1, "draw").at(0));
    assert_eq!(drawn, Err(SelectionError::FractionalSize { sum: 131_072.25 }));
}
