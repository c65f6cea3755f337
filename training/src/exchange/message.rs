//! A gradient as it is sent: packed by one rank, averaged over all, unpacked by each.
//!
//! It goes in messages, the last layers first, since those have theirs while earlier layers still
//! compute.

use super::{Collective, CollectiveError, Exchange, ExchangeError, average_over_ranks};
use crate::counting::GradientNumbers;
use crate::layer::{Gradient, GradientRow, Parameter};
use crate::network::{LayerParameters, Network};
use crate::optimizer::Optimizer;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// The gradients of some parameters.
#[derive(Debug, Default)]
pub(super) struct Message {
    /// What is sent, parameter by parameter.
    numbers: Vec<f32>,
    /// Which part of each parameter the numbers are of: known to the others, and not sent. A
    /// digest a parameter, one after another.
    parts: Vec<u8>,
    /// The places of the parameters in the network's order.
    parameters: Vec<usize>,
}

/// Bytes of a parameter's digest: many enough for two lists to differ in them.
const DIGEST: usize = 8;

impl Message {
    fn clear(&mut self) {
        self.numbers.clear();
        self.parts.clear();
        self.parameters.clear();
    }

    fn push(&mut self, place: usize, parameter: &Parameter<'_>, exchange: Exchange) {
        self.parameters.push(place);
        if parameter.is_frozen {
            return self.parts.extend_from_slice(&digest("frozen", &[]));
        }
        let (to, length) = (&mut self.numbers, parameter.row_length);
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
            (gradient @ Gradient::Columns { columns, .. }, Exchange::Slices) => {
                for row in gradient.rows_from(0, length).take(parameter.values.len() / length) {
                    match row {
                        Some(GradientRow::Columns { numbers, .. }) => to.extend_from_slice(numbers),
                        _ => to.resize(to.len() + columns.len(), 0.0),
                    }
                }
                digest("columns", columns)
            }
            _ => {
                parameter.append_gradient(to);
                digest("whole", &[])
            }
        });
    }

    /// Puts the average over the ranks in the place of the numbers; `received` is memory for what
    /// comes.
    ///
    /// # Errors
    /// When the ranks have selected other parts, or another rank has failed.
    pub(super) fn average(
        &mut self,
        collective: &mut dyn Collective,
        shares: &[f64],
        received: &mut Vec<f32>,
    ) -> Result<(), ExchangeError> {
        collective.agree(&self.parts).map_err(|error| match error {
            CollectiveError::Differs { rank, place } => {
                ExchangeError::SelectionsDiffer { rank, parameter: self.parameters[place / DIGEST] }
            }
            error => error.into(),
        })?;
        Ok(average_over_ranks(collective, &mut self.numbers, shares, received)?)
    }
}

/// The gradient of one rank on its way.
#[derive(Debug, Default)]
pub(super) struct Packing {
    /// The one that is packed.
    open: Message,
    /// Numbers of its parameters, whether sent or not.
    open_numbers: usize,
    /// How many are closed.
    closed: usize,
    /// Of every parameter, in the network's order, its message and the numbers there.
    places: Vec<(usize, Range<usize>)>,
    /// Parameters of layers that have none yet: they are the first ones.
    ahead: usize,
    /// Numbers of the whole gradient.
    all: usize,
    /// Messages that have come back averaged, and are the memory of the next ones.
    averaged: Vec<Message>,
    unused: Vec<Message>,
}

impl Packing {
    /// Begins with the gradient of another step. Returns the numbers of its parameters.
    pub(super) fn begin(&mut self, network: &mut Network) -> usize {
        (self.ahead, self.closed, self.open_numbers, self.all) = (0, 0, 0, 0);
        let mut numbers = 0;
        network.visit_parameters(&mut |parameter| {
            self.ahead += 1;
            numbers += parameter.values.len();
        });
        self.places.clear();
        self.places.resize(self.ahead, (0, 0..0));
        self.unused.append(&mut self.averaged);
        self.open.clear();
        numbers
    }

    /// Takes the gradients of the next layer, which is the one before. Returns the message when its
    /// parameters have so many `numbers`: the same ones on all ranks, also where these have selected
    /// other parts.
    pub(super) fn push(
        &mut self,
        mut layer: LayerParameters<'_>,
        exchange: Exchange,
        numbers: usize,
    ) -> Option<Message> {
        let mut count = 0;
        layer.visit(&mut |_| count += 1);
        self.ahead -= count;
        let mut place = self.ahead;
        let Self { open, open_numbers, closed, places, all, .. } = self;
        layer.visit(&mut |parameter| {
            let begin = open.numbers.len();
            open.push(place, &parameter, exchange);
            places[place] = (*closed, begin..open.numbers.len());
            *open_numbers += parameter.values.len();
            *all += if parameter.is_frozen { 0 } else { parameter.values.len() };
            place += 1;
        });
        (self.open_numbers >= numbers).then(|| self.close())
    }

    /// The last message, where there is something in it.
    pub(super) fn end(&mut self) -> Option<Message> {
        (!self.open.parameters.is_empty()).then(|| self.close())
    }

    fn close(&mut self) -> Message {
        self.closed += 1;
        self.open_numbers = 0;
        let mut next = self.unused.pop().unwrap_or_default();
        next.clear();
        std::mem::replace(&mut self.open, next)
    }

    /// Takes back the messages, in their order, with the averages.
    pub(super) fn take_averages(&mut self, averaged: Vec<Message>) {
        self.averaged = averaged;
    }

    /// How much is sent, and how much the whole gradient would be.
    pub(super) fn count(&self) -> GradientNumbers {
        let sent = self.averaged.iter().map(|message| message.numbers.len() as u64).sum();
        GradientNumbers { sent, all: self.all as u64, norms: 0 }
    }

    /// One step of the optimiser by the averaged gradient, which has taken the place of the
    /// network's own and is of the same parts.
    pub(super) fn update(
        &self,
        network: &mut Network,
        optimizer: &mut Optimizer,
        exchange: Exchange,
    ) {
        let mut places = self.places.iter();
        optimizer.begin_step();
        network.visit_parameters(&mut |parameter| {
            let (message, range) = places.next().expect("every parameter has its place");
            if parameter.is_frozen {
                return optimizer.update(parameter);
            }
            let numbers = &self.averaged[*message].numbers[range.clone()];
            let gradient = match (parameter.gradient, exchange) {
                (
                    Gradient::Rows { indices, .. } | Gradient::Block { rows: indices, .. },
                    Exchange::Slices,
                ) => Gradient::Rows { indices, values: numbers },
                (Gradient::Columns { columns, .. }, Exchange::Slices) => {
                    Gradient::Columns { rows: None, columns, values: numbers }
                }
                _ => Gradient::Dense(numbers),
            };
            optimizer.update(Parameter { gradient, ..parameter });
        });
    }
}

fn digest(kind: &str, indices: &[u32]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    hash.update(kind);
    indices.iter().for_each(|index| hash.update(index.to_le_bytes()));
    *hash.finalize().first_chunk().expect("the digest is longer")
}
