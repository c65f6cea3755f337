//! The output of a product as a block that can be split among threads.

#![allow(unsafe_code, reason = "threads write parts of one matrix that interleave in memory")]

use std::marker::PhantomData;

/// A block of a mutably borrowed matrix. Splitting gives blocks without a common element.
pub struct OutputBlock<'a, T> {
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
    pub fn new(
        data: &'a mut [T],
        rows: usize,
        lanes: usize,
        row_stride: usize,
        lane_stride: usize,
    ) -> Self {
        if rows > 0 && lanes > 0 {
            let last_row = (rows - 1).saturating_mul(row_stride);
            let last_lane = (lanes - 1).saturating_mul(lane_stride);
            let last = last_row.saturating_add(last_lane);
            assert!(last < data.len(), "the block lies in its slice");
            let rows_apart = rows == 1 || row_stride > last_lane;
            let lanes_apart = lanes == 1 || lane_stride > last_row;
            assert!(
                (rows_apart && (lanes == 1 || lane_stride > 0))
                    || (lanes_apart && (rows == 1 || row_stride > 0)),
                "the elements of the block are apart"
            );
        }
        let pointer = data.as_mut_ptr();
        Self { pointer, rows, lanes, row_stride, lane_stride, borrow: PhantomData }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Lanes: elements of a row.
    pub fn lanes(&self) -> usize {
        self.lanes
    }

    /// Numbers from a row to the next.
    pub fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Numbers from a lane to the next.
    pub fn lane_stride(&self) -> usize {
        self.lane_stride
    }

    pub(crate) fn pointer(&self) -> *mut T {
        self.pointer
    }

    /// The first `rows` rows and the others.
    pub fn split_rows(self, rows: usize) -> (Self, Self) {
        assert!(rows <= self.rows, "a block is split inside");
        // `wrapping_add` because the second part may be empty and its start beyond the slice.
        let pointer = self.pointer.wrapping_add(rows * self.row_stride);
        (Self { rows, ..self }, Self { pointer, rows: self.rows - rows, ..self })
    }

    /// The first `lanes` lanes and the others.
    pub fn split_lanes(self, lanes: usize) -> (Self, Self) {
        assert!(lanes <= self.lanes, "a block is split inside");
        let pointer = self.pointer.wrapping_add(lanes * self.lane_stride);
        (Self { lanes, ..self }, Self { pointer, lanes: self.lanes - lanes, ..self })
    }

    /// The part of `rows` x `lanes` elements that starts at (row, lane), borrowed.
    pub fn part(
        &mut self,
        (row, lane): (usize, usize),
        (rows, lanes): (usize, usize),
    ) -> OutputBlock<'_, T> {
        assert!(row + rows <= self.rows && lane + lanes <= self.lanes, "a part lies inside");
        let pointer = self.pointer.wrapping_add(row * self.row_stride + lane * self.lane_stride);
        OutputBlock { pointer, rows, lanes, borrow: PhantomData, ..*self }
    }

    /// Reads every element into a row-major buffer of the given row length.
    pub fn copy_to(&self, buffer: &mut [T], row_length: usize) {
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
    pub fn copy_from(&mut self, buffer: &[T], row_length: usize) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic = "the block lies in its slice"]
    fn strides_whose_product_is_no_number_are_refused() {
        OutputBlock::new(&mut [0.0; 4], 3, 1, usize::MAX / 2 + 1, 1);
    }
}
