//! A row-major matrix whose memory is kept from step to step.

use crate::channels::Channels;
use crate::memory::{Memory, Stay};
use kernels::convolution::Images;
use kernels::{ColumnSet, InstructionSet, MatrixView, MatrixViewMut};
use rayon::prelude::*;

/// A row-major matrix of f32: one sample a row.
///
/// Where the columns are channels of images, or of a gradient that passes through some of them,
/// the matrix may be *partial*: some channels are stored, the others are zero or not read again.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    /// At least `rows * columns` numbers.
    buffer: Vec<f32>,
    stored: Stored,
}

/// Numbers of a task: long enough to be worth one.
const PIECE: usize = 1 << 14;

/// Numbers of a small matrix: as many bytes as a few pages.
const SMALL: usize = 1 << 12;

/// Which channels a matrix has.
#[derive(Clone, Debug, Default, PartialEq)]
struct Stored {
    is_partial: bool,
    channels: ColumnSet,
    /// Channels of the whole matrix.
    count: usize,
    /// Columns of the whole matrix.
    whole: usize,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self::from_rows(rows, columns, vec![0.0; rows * columns])
    }

    /// A matrix from its rows one after another.
    ///
    /// # Panics
    /// When the length is not `rows * columns`.
    pub fn from_rows(rows: usize, columns: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), rows * columns, "one number an element");
        Self { rows, columns, buffer: data, stored: Stored::default() }
    }

    /// Changes the shape and keeps the memory; what the elements hold is unspecified.
    pub fn reshape(&mut self, rows: usize, columns: usize) {
        self.reshape_in(None, rows, columns);
    }

    /// As [`Matrix::reshape`], with a buffer from the memory where the own one does not fit: how a
    /// layer makes room for its output and its gradient
    /// ([`StepContext::memory`](crate::layer::StepContext)).
    ///
    /// ```
    /// use training::{matrix::Matrix, memory::Memory};
    /// let (memory, mut one, mut other) = (Memory::default(), Matrix::default(), Matrix::default());
    /// one.reshape_in(Some(&memory), 50, 200);
    /// one.release(Some(&memory));
    /// other.reshape_in(Some(&memory), 50, 200);
    /// assert_eq!(memory.peak_bytes(), 4 * 50 * 200, "the second has the buffer of the first");
    /// ```
    pub fn reshape_in(&mut self, memory: Option<&Memory>, rows: usize, columns: usize) {
        self.reshape_for(memory, Stay::Short, rows, columns);
    }

    fn reshape_for(&mut self, memory: Option<&Memory>, stay: Stay, rows: usize, columns: usize) {
        let length = rows * columns;
        match memory {
            Some(memory) => memory.fit(&mut self.buffer, length, stay),
            None if self.buffer.len() < length => self.buffer.resize(length, 0.0),
            None => {}
        }
        (self.rows, self.columns, self.stored.is_partial) = (rows, columns, false);
    }

    /// A partial matrix with some of the channels that make up `columns` columns.
    pub fn reshape_channels_in(
        &mut self,
        memory: Option<&Memory>,
        (rows, columns): (usize, usize),
        channels: Channels<'_>,
    ) {
        self.reshape_channels_for(memory, Stay::Short, (rows, columns), channels);
    }

    fn reshape_channels_for(
        &mut self,
        memory: Option<&Memory>,
        stay: Stay,
        (rows, columns): (usize, usize),
        channels: Channels<'_>,
    ) {
        let kept = channels.indices.len() * (columns / channels.count);
        self.reshape_for(memory, stay, rows, kept);
        self.set_stored((rows, columns), channels);
    }

    /// The shape and the channels of another matrix.
    pub fn reshape_like_in(&mut self, memory: Option<&Memory>, other: &Self) {
        self.reshape_in(memory, other.rows, other.columns);
        self.stored.is_partial = other.stored.is_partial;
        (self.stored.count, self.stored.whole) = (other.stored.count, other.stored.whole);
        self.stored.channels.reserve(other.stored.count);
        self.stored.channels.set(other.stored.channels.indices());
    }

    /// Keeps some channels of a whole matrix: in a buffer of their own, or for a small matrix,
    /// whose memory is not worth an exchange of buffers, where they are.
    ///
    /// # Panics
    /// When the matrix is partial.
    pub fn keep_channels(&mut self, memory: Option<&Memory>, channels: Channels<'_>) {
        assert!(!self.stored.is_partial, "channels are chosen once");
        if self.rows * self.columns <= SMALL {
            return self.keep_channels_in_place(channels);
        }
        let mut kept = Self { stored: std::mem::take(&mut self.stored), ..Self::default() };
        // Where the number of channels is random, buffers of a few sizes are used again.
        if let Some(memory) = memory {
            let sixteenth = (self.rows * self.columns).div_ceil(16);
            let share = channels.indices.len() * 16;
            memory.fit(&mut kept.buffer, sixteenth * share.div_ceil(channels.count), Stay::Long);
        }
        kept.reshape_channels_for(memory, Stay::Long, (self.rows, self.columns), channels);
        let block = self.columns / channels.count;
        let rows = (PIECE / self.columns.max(1)).max(1);
        let from = self.data().par_chunks(rows * self.columns.max(1));
        let (kept_columns, length) = (kept.columns.max(1), kept.rows * kept.columns);
        let (stored, to) = (&kept.stored.channels, &mut kept.buffer[..length]);
        to.par_chunks_mut(rows * kept_columns).zip(from).for_each(|(to, from)| {
            let rows = to.chunks_exact_mut(kept_columns).zip(from.chunks_exact(self.columns));
            rows.for_each(|(to, from)| copy_channels(to, from, block, stored));
        });
        self.release(memory);
        *self = kept;
    }

    fn keep_channels_in_place(&mut self, channels: Channels<'_>) {
        let (rows, columns) = (self.rows, self.columns);
        let block = columns / channels.count;
        let mut to = 0;
        for row in 0..rows {
            for &channel in channels.indices {
                let start = row * columns + channel as usize * block;
                match block {
                    1 => self.buffer[to] = self.buffer[start],
                    _ => self.buffer.copy_within(start..start + block, to),
                }
                to += block;
            }
        }
        self.set_stored((rows, columns), channels);
    }

    /// Says which channels the buffer holds.
    fn set_stored(&mut self, (rows, columns): (usize, usize), channels: Channels<'_>) {
        let Channels { indices, count } = channels;
        (self.rows, self.columns) = (rows, indices.len() * (columns / count));
        let stored = &mut self.stored;
        (stored.is_partial, stored.count, stored.whole) = (true, count, columns);
        // Room for all: how many are kept changes from step to step.
        stored.channels.reserve(count);
        stored.channels.set(indices);
    }

    /// Gives the buffer to the memory, if there is one, and keeps no channel.
    pub fn release(&mut self, memory: Option<&Memory>) {
        if let Some(memory) = memory {
            memory.release(&mut self.buffer);
        }
        if !self.stored.is_partial {
            self.stored.whole = self.columns;
        }
        (self.columns, self.stored.is_partial) = (0, true);
        self.stored.channels.clear();
    }

    /// Writes the matrix to `to` with zeros for the channels that are not stored.
    pub fn expand_into(&self, memory: Option<&Memory>, to: &mut Self) {
        let (channels, whole) = (self.stored.channels.indices(), self.stored.whole);
        to.reshape_in(memory, self.rows, whole);
        to.data_mut().fill(0.0);
        if self.columns == 0 {
            return;
        }
        let block = self.columns / channels.len();
        let rows = to.data_mut().chunks_exact_mut(whole);
        for (to, from) in rows.zip(self.data().chunks_exact(self.columns)) {
            for (from, &channel) in from.chunks_exact(block).zip(channels) {
                to[channel as usize * block..][..block].copy_from_slice(from);
            }
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns that are stored.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows, and columns if all channels were stored.
    pub fn whole_shape(&self) -> (usize, usize) {
        (self.rows, if self.stored.is_partial { self.stored.whole } else { self.columns })
    }

    /// The channels that are stored, in increasing order, when these are not all.
    pub fn channels(&self) -> Option<&[u32]> {
        self.stored.is_partial.then_some(self.stored.channels.indices())
    }

    /// The same as a set, for rows of which each number is a channel.
    pub(crate) fn channel_set(&self) -> Option<&ColumnSet> {
        self.stored.is_partial.then_some(&self.stored.channels)
    }

    /// How many channels there are, when not all are stored.
    pub fn channel_count(&self) -> Option<usize> {
        self.stored.is_partial.then_some(self.stored.count)
    }

    /// Where a channel is stored, counted in channels.
    pub fn place_of(&self, channel: usize) -> Option<usize> {
        match self.channels() {
            None => Some(channel),
            Some(channels) => channels.binary_search(&(channel as u32)).ok(),
        }
    }

    /// The channel that is stored at a place.
    pub fn channel_at(&self, place: usize) -> usize {
        self.channels().map_or(place, |channels| channels[place] as usize)
    }

    /// The elements that are stored, row by row.
    pub fn data(&self) -> &[f32] {
        &self.buffer[..self.rows * self.columns]
    }

    /// The elements that are stored, row by row.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.buffer[..self.rows * self.columns]
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.data()[row * self.columns..(row + 1) * self.columns]
    }

    /// The elements that are stored as a matrix of their own, as the kernels see it.
    pub(crate) fn stored_view(&self) -> MatrixView<'_, f32> {
        MatrixView::row_major(self.data(), self.rows, self.columns)
    }

    /// The elements that are stored as a matrix of their own, as the kernels write it.
    pub(crate) fn stored_view_mut(&mut self) -> MatrixViewMut<'_, f32> {
        let (rows, columns) = (self.rows, self.columns);
        MatrixViewMut::row_major(self.data_mut(), rows, columns)
    }

    /// The matrix as the kernels see it.
    ///
    /// # Panics
    /// When it is partial.
    pub fn view(&self) -> MatrixView<'_, f32> {
        assert!(!self.stored.is_partial, "a product takes whole matrices");
        self.stored_view()
    }

    /// The matrix as the kernels write it.
    ///
    /// # Panics
    /// When it is partial.
    pub fn view_mut(&mut self) -> MatrixViewMut<'_, f32> {
        assert!(!self.stored.is_partial, "a product makes whole matrices");
        self.stored_view_mut()
    }

    /// The images as the kernels see them.
    pub(crate) fn images(&self) -> Images<'_, f32> {
        match self.channels() {
            None => Images::whole(self.data()),
            Some(channels) => Images::of_channels(self.data(), channels),
        }
    }
}

/// Copies some blocks of a row side by side.
fn copy_channels(to: &mut [f32], from: &[f32], block: usize, channels: &ColumnSet) {
    if block == 1 {
        return channels.compact(InstructionSet::detect(), from, to);
    }
    for (to, &channel) in to.chunks_exact_mut(block).zip(channels.indices()) {
        to.copy_from_slice(&from[channel as usize * block..][..block]);
    }
}

impl PartialEq for Matrix {
    fn eq(&self, other: &Self) -> bool {
        let shape = |matrix: &Self| (matrix.rows, matrix.columns);
        shape(self) == shape(other)
            && self.channels() == other.channels()
            && self.data() == other.data()
    }
}
