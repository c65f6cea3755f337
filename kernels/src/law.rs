//! The law of a sampled sum: with which chances pairs are kept, and the error that follows.
//!
//! A law gives pair i the random weight s_i: its scale where it is kept, and zero where it is not.
//! With the pair products G_i = A_i B^i, C = sum_i G_i and the estimate sum_i s_i G_i,
//!
//! E|C_hat - C|_F^2 = sum_ij Cov(s_i, s_j) <G_i, G_j> + |sum_i (E s_i - 1) G_i|_F^2,
//!
//! variance and squared bias. [`Estimator::law`](crate::Estimator::law) maps an estimator and
//! scores to their law, and [`Estimator::select`](crate::Estimator::select) draws from that law: what
//! is drawn and what is predicted cannot come apart. Nothing here needs terms of rank one: a sum of
//! any terms, as of a convolution over its channels, has the same errors.

use crate::selection::{
    ConditionalPoisson, Scratch, Selection, SelectionError, check_draws, check_probabilities,
    common_arcs, count_draws, draw_bernoulli_into, draw_systematic_into,
    draw_uniform_without_replacement_into, draw_winner_take_all_into, fixed_size, scale_of_draws,
    split_winners,
};
use rand::Rng;
use std::borrow::Cow;

/// With which chances each of n pairs is kept, and how it is scaled.
///
/// ```
/// use kernels::Estimator;
/// let law = Estimator::Bernoulli.law(&[100.0, 1.0, 1.0, 2.0], 2)?;
/// assert_eq!(law.inclusion(), [1.0, 0.25, 0.25, 0.5]);
/// assert_eq!(law.expected_scales(), [1.0; 4], "unbiased");
/// // Independent coins: sum_i (1 - p_i)/p_i w_i^2, whatever the directions of the pairs.
/// let error = law.expected_squared_error_from_norms(&[100.0, 1.0, 1.0, 2.0], 1e4);
/// assert_eq!(error, Some(10.0));
/// # Ok::<(), kernels::selection::SelectionError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Law<'a>(Design<'a>);

/// The kinds of laws.
#[derive(Clone, Debug, PartialEq)]
enum Design<'a> {
    /// These pairs, without chance.
    Certain(Cow<'a, Selection>),
    /// Draws with replacement by p, each of which adds 1/(draws p_i) or one to the weight.
    WithReplacement { p: Cow<'a, [f64]>, draws: usize, scaled: bool },
    /// A coin a pair; the weight is 1/p_i where it comes up.
    Coins(Cow<'a, [f64]>),
    /// Any `size` of the pairs alike; the weight is n/size or one.
    Uniform { pairs: usize, size: usize, scaled: bool },
    /// The comb with inclusion probabilities p; the weight is 1/p_i.
    Systematic(Cow<'a, [f64]>),
    /// Coins, given how many come up; the weight is the inverse of the inclusion probability.
    ConditionalPoisson(ConditionalPoisson),
    /// The winners with weight one, and draws of the others by p, which is zero for a winner.
    WinnerTakeAll { winners: Selection, p: Vec<f64>, draws: usize },
}

impl<'a> Law<'a> {
    /// This selection, always.
    pub fn certain(selection: Selection) -> Self {
        Self(Design::Certain(Cow::Owned(selection)))
    }

    /// k independent draws of one pair each, each scaled by 1/(k p_i); see
    /// [`draw_with_replacement`](crate::selection::draw_with_replacement).
    ///
    /// # Errors
    /// When k is zero, a probability lies outside [0, 1], or they do not sum to one within 1e-9 and
    /// the rounding of so many terms.
    pub fn with_replacement(
        p: impl Into<Cow<'a, [f64]>>,
        k: usize,
    ) -> Result<Self, SelectionError> {
        let p = p.into();
        check_draws(&p, k)?;
        Ok(Self::of_draws(p, k, true))
    }

    /// A coin a pair, scaled by 1/p_i; see [`draw_bernoulli`](crate::selection::draw_bernoulli).
    ///
    /// # Errors
    /// When a probability lies outside [0, 1].
    pub fn bernoulli(p: impl Into<Cow<'a, [f64]>>) -> Result<Self, SelectionError> {
        let p = p.into();
        check_probabilities(&p)?;
        Ok(Self::of_coins(p))
    }

    /// A fixed number of pairs by the comb; see
    /// [`draw_systematic`](crate::selection::draw_systematic).
    ///
    /// # Errors
    /// When a probability lies outside [0, 1], or they do not sum to a whole number within 1e-9 and
    /// the rounding of so many terms.
    pub fn systematic(p: impl Into<Cow<'a, [f64]>>) -> Result<Self, SelectionError> {
        let p = p.into();
        fixed_size(&p)?;
        Ok(Self(Design::Systematic(p)))
    }

    /// A fixed number of pairs by coins, given their number; see [`ConditionalPoisson`].
    pub fn conditional_poisson(design: ConditionalPoisson) -> Self {
        Self(Design::ConditionalPoisson(design))
    }

    /// The `winners` most probable pairs and k - winners draws of the others; see
    /// [`draw_winner_take_all`](crate::selection::draw_winner_take_all).
    ///
    /// # Errors
    /// When there are not fewer winners than k, or a probability lies outside [0, 1].
    pub fn winner_take_all(p: &[f64], winners: usize, k: usize) -> Result<Self, SelectionError> {
        let (winners, p) = split_winners(p, winners, k)?;
        let draws = k - winners.len();
        Ok(Self(Design::WinnerTakeAll { winners, p, draws }))
    }

    /// [`Self::certain`] of a selection that is stored elsewhere.
    pub(crate) fn of_certain(selection: &'a Selection) -> Self {
        Self(Design::Certain(Cow::Borrowed(selection)))
    }

    /// [`Self::with_replacement`] by checked probabilities, each draw scaled or with weight one.
    pub(crate) fn of_draws(p: impl Into<Cow<'a, [f64]>>, draws: usize, scaled: bool) -> Self {
        Self(Design::WithReplacement { p: p.into(), draws, scaled })
    }

    /// [`Self::bernoulli`] by checked probabilities.
    pub(crate) fn of_coins(p: impl Into<Cow<'a, [f64]>>) -> Self {
        Self(Design::Coins(p.into()))
    }

    /// Any `size` of the pairs alike, 1 <= size < pairs, scaled by n/size or with weight one.
    pub(crate) fn of_uniform(pairs: usize, size: usize, scaled: bool) -> Self {
        Self(Design::Uniform { pairs, size, scaled })
    }

    /// The same law in memory of its own.
    pub fn into_owned(self) -> Law<'static> {
        Law(match self.0 {
            Design::Certain(kept) => Design::Certain(Cow::Owned(kept.into_owned())),
            Design::WithReplacement { p, draws, scaled } => {
                Design::WithReplacement { p: Cow::Owned(p.into_owned()), draws, scaled }
            }
            Design::Coins(p) => Design::Coins(Cow::Owned(p.into_owned())),
            Design::Uniform { pairs, size, scaled } => Design::Uniform { pairs, size, scaled },
            Design::Systematic(p) => Design::Systematic(Cow::Owned(p.into_owned())),
            Design::ConditionalPoisson(design) => Design::ConditionalPoisson(design),
            Design::WinnerTakeAll { winners, p, draws } => {
                Design::WinnerTakeAll { winners, p, draws }
            }
        })
    }

    /// Draws a selection.
    ///
    /// ```
    /// use kernels::{law::Law, random::Stream};
    /// let law = Law::bernoulli(&[1.0, 0.0, 1.0][..])?;
    /// assert_eq!(law.draw(&mut Stream::new(0, "law").at(0)).indices(), [0, 2]);
    /// # Ok::<(), kernels::selection::SelectionError>(())
    /// ```
    pub fn draw(&self, rng: &mut impl Rng) -> Selection {
        let mut selection = Selection::default();
        self.draw_into(rng, &mut Scratch::default(), &mut selection);
        selection
    }

    /// [`Self::draw`] into memory that is used again.
    pub(crate) fn draw_into(
        &self,
        rng: &mut impl Rng,
        scratch: &mut Scratch,
        selection: &mut Selection,
    ) {
        let Scratch { sums, counts, .. } = scratch;
        match &self.0 {
            Design::Certain(kept) => selection.copy_from(kept),
            Design::WithReplacement { p, draws, scaled } => {
                count_draws(p, *draws, rng, (sums, counts));
                let keep = |i: usize| counts[i] > 0;
                if *scaled {
                    selection.set(p.len(), keep, |i| scale_of_draws(counts[i], *draws, p[i]));
                } else {
                    // A pair drawn twice counts twice.
                    selection.set(p.len(), keep, |i| f64::from(counts[i]));
                }
            }
            Design::Coins(p) => draw_bernoulli_into(p, rng, selection),
            Design::Uniform { pairs, size, scaled } => {
                draw_uniform_without_replacement_into(*pairs, *size, *scaled, rng, selection);
            }
            Design::Systematic(p) => draw_systematic_into(p, rng, selection),
            Design::ConditionalPoisson(design) => design.draw_into(rng, selection),
            Design::WinnerTakeAll { winners, p, draws } => {
                draw_winner_take_all_into(winners, p, *draws, rng, (sums, counts), selection);
            }
        }
    }

    /// The number of pairs n that the law chooses from.
    pub fn pairs(&self) -> usize {
        match &self.0 {
            Design::Certain(kept) => kept.pairs(),
            Design::WithReplacement { p, .. } | Design::Coins(p) | Design::Systematic(p) => p.len(),
            Design::Uniform { pairs, .. } => *pairs,
            Design::ConditionalPoisson(design) => design.inclusion().len(),
            Design::WinnerTakeAll { p, .. } => p.len(),
        }
    }

    /// Whether selections differ from draw to draw.
    pub fn is_random(&self) -> bool {
        !matches!(self.0, Design::Certain(_))
    }

    /// The probabilities of one draw where all pairs are drawn with replacement, else none.
    pub fn draw_probabilities(&self) -> Option<&[f64]> {
        match &self.0 {
            Design::WithReplacement { p, .. } => Some(p),
            _ => None,
        }
    }

    /// The chance of each pair to be kept, pi_i.
    pub fn inclusion(&self) -> Vec<f64> {
        match &self.0 {
            Design::Certain(kept) => spread(kept, |_| 1.0),
            Design::WithReplacement { p, draws, .. } => {
                p.iter().map(|&p| chance_in_draws(p, *draws)).collect()
            }
            Design::Coins(p) | Design::Systematic(p) => p.to_vec(),
            Design::Uniform { pairs, size, .. } => vec![*size as f64 / *pairs as f64; *pairs],
            Design::ConditionalPoisson(design) => design.inclusion().to_vec(),
            Design::WinnerTakeAll { winners, p, draws } => {
                let mut chances: Vec<f64> = p.iter().map(|&p| chance_in_draws(p, *draws)).collect();
                winners.indices().iter().for_each(|&winner| chances[winner as usize] = 1.0);
                chances
            }
        }
    }

    /// The chance of each two pairs to be kept together, pi_ij: n x n, row after row, with the
    /// inclusion probabilities on the diagonal.
    ///
    /// O(n^2), and O(n^2 k) for conditional Poisson sampling.
    pub fn joint_inclusion(&self) -> Vec<f64> {
        let one = self.inclusion();
        let independent = |i: usize, j: usize| one[i] * one[j];
        let drawn = |p: &[f64], draws: usize, i: usize, j: usize| match p[i] * p[j] {
            // One of them is a winner, or never drawn.
            0.0 => independent(i, j),
            // Both, as the one and the other less one of them.
            _ => one[i] + one[j] - chance_in_draws((p[i] + p[j]).min(1.0), draws),
        };
        let n = one.len();
        let of_two = |two: &dyn Fn(usize, usize) -> f64| {
            let chance = |i, j| if i == j { one[i] } else { two(i, j) };
            (0..n * n).map(|at| chance(at / n, at % n)).collect()
        };
        match &self.0 {
            Design::Certain(_) | Design::Coins(_) => of_two(&independent),
            Design::WithReplacement { p, draws, .. } => of_two(&|i, j| drawn(p, *draws, i, j)),
            Design::WinnerTakeAll { p, draws, .. } => of_two(&|i, j| drawn(p, *draws, i, j)),
            Design::Uniform { pairs, size, .. } => {
                let (n, k) = (*pairs, *size as f64);
                let both = k * (k - 1.0) / (n * (n - 1)) as f64;
                of_two(&|_, _| both)
            }
            Design::Systematic(p) => common_arcs(p),
            Design::ConditionalPoisson(design) => design.joint_inclusion(),
        }
    }

    /// The expected number of different pairs kept, sum_i pi_i.
    pub fn expected_size(&self) -> f64 {
        self.inclusion().iter().sum()
    }

    /// E s_i, the expected weight of each pair: one for all that are not zero means that the
    /// estimate is unbiased.
    pub fn expected_scales(&self) -> Vec<f64> {
        match &self.0 {
            Design::Certain(kept) => spread(kept, |position| kept.scales()[position]),
            Design::WithReplacement { p, draws, scaled: false } => {
                p.iter().map(|p| *draws as f64 * p).collect()
            }
            Design::Uniform { scaled: false, .. } => self.inclusion(),
            // The weight is the inverse of the probability, unless that is zero.
            _ => self.inclusion().iter().map(|&p| f64::from(u8::from(p > 0.0))).collect(),
        }
    }

    /// E|C_hat - C|_F^2 from the inner products <G_i, G_j> of the pairs, n x n, row after row.
    ///
    /// O(n^2), and O(n^2 k) for conditional Poisson sampling. Rounding may take an error of zero
    /// slightly below it.
    ///
    /// ```
    /// use kernels::{Selection, law::Law};
    /// // The second of two orthogonal pairs of norms 3 and 2 is left out.
    /// let law = Law::certain(Selection::new(vec![0], vec![1.0], 2)?);
    /// assert_eq!(law.expected_squared_error(&[9.0, 0.0, 0.0, 4.0]), 4.0);
    /// # Ok::<(), kernels::selection::SelectionError>(())
    /// ```
    ///
    /// # Panics
    /// When there are not n x n inner products.
    pub fn expected_squared_error(&self, inner_products: &[f64]) -> f64 {
        let n = self.pairs();
        assert_eq!(inner_products.len(), n * n, "an inner product for each two pairs");
        let times_square = |i: usize, factor: f64| factor * inner_products[i * (n + 1)];
        let drawn_square =
            |p: &[f64]| quadratic_form(inner_products, n, |i| f64::from(u8::from(p[i] > 0.0)));
        let variance = match &self.0 {
            Design::Certain(_) => 0.0,
            Design::WithReplacement { p, draws, scaled: true } => {
                error_of_draws(p, *draws, times_square, drawn_square(p))
            }
            Design::WithReplacement { p, draws, scaled: false } => {
                // The counts are multinomial: their covariances are k (p_i [i = j] - p_i p_j).
                let squares: f64 = (0..n).map(|i| times_square(i, p[i])).sum();
                *draws as f64 * (squares - quadratic_form(inner_products, n, |i| p[i]))
            }
            Design::Coins(p) => error_of_coins(p, times_square),
            Design::Uniform { pairs, size, scaled } => {
                let square = inner_products.iter().sum();
                error_of_uniform(*pairs, *size, *scaled, times_square, square)
            }
            Design::Systematic(_) | Design::ConditionalPoisson(_) => {
                horvitz_thompson(&self.inclusion(), &self.joint_inclusion(), inner_products)
            }
            Design::WinnerTakeAll { p, draws, .. } => {
                error_of_draws(p, *draws, times_square, drawn_square(p))
            }
        };
        let mean = self.expected_scales();
        variance + quadratic_form(inner_products, n, |i| mean[i] - 1.0)
    }

    /// E|C_hat - C|_F^2 from the norms |G_i|_F of the pairs and |C|_F^2, where these determine it:
    /// for coins, scaled draws with replacement and uniform designs, as long as every pair of norm
    /// above zero may be kept. None where the error depends on the directions of the pairs.
    ///
    /// O(n).
    ///
    /// # Panics
    /// When there are not n norms.
    pub fn expected_squared_error_from_norms(
        &self,
        norms: &[f64],
        product_norm_squared: f64,
    ) -> Option<f64> {
        assert_eq!(norms.len(), self.pairs(), "a norm for each pair");
        let times_square = |i: usize, factor: f64| factor * norms[i] * norms[i];
        let variance = match &self.0 {
            Design::Certain(_) => 0.0,
            Design::WithReplacement { p, draws, scaled: true } => {
                error_of_draws(p, *draws, times_square, product_norm_squared)
            }
            Design::Coins(p) => error_of_coins(p, times_square),
            Design::Uniform { pairs, size, scaled } => {
                let error =
                    error_of_uniform(*pairs, *size, *scaled, times_square, product_norm_squared);
                if *scaled {
                    return Some(error);
                }
                // Without a scale the mean is the product times k/n.
                let missing = 1.0 - *size as f64 / *pairs as f64;
                return Some(error + missing * missing * product_norm_squared);
            }
            Design::WithReplacement { scaled: false, .. }
            | Design::Systematic(_)
            | Design::ConditionalPoisson(_)
            | Design::WinnerTakeAll { .. } => return None,
        };
        let mean = self.expected_scales();
        let is_unbiased = mean.iter().zip(norms).all(|(&mean, &norm)| mean == 1.0 || norm == 0.0);
        is_unbiased.then_some(variance)
    }
}

/// A value for each kept pair, by its position among the kept ones, and zero for the others.
fn spread(kept: &Selection, value: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut values = vec![0.0; kept.pairs()];
    for (position, &index) in kept.indices().iter().enumerate() {
        values[index as usize] = value(position);
    }
    values
}

/// 1 - (1 - p)^draws, to full precision also where it is tiny.
fn chance_in_draws(p: f64, draws: usize) -> f64 {
    -libm::expm1(draws as f64 * libm::log1p(-p))
}

/// sum_ij f(i) f(j) g_ij over the pairs with f not zero.
fn quadratic_form(g: &[f64], n: usize, f: impl Fn(usize) -> f64) -> f64 {
    let factors: Vec<(usize, f64)> = (0..n).map(|i| (i, f(i))).filter(|(_, f)| *f != 0.0).collect();
    let mut sum = 0.0;
    for &(i, left) in &factors {
        for &(j, right) in &factors {
            sum += left * right * g[i * n + j];
        }
    }
    sum
}

// Each of the formulas below takes `times_square(i, x)`, which gives x |G_i|_F^2, and leaves out
// pairs that are never kept: those are a bias, not a variance.

/// (1/k) (sum_i |G_i|^2 / p_i - |C|^2): k draws with replacement, with C the sum of the pairs that
/// may be drawn (Drineas, Kannan, Mahoney 2006, lemma 3).
fn error_of_draws(
    p: &[f64],
    draws: usize,
    times_square: impl Fn(usize, f64) -> f64,
    square_of_sum: f64,
) -> f64 {
    let possible = (0..p.len()).filter(|&i| p[i] > 0.0);
    let second_moment: f64 = possible.map(|i| times_square(i, 1.0) / p[i]).sum();
    (second_moment - square_of_sum) / draws as f64
}

/// sum_i (1 - p_i)/p_i |G_i|^2: independent coins.
fn error_of_coins(p: &[f64], times_square: impl Fn(usize, f64) -> f64) -> f64 {
    let possible = (0..p.len()).filter(|&i| p[i] > 0.0);
    possible.map(|i| times_square(i, (1.0 - p[i]) / p[i])).sum()
}

/// (n - k) / (k (n - 1)) (n sum_i |G_i|^2 - |C|^2): k of n pairs alike, scaled by n/k (Cochran,
/// Sampling Techniques, theorem 2.2); (k/n)^2 times that without a scale.
fn error_of_uniform(
    pairs: usize,
    size: usize,
    scaled: bool,
    times_square: impl Fn(usize, f64) -> f64,
    square_of_sum: f64,
) -> f64 {
    let (n, k) = (pairs as f64, size as f64);
    let squares: f64 = (0..pairs).map(|i| times_square(i, 1.0)).sum();
    let error = (n - k) / (k * (n - 1.0)) * (n * squares - square_of_sum);
    if scaled { error } else { (k / n) * (k / n) * error }
}

/// sum_ij (pi_ij - pi_i pi_j) / (pi_i pi_j) <G_i, G_j>: any design that keeps a pair at most once,
/// scaled by 1/pi_i (Horvitz and Thompson 1952).
fn horvitz_thompson(one: &[f64], two: &[f64], inner_products: &[f64]) -> f64 {
    let n = one.len();
    let mut sum = 0.0;
    for i in (0..n).filter(|&i| one[i] > 0.0) {
        for j in (0..n).filter(|&j| one[j] > 0.0) {
            let independent = one[i] * one[j];
            sum += (two[i * n + j] - independent) / independent * inner_products[i * n + j];
        }
    }
    sum
}

#[cfg(test)]
mod tests;
