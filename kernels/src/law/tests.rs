use super::*;
use crate::Estimator;
use crate::random::{Stream, standard_normal};

const PAIRS: usize = 7;
const SCORES: [f64; PAIRS] = [5.0, 0.5, 1.0, 0.0, 2.0, 1.5, 0.25];
const K: usize = 3;
const DRAWS: u64 = 20_000;

/// Terms in three dimensions whose norms are not the scores, but for that of score zero.
fn terms() -> Vec<[f64; 3]> {
    let mut rng = Stream::new(1, "terms").at(0);
    let term = |&score: &f64| {
        [(); 3].map(|()| if score > 0.0 { 0.5 + standard_normal(&mut rng) } else { 0.0 })
    };
    SCORES.iter().map(term).collect()
}

fn dot(x: &[f64; 3], y: &[f64; 3]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

fn inner_products() -> Vec<f64> {
    let terms = terms();
    terms.iter().flat_map(|x| terms.iter().map(move |y| dot(x, y))).collect()
}

fn law(estimator: Estimator) -> Law<'static> {
    estimator.law(&SCORES, K).unwrap()
}

/// Mean and standard error of each of the numbers that a draw of an estimator gives.
fn means(estimator: Estimator, numbers: impl Fn(&Selection) -> Vec<f64>) -> Vec<(f64, f64)> {
    let stream = Stream::new(2, estimator.name());
    let mut sums = Vec::new();
    for draw in 0..DRAWS {
        let found = numbers(&estimator.select(&SCORES, K, &mut stream.at(draw)).unwrap());
        sums.resize(found.len(), (0.0, 0.0));
        for ((sum, squares), x) in sums.iter_mut().zip(found) {
            *sum += x;
            *squares += x * x;
        }
    }
    let count = DRAWS as f64;
    let of_sums = |(sum, squares): (f64, f64)| {
        let mean = sum / count;
        (mean, ((squares / count - mean * mean).max(0.0) / count).sqrt())
    };
    sums.into_iter().map(of_sums).collect()
}

fn squared_error(terms: &[[f64; 3]], selection: &Selection) -> f64 {
    let weights = spread(selection, |position| selection.scales()[position]);
    let mut error = [0.0; 3];
    for (weight, term) in weights.iter().zip(terms) {
        error.iter_mut().zip(term).for_each(|(sum, x)| *sum += (weight - 1.0) * x);
    }
    dot(&error, &error)
}

#[test]
fn every_error_is_the_mean_over_many_draws() {
    let terms = terms();
    for estimator in Estimator::ALL {
        let expected = law(estimator).expected_squared_error(&inner_products());
        let (mean, deviation) = means(estimator, |kept| vec![squared_error(&terms, kept)])[0];
        assert!(
            (mean - expected).abs() <= 5.0 * deviation + 1e-9,
            "{estimator}: {mean} ± {deviation}, closed form {expected}"
        );
    }
}

#[test]
fn the_error_of_another_law_is_rejected() {
    let terms = terms();
    let error = |kept: &Selection| vec![squared_error(&terms, kept)];
    let (mean, deviation) = means(Estimator::ColumnRow, error)[0];
    for other in [Estimator::ColumnRowMixture { epsilon: 0.1 }, Estimator::Systematic] {
        let wrong = law(other).expected_squared_error(&inner_products());
        assert!((mean - wrong).abs() > 5.0 * deviation, "{other}");
    }
}

#[test]
fn sizes_scales_and_inclusion_are_means_over_many_draws() {
    for estimator in Estimator::ALL {
        let law = law(estimator);
        let expected = [vec![law.expected_size()], law.expected_scales(), law.joint_inclusion()];
        let found = means(estimator, |kept| {
            let weights = spread(kept, |position| kept.scales()[position]);
            let is_kept = spread(kept, |_| 1.0);
            let both = is_kept.iter().flat_map(|x| is_kept.iter().map(move |y| x * y));
            [kept.len() as f64].into_iter().chain(weights).chain(both).collect()
        });
        for (at, ((mean, deviation), expected)) in
            found.into_iter().zip(expected.concat()).enumerate()
        {
            assert!(
                (mean - expected).abs() <= 5.0 * deviation + 1e-9,
                "{estimator}, number {at}: {mean} ± {deviation}, expected {expected}"
            );
        }
        let joint = law.joint_inclusion();
        let diagonal = joint.iter().step_by(PAIRS + 1);
        assert!(diagonal.zip(law.inclusion()).all(|(x, y)| (x - y).abs() < 1e-12));
    }
}

#[test]
fn unbiased_estimators_have_scales_of_mean_one() {
    for estimator in Estimator::ALL {
        let mean = law(estimator).expected_scales();
        let is_one = mean.iter().zip(SCORES).all(|(&mean, score)| mean == 1.0 || score == 0.0);
        assert_eq!(is_one, estimator.is_unbiased(), "{estimator}");
    }
}

#[test]
fn norms_give_the_same_error_where_they_determine_it() {
    let inner_products = inner_products();
    let norms: Vec<f64> =
        inner_products.iter().step_by(PAIRS + 1).map(|square| square.sqrt()).collect();
    let square = inner_products.iter().sum();
    let mut determined = Vec::new();
    for estimator in Estimator::ALL {
        let law = law(estimator);
        if let Some(error) = law.expected_squared_error_from_norms(&norms, square) {
            let expected = law.expected_squared_error(&inner_products);
            assert!((error - expected).abs() < 1e-12 * square, "{estimator}");
            determined.push(estimator.name());
        }
    }
    assert_eq!(
        determined,
        [
            "column-row",
            "column-row-mixture",
            "bernoulli",
            "bernoulli-as-released",
            "uniform-with-replacement",
            "uniform-without-replacement",
            "uniform-without-replacement-unscaled"
        ]
    );
}

#[test]
fn a_pair_that_is_never_kept_is_a_bias() {
    let law = Law::bernoulli(vec![0.5, 0.0]).unwrap();
    assert_eq!(law.expected_squared_error(&[4.0, 0.0, 0.0, 9.0]), 4.0 + 9.0);
    assert_eq!(law.expected_squared_error_from_norms(&[2.0, 3.0], 13.0), None);
    assert_eq!(law.expected_squared_error_from_norms(&[2.0, 0.0], 4.0), Some(4.0));
}

#[test]
fn a_budget_of_all_pairs_has_no_error() {
    for estimator in Estimator::ALL {
        let law = estimator.law(&SCORES, PAIRS).unwrap();
        assert!(!law.is_random());
        assert_eq!(law.expected_squared_error(&inner_products()), 0.0);
        assert_eq!(law.expected_squared_error_from_norms(&SCORES, 1.0), Some(0.0));
    }
}

#[test]
fn what_is_not_a_number_does_not_vanish() {
    let (law, unknown) = (Law::bernoulli(vec![0.5, 0.5]).unwrap(), [f64::NAN, 1.0]);
    assert!(law.expected_squared_error_from_norms(&unknown, 1.0).unwrap().is_nan());
    assert!(law.expected_squared_error(&[f64::NAN, 0.0, 0.0, 1.0]).is_nan());
}

#[test]
fn bad_probabilities_are_refused() {
    assert!(Law::bernoulli(vec![0.5, 1.5]).is_err());
    assert!(Law::with_replacement(vec![0.5, 0.6], 1).is_err());
    assert!(Law::with_replacement(vec![0.5, 0.5], 0).is_err());
    assert!(Law::systematic(vec![0.5, 0.2]).is_err());
    assert!(Law::winner_take_all(&[0.5, 0.5], 2, 2).is_err());
}
