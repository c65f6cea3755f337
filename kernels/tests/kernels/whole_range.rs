//! Scores and selections over the whole range of finite numbers, against a reference that divides
//! by the largest first and works with logarithms.

use kernels::approximate::ApproximationError;
use kernels::convolution::{ConvolutionShape, scores as convolution_scores};
use kernels::probability::{as_released, proportional, water_filling};
use kernels::random::{Stream, below, standard_normal};
use kernels::scores::{
    column_norms, column_row_scores, estimated_scores, norm, pair_scores, row_norms,
};
use kernels::selection::{adaptive_top_k, top_k};
use kernels::{Estimator, InstructionSet, MatrixView, approximate_product};
use proptest::prelude::*;
use rand::TryRng;
use std::convert::Infallible;

/// x * 2^power.
fn times_two_to(x: f64, power: i32) -> f64 {
    libm::ldexp(x, power)
}

/// The binary logarithm of the Euclidean norm.
fn log_norm(elements: &[f64]) -> f64 {
    let largest = elements.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    if largest == 0.0 {
        return f64::NEG_INFINITY;
    }
    let squares = elements.iter().map(|x| (x / largest) * (x / largest));
    libm::log2(largest) + libm::log2(squares.sum::<f64>()) / 2.0
}

/// w_i over the largest, from logarithms.
fn over_largest(logs: &[f64]) -> Vec<f64> {
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.iter().map(|log| libm::exp2(log - largest)).collect()
}

fn share_of_sum(logs: &[f64]) -> Vec<f64> {
    let relative = over_largest(logs);
    let sum: f64 = relative.iter().sum();
    relative.iter().map(|w| w / sum).collect()
}

/// Water-filling: caps the largest one by one, and divides the others by the largest of them.
fn water_filled(logs: &[f64], budget: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..logs.len()).filter(|&i| logs[i].is_finite()).collect();
    order.sort_by(|&i, &j| logs[j].total_cmp(&logs[i]));
    let mut p = vec![0.0; logs.len()];
    for capped in 0..order.len() {
        let rest: Vec<f64> = order[capped..].iter().map(|&i| logs[i]).collect();
        let relative = over_largest(&rest);
        let level = relative.iter().sum::<f64>() / (budget - capped as f64);
        if level >= 1.0 {
            for (&i, w) in order[capped..].iter().zip(relative) {
                p[i] = w / level;
            }
            return p;
        }
        p[order[capped]] = 1.0;
    }
    p
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (x, y) in found.iter().zip(expected) {
        assert!((x - y).abs() <= 1e-11 * y + f64::MIN_POSITIVE, "{what}: {x} {y}");
    }
}

/// A matrix whose columns are normal numbers times a power of two each, `spread` wide around a
/// centre anywhere in the range, column-major.
fn columns(seed: u64, name: &str, [rows, count]: [usize; 2], center: i32, spread: i32) -> Vec<f64> {
    let mut rng = Stream::new(seed, name).at(0);
    let mut numbers = Vec::new();
    for _ in 0..count {
        let power = center + below(&mut rng, 2 * spread as usize + 1) as i32 - spread;
        for _ in 0..rows {
            let x = standard_normal(&mut rng);
            // Up to the largest number and down to the least, and zeros.
            let x = times_two_to(x, power.min(1021)).clamp(-f64::MAX, f64::MAX);
            numbers.push(if below(&mut rng, 8) == 0 { 0.0 } else { x });
        }
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn scores_and_selections_are_right_over_the_whole_range(
        rows in 1usize..6, pairs in 2usize..24, others in 1usize..6,
        centers in [-1074..=1023i32, -1074..=1023i32], spread in prop_oneof![Just(2), 0..450i32],
        share in 0.05..0.95f64, layout in any::<[bool; 2]>(), seed in 0u64..1 << 40,
    ) {
        let a = columns(seed, "a", [rows, pairs], centers[0], spread);
        let b = columns(seed, "b", [others, pairs], centers[1], spread);
        let logs: Vec<f64> = a
            .chunks(rows)
            .zip(b.chunks(others))
            .map(|(x, y)| log_norm(x) + log_norm(y))
            .collect();
        prop_assume!(logs.iter().any(|log| log.is_finite()));
        let by_rows: Vec<f64> =
            (0..rows * pairs).map(|at| a[at % pairs * rows + at / pairs]).collect();
        let view = if layout[0] {
            MatrixView::row_major(&by_rows, rows, pairs)
        } else {
            MatrixView::column_major(&a, rows, pairs)
        };
        let b_by_rows: Vec<f64> =
            (0..others * pairs).map(|at| b[at % pairs * others + at / pairs]).collect();
        let right = if layout[1] {
            MatrixView::row_major(&b, pairs, others)
        } else {
            MatrixView::column_major(&b_by_rows, pairs, others)
        };
        let scores = column_row_scores(view, right);
        let budget = share * pairs as f64;
        assert_close(&proportional(&scores).unwrap(), &share_of_sum(&logs), "proportional");
        let filled = water_filled(&logs, budget);
        assert_close(&water_filling(&scores, budget).unwrap(), &filled, "water-filling");
        let released: Vec<f64> = share_of_sum(&logs)
            .iter()
            .map(|p| 0.9 * (budget * p).min(1.0) + 0.1 / pairs as f64)
            .collect();
        assert_close(&as_released(&scores, budget).unwrap(), &released, "as released");

        let k = budget.ceil() as usize;
        let kept = top_k(&scores, k).unwrap();
        let (within, without): (Vec<usize>, Vec<usize>) =
            (0..pairs).partition(|&i| kept.indices().contains(&(i as u32)));
        let least = within.iter().map(|&i| logs[i]).fold(f64::INFINITY, f64::min);
        let most = without.iter().map(|&i| logs[i]).fold(f64::NEG_INFINITY, f64::max);
        prop_assert!(least >= most - 1e-11 * most.abs(), "{least} {most}");

        let shares = share_of_sum(&logs);
        let adaptive = adaptive_top_k(&scores, share).unwrap();
        let reached: f64 = adaptive.indices().iter().map(|&i| shares[i as usize]).sum();
        let smallest = adaptive.indices().iter().map(|&i| shares[i as usize]).fold(1.0, f64::min);
        prop_assert!(reached >= share - 1e-11 && reached - smallest < share + 1e-11, "{reached}");

        // The norms themselves, where f64 holds them.
        for (norm, x) in column_norms(view).iter().zip(a.chunks(rows)) {
            let log = log_norm(x);
            if *norm == 0.0 || log > 1023.999 {
                prop_assert!(!(-1073.0..=1023.999).contains(&log), "{norm} {log}");
            } else if log > -1022.0 {
                prop_assert!((libm::log2(*norm) - log).abs() < 1e-11, "{norm} {log}");
            }
        }
        for estimator in Estimator::ALL {
            let mut rng = Stream::new(seed, "draw").at(0);
            let selection = estimator.select(&scores, k, &mut rng).unwrap();
            prop_assert!(selection.scales().iter().all(|scale| scale.is_finite()), "{estimator}");
        }
    }
}

proptest! {
    #[test]
    fn scores_of_single_precision_are_right_over_the_whole_range(
        rows in 1usize..6, pairs in 2usize..24, centers in [-149..=127i32, -149..=127i32],
        spread in 0..140i32, seed in 0u64..1 << 40,
    ) {
        let single = |name: &str, center: i32| -> Vec<f32> {
            let numbers = columns(seed, name, [rows, pairs], center, spread).into_iter();
            numbers.map(|x| (x as f32).clamp(-f32::MAX, f32::MAX)).collect()
        };
        let (a, b) = (single("a", centers[0]), single("b", centers[1]));
        let log = |numbers: &[f32]| {
            log_norm(&numbers.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>())
        };
        let logs: Vec<f64> =
            a.chunks(rows).zip(b.chunks(rows)).map(|(x, y)| log(x) + log(y)).collect();
        prop_assume!(logs.iter().any(|log| log.is_finite()));
        let left = MatrixView::column_major(&a, rows, pairs);
        let right = MatrixView::row_major(&b, pairs, rows);
        let scores = column_row_scores(left, right);
        assert_eq!(scores, pair_scores(&column_norms(left), &row_norms(right)));
        assert_close(&proportional(&scores).unwrap(), &share_of_sum(&logs), "proportional");
    }
}

#[test]
fn scores_that_cannot_be_added_have_probabilities() {
    let scores = [1e308, 1e308, 1.0];
    assert_eq!(proportional(&scores).unwrap(), [0.5, 0.5, 5e-309]);
    assert_eq!(water_filling(&scores, 1.0).unwrap(), [0.5, 0.5, 5e-309]);
    assert_eq!(adaptive_top_k(&scores, 0.5).unwrap().indices(), [0]);
    let tiny = [5e-324; 4];
    assert_eq!(water_filling(&tiny, 3.0).unwrap(), [0.75; 4]);
    // Neither number of this matrix has a square, nor does one of its norms lie in the range.
    assert_eq!(proportional(&pair_scores(&[1e-200, 3e-200], &[1e-200; 2])).unwrap(), [0.25, 0.75]);
}

#[test]
fn norms_are_right_where_squares_are_not_numbers() {
    let set = InstructionSet::detect();
    let lengths = [1usize, 4, 16, 100];
    for (x, length) in [1e200, 1e-170, 1e-320].into_iter().flat_map(|x| lengths.map(|n| (x, n))) {
        let numbers = vec![x; length];
        let exact = x * (length as f64).sqrt();
        let close = |norm: f64| (norm - exact).abs() <= 1e-14 * exact;
        assert!(close(norm(set, &numbers)), "{x} {length}");
        for view in [
            MatrixView::row_major(&numbers, length, 1),
            MatrixView::column_major(&numbers, length, 1),
        ] {
            assert!(close(column_norms(view)[0]) && close(row_norms(view.transpose())[0]));
        }
        let few = estimated_scores(
            MatrixView::row_major(&numbers, length, 1),
            MatrixView::row_major(&[x], 1, 1),
            2,
            1,
            &mut Stream::new(1, "few").at(0),
        );
        assert!(few[0] > 0.0 && few[0].is_finite(), "{x}");
    }
    // Single precision has no such squares: f64 holds all of them.
    for x in [f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1)] {
        assert_eq!(norm(set, &[x; 4]), 2.0 * f64::from(x));
    }
}

#[test]
fn norms_of_channels_images_and_positions_scale_with_the_numbers() {
    let set = InstructionSet::detect();
    let shape = ConvolutionShape::new(3, [4, 5, 6], [2, 3, 2], 2, 1).unwrap();
    let normal = |name: &str, length: usize, power: i32| -> Vec<f64> {
        let mut rng = Stream::new(1, name).at(0);
        (0..length).map(|_| times_two_to(standard_normal(&mut rng), power)).collect()
    };
    let norms_at = |power: i32| -> Vec<f64> {
        let input = normal("input", shape.input_len(), power);
        let kernels = normal("kernels", shape.kernel_len(), power);
        let output = normal("output", shape.output_len(), power);
        let positions = shape.batch() * shape.positions();
        let lengths = [4, 2, 4, 2, 3, 3, positions, positions];
        let mut all: Vec<Vec<f64>> = lengths.iter().map(|&length| vec![f64::NAN; length]).collect();
        convolution_scores::input_channel_norms_into(set, &shape, &input, &mut all[0]);
        convolution_scores::output_channel_norms_into(set, &shape, &output, &mut all[1]);
        convolution_scores::kernel_input_norms_into(set, &shape, &kernels, &mut all[2]);
        convolution_scores::kernel_output_norms_into(set, &shape, &kernels, &mut all[3]);
        convolution_scores::input_image_norms_into(set, &shape, &input, &mut all[4]);
        convolution_scores::output_image_norms_into(set, &shape, &output, &mut all[5]);
        convolution_scores::patch_norms_into(&shape, &input, &mut all[6]);
        convolution_scores::output_position_norms_into(&shape, &output, &mut all[7]);
        all.concat()
    };
    let ordinary = norms_at(0);
    for power in [-900, -530, 530, 1000] {
        let expected: Vec<f64> = ordinary.iter().map(|&x| times_two_to(x, power)).collect();
        assert_close(&norms_at(power), &expected, "norms");
    }
}

/// Randomness that is zero, which keeps a pair of any probability above zero.
#[derive(Clone, Copy)]
struct Zeros;

impl TryRng for Zeros {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(0);
        Ok(())
    }
}

#[test]
fn the_scale_of_the_unlikeliest_pair_is_a_number() {
    let scores = [1e-320, 1.0, 1.0, 0.5];
    for estimator in Estimator::ALL {
        let selection = estimator.select(&scores, 2, &mut Zeros).unwrap();
        assert!(selection.scales().iter().all(|s| s.is_finite() && *s > 0.0), "{estimator}");
    }
}

#[test]
fn a_product_beyond_the_range_names_its_element() {
    let a = MatrixView::row_major(&[1.0, 1.0, 1e200, 1e200], 2, 2);
    let b = MatrixView::row_major(&[1.0, 1e200, 1.0, 1e200], 2, 2);
    let product = |k| {
        let mut rng = Stream::new(0, "range").at(0);
        approximate_product(a, b, &Estimator::TopK, k, &mut rng)
    };
    for k in [1, 2] {
        let error = product(k).unwrap_err();
        assert!(matches!(error, ApproximationError::Overflow { row: 1, column: 1, .. }), "{error}");
        let sentence =
            "C[1, 1] is inf: a scaled element of A or the sum leaves the range of f64, though";
        assert!(error.to_string().starts_with(sentence), "{error}");
    }
    let single = MatrixView::row_major(&[1e30f32], 1, 1);
    let mut rng = Stream::new(0, "range").at(0);
    let error = approximate_product(single, single, &Estimator::TopK, 1, &mut rng).unwrap_err();
    assert!(error.to_string().contains("the range of f32"), "{error}");
}
