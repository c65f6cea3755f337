//! A gradient as it is sent: packed by one rank, averaged over all, unpacked by each.

use super::Exchange;
use crate::counting::GradientNumbers;
use crate::layer::{Gradient, Parameter};
use crate::network::Network;
use crate::optimizer::Optimizer;
use sha2::{Digest, Sha256};

/// The gradient of one rank.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// What is sent, parameter by parameter.
    pub(super) numbers: Vec<f32>,
    /// Which part of each parameter the numbers are of: known to the others, and not sent. A
    /// digest a parameter, one after another.
    pub(super) parts: Vec<u8>,
    /// Numbers of the whole gradient.
    all: usize,
}

/// Bytes of a parameter's digest: many enough for two lists to differ in them.
pub(super) const DIGEST: usize = 8;

impl Message {
    /// Takes the gradient of the network's last backward pass.
    pub(super) fn pack(&mut self, network: &mut Network, exchange: Exchange) {
        self.numbers.clear();
        self.parts.clear();
        self.all = 0;
        network.visit_parameters(&mut |parameter| self.push(&parameter, exchange));
    }

    fn push(&mut self, parameter: &Parameter<'_>, exchange: Exchange) {
        if parameter.is_frozen {
            return self.parts.extend_from_slice(&digest("frozen", &[]));
        }
        let (to, length) = (&mut self.numbers, parameter.row_length);
        self.all += parameter.values.len();
        self.parts.extend_from_slice(&match (parameter.gradient, exchange) {
            (Gradient::Rows { indices, values }, Exchange::Slices) => {
                to.extend_from_slice(&values[..indices.len() * length]);
                digest("rows", indices)
            }
            (gradient @ Gradient::Block { rows, .. }, Exchange::Slices) => {
                for row in rows.iter().filter_map(|&row| gradient.row(row as usize, length)) {
                    let begin = to.len();
                    to.resize(begin + length, 0.0);
                    row.copy_to(&mut to[begin..]);
                }
                digest("rows", rows)
            }
            (Gradient::Channels { indices, block, values }, Exchange::Slices) => {
                for row in values.chunks_exact(length) {
                    for &channel in indices {
                        to.extend_from_slice(&row[channel as usize * block..][..block]);
                    }
                }
                digest("channels", indices)
            }
            (Gradient::Rows { .. } | Gradient::Block { .. }, Exchange::Whole) => {
                parameter.append_gradient(to);
                digest("whole", &[])
            }
            (Gradient::Dense(values) | Gradient::Channels { values, .. }, _) => {
                to.extend_from_slice(values);
                digest("whole", &[])
            }
        });
    }

    /// How much is sent, and how much the whole gradient would be.
    pub(super) fn count(&self) -> GradientNumbers {
        GradientNumbers { sent: self.numbers.len() as u64, all: self.all as u64, norms: 0 }
    }

    /// One step of the optimiser by the averaged gradient, which has taken the place of the
    /// network's own and is of the same parts. `whole` is memory to unpack in.
    pub(super) fn update(
        &self,
        network: &mut Network,
        optimizer: &mut Optimizer,
        exchange: Exchange,
        whole: &mut Vec<f32>,
    ) {
        let mut rest = &self.numbers[..];
        let mut take = |count: usize| {
            let (numbers, after) = rest.split_at(count);
            rest = after;
            numbers
        };
        optimizer.begin_step();
        network.visit_parameters(&mut |parameter| {
            if parameter.is_frozen {
                return optimizer.update(parameter);
            }
            let Parameter { values, row_length, gradient, .. } = parameter;
            let gradient = match (gradient, exchange) {
                (
                    Gradient::Rows { indices, .. } | Gradient::Block { rows: indices, .. },
                    Exchange::Slices,
                ) => Gradient::Rows { indices, values: take(indices.len() * row_length) },
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
            optimizer.update(Parameter { values, gradient, ..parameter });
        });
    }
}

fn digest(kind: &str, indices: &[u32]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update(kind);
    indices.iter().for_each(|index| hash.update(index.to_le_bytes()));
    *hash.finalize().first_chunk().expect("the digest is longer")
}
