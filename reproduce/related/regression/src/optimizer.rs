//! Steps down a gradient: plain, and Adam's.

/// A step of gradient descent: w <- w - rate g.
///
/// # Panics
/// When there is not one derivative a parameter.
pub fn descend(parameters: &mut [f64], gradient: &[f64], rate: f64) {
    assert_eq!(parameters.len(), gradient.len(), "one derivative a parameter");
    for (parameter, derivative) in parameters.iter_mut().zip(gradient) {
        *parameter -= rate * derivative;
    }
}

/// Adam (Kingma and Ba 2015) with the decay rates 0.9 and 0.999 and the offset 1e-8 of the paper.
///
/// With m and v the decaying means of g and g^2, each over the sum of its weights,
/// w <- w - rate m / (sqrt(v) + 1e-8).
///
/// ```
/// use regression::optimizer::Adam;
/// let (mut adam, mut w) = (Adam::new(2, 0.1), [1.0, 1.0]);
/// adam.step(&mut w, &[3.0, -0.2]);
/// assert!((w[0] - 0.9).abs() < 1e-8 && (w[1] - 1.1).abs() < 1e-8, "first a step of the rate");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Adam {
    rate: f64,
    first: Vec<f64>,
    second: Vec<f64>,
    first_decay: f64,
    second_decay: f64,
}

impl Adam {
    const FIRST: f64 = 0.9;
    const SECOND: f64 = 0.999;
    const OFFSET: f64 = 1e-8;

    /// Adam for so many parameters, at its start.
    pub fn new(parameters: usize, rate: f64) -> Self {
        Self {
            rate,
            first: vec![0.0; parameters],
            second: vec![0.0; parameters],
            first_decay: 1.0,
            second_decay: 1.0,
        }
    }

    /// A step along this gradient.
    ///
    /// # Panics
    /// When there is not one derivative a parameter.
    pub fn step(&mut self, parameters: &mut [f64], gradient: &[f64]) {
        assert_eq!(parameters.len(), self.first.len(), "the parameters Adam was made for");
        assert_eq!(parameters.len(), gradient.len(), "one derivative a parameter");
        self.first_decay *= Self::FIRST;
        self.second_decay *= Self::SECOND;
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, &g), (first, second)) in parameters.iter_mut().zip(gradient).zip(moments) {
            *first = Self::FIRST * *first + (1.0 - Self::FIRST) * g;
            *second = Self::SECOND * *second + (1.0 - Self::SECOND) * g * g;
            let mean = *first / (1.0 - self.first_decay);
            let square = *second / (1.0 - self.second_decay);
            *parameter -= self.rate * mean / (square.sqrt() + Self::OFFSET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_find_the_minimum_of_a_bowl() {
        let slope = |w: &[f64]| vec![w[0] - 1.0, 100.0 * (w[1] + 2.0)];
        let (mut plain, mut adaptive) = ([0.0; 2], [0.0; 2]);
        let mut adam = Adam::new(2, 0.01);
        for _ in 0..5000 {
            let gradient = slope(&plain);
            descend(&mut plain, &gradient, 0.01);
            let gradient = slope(&adaptive);
            adam.step(&mut adaptive, &gradient);
        }
        for found in [plain, adaptive] {
            assert!((found[0] - 1.0).abs() < 1e-6 && (found[1] + 2.0).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn equal_gradients_move_adam_by_its_rate_each_step() {
        let (mut adam, mut w) = (Adam::new(1, 0.1), [0.0]);
        for step in 1..=10 {
            adam.step(&mut w, &[5.0]);
            assert!((w[0] + 0.1 * f64::from(step)).abs() < 1e-8, "{}", w[0]);
        }
    }
}
