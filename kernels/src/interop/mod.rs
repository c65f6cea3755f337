//! Matrices of other libraries as views, without a copy.
//!
//! A view borrows a slice, so what lies between the elements of a matrix must be its own too. Where a
//! library says that of a matrix, or the elements follow each other in memory (in any order: by rows,
//! by columns, transposed, reversed), it becomes a view. A block of a larger matrix does not, as its
//! gaps may be borrowed by somebody else or never have been written:
//! [`MatrixView::part`](crate::MatrixView::part) of a view of the larger one is the same block.

#[cfg(feature = "faer")]
mod faer;
#[cfg(any(feature = "faer", feature = "ndarray"))]
mod layout;
#[cfg(feature = "nalgebra")]
mod nalgebra;
#[cfg(feature = "ndarray")]
mod ndarray;
