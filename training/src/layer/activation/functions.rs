//! The functions and their derivatives, of additions, multiplications and divisions alone.
//!
//! Such a function becomes part of the loop that calls it and is computed for a whole vector at a
//! time; and since none of these operations may be rounded otherwise than the standard says, all
//! instruction sets give the same bits. The error function of a library does neither.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

/// max(x, 0), but NaN for what is no number.
#[inline(always)]
pub(in crate::layer) fn relu(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { x }
}

/// The gradient of x from that of max(x, 0), which x may stand for as well.
#[inline(always)]
pub(in crate::layer) fn relu_gradient(gradient: f32, x: f32) -> f32 {
    if x > 0.0 { gradient } else { 0.0 }
}

/// x Phi(x).
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    x * normal_distribution(x).0
}

/// Phi(x) + x phi(x).
#[inline(always)]
pub(super) fn gelu_derivative(x: f32) -> f32 {
    let (below, density) = normal_distribution(x);
    below + x * density
}

/// x s(x) with the logistic function s(x) = 1 / (1 + exp(-x)).
#[inline(always)]
pub(super) fn silu(x: f32) -> f32 {
    x * logistic(x)
}

/// s(x) + x s(x) (1 - s(x)).
#[inline(always)]
pub(super) fn silu_derivative(x: f32) -> f32 {
    let share = logistic(x);
    share + x * share * (1.0 - share)
}

/// Phi(x) and phi(x) of the standard normal distribution.
///
/// Phi is by formula 7.1.26 of Abramowitz and Stegun (1964), whose polynomial times exp(-x^2 / 2)
/// is the upper tail within 7.5e-8; rounding adds as much again.
#[inline(always)]
fn normal_distribution(x: f32) -> (f32, f32) {
    const FRAC_1_SQRT_2_PI: f32 = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
    let bell = exponential(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.327_591_1 * FRAC_1_SQRT_2 * x.abs());
    let polynomial = t
        * (0.254_829_6
            + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * polynomial * bell;
    let below = if x < 0.0 { tail } else { 1.0 - tail };
    (below, FRAC_1_SQRT_2_PI * bell)
}

/// tanh(x) = 2 s(2 x) - 1, within 2e-7.
#[inline(always)]
pub(in crate::layer) fn tanh(x: f32) -> f32 {
    2.0 * logistic(2.0 * x) - 1.0
}

/// s(x) = 1 / (1 + exp(-x)).
#[inline(always)]
pub(in crate::layer) fn logistic(x: f32) -> f32 {
    let small = exponential(-x.abs());
    (if x < 0.0 { small } else { 1.0 }) / (1.0 + small)
}

/// exp(x) for x of at most 0, within 2e-7 of itself; exp(-80) below -80, since smaller ones have
/// products that are subnormal, on which processors compute a hundred times slower.
///
/// x = n ln(2) + r with a whole number n and |r| <= ln(2) / 2, and exp(r) by its power series to
/// r^7, which leaves out less than 6e-9.
#[inline(always)]
pub(in crate::layer) fn exponential(x: f32) -> f32 {
    // Adding it moves the whole number into the lowest bits, rounded to nearest.
    const SHIFT: f32 = 12_582_912.0; // 1.5 * 2^23
    // ln(2) in two parts (Cody and Waite 1980): n times the first is exact.
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-80.0);
    let shifted = x * LOG2_E + SHIFT;
    let whole = shifted - SHIFT;
    let r = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    // 2^n: the lowest bits of the shifted number, with the bias of exponents, in their place.
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    let series = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5_040.0)));
    power * (1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * series))))
}
