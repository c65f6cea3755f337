//! Optimisers: how a gradient changes a parameter.

mod adam;
mod group;
mod lookahead;
mod schedule;
mod sgd;
mod state;

pub use group::{ParameterGroup, check_groups};
pub use lookahead::{Lookahead, LookaheadConfig};
pub use schedule::{Knot, Moment, Schedule};
pub use state::{Averages, AveragesError, OptimizerState};

use crate::layer::{GradientRow, Parameter, RowNorms};
use crate::setting::{FieldError, POSITIVE, number};
use kernels::InstructionSet;
use kernels::scores::sum_of_squares;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// An optimiser's settings.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent with momentum and weight decay.
    Sgd {
        /// The learning rate.
        learning_rate: f32,
        /// The share of the velocity that stays.
        #[serde(default)]
        momentum: f32,
        /// Whether the momentum is Nesterov's.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        nesterov: bool,
        /// The factor of the squared norm of the weights in the loss, times two.
        #[serde(default)]
        weight_decay: f32,
    },
    /// Adam (Kingma and Ba 2015) with beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8.
    Adam {
        /// The learning rate.
        learning_rate: f32,
    },
    /// Adam that leaves rows without a gradient as they are, with their averages: what is not
    /// selected costs nothing. A row's averages are then those over the steps in which it had a
    /// gradient, and it stands still in all others, where Adam goes on by its averages. The
    /// correction of the averages counts all steps, as in PyTorch's SparseAdam.
    LazyAdam {
        /// The learning rate.
        learning_rate: f32,
    },
}

impl OptimizerConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// On the first number out of its range.
    pub fn check(&self) -> Result<(), FieldError> {
        number("learning_rate", self.learning_rate(), POSITIVE)?;
        if let Self::Sgd { momentum, weight_decay, .. } = *self {
            number("momentum", momentum, 0.0..1.0)?;
            number("weight_decay", weight_decay, 0.0..)?;
        }
        Ok(())
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f32 {
        match *self {
            Self::Sgd { learning_rate, .. }
            | Self::Adam { learning_rate }
            | Self::LazyAdam { learning_rate } => learning_rate,
        }
    }

    /// Whether rows without a gradient stay as they are, with their averages; `of_decay` is the
    /// factor of the weight decay.
    fn leaves_rows(&self, of_decay: f32) -> bool {
        match *self {
            Self::Sgd { momentum, weight_decay, .. } => {
                momentum == 0.0 && of_decay * weight_decay == 0.0
            }
            Self::Adam { .. } => false,
            Self::LazyAdam { .. } => true,
        }
    }
}

/// An optimiser with the state of every parameter it has seen.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    groups: Vec<ParameterGroup>,
    set: InstructionSet,
    /// What the schedule multiplies the learning rate with.
    factor: f32,
    steps: u64,
    averages: Vec<Averages>,
    next: usize,
}

/// Rows of a parameter that one task changes.
const ROWS_A_TASK: usize = 32;

/// Numbers of a row whose gradient is put together at a time, where some columns have none.
const PIECE: usize = 512;

impl Optimizer {
    /// An optimiser that has made no step.
    pub fn new(config: OptimizerConfig, set: InstructionSet) -> Self {
        Self {
            config,
            groups: Vec::new(),
            set,
            factor: 1.0,
            steps: 0,
            averages: Vec::new(),
            next: 0,
        }
    }

    /// The same with groups of parameters that are learnt otherwise.
    #[must_use]
    pub fn with_groups(self, groups: Vec<ParameterGroup>) -> Self {
        Self { groups, ..self }
    }

    /// Multiplies the learning rate, from now on; see [`Schedule::factor`].
    pub fn set_factor(&mut self, factor: f32) {
        self.factor = factor;
    }

    /// Steps made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Begins a step; [`Optimizer::update`] is then called on every parameter in a fixed order.
    pub fn begin_step(&mut self) {
        self.steps += 1;
        self.next = 0;
    }

    /// Changes one parameter, and brings the norms of its rows up to date where they are kept. Rows
    /// without a gradient change as with a gradient of zero. A frozen parameter stays as it is.
    pub fn update(&mut self, parameter: Parameter<'_>) {
        if self.next == self.averages.len() {
            self.averages.push(Averages::default());
        }
        let averages = &mut self.averages[self.next];
        self.next += 1;
        let Parameter { name, values, row_length, gradient, row_norms, is_frozen } = parameter;
        averages.first.resize(values.len(), 0.0);
        averages.second.resize(values.len(), 0.0);
        if values.is_empty() || is_frozen {
            return;
        }
        let (config, set) = (self.config, self.set);
        let group = self.groups.iter().find(|group| group.parameters.matches(name));
        let (of_rate, of_decay) =
            group.map_or((1.0, 1.0), |group| (group.learning_rate, group.weight_decay));
        let rate = of_rate * (self.factor * config.learning_rate());
        let correction = adam::bias_correction(self.steps);
        let change = |values: &mut [f32],
                      first: &mut [f32],
                      second: &mut [f32],
                      gradient: Option<&[f32]>| {
            // Inlined, so that the loops are compiled for the instruction set.
            match config {
                OptimizerConfig::Sgd { momentum, nesterov, weight_decay, .. } => {
                    let decay = of_decay * weight_decay;
                    let step = sgd::Step { rate, momentum, decay, nesterov };
                    set.run(
                        #[inline(always)]
                        || sgd::update(values, first, gradient, step),
                    )
                }
                OptimizerConfig::Adam { .. } | OptimizerConfig::LazyAdam { .. } => set.run(
                    #[inline(always)]
                    || adam::update(values, first, second, gradient, rate, correction),
                ),
            }
        };
        let leaves_rows = config.leaves_rows(of_decay);
        let norms_are_current = row_norms.as_ref().is_none_or(|norms| norms.were_current);
        let change_rows = |first_row: usize, (values, averages): Rows<'_>, norms: &mut [f64]| {
            let rows = values.chunks_exact_mut(row_length);
            let (first, second) = averages;
            let averages =
                first.chunks_exact_mut(row_length).zip(second.chunks_exact_mut(row_length));
            for (row, (values, (first, second))) in rows.zip(averages).enumerate() {
                match gradient.row(first_row + row, row_length) {
                    None if leaves_rows && norms_are_current => continue,
                    None if leaves_rows => {}
                    None => change(values, first, second, None),
                    Some(GradientRow::Whole(numbers)) => {
                        change(values, first, second, Some(numbers));
                    }
                    Some(GradientRow::Columns { columns, numbers }) => {
                        let averages = first.chunks_mut(PIECE).zip(second.chunks_mut(PIECE));
                        let pieces = values.chunks_mut(PIECE).zip(averages);
                        let mut gradient = Pieces { columns, numbers, begin: 0 };
                        for (values, (first, second)) in pieces {
                            let piece = gradient.next();
                            change(values, first, second, Some(&piece[..values.len()]));
                        }
                    }
                }
                if let Some(norm) = norms.get_mut(row) {
                    *norm = sum_of_squares(set, values).sqrt();
                }
            }
        };
        let (length, task) = (values.len(), ROWS_A_TASK * row_length);
        let averages =
            averages.first.par_chunks_mut(task).zip(averages.second.par_chunks_mut(task));
        let tasks = values.par_chunks_mut(task).zip(averages).enumerate();
        match row_norms {
            None => tasks.for_each(|(task, rows)| change_rows(task * ROWS_A_TASK, rows, &mut [])),
            Some(RowNorms { norms, are_current, .. }) => {
                assert_eq!(norms.len() * row_length, length, "a norm a row");
                tasks.zip(norms.par_chunks_mut(ROWS_A_TASK)).for_each(|((task, rows), norms)| {
                    change_rows(task * ROWS_A_TASK, rows, norms);
                });
                *are_current = true;
            }
        }
    }
}

/// Rows of a parameter, and of both its averages.
type Rows<'a> = (&'a mut [f32], (&'a mut [f32], &'a mut [f32]));

/// A row of which some columns have a gradient, piece by piece: put together in a buffer that stays
/// in the nearest cache, which costs less than a whole gradient in memory.
struct Pieces<'a> {
    columns: &'a [u32],
    numbers: &'a [f32],
    begin: usize,
}

impl Pieces<'_> {
    /// The next piece, zeros included.
    fn next(&mut self) -> [f32; PIECE] {
        let end = self.begin + PIECE;
        let count = self.columns.partition_point(|&column| (column as usize) < end);
        let (columns, later_columns) = self.columns.split_at(count);
        let (numbers, later_numbers) = self.numbers.split_at(count);
        let mut piece = [0.0; PIECE];
        for (&column, &number) in columns.iter().zip(numbers) {
            piece[column as usize - self.begin] = number;
        }
        *self = Self { columns: later_columns, numbers: later_numbers, begin: end };
        piece
    }
}

/// The number, or zero where its magnitude is below `negligible`.
#[inline(always)]
fn flushed(value: f32, negligible: f32) -> f32 {
    if value.abs() < negligible { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Gradient, ParameterName};

    const NAME: ParameterName = ParameterName { layer: "layer", part: "weight" };

    const SGD: OptimizerConfig = OptimizerConfig::Sgd {
        learning_rate: 0.1,
        momentum: 0.9,
        nesterov: false,
        weight_decay: 0.01,
    };
    const NESTEROV: OptimizerConfig = OptimizerConfig::Sgd {
        learning_rate: 0.1,
        momentum: 0.9,
        nesterov: true,
        weight_decay: 0.01,
    };
    const PLAIN: OptimizerConfig = OptimizerConfig::Sgd {
        learning_rate: 0.1,
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    const LAZY: OptimizerConfig = OptimizerConfig::LazyAdam { learning_rate: 0.1 };
    /// A gradient that is zero is to them as one that is not there.
    const DENSE: [OptimizerConfig; 4] =
        [SGD, NESTEROV, PLAIN, OptimizerConfig::Adam { learning_rate: 0.1 }];
    const CONFIGS: [OptimizerConfig; 5] = [SGD, NESTEROV, PLAIN, DENSE[3], LAZY];

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        let refused = |text: &str| {
            let config: OptimizerConfig = serde_yaml::from_str(text).unwrap();
            config.check().unwrap_err().field
        };
        for rate in ["0", "-1", ".nan", ".inf", "1e40"] {
            assert_eq!(refused(&format!("{{name: adam, learning_rate: {rate}}}")), "learning_rate");
        }
        for momentum in ["3", "-7", "1", ".nan"] {
            let text = format!("{{name: sgd, learning_rate: 0.1, momentum: {momentum}}}");
            assert_eq!(refused(&text), "momentum");
        }
        for decay in ["-0.1", ".nan", ".inf"] {
            let text = format!("{{name: sgd, learning_rate: 0.1, weight_decay: {decay}}}");
            assert_eq!(refused(&text), "weight_decay");
        }
        assert!(CONFIGS.iter().all(|config| config.check().is_ok()));
    }

    #[test]
    fn missing_rows_are_rows_of_zeros_bit_for_bit() {
        for config in DENSE {
            let set = InstructionSet::detect();
            let (mut sparse, mut dense) =
                (Optimizer::new(config, set), Optimizer::new(config, set));
            let mut x = vec![1.0f32, -2.0, 3.0, 0.5, 0.25, -1.0];
            let mut y = x.clone();
            for indices in [&[0u32, 2][..], &[1], &[0, 1, 2], &[]] {
                let compact: Vec<f32> = (0..2 * indices.len()).map(|i| i as f32 - 0.7).collect();
                let mut full = vec![0.0; 6];
                for (position, &row) in indices.iter().enumerate() {
                    full[2 * row as usize..][..2].copy_from_slice(&compact[2 * position..][..2]);
                }
                sparse.begin_step();
                dense.begin_step();
                let rows = Gradient::Rows { indices, values: &compact };
                sparse.update(Parameter::new(NAME, &mut x, 2, rows));
                let gradient = Gradient::Dense(&full);
                dense.update(Parameter::new(NAME, &mut y, 2, gradient));
                assert_eq!(x, y, "{config:?}");
            }
        }
    }

    #[test]
    fn missing_columns_are_columns_of_zeros_bit_for_bit() {
        // Two pieces and a part of a third.
        let length = 2 * PIECE + 3;
        let columns: Vec<u32> = (0..length as u32).filter(|column| column % 3 != 1).collect();
        let [none, outer] = [&[][..], &[0, length as u32 - 1]];
        for (config, columns) in
            CONFIGS.into_iter().flat_map(|config| [none, outer, &columns].map(|c| (config, c)))
        {
            let set = InstructionSet::detect();
            let mut optimizers = [(); 2].map(|()| Optimizer::new(config, set));
            let mut x: Vec<f32> = (0..3 * length).map(|i| (i % 7) as f32 - 2.5).collect();
            let mut y = x.clone();
            for rows in [&[0u32, 2][..], &[1]] {
                let values: Vec<f32> =
                    (0..rows.len() * columns.len()).map(|i| (i % 5) as f32 - 1.7).collect();
                let block = Gradient::Block { rows, columns, values: &values };
                let mut whole = Vec::new();
                Parameter::new(NAME, &mut x, length, block).append_gradient(&mut whole);
                let of_rows =
                    rows.iter().flat_map(|&row| &whole[row as usize * length..][..length]);
                let whole: Vec<f32> = of_rows.copied().collect();
                let [sparse, dense] = &mut optimizers;
                sparse.begin_step();
                dense.begin_step();
                sparse.update(Parameter::new(NAME, &mut x, length, block));
                let rows = Gradient::Rows { indices: rows, values: &whole };
                dense.update(Parameter::new(NAME, &mut y, length, rows));
                assert_eq!(x, y, "{config:?}");
            }
            assert_eq!(optimizers[0].averages, optimizers[1].averages, "{config:?}");
        }
    }

    #[test]
    fn rows_without_a_gradient_stay_where_an_optimiser_leaves_them() {
        let adam = OptimizerConfig::Adam { learning_rate: 0.1 };
        for (config, stays) in [(PLAIN, true), (LAZY, true), (SGD, false), (adam, false)] {
            let mut optimizer = Optimizer::new(config, InstructionSet::detect());
            let mut x = vec![1.0f32, 2.0];
            let mut step = |gradient: Gradient<'_>| {
                optimizer.begin_step();
                optimizer.update(Parameter::new(NAME, &mut x, 1, gradient));
                x.clone()
            };
            let both = step(Gradient::Dense(&[0.5, -0.5]));
            let one = step(Gradient::Rows { indices: &[1], values: &[0.25] });
            assert_eq!(one[0] == both[0], stays, "{config:?}");
            assert_ne!(one[1], both[1]);
            // Where all rows have a gradient it is Adam.
            let third = step(Gradient::Dense(&[0.5, 0.5]));
            assert_ne!(third[0], one[0]);
        }
        let all = [0.5, -0.2, 0.1];
        let set = InstructionSet::detect();
        assert_eq!(after(Optimizer::new(LAZY, set), &all), after(Optimizer::new(adam, set), &all));
    }

    /// Norms are brought up to date; those of rows that stay are not computed anew, if they were of
    /// the parameter.
    #[test]
    fn norms_of_rows_that_stay_are_believed_if_they_were_current() {
        for (were_current, expected) in [(true, 77.0), (false, 5.0)] {
            let mut optimizer = Optimizer::new(PLAIN, InstructionSet::detect());
            let (mut x, mut norms) = ([3.0f32, 4.0, 1.0, 0.0], [77.0, 77.0]);
            let mut are_current = false;
            let row_norms =
                RowNorms { norms: &mut norms, were_current, are_current: &mut are_current };
            let gradient = Gradient::Rows { indices: &[1], values: &[0.0, 10.0] };
            let parameter = Parameter::new(NAME, &mut x, 2, gradient);
            optimizer.begin_step();
            optimizer.update(Parameter { row_norms: Some(row_norms), ..parameter });
            assert!(are_current);
            assert_eq!(norms, [expected, 2f64.sqrt()]);
        }
    }

    #[test]
    fn averages_decay_to_zero_and_not_to_subnormal_numbers() {
        for config in CONFIGS {
            let config = match config {
                OptimizerConfig::Sgd { learning_rate, momentum, nesterov, .. } => {
                    OptimizerConfig::Sgd { learning_rate, momentum, nesterov, weight_decay: 0.0 }
                }
                adam => adam,
            };
            let mut optimizer = Optimizer::new(config, InstructionSet::detect());
            let mut x = vec![1.0f32];
            for step in 0..3_000 {
                let gradient = [if step == 0 { 1e-3 } else { 0.0 }];
                optimizer.begin_step();
                let gradient = Gradient::Dense(&gradient);
                optimizer.update(Parameter::new(NAME, &mut x, 1, gradient));
                let Averages { first, second } = &optimizer.averages[0];
                let averages = first.iter().chain(second);
                assert!(averages.into_iter().all(|x| !x.is_subnormal()), "{config:?}");
            }
            assert_eq!(optimizer.averages[0].first, [0.0], "{config:?}");
        }
    }

    #[test]
    fn a_quadratic_is_minimised() {
        for config in CONFIGS {
            let mut optimizer = Optimizer::new(config, InstructionSet::detect());
            let mut x = vec![5.0f32];
            for _ in 0..500 {
                let gradient = [2.0 * (x[0] - 1.0)];
                optimizer.begin_step();
                let gradient = Gradient::Dense(&gradient);
                optimizer.update(Parameter::new(NAME, &mut x, 1, gradient));
            }
            assert!((x[0] - 1.0).abs() < 0.02, "{config:?}: {}", x[0]);
        }
    }

    /// A parameter after steps with these gradients.
    fn after(mut optimizer: Optimizer, gradients: &[f32]) -> f32 {
        let mut x = [1.0f32];
        for &gradient in gradients {
            optimizer.begin_step();
            optimizer.update(Parameter::new(NAME, &mut x, 1, Gradient::Dense(&[gradient])));
        }
        x[0]
    }

    #[test]
    fn steps_are_as_computed_by_hand() {
        let set = InstructionSet::detect();
        // Slopes are gradient + 0.01 x; velocities 0.51 and 0.9 * 0.51 + slope.
        let plain = after(Optimizer::new(SGD, set), &[0.5, -0.2]);
        let x = 1.0 - 0.1 * 0.51;
        let velocity = 0.9 * 0.51 + (-0.2 + 0.01 * x);
        assert!((f64::from(plain) - (x - 0.1 * velocity)).abs() < 1e-6, "{plain}");
        let nesterov = after(Optimizer::new(NESTEROV, set), &[0.5, -0.2]);
        let x = 1.0 - 0.1 * (0.51 + 0.9 * 0.51);
        let slope = -0.2 + 0.01 * x;
        let velocity = 0.9 * 0.51 + slope;
        let expected = x - 0.1 * (slope + 0.9 * velocity);
        assert!((f64::from(nesterov) - expected).abs() < 1e-6, "{nesterov}");
    }

    #[test]
    fn a_group_has_its_own_rate_and_decay() {
        let set = InstructionSet::detect();
        let group = |pattern: &str| ParameterGroup {
            learning_rate: 64.0,
            weight_decay: 0.25,
            ..ParameterGroup::new(pattern.to_owned().try_into().unwrap())
        };
        let of = |patterns: &[&str]| {
            let groups = patterns.iter().map(|pattern| group(pattern)).collect();
            after(Optimizer::new(SGD, set).with_groups(groups), &[0.5])
        };
        assert_eq!(of(&["other.*", "*.bias"]), 1.0 - 0.1 * 0.51);
        let expected = 1.0 - 6.4 * (0.5 + 0.0025);
        assert!((of(&["*.weight"]) - expected).abs() < 1e-5);
        let mut first = vec![group("layer.*"), group("*.weight")];
        first[0].learning_rate = 0.5;
        let found = after(Optimizer::new(SGD, set).with_groups(first), &[0.5]);
        assert!((found - (1.0 - 0.05 * 0.5025)).abs() < 1e-6, "the first that matches: {found}");
    }

    #[test]
    fn a_frozen_parameter_stays_with_its_averages() {
        let mut optimizer = Optimizer::new(SGD, InstructionSet::detect());
        let mut x = [1.0f32];
        let mut step = |is_frozen| {
            optimizer.begin_step();
            let parameter = Parameter::new(NAME, &mut x, 1, Gradient::Dense(&[0.5]));
            optimizer.update(Parameter { is_frozen, ..parameter });
            (x[0], optimizer.averages.clone())
        };
        let before = step(false);
        assert_eq!(step(true), before);
        assert_ne!(step(false), before);
    }
}
