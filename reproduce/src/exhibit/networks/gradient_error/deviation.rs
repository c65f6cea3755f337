//! How drawn gradients deviate from an exact one: bias and error with their intervals.

use theory::special::student_quantile;

use crate::exhibit::statistics::half_width_of_root;

/// How drawn gradients deviate from an exact one, draw by draw.
pub struct Deviation<'a> {
    exact: &'a [f64],
    sum: Vec<f64>,
    /// The same by groups, one draw after another in the next: what the interval of the bias is
    /// estimated from.
    groups: Vec<Group>,
    /// The squared distance of each draw.
    squares: Vec<f64>,
}

impl<'a> Deviation<'a> {
    pub fn from(exact: &'a [f64]) -> Self {
        let zeros = vec![0.0; exact.len()];
        let groups = vec![Group { sum: zeros.clone(), squares: 0.0, draws: 0.0 }; GROUPS];
        Deviation { exact, sum: zeros, groups, squares: Vec::new() }
    }

    pub fn add(&mut self, drawn: &[f64]) {
        let mut square = 0.0;
        let group = &mut self.groups[self.squares.len() % GROUPS];
        let sums = self.sum.iter_mut().zip(&mut group.sum);
        for ((sum, drawn), exact) in sums.zip(drawn).zip(self.exact) {
            let deviation = drawn - exact;
            *sum.0 += deviation;
            *sum.1 += deviation;
            square += deviation * deviation;
        }
        group.squares += square;
        group.draws += 1.0;
        self.squares.push(square);
    }

    fn mean_square(&self) -> f64 {
        self.squares.iter().sum::<f64>() / self.squares.len() as f64
    }

    /// Square of the exact norm.
    fn square_norm(&self) -> f64 {
        self.exact.iter().map(|exact| exact * exact).sum()
    }

    /// Half the 95 % interval of the root mean square error, over the exact norm; none where no
    /// draw differs from another.
    pub fn half_width_of_error(&self) -> Option<f64> {
        let half_width = half_width_of_root(&self.squares, self.mean_square())?;
        Some(half_width / self.square_norm().sqrt())
    }

    /// Norm of the bias and root mean square error, over the exact norm.
    pub fn bias_and_error(&self) -> (f64, f64) {
        let (norm, draws) = (self.square_norm(), self.squares.len() as f64);
        if norm == 0.0 {
            return (0.0, 0.0);
        }
        let mean_square = self.mean_square();
        let of_mean = self.sum.iter().map(|sum| sum * sum).sum::<f64>() / (draws * draws);
        // The squared deviation of the mean has expectation bias^2 + variance / draws.
        let bias = of_mean - (mean_square - of_mean) / (draws - 1.0);
        ((bias.max(0.0) / norm).sqrt(), (mean_square / norm).sqrt())
    }
    /// The upper end of the 95 % interval of the bias over the exact norm, by a jackknife over the
    /// groups; none of too few draws, and where no draw differs from another.
    pub fn most_bias(&self) -> Option<f64> {
        let draws = self.squares.len() as f64;
        if self.squares.len() < 2 * GROUPS || self.half_width_of_error().is_none() {
            return None;
        }
        let whole = Group { sum: self.sum.clone(), squares: self.mean_square() * draws, draws };
        // Without each group in turn.
        let without: Vec<f64> = self.groups.iter().map(|group| whole.without(group)).collect();
        let count = GROUPS as f64;
        let mean = without.iter().sum::<f64>() / count;
        let spread: f64 = without.iter().map(|square| (square - mean).powi(2)).sum();
        let error = ((count - 1.0) / count * spread).sqrt();
        let nothing = Group { sum: vec![0.0; self.exact.len()], squares: 0.0, draws: 0.0 };
        let most = whole.without(&nothing) + student_quantile(0.05, count - 1.0) * error;
        Some((most.max(0.0) / self.square_norm()).sqrt())
    }
}

/// Groups of draws.
const GROUPS: usize = 10;

/// Sums over the draws of a group.
#[derive(Clone)]
struct Group {
    sum: Vec<f64>,
    squares: f64,
    draws: f64,
}

impl Group {
    /// The square of the bias, without bias, from these draws but those of a part of them: the mean
    /// of the inner products of two different draws.
    fn without(&self, part: &Group) -> f64 {
        let (draws, squares) = (self.draws - part.draws, self.squares - part.squares);
        let sums = self.sum.iter().zip(&part.sum).map(|(all, part)| (all - part).powi(2));
        (sums.sum::<f64>() - squares) / (draws * (draws - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::{Stream, standard_normal};

    #[test]
    fn bias_and_error_of_known_draws() {
        // Draws 2 and 4 around an exact 1: mean 3, bias^2 = 4 - 1, mean square error 5.
        let mut deviation = Deviation::from(&[1.0]);
        deviation.add(&[2.0]);
        deviation.add(&[4.0]);
        let (bias, error) = deviation.bias_and_error();
        assert!((bias - 3.0f64.sqrt()).abs() < 1e-15, "{bias}");
        assert!((error - 5.0f64.sqrt()).abs() < 1e-15, "{error}");
        // Squares 1 and 9: standard error 4, t(0.975, 1) = 12.7062, over twice the root.
        let half_width = deviation.half_width_of_error().unwrap();
        assert!((half_width - 12.7062 * 4.0 / (2.0 * 5.0f64.sqrt())).abs() < 1e-3, "{half_width}");
    }

    #[test]
    fn draws_without_chance_have_no_interval() {
        let mut deviation = Deviation::from(&[1.0, 2.0]);
        (0..100).for_each(|_| deviation.add(&[1.1, 2.3]));
        assert_eq!(deviation.half_width_of_error(), None);
    }
    /// The most that the bias may be, of draws around a mean of one coordinate and some noise.
    fn most_bias(bias: f64, seed: u64) -> (f64, f64) {
        let mut random = Stream::new(seed, "biases").at(0);
        let exact = [1.0, 0.0, 0.0, 0.0];
        let mut deviation = Deviation::from(&exact);
        for _ in 0..100 {
            let noise = [0; 4].map(|_| standard_normal(&mut random));
            let drawn: Vec<f64> = exact.iter().zip(noise).map(|(x, noise)| x + noise).collect();
            deviation.add(&[drawn[0] + bias, drawn[1], drawn[2], drawn[3]]);
        }
        (deviation.bias_and_error().0, deviation.most_bias().unwrap())
    }

    #[test]
    fn the_upper_end_of_the_bias_is_seldom_below_it() {
        // One side of a 95 % interval: about 5 of 200 seeds are below, and 16 are five standard
        // deviations more.
        let below =
            |of: f64, said: f64| (0..200).filter(|seed| most_bias(of, *seed).1 < said).count();
        let covered = below(1.0, 1.0);
        assert!(covered <= 16, "{covered} of 200");
        assert!(below(1.0, 1.5) > 150, "it says more than that the bias is below something");
        let (bias, most) = most_bias(0.0, 1);
        assert!(bias < most && most < 0.5, "{bias}, {most}");
    }

    #[test]
    fn few_draws_and_draws_without_chance_say_nothing_of_the_most() {
        let mut deviation = Deviation::from(&[1.0, 2.0]);
        (0..100).for_each(|_| deviation.add(&[1.1, 2.3]));
        assert_eq!(deviation.most_bias(), None);
        let mut few = Deviation::from(&[1.0]);
        (0..5).for_each(|draw| few.add(&[f64::from(draw)]));
        assert_eq!(few.most_bias(), None);
    }
}
