//! A checkpoint's contents as bytes: little-endian numbers, and texts and lists behind their
//! lengths.

use super::{Checkpoint, Damage};
use crate::counting::{Computations, GradientNumbers};
use crate::layer::KeptSelection;
use crate::loss::Loss;
use crate::metrics::{EpochMetrics, Metrics};
use crate::network::{SampledState, State};
use crate::optimizer::{Averages, OptimizerState};
use crate::sampling::LayerRatios;
use kernels::Selection;

impl Checkpoint {
    /// The contents as bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut to = Encoder::default();
        to.text(&self.settings);
        to.text(&self.data);
        to.size(self.epochs.len());
        for epoch in &self.epochs {
            for metrics in [epoch.train, epoch.held_out, epoch.test] {
                to.real(metrics.loss);
                to.real(metrics.accuracy);
            }
        }
        to.real(self.epoch_loss.sum);
        to.size(self.epoch_loss.correct);
        to.size(self.epoch_loss.samples);
        to.integer(self.computations.performed);
        to.integer(self.computations.exact);
        to.integer(self.sent.sent);
        to.integer(self.sent.all);
        to.integer(self.sent.norms);
        for state in [&self.network, &self.lookahead] {
            to.size(state.len());
            for (name, numbers) in state {
                to.text(name);
                to.numbers(numbers);
            }
        }
        to.size(self.sampled.len());
        for SampledState { layer, ratio, kept, norms } in &self.sampled {
            to.text(layer);
            to.real(*ratio);
            to.size(usize::from(kept.is_some()));
            if let Some(KeptSelection { period, selection }) = kept {
                to.integer(*period);
                to.size(selection.pairs());
                to.size(selection.len());
                selection.indices().iter().for_each(|&index| to.integer(index.into()));
                to.reals(selection.scales());
            }
            to.reals(norms);
        }
        to.size(self.ratios.len());
        for LayerRatios { layer, epochs } in &self.ratios {
            to.text(layer);
            to.reals(epochs);
        }
        to.integer(self.optimizer.steps);
        to.real(f64::from(self.optimizer.factor));
        to.size(self.optimizer.averages.len());
        for averages in &self.optimizer.averages {
            to.numbers(&averages.first);
            to.numbers(&averages.second);
        }
        to.bytes
    }

    /// What [`Checkpoint::encode`] made the bytes of.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let mut from = Decoder { rest: bytes };
        let checkpoint = Self {
            settings: from.text()?,
            data: from.text()?,
            epochs: from.list(|from| {
                Ok(EpochMetrics {
                    train: from.metrics()?,
                    held_out: from.metrics()?,
                    test: from.metrics()?,
                })
            })?,
            epoch_loss: Loss { sum: from.real()?, correct: from.size()?, samples: from.size()? },
            computations: Computations { performed: from.integer()?, exact: from.integer()? },
            sent: GradientNumbers {
                sent: from.integer()?,
                all: from.integer()?,
                norms: from.integer()?,
            },
            network: from.state()?,
            lookahead: from.state()?,
            sampled: from.list(Decoder::sampled)?,
            ratios: from.list(|from| {
                Ok(LayerRatios { layer: from.text()?, epochs: from.list(Decoder::real)? })
            })?,
            optimizer: OptimizerState {
                steps: from.integer()?,
                factor: from.real()? as f32,
                averages: from.list(|from| {
                    Ok(Averages { first: from.numbers()?, second: from.numbers()? })
                })?,
            },
        };
        if from.rest.is_empty() { Ok(checkpoint) } else { Err(Damage::Contents) }
    }
}

#[derive(Default)]
struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    fn integer(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn size(&mut self, value: usize) {
        self.integer(value as u64);
    }

    fn real(&mut self, value: f64) {
        self.integer(value.to_bits());
    }

    fn text(&mut self, text: &str) {
        self.size(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn reals(&mut self, numbers: &[f64]) {
        self.size(numbers.len());
        numbers.iter().for_each(|&number| self.real(number));
    }

    fn numbers(&mut self, numbers: &[f32]) {
        self.size(numbers.len());
        self.bytes.reserve(size_of_val(numbers));
        for number in numbers {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Reads what an [`Encoder`] wrote; a length is believed only as far as there are bytes.
struct Decoder<'a> {
    rest: &'a [u8],
}

impl Decoder<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], Damage> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Damage::Contents)?;
        self.rest = rest;
        Ok(taken)
    }

    fn integer(&mut self) -> Result<u64, Damage> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Damage::Contents)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*taken))
    }

    fn size(&mut self) -> Result<usize, Damage> {
        usize::try_from(self.integer()?).map_err(|_| Damage::Contents)
    }

    fn real(&mut self) -> Result<f64, Damage> {
        Ok(f64::from_bits(self.integer()?))
    }

    fn metrics(&mut self) -> Result<Metrics, Damage> {
        Ok(Metrics { loss: self.real()?, accuracy: self.real()? })
    }

    fn text(&mut self) -> Result<String, Damage> {
        let length = self.size()?;
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| Damage::Contents)
    }

    fn numbers(&mut self) -> Result<Vec<f32>, Damage> {
        let bytes = self.size()?.checked_mul(size_of::<f32>()).ok_or(Damage::Contents)?;
        let numbers = self.take(bytes)?.as_chunks().0;
        Ok(numbers.iter().map(|&number| f32::from_le_bytes(number)).collect())
    }

    fn sampled(&mut self) -> Result<SampledState, Damage> {
        let (layer, ratio) = (self.text()?, self.real()?);
        let kept = match self.integer()? {
            0 => None,
            1 => Some(self.kept()?),
            _ => return Err(Damage::Contents),
        };
        Ok(SampledState { layer, ratio, kept, norms: self.list(Self::real)? })
    }

    fn kept(&mut self) -> Result<KeptSelection, Damage> {
        let (period, pairs) = (self.integer()?, self.size()?);
        let index = |from: &mut Self| u32::try_from(from.integer()?).map_err(|_| Damage::Contents);
        let (indices, scales) = (self.list(index)?, self.list(Self::real)?);
        let selection = Selection::new(indices, scales, pairs).map_err(|_| Damage::Contents)?;
        Ok(KeptSelection { period, selection })
    }

    fn state(&mut self) -> Result<State, Damage> {
        self.list(|from| Ok((from.text()?, from.numbers()?)))
    }

    /// Every entry takes bytes, so that a wrong count ends with them.
    fn list<T>(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> Result<T, Damage>,
    ) -> Result<Vec<T>, Damage> {
        let count = self.size()?;
        let mut entries = Vec::new();
        for _ in 0..count {
            entries.push(entry(self)?);
        }
        Ok(entries)
    }
}
