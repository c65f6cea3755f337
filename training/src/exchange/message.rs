//! A gradient as it is sent: packed by one worker, averaged over all, unpacked by each.

use super::Exchange;
use crate::counting::GradientNumbers;
use crate::layer::{Gradient, Parameter};
use crate::network::Network;
use crate::optimizer::Optimizer;
use rayon::prelude::*;

/// The gradient of one worker.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// What is sent, parameter by parameter.
    numbers: Vec<f32>,
    /// Which part of each parameter the numbers are of: known to the others, and not sent.
    parts: Vec<Part>,
    /// Numbers of the whole gradient.
    all: usize,
}

/// The part of a parameter whose gradient is sent.
#[derive(Debug, PartialEq)]
enum Part {
    Whole,
    Rows(Vec<u32>),
    Channels(Vec<u32>),
}

impl Message {
    /// Takes the gradient of the network's last backward pass.
    pub(super) fn pack(&mut self, network: &mut Network, exchange: Exchange) {
        self.numbers.clear();
        self.parts.clear();
        self.all = 0;
        network.visit_parameters(&mut |parameter| self.push(&parameter, exchange));
    }

    fn push(&mut self, parameter: &Parameter<'_>, exchange: Exchange) {
        let (to, length) = (&mut self.numbers, parameter.row_length);
        self.all += parameter.values.len();
        self.parts.push(match (parameter.gradient, exchange) {
            (Gradient::Rows { indices, values }, Exchange::Slices) => {
                to.extend_from_slice(&values[..indices.len() * length]);
                Part::Rows(indices.to_vec())
            }
            (Gradient::Channels { indices, block, values }, Exchange::Slices) => {
                for row in values.chunks_exact(length) {
                    for &channel in indices {
                        to.extend_from_slice(&row[channel as usize * block..][..block]);
                    }
                }
                Part::Channels(indices.to_vec())
            }
            (Gradient::Rows { .. }, Exchange::Whole) => {
                for row in 0..parameter.values.len() / length {
                    match parameter.gradient.row(row, length) {
                        Some(row) => to.extend_from_slice(row),
                        None => to.resize(to.len() + length, 0.0),
                    }
                }
                Part::Whole
            }
            (Gradient::Dense(values) | Gradient::Channels { values, .. }, _) => {
                to.extend_from_slice(values);
                Part::Whole
            }
        });
    }

    /// How much is sent, and how much the whole gradient would be.
    pub(super) fn count(&self) -> GradientNumbers {
        GradientNumbers { sent: self.numbers.len() as u64, all: self.all as u64 }
    }

    /// The first parameter of which the other message has another part.
    pub(super) fn differs_from(&self, other: &Self) -> Option<usize> {
        self.parts.iter().zip(&other.parts).position(|(part, other)| part != other)
    }
}

/// sum_w share_w g_w of the messages g_w, which are of the same parts: each number summed in f64,
/// workers in order.
///
/// # Panics
/// When there is no message or not one share each.
pub(super) fn average(messages: &[&Message], shares: &[f64], to: &mut Vec<f32>) {
    const NUMBERS_A_TASK: usize = 2048;
    assert_eq!(messages.len(), shares.len(), "one share a worker");
    to.resize(messages[0].numbers.len(), 0.0);
    to.par_chunks_mut(NUMBERS_A_TASK).enumerate().for_each(|(task, to)| {
        // -0 + x is x, also where x is -0: the average of one worker has its very bits.
        let mut sums = [-0.0; NUMBERS_A_TASK];
        for (message, &share) in messages.iter().zip(shares) {
            let numbers = &message.numbers[task * NUMBERS_A_TASK..][..to.len()];
            for (sum, &number) in sums.iter_mut().zip(numbers) {
                *sum += share * f64::from(number);
            }
        }
        for (to, sum) in to.iter_mut().zip(sums) {
            *to = sum as f32;
        }
    });
}

/// One step of the optimiser by the averaged gradient, of the same parts as the network's own.
/// `whole` is memory to unpack in.
pub(super) fn update(
    network: &mut Network,
    optimizer: &mut Optimizer,
    exchange: Exchange,
    average: &[f32],
    whole: &mut Vec<f32>,
) {
    let mut rest = average;
    let mut take = |count: usize| {
        let (numbers, after) = rest.split_at(count);
        rest = after;
        numbers
    };
    optimizer.begin_step();
    network.visit_parameters(&mut |parameter| {
        let Parameter { values, row_length, gradient, row_norms } = parameter;
        let gradient = match (gradient, exchange) {
            (Gradient::Rows { indices, .. }, Exchange::Slices) => {
                Gradient::Rows { indices, values: take(indices.len() * row_length) }
            }
            (Gradient::Channels { indices, block, .. }, Exchange::Slices) => {
                whole.clear();
                whole.resize(values.len(), 0.0);
                for row in whole.chunks_exact_mut(row_length) {
                    let blocks = take(indices.len() * block).chunks_exact(block);
                    for (&channel, numbers) in indices.iter().zip(blocks) {
                        row[channel as usize * block..][..block].copy_from_slice(numbers);
                    }
                }
                Gradient::Channels { indices, block, values: whole }
            }
            _ => Gradient::Dense(take(values.len())),
        };
        optimizer.update(Parameter { values, row_length, gradient, row_norms });
    });
}
