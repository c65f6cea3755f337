//! The exact product by other libraries in Rust, whose interfaces take raw pointers.

#![allow(unsafe_code, reason = "the interfaces of these libraries take raw pointers")]

use std::sync::OnceLock;
use std::time::Duration;

use faer::{Accum, MatMut, MatRef, Par};
use gemm::Parallelism;
use kernels::MatrixView;
use rayon::ThreadPool;

use super::peer::{Peer, Threads};

/// Every library that is built in.
pub fn built_in() -> Vec<Peer> {
    vec![
        Peer::new("gemm", Threads::AsAsked, by_gemm),
        Peer::new("matrixmultiply", Threads::One, by_matrixmultiply),
        faer(),
    ]
}

/// Longer than faer's idle threads spin, which is for 65,536 pauses.
const SPINNING: Duration = Duration::from_millis(5);

/// faer in a pool of its own: its workers keep the threads of a pool they have once been given, and
/// what else runs there would be left with the others.
fn faer() -> Peer {
    let pool: OnceLock<ThreadPool> = OnceLock::new();
    let mut peer = Peer::new("faer", Threads::AsAsked, move |a, b, c, threads| {
        let new_pool = || rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        match threads {
            0 | 1 => by_faer(a, b, c, 1),
            _ => pool
                .get_or_init(|| new_pool().expect("as many threads were started before"))
                .install(|| by_faer(a, b, c, threads)),
        }
    });
    peer.spinning = SPINNING;
    peer
}

/// The sides m, n, p of a product and the strides of its factors, C being row-major.
///
/// # Panics
/// When the shapes do not fit: the pointers handed on would leave the matrices.
pub fn layout(a: &MatrixView<f32>, b: &MatrixView<f32>, c: &[f32]) -> ([usize; 3], [isize; 4]) {
    let [m, n, p] = [a.rows(), a.columns(), b.columns()];
    assert!(b.rows() == n && c.len() == m * p, "the shapes of a product");
    assert!(a.is_in_memory_order() && b.is_in_memory_order(), "strides without a sign");
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

fn by_faer(a: MatrixView<f32>, b: MatrixView<f32>, c: &mut [f32], threads: usize) {
    let ([m, n, p], [a_rows, a_columns, b_rows, b_columns]) = layout(&a, &b, c);
    let parallelism = if threads > 1 { Par::rayon(threads) } else { Par::Seq };
    // SAFETY: a view's strides stay within its data, C has m p elements and is borrowed alone.
    let (a, b, c) = unsafe {
        (
            MatRef::from_raw_parts(a.data().as_ptr(), m, n, a_rows, a_columns),
            MatRef::from_raw_parts(b.data().as_ptr(), n, p, b_rows, b_columns),
            MatMut::from_raw_parts_mut(c.as_mut_ptr(), m, p, p as isize, 1),
        )
    };
    faer::linalg::matmul::matmul(c, Accum::Replace, a, b, 1.0, parallelism);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_computes_the_same_product() {
        for peer in built_in() {
            peer.assert_exact();
        }
    }
}
