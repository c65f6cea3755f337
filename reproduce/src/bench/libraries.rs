//! The exact product by other libraries.
//!
//! Their interfaces take raw pointers; this file is the only one outside the kernels that does.

use gemm::Parallelism;
use kernels::MatrixView;

use super::peer::Peer;

/// Every library measured.
pub const PEERS: [Peer; 2] = [
    Peer { name: "gemm", multiply: by_gemm, is_parallel: true },
    Peer { name: "matrixmultiply", multiply: by_matrixmultiply, is_parallel: false },
];

/// The sides m, n, p of a product and the strides of its factors, C being row-major.
///
/// # Panics
/// When the shapes do not fit: the pointers handed on would leave the matrices.
fn layout(a: &MatrixView<f32>, b: &MatrixView<f32>, c: &[f32]) -> ([usize; 3], [isize; 4]) {
    let [m, n, p] = [a.rows(), a.columns(), b.columns()];
    assert!(b.rows() == n && c.len() == m * p, "the shapes of a product");
    let strides = [a.row_stride(), a.column_stride(), b.row_stride(), b.column_stride()];
    ([m, n, p], strides.map(|stride| stride as isize))
}

fn by_gemm(a: MatrixView<f32>, b: MatrixView<f32>, c: &mut [f32], threads: usize) {
    let ([m, n, p], [a_rows, a_columns, b_rows, b_columns]) = layout(&a, &b, c);
    let parallelism = if threads > 1 { Parallelism::Rayon(threads) } else { Parallelism::None };
    // SAFETY: a view's strides stay within its data, C has m p elements and is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            p,
            n,
            c.as_mut_ptr(),
            1,
            p as isize,
            false,
            a.data().as_ptr(),
            a_columns,
            a_rows,
            b.data().as_ptr(),
            b_columns,
            b_rows,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}

fn by_matrixmultiply(a: MatrixView<f32>, b: MatrixView<f32>, c: &mut [f32], _threads: usize) {
    let ([m, n, p], [a_rows, a_columns, b_rows, b_columns]) = layout(&a, &b, c);
    // SAFETY: a view's strides stay within its data, C has m p elements and is borrowed alone.
    unsafe {
        matrixmultiply::sgemm(
            m,
            n,
            p,
            1.0,
            a.data().as_ptr(),
            a_rows,
            a_columns,
            b.data().as_ptr(),
            b_rows,
            b_columns,
            0.0,
            c.as_mut_ptr(),
            p as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::operands::{Operands, Shape};
    use kernels::InstructionSet;

    #[test]
    fn every_peer_computes_the_same_product() {
        for transposed in [false, true] {
            let shape = Shape { rows: 7, inner: 33, columns: 19, transposed };
            let operands = Operands::new(shape, 1);
            let mut ours = operands.output();
            operands.exact(InstructionSet::detect(), &mut ours);
            for peer in &PEERS {
                let mut theirs = operands.output();
                (peer.multiply)(operands.left(), operands.right(), &mut theirs, 2);
                for (x, y) in ours.iter().zip(&theirs) {
                    // |A_i| |B^j| n epsilon bounds the error of either sum; norms are about 6.
                    let bound = 2.0 * 33.0 * 60.0 * f32::EPSILON;
                    assert!((x - y).abs() <= bound, "{}: {x} {y}", peer.name);
                }
            }
        }
    }
}
