//! Resizing of 8-bit images with a triangle filter in integers.
//!
//! Value of an output pixel along one side, for a source n and a target m pixels long:
//! ```text
//! y_j = sum_i w_ij x_i,  w_ij proportional to max(0, 1 - |i + 1/2 - (j + 1/2) s| / max(s, 1)),
//! s = n / m,  sum_i w_ij = 1
//! ```
//! Shrinking widens the triangle, so every source pixel counts (no aliasing). Weights are rounded
//! to multiples of 2^-22 from f64 quotients, sums are integers, and rows are done before columns
//! with 8 bits between, so that the result has the same bits on every machine.

use super::decoding::Pixels;

/// A rectangle inside the resized image; nothing outside it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// Height and width of the whole image after resizing.
    pub target: (usize, usize),
    /// The first row and column that are wanted.
    pub corner: (usize, usize),
    /// Rows and columns that are wanted.
    pub size: (usize, usize),
}

const BITS: u32 = 22;

/// The weights of one output pixel: the first source pixel, then one weight each.
struct Weights {
    first: usize,
    weights: Vec<i64>,
}

fn weights(source: usize, target: usize, wanted: std::ops::Range<usize>) -> Vec<Weights> {
    let scale = source as f64 / target as f64;
    let reach = scale.max(1.0);
    let one = |output: usize| {
        let centre = (output as f64 + 0.5) * scale;
        let first = (centre - reach).floor().max(0.0) as usize;
        let last = ((centre + reach).ceil() as usize).min(source);
        let raw: Vec<f64> = (first..last)
            .map(|input| (1.0 - (input as f64 + 0.5 - centre).abs() / reach).max(0.0))
            .collect();
        let sum: f64 = raw.iter().sum();
        let fixed = |weight: &f64| (weight / sum * f64::from(1 << BITS)).round() as i64;
        Weights { first, weights: raw.iter().map(fixed).collect() }
    };
    wanted.map(one).collect()
}

/// The weighted sum of bytes `stride` apart, rounded to the nearest byte.
fn weighted(bytes: &[u8], stride: usize, weights: &[i64]) -> u8 {
    let half = 1 << (BITS - 1);
    let sum = bytes.iter().step_by(stride).zip(weights);
    let sum = sum.fold(half, |sum, (&byte, weight)| sum + weight * i64::from(byte));
    (sum >> BITS).clamp(0, 255) as u8
}

/// A part of an image resized to `crop.target`.
///
/// # Panics
/// When the crop does not lie inside the target, or the image has no pixels.
pub fn resize(image: &Pixels, crop: Crop) -> Pixels {
    let ((target_height, target_width), (top, left)) = (crop.target, crop.corner);
    let (height, width) = crop.size;
    assert!(image.height > 0 && image.width > 0, "an image without pixels cannot be resized");
    assert!(
        top + height <= target_height && left + width <= target_width,
        "the crop lies inside the target"
    );
    let across = weights(image.width, target_width, left..left + width);
    let down = weights(image.height, target_height, top..top + height);
    let first = down.first().map_or(0, |row| row.first);
    let last = down.last().map_or(0, |row| row.first + row.weights.len());
    let mut narrow = Vec::with_capacity((last - first) * width * 3);
    for row in image.rgb.chunks_exact(image.width * 3).take(last).skip(first) {
        for Weights { first, weights } in &across {
            narrow.extend((0..3).map(|channel| weighted(&row[3 * first + channel..], 3, weights)));
        }
    }
    let mut rgb = Vec::with_capacity(height * width * 3);
    for Weights { first: row, weights } in &down {
        let above = &narrow[(row - first) * width * 3..];
        rgb.extend((0..width * 3).map(|place| weighted(&above[place..], width * 3, weights)));
    }
    Pixels { height, width, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(height: usize, width: usize) -> Pixels {
        let mut word = 12_345u32;
        let mut byte = || {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (word >> 24) as u8
        };
        Pixels { height, width, rgb: (0..height * width * 3).map(|_| byte()).collect() }
    }

    fn whole(height: usize, width: usize) -> Crop {
        Crop { target: (height, width), corner: (0, 0), size: (height, width) }
    }

    #[test]
    fn the_same_size_keeps_every_pixel() {
        let image = noise(9, 14);
        assert_eq!(resize(&image, whole(9, 14)), image);
    }

    #[test]
    fn halves_weigh_neighbours_by_the_triangle() {
        // One row 0 0 0 0 240 0 0 0 halved: pixel 4 lies 0.5 and 1.5 source pixels from the
        // centres 5 and 3, so it weighs 0.75 / 2 and 0.25 / 2.
        let mut image = Pixels { height: 1, width: 8, rgb: vec![0; 24] };
        image.rgb[12..15].fill(240);
        let row = resize(&image, whole(1, 4));
        let red: Vec<u8> = row.rgb.iter().step_by(3).copied().collect();
        assert_eq!(red, [0, 30, 90, 0]);
    }

    proptest! {
        #[test]
        fn one_colour_stays_one_colour(
            source in (1usize..40, 1usize..40),
            target in (1usize..40, 1usize..40),
            colour: [u8; 3],
        ) {
            let rgb = colour.repeat(source.0 * source.1);
            let image = Pixels { height: source.0, width: source.1, rgb };
            let resized = resize(&image, whole(target.0, target.1));
            prop_assert_eq!(resized.rgb, colour.repeat(target.0 * target.1));
        }

        #[test]
        fn a_crop_is_a_part_of_the_whole(
            source in (1usize..30, 1usize..30),
            corner in (0usize..10, 0usize..10),
            size in (1usize..10, 1usize..10),
        ) {
            let image = noise(source.0, source.1);
            let target = (20, 24);
            let part = resize(&image, Crop { target, corner, size });
            let all = resize(&image, whole(20, 24));
            for row in 0..size.0 {
                let start = 3 * ((corner.0 + row) * 24 + corner.1);
                prop_assert_eq!(
                    &part.rgb[3 * row * size.1..3 * (row + 1) * size.1],
                    &all.rgb[start..start + 3 * size.1]
                );
            }
        }

        #[test]
        fn the_result_is_the_double_sum_within_two_roundings(
            source in (1usize..30, 1usize..30),
            target in (1usize..30, 1usize..30),
        ) {
            let image = noise(source.0, source.1);
            let resized = resize(&image, whole(target.0, target.1));
            let weight = |input: usize, output: usize, source: usize, target: usize| {
                let scale = source as f64 / target as f64;
                let centre = (output as f64 + 0.5) * scale;
                (1.0 - (input as f64 + 0.5 - centre).abs() / scale.max(1.0)).max(0.0)
            };
            for row in 0..target.0 {
                for column in 0..target.1 {
                    let (mut sum, mut total) = (0.0, 0.0);
                    for y in 0..source.0 {
                        for x in 0..source.1 {
                            let product = weight(y, row, source.0, target.0)
                                * weight(x, column, source.1, target.1);
                            total += product;
                            sum += product * f64::from(image.rgb[3 * (y * source.1 + x)]);
                        }
                    }
                    let found = f64::from(resized.rgb[3 * (row * target.1 + column)]);
                    // Half a unit for each of the two passes, and what 22 bits leave.
                    prop_assert!((found - sum / total).abs() < 1.001);
                }
            }
        }
    }
}
