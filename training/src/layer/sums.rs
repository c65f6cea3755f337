//! Sums in f64 in one fixed order.

use kernels::InstructionSet;

/// Partial sums, a whole number of vectors of any instruction set.
const PARTS: usize = 128;

/// A sum as interleaved partial sums: of each slice added, element i goes to part i modulo 128.
///
/// A single loop without a length known to the compiler is short enough for it to become part of
/// the functions compiled for an instruction set.
#[derive(Debug)]
pub(super) struct Sum([f64; PARTS]);

impl Sum {
    pub(super) fn new() -> Self {
        Self([0.0; PARTS])
    }

    /// Adds f(x) of every element.
    ///
    /// What f captures is moved into the loop: a number behind a reference would be read again
    /// after every write.
    pub(super) fn add(
        &mut self,
        set: InstructionSet,
        elements: &[f32],
        f: impl Fn(f64) -> f64 + Copy,
    ) {
        for block in elements.chunks(PARTS) {
            let parts = self.0.iter_mut().zip(block);
            set.run(move || parts.for_each(|(part, &x)| *part += f(f64::from(x))));
        }
    }

    /// The partial sums, added in order.
    pub(super) fn total(&self) -> f64 {
        self.0.iter().fold(0.0, |total, part| total + part)
    }
}

/// Adds g_i to the first sum and g_i (x_i - centre) to the second, over the elements that pass.
pub(super) fn add_gradient(
    set: InstructionSet,
    [sum, products]: &mut [Sum; 2],
    gradient: &[f32],
    elements: &[f32],
    centre: f32,
    passes: impl Fn(f32) -> bool + Copy,
) {
    for (gradient, elements) in gradient.chunks(PARTS).zip(elements.chunks(PARTS)) {
        let parts = sum.0.iter_mut().zip(&mut products.0);
        let parts = parts.zip(gradient.iter().zip(elements));
        set.run(move || {
            parts.for_each(|((sum, product), (&g, &x))| {
                let g = f64::from(if passes(x) { g } else { 0.0 });
                *sum += g;
                *product += g * f64::from(x - centre);
            });
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_summed_exactly() {
        for count in [0u32, 1, 15, 127, 128, 129, 400] {
            let elements: Vec<f32> = (0..count).map(|i| i as f32).collect();
            for set in InstructionSet::available() {
                let mut squares = Sum::new();
                squares.add(set, &elements, |x| x * x);
                squares.add(set, &elements[..1.min(elements.len())], |_| 7.0);
                let first = if count == 0 { 0.0 } else { 7.0 };
                let expected = (0..count).map(|i| f64::from(i * i)).sum::<f64>();
                assert_eq!(squares.total(), first + expected, "{count}");
                let gradient = vec![3.0; count as usize];
                let mut sums = [Sum::new(), Sum::new()];
                add_gradient(set, &mut sums, &gradient, &elements, 2.0, |x| x > 8.0);
                let passed = || (9..count).map(f64::from);
                let products = passed().map(|x| 3.0 * (x - 2.0)).sum::<f64>();
                assert_eq!(sums[0].total(), 3.0 * passed().count() as f64, "{count}");
                assert_eq!(sums[1].total(), products, "{count}");
            }
        }
    }
}
