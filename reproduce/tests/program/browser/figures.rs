//! What the interactive figures show beside what the kernels compute from the same random numbers.

use kernels::estimator::Estimator;
use kernels::random::Stream;
use reproduce::result::significant;
use reproduce::site::{Directions, Entry, NOTE_FIGURES, Norms, SmallProduct, losses, setting};
use serde::Deserialize;

/// One position of the controls of an exhibit's figure and what stands beside them.
#[derive(Debug, Deserialize)]
pub struct Position {
    pub figure: String,
    norms: String,
    directions: String,
    estimator: String,
    k: usize,
    error: f64,
    text: String,
    bias: f64,
    kept: f64,
    /// Of many draws.
    pub measured: Option<f64>,
    /// The error of the mean of all draws.
    of_mean: Option<f64>,
    /// How the draws are spread around their mean.
    spread: Option<f64>,
    status: Option<String>,
}

/// What a note's figure shows after its buttons were pressed.
#[derive(Debug, Deserialize)]
#[serde(tag = "figure", content = "state", rename_all = "kebab-case")]
pub enum Shown {
    OuterProducts(Built),
    SideBySide(Beside),
    Histogram(Spread),
    Training(Trained),
}

/// A product in the making.
#[derive(Debug, Deserialize)]
pub struct Built {
    name: Estimator,
    k: usize,
    /// Estimates that are finished.
    estimates: u64,
    place: usize,
    steps: usize,
    scales: Vec<f64>,
    sum: [[f64; 3]; 3],
    mean: [[f64; 3]; 3],
}

/// Estimators side by side, after the last draw.
#[derive(Debug, Deserialize)]
pub struct Beside {
    k: usize,
    draws: u64,
    scales: Vec<Vec<f64>>,
    errors: Vec<f64>,
    squares: Vec<f64>,
}

/// An entry, and sums over its draws.
#[derive(Debug, Deserialize)]
pub struct Spread {
    k: usize,
    draws: u64,
    sums: Vec<f64>,
    squares: Vec<f64>,
}

/// A small network, and the losses of the exact and of the sampled training.
#[derive(Debug, Deserialize)]
pub struct Trained {
    estimator: Estimator,
    ratio: f64,
    steps: u64,
    losses: [f64; 2],
}

/// Draws of [`Position::measured`].
const DRAWS: u64 = 1_001;
/// The seed of all figures.
const SEED: u64 = 1;
/// By how much sums may differ whose terms are added in another order.
const ROUNDING: f64 = 1e-9;
/// By how much a loss in f64 and one in f32 may differ after some hundred steps: other draws change
/// it by twenty times as much.
const SINGLE_PRECISION: f64 = 1e-3;

/// The scales of the pairs in one draw, zero where they are dropped.
fn scales(estimator: Estimator, scores: &[f64], k: usize, stream: Stream, draw: u64) -> Vec<f64> {
    let selection = estimator.select(scores, k, &mut stream.at(draw)).unwrap();
    let mut scales = vec![0.0; scores.len()];
    for (pair, scale) in selection.indices().iter().zip(selection.scales()) {
        scales[*pair as usize] = *scale;
    }
    scales
}

fn is_near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= ROUNDING * expected.abs().max(1.0)
}

fn are_near(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| is_near(*found, *expected))
}

fn estimator(label: &str) -> Estimator {
    match label {
        "column-row (CRS)" => Estimator::ColumnRow,
        "Bernoulli, water-filling" => Estimator::Bernoulli,
        "Bernoulli, as released" => Estimator::BernoulliAsReleased,
        "top-k" => Estimator::TopK,
        other => panic!("the page has an estimator {other:?}"),
    }
}

fn norms(label: &str) -> Norms {
    match label {
        "equal" => Norms::Equal,
        "linear" => Norms::Linear,
        "heavy-tailed" => Norms::HeavyTailed,
        other => panic!("the page has norms {other:?}"),
    }
}

/// The place of a choice of directions.
fn directions(label: &str) -> usize {
    match label {
        "neighbours cancel" => 0,
        "orthogonal" => 1,
        "all the same way" => 2,
        other => panic!("the page has directions {other:?}"),
    }
}

impl Position {
    /// The position shows the kernels' closed form, and their draws.
    pub fn assert_agrees(&self) {
        let weights = norms(&self.norms).weights();
        let estimator = estimator(&self.estimator);
        let expected = setting(estimator, &weights, self.k).unwrap();
        let place = directions(&self.directions);
        assert_eq!(self.error.to_bits(), expected.errors[place].to_bits(), "{self:?}");
        assert_eq!(self.text, significant(self.error, 4), "{self:?}");
        assert_eq!(self.bias.to_bits(), expected.biases[place].to_bits(), "{self:?}");
        assert_eq!(self.kept.to_bits(), expected.kept.to_bits(), "{self:?}");
        let Some(measured) = self.measured else { return };
        let of_seed = |seed| self.errors(estimator, &weights, Directions::ALL[place], seed);
        let [error, of_mean] = of_seed(SEED);
        let found = [measured, self.of_mean.unwrap()];
        for (found, expected) in found.into_iter().zip([error, of_mean]) {
            assert!((found - expected).abs() <= 1e-7, "{expected}: {self:?}");
        }
        // Its square, since of a spread of zero the root of a rounding is left: so many terms of
        // the size of the product, which is one, or of the error.
        let (square, spread) = (error * error - of_mean * of_mean, self.spread.unwrap());
        let rounding = 2.0 * DRAWS as f64 * f64::EPSILON * (error * error + 1.0);
        assert!((spread * spread - square).abs() <= rounding, "{square}: {self:?}");
        // What chance leaves in the mean of other draws is something else.
        if self.error > self.bias + 1e-6 {
            assert!((of_seed(SEED + 1)[1] - found[1]).abs() > 1e-6, "{self:?}");
        }
        let status = self.status.as_deref().unwrap_or_default();
        assert!(status.starts_with(&format!("Draw {DRAWS} keeps")), "{status}");
    }

    /// The root mean square error of many draws, and the error of their mean.
    fn errors(
        &self,
        estimator: Estimator,
        weights: &[f64],
        directions: Directions,
        seed: u64,
    ) -> [f64; 2] {
        let stream = Stream::new(seed, &self.figure);
        let products = directions.inner_products(weights);
        let square = |off: &[f64]| -> f64 {
            let rows = products.chunks(off.len()).zip(off);
            let row = |row: &[f64]| row.iter().zip(off).map(|(x, y)| x * y).sum::<f64>();
            rows.map(|(products, off)| off * row(products)).sum::<f64>().max(0.0)
        };
        let (mut squares, mut mean) = (0.0, vec![0.0; weights.len()]);
        for draw in 0..DRAWS {
            let scales = scales(estimator, weights, self.k, stream, draw);
            let off: Vec<f64> = scales.iter().map(|scale| scale - 1.0).collect();
            squares += square(&off) / DRAWS as f64;
            mean.iter_mut().zip(&off).for_each(|(mean, off)| *mean += off / DRAWS as f64);
        }
        [squares.sqrt(), square(&mean).sqrt()]
    }
}

impl Shown {
    /// The name of the figure.
    pub fn name(&self) -> &'static str {
        let place = match self {
            Shown::OuterProducts(_) => 0,
            Shown::SideBySide(_) => 1,
            Shown::Histogram(_) => 2,
            Shown::Training(_) => 3,
        };
        NOTE_FIGURES[place].name
    }

    /// It shows what the kernels compute from the same random numbers.
    pub fn assert_agrees(&self) {
        match self {
            Shown::OuterProducts(built) => built.assert_agrees(),
            Shown::SideBySide(beside) => beside.assert_agrees(),
            Shown::Histogram(spread) => spread.assert_agrees(),
            Shown::Training(trained) => trained.assert_agrees(),
        }
    }
}

impl Built {
    fn assert_agrees(&self) {
        let scores = SmallProduct::new(&[]).unwrap().scores;
        let stream = Stream::new(SEED, "outer-products");
        let estimate = |number| scales(self.name, &scores, self.k, stream, number);
        let finished: Vec<_> =
            (0..self.estimates).map(|number| SmallProduct::estimate(&estimate(number))).collect();
        let mean: Vec<f64> = (0..9)
            .map(|at| {
                let sum: f64 = finished.iter().map(|estimate| estimate.as_flattened()[at]).sum();
                sum / finished.len().max(1) as f64
            })
            .collect();
        assert!(are_near(self.mean.as_flattened(), &mean), "{mean:?}: {self:?}");
        // A sum on its way is that of the scales so far, one that is finished is the estimate.
        let sum = SmallProduct::estimate(&self.scales);
        assert!(are_near(self.sum.as_flattened(), sum.as_flattened()), "{sum:?}: {self:?}");
        if self.place == self.steps {
            let expected = estimate(self.estimates - 1);
            assert!(are_near(&self.scales, &expected), "{expected:?}: {self:?}");
        }
    }
}

impl Beside {
    fn assert_agrees(&self) {
        let product = SmallProduct::new(&DRAWN).unwrap();
        let (stream, scores) = (Stream::new(SEED, "side-by-side"), &product.scores);
        let exact = SmallProduct::estimate(&vec![1.0; scores.len()]);
        let norm =
            |entries: &mut dyn Iterator<Item = f64>| entries.map(|x| x * x).sum::<f64>().sqrt();
        let whole = norm(&mut exact.as_flattened().iter().copied());
        for (place, estimator) in DRAWN.into_iter().enumerate() {
            let error = |scales: &[f64]| {
                let estimate = SmallProduct::estimate(scales);
                let pairs = estimate.as_flattened().iter().zip(exact.as_flattened());
                norm(&mut pairs.map(|(x, y)| x - y)) / whole
            };
            let of = |draw| scales(estimator, scores, self.k, stream, draw);
            assert_eq!(self.scales[place], of(self.draws - 1), "{estimator}: {self:?}");
            assert!(is_near(self.errors[place], error(&of(self.draws - 1))), "{self:?}");
            let squares: f64 = (0..self.draws).map(|draw| error(&of(draw)).powi(2)).sum();
            assert!(is_near(self.squares[place], squares), "{estimator}: {self:?}");
        }
    }
}

impl Spread {
    fn assert_agrees(&self) {
        let entry = Entry::new(&[]).unwrap();
        let stream = Stream::new(SEED, "histogram");
        let of = |scales: &[f64]| -> f64 {
            scales.iter().zip(&entry.entries).map(|(scale, entry)| scale * entry).sum()
        };
        let exact = of(&vec![1.0; entry.scores.len()]);
        for (place, estimator) in DRAWN.into_iter().enumerate() {
            let values: Vec<f64> = (0..self.draws)
                .map(|draw| of(&scales(estimator, &entry.scores, self.k, stream, draw)))
                .collect();
            let sum: f64 = values.iter().sum();
            let squares: f64 = values.iter().map(|value| (value - exact).powi(2)).sum();
            assert!(is_near(self.sums[place], sum), "{estimator}: {sum}, {self:?}");
            assert!(is_near(self.squares[place], squares), "{estimator}: {squares}, {self:?}");
        }
    }
}

impl Trained {
    fn assert_agrees(&self) {
        let after = |sampled| losses(sampled, &[self.steps]).unwrap()[0];
        let sampled = (self.estimator, self.ratio);
        for (found, expected) in self.losses.iter().zip([after(None), after(Some(sampled))]) {
            assert!((found - expected).abs() < SINGLE_PRECISION, "{expected}: {self:?}");
        }
        // Where much is dropped, another estimator's training is another one once it has learnt.
        if self.steps > 100 && self.ratio <= 0.5 {
            let others = [Estimator::Bernoulli, Estimator::ColumnRow, Estimator::TopK];
            for other in others.into_iter().filter(|other| *other != self.estimator) {
                let difference = self.losses[1] - after(Some((other, self.ratio)));
                assert!(difference.abs() > SINGLE_PRECISION, "{other}: {self:?}");
            }
        }
    }
}

/// The estimators of the figures that show several, in their order.
const DRAWN: [Estimator; 4] =
    [Estimator::ColumnRow, Estimator::Bernoulli, Estimator::Systematic, Estimator::TopK];
