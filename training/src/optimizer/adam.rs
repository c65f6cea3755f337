//! Adam (Kingma and Ba 2015, algorithm 1).

use super::flushed;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// Gradients and first moments below this count as zero, second moments below its square: they
/// move a weight by less than rate times 1e-9. Decaying averages would otherwise end as subnormal
/// numbers, on which processors compute a hundred times slower.
const NEGLIGIBLE: f32 = 1e-17;

/// 1/(1 - beta^t) for both averages.
pub(super) fn bias_correction(step: u64) -> (f32, f32) {
    let correction = |beta: f32| (1.0 / (1.0 - libm::pow(f64::from(beta), step as f64))) as f32;
    (correction(BETA1), correction(BETA2))
}

/// One step of Adam on a row, at a rate and with a factor of the gradients. A gradient that is not
/// there is zero.
#[inline(always)]
pub(super) fn update(
    values: &mut [f32],
    first: &mut [f32],
    second: &mut [f32],
    gradient: Option<&[f32]>,
    (rate, factor): (f32, f32),
    corrections: (f32, f32),
) {
    let elements = values.iter_mut().zip(first).zip(second);
    match gradient {
        Some(gradient) => {
            for (((value, first), second), &gradient) in elements.zip(gradient) {
                change(value, first, second, factor * gradient, rate, corrections);
            }
        }
        None => {
            for ((value, first), second) in elements {
                change(value, first, second, 0.0, rate, corrections);
            }
        }
    }
}

#[inline(always)]
fn change(
    value: &mut f32,
    first: &mut f32,
    second: &mut f32,
    gradient: f32,
    rate: f32,
    (first_correction, second_correction): (f32, f32),
) {
    let gradient = flushed(gradient, NEGLIGIBLE);
    *first = flushed(BETA1 * *first + (1.0 - BETA1) * gradient, NEGLIGIBLE);
    let average = BETA2 * *second + (1.0 - BETA2) * (gradient * gradient);
    *second = flushed(average, NEGLIGIBLE * NEGLIGIBLE);
    let deviation = (*second * second_correction).sqrt() + EPSILON;
    *value -= rate * (*first * first_correction) / deviation;
}
