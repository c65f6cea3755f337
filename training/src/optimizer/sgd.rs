//! Stochastic gradient descent with momentum and weight decay.

use super::flushed;

/// Velocities below this count as zero, before they decay to slow subnormal numbers.
const NEGLIGIBLE: f32 = 1e-30;

/// What a step is made with.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) rate: f32,
    /// Of every gradient.
    pub(super) factor: f32,
    pub(super) momentum: f32,
    pub(super) decay: f32,
    pub(super) nesterov: bool,
}

/// velocity <- momentum velocity + gradient + decay value; value <- value - rate velocity
/// (the form of PyTorch, without dampening). With Nesterov's momentum the value moves by
/// gradient + decay value + momentum velocity in the place of the velocity, which is what the
/// velocity will be after one more such gradient, but for that gradient's own share. A gradient
/// that is not there is zero.
#[inline(always)]
pub(super) fn update(
    values: &mut [f32],
    velocity: &mut [f32],
    gradient: Option<&[f32]>,
    step: Step,
) {
    if step.momentum == 0.0 && !step.nesterov {
        return descend(values, gradient, step);
    }
    let elements = values.iter_mut().zip(velocity);
    match gradient {
        Some(gradient) => {
            for ((value, velocity), &gradient) in elements.zip(gradient) {
                change(value, velocity, gradient, step);
            }
        }
        None => {
            for (value, velocity) in elements {
                change(value, velocity, 0.0, step);
            }
        }
    }
}

/// The same without momentum, where nothing reads the velocity: it is left alone.
#[inline(always)]
fn descend(values: &mut [f32], gradient: Option<&[f32]>, step: Step) {
    let Step { rate, factor, decay, .. } = step;
    let change = |value: &mut f32, gradient: f32| {
        *value -= rate * flushed(factor * gradient + decay * *value, NEGLIGIBLE);
    };
    match gradient {
        Some(gradient) => values.iter_mut().zip(gradient).for_each(|(x, &g)| change(x, g)),
        None => values.iter_mut().for_each(|x| change(x, 0.0)),
    }
}

#[inline(always)]
fn change(value: &mut f32, velocity: &mut f32, gradient: f32, step: Step) {
    let Step { rate, factor, momentum, decay, nesterov } = step;
    let slope = factor * gradient + decay * *value;
    let next = momentum * *velocity + slope;
    *velocity = flushed(next, NEGLIGIBLE);
    *value -= rate * if nesterov { slope + momentum * *velocity } else { *velocity };
}
