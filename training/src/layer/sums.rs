//! Sums in f64 in one fixed order.

use kernels::InstructionSet;

const PARTS: usize = 16;

/// The sum of f(x) over the elements, in sixteen interleaved partial sums that are then added in
/// order.
#[inline(always)]
fn interleaved(elements: &[f32], f: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; PARTS];
    let blocks = elements.chunks_exact(PARTS);
    let rest = blocks.remainder();
    for block in blocks {
        for (sum, &x) in sums.iter_mut().zip(block) {
            *sum += f(f64::from(x));
        }
    }
    for (sum, &x) in sums.iter_mut().zip(rest) {
        *sum += f(f64::from(x));
    }
    total(&sums)
}

fn total(sums: &[f64; PARTS]) -> f64 {
    sums.iter().fold(0.0, |total, sum| total + sum)
}

/// sum_i x_i.
pub(super) fn sum(set: InstructionSet, elements: &[f32]) -> f64 {
    set.run(|| interleaved(elements, |x| x))
}

/// sum_i (x_i - centre)^2.
pub(super) fn sum_of_squares_about(set: InstructionSet, elements: &[f32], centre: f64) -> f64 {
    set.run(|| interleaved(elements, |x| (x - centre) * (x - centre)))
}

/// sum_i g_i and sum_i g_i (x_i - centre) over the elements that pass.
pub(super) fn sums_of_gradient(
    set: InstructionSet,
    gradient: &[f32],
    elements: &[f32],
    centre: f64,
    passes: impl Fn(f32) -> bool,
) -> [f64; 2] {
    let (mut sums, mut products) = ([0.0; PARTS], [0.0; PARTS]);
    set.run(|| {
        let (blocks, elements) = (gradient.chunks(PARTS), elements.chunks(PARTS));
        for (gradient, elements) in blocks.zip(elements) {
            let parts = sums.iter_mut().zip(&mut products);
            for ((sum, product), (&g, &x)) in parts.zip(gradient.iter().zip(elements)) {
                let g = f64::from(if passes(x) { g } else { 0.0 });
                *sum += g;
                *product += g * (f64::from(x) - centre);
            }
        }
    });
    [total(&sums), total(&products)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_summed_exactly() {
        for count in [0u32, 1, 15, 16, 17, 100] {
            let elements: Vec<f32> = (0..count).map(|i| i as f32).collect();
            for set in InstructionSet::available() {
                assert_eq!(sum(set, &elements), (0..count).map(f64::from).sum::<f64>());
                let squares = (0..count).map(|i| (f64::from(i) - 2.0).powi(2)).sum::<f64>();
                assert_eq!(sum_of_squares_about(set, &elements, 2.0), squares);
                let gradient = vec![3.0; count as usize];
                let found = sums_of_gradient(set, &gradient, &elements, 2.0, |x| x > 8.0);
                let passed = || (9..count).map(f64::from);
                let expected =
                    [passed().map(|_| 3.0).sum(), passed().map(|x| 3.0 * (x - 2.0)).sum()];
                assert_eq!(found, expected, "{count}");
            }
        }
    }
}
