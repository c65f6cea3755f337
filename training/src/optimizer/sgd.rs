//! Stochastic gradient descent with momentum and weight decay.

use super::flushed;

/// Velocities below this count as zero, before they decay to slow subnormal numbers.
const NEGLIGIBLE: f32 = 1e-30;

/// velocity <- momentum velocity + gradient + decay value; value <- value - rate velocity
/// (the form of PyTorch, without dampening). A gradient that is not there is zero.
#[inline(always)]
pub(super) fn update(
    values: &mut [f32],
    velocity: &mut [f32],
    gradient: Option<&[f32]>,
    factors: (f32, f32, f32),
) {
    let elements = values.iter_mut().zip(velocity);
    match gradient {
        Some(gradient) => {
            for ((value, velocity), &gradient) in elements.zip(gradient) {
                change(value, velocity, gradient, factors);
            }
        }
        None => {
            for (value, velocity) in elements {
                change(value, velocity, 0.0, factors);
            }
        }
    }
}

#[inline(always)]
fn change(
    value: &mut f32,
    velocity: &mut f32,
    gradient: f32,
    (rate, momentum, decay): (f32, f32, f32),
) {
    let next = momentum * *velocity + (gradient + decay * *value);
    *velocity = flushed(next, NEGLIGIBLE);
    *value -= rate * *velocity;
}
