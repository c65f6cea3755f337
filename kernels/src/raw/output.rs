//! The output of a product as a block that can be split among threads.

#![allow(unsafe_code, reason = "threads write parts of one matrix that interleave in memory")]

use std::marker::PhantomData;

/// A block of a mutably borrowed matrix. Splitting gives blocks without a common element.
pub(crate) struct OutputBlock<'a, T> {
    pointer: *mut T,
    rows: usize,
    lanes: usize,
    row_stride: usize,
    lane_stride: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: a block is an exclusive borrow of its elements, as `&mut [T]` is.
unsafe impl<T: Send> Send for OutputBlock<'_, T> {}

impl<'a, T: Copy> OutputBlock<'a, T> {
    /// The elements `data[row * row_stride + lane * lane_stride]`.
    ///
    /// # Panics
    /// When the last element lies outside the slice, or elements could overlap.
    pub(crate) fn new(
        data: &'a mut [T],
        rows: usize,
        lanes: usize,
        row_stride: usize,
        lane_stride: usize,
    ) -> Self {
        if rows > 0 && lanes > 0 {
            let last = (rows - 1) * row_stride + (lanes - 1) * lane_stride;
            assert!(last < data.len(), "the block lies in its slice");
            let rows_apart = rows == 1 || row_stride > (lanes - 1) * lane_stride;
            let lanes_apart = lanes == 1 || lane_stride > (rows - 1) * row_stride;
            assert!(
                (rows_apart && (lanes == 1 || lane_stride > 0))
                    || (lanes_apart && (rows == 1 || row_stride > 0)),
                "the elements of the block are apart"
            );
        }
        let pointer = data.as_mut_ptr();
        Self { pointer, rows, lanes, row_stride, lane_stride, borrow: PhantomData }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn lanes(&self) -> usize {
        self.lanes
    }

    pub(crate) fn row_stride(&self) -> usize {
        self.row_stride
    }

    pub(crate) fn lane_stride(&self) -> usize {
        self.lane_stride
    }

    pub(super) fn pointer(&self) -> *mut T {
        self.pointer
    }

    /// The first `rows` rows and the others.
    pub(crate) fn split_rows(self, rows: usize) -> (Self, Self) {
        assert!(rows <= self.rows, "a block is split inside");
        // `wrapping_add` because the second part may be empty and its start beyond the slice.
        let pointer = self.pointer.wrapping_add(rows * self.row_stride);
        (Self { rows, ..self }, Self { pointer, rows: self.rows - rows, ..self })
    }

    /// The first `lanes` lanes and the others.
    pub(crate) fn split_lanes(self, lanes: usize) -> (Self, Self) {
        assert!(lanes <= self.lanes, "a block is split inside");
        let pointer = self.pointer.wrapping_add(lanes * self.lane_stride);
        (Self { lanes, ..self }, Self { pointer, lanes: self.lanes - lanes, ..self })
    }

    /// The part of `rows` x `lanes` elements that starts at (row, lane), borrowed.
    pub(crate) fn part(
        &mut self,
        (row, lane): (usize, usize),
        (rows, lanes): (usize, usize),
    ) -> OutputBlock<'_, T> {
        assert!(row + rows <= self.rows && lane + lanes <= self.lanes, "a part lies inside");
        let pointer = self.pointer.wrapping_add(row * self.row_stride + lane * self.lane_stride);
        OutputBlock { pointer, rows, lanes, borrow: PhantomData, ..*self }
    }

    /// Reads every element into a row-major buffer of the given row length.
    pub(crate) fn copy_to(&self, buffer: &mut [T], row_length: usize) {
        self.check_buffer(buffer, row_length);
        for lane in 0..self.lanes {
            for row in 0..self.rows {
                // SAFETY: (row, lane) is inside the block.
                let value =
                    unsafe { *self.pointer.add(row * self.row_stride + lane * self.lane_stride) };
                buffer[row * row_length + lane] = value;
            }
        }
    }

    /// Writes every element from a row-major buffer of the given row length.
    pub(crate) fn copy_from(&mut self, buffer: &[T], row_length: usize) {
        self.check_buffer(buffer, row_length);
        for lane in 0..self.lanes {
            for row in 0..self.rows {
                // SAFETY: (row, lane) is inside the block, which is borrowed mutably.
                unsafe {
                    *self.pointer.add(row * self.row_stride + lane * self.lane_stride) =
                        buffer[row * row_length + lane];
                }
            }
        }
    }

    fn check_buffer(&self, buffer: &[T], row_length: usize) {
        assert!(row_length >= self.lanes && buffer.len() >= self.rows * row_length, "buffer size");
    }
}
