//! Optimisers: how a gradient changes a parameter.

mod adam;
mod group;
mod lookahead;
mod schedule;
mod sgd;
mod state;
#[cfg(test)]
mod tests;

pub use group::{ParameterGroup, check_groups};
pub use lookahead::{Lookahead, LookaheadConfig};
pub use schedule::{Knot, Moment, Schedule};
pub use state::{Averages, AveragesError, OptimizerState};

use crate::layer::{Gradient, GradientRow, Parameter, RowNorms};
use crate::setting::{FieldError, POSITIVE, number};
use kernels::scores::sum_of_squares;
use kernels::{ColumnSet, InstructionSet};
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
    /// What the gradients of the step to be made are multiplied with.
    gradient_factor: f32,
    steps: u64,
    averages: Vec<Averages>,
    next: usize,
    /// The columns of which the gradient is a block, in memory that is kept from step to step.
    columns: ColumnSet,
}

/// Rows of a parameter that one task changes.
const ROWS_A_TASK: usize = 32;

/// Numbers of a row whose gradient is put together at a time, where some columns have none: in the
/// nearest cache, which costs less than a whole gradient in memory.
const PIECE: usize = 512;

impl Optimizer {
    /// An optimiser that has made no step.
    pub fn new(config: OptimizerConfig, set: InstructionSet) -> Self {
        Self {
            config,
            groups: Vec::new(),
            set,
            factor: 1.0,
            gradient_factor: 1.0,
            steps: 0,
            averages: Vec::new(),
            next: 0,
            columns: ColumnSet::default(),
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

    /// Multiplies all gradients, from now on.
    pub fn set_gradient_factor(&mut self, factor: f32) {
        self.gradient_factor = factor;
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
        if let Gradient::Block { columns, .. } | Gradient::Columns { columns, .. } = gradient {
            self.columns.reserve(row_length);
            self.columns.set(columns);
        }
        let columns = &self.columns;
        let (config, set, factor) = (self.config, self.set, self.gradient_factor);
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
                    let step = sgd::Step { rate, factor, momentum, decay, nesterov };
                    set.run(
                        #[inline(always)]
                        || sgd::update(values, first, gradient, step),
                    )
                }
                OptimizerConfig::Adam { .. } | OptimizerConfig::LazyAdam { .. } => set.run(
                    #[inline(always)]
                    || adam::update(values, first, second, gradient, (rate, factor), correction),
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
            let gradients = gradient.rows_from(first_row, row_length);
            let rows = rows.zip(averages).zip(gradients).enumerate();
            for (row, ((values, (first, second)), gradient)) in rows {
                match gradient {
                    None if leaves_rows && norms_are_current => continue,
                    None if leaves_rows => {}
                    None => change(values, first, second, None),
                    Some(GradientRow::Whole(numbers)) => {
                        change(values, first, second, Some(numbers));
                    }
                    Some(GradientRow::Columns { numbers, .. }) => {
                        let averages = first.chunks_mut(PIECE).zip(second.chunks_mut(PIECE));
                        let pieces = values.chunks_mut(PIECE).zip(averages).enumerate();
                        let mut gradient = [0.0; PIECE];
                        for (piece, (values, (first, second))) in pieces {
                            let gradient = &mut gradient[..values.len()];
                            columns.expand(set, numbers, piece * PIECE, gradient);
                            change(values, first, second, Some(gradient));
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

/// The number, or zero where its magnitude is below `negligible`.
#[inline(always)]
fn flushed(value: f32, negligible: f32) -> f32 {
    if value.abs() < negligible { 0.0 } else { value }
}
