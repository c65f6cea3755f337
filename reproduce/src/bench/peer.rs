//! What is asked of another library's product.

use std::time::Duration;

use kernels::MatrixView;

use crate::timing::operands::Operands;
use crate::timing::{Work, rested, timed};

/// C = AB into a row-major C, on about so many threads.
type Multiply = dyn Fn(MatrixView<f32>, MatrixView<f32>, &mut [f32], usize) + Send + Sync;

/// On how many threads a library computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// On one.
    One,
    /// On as many as are asked for.
    AsAsked,
    /// On as many as the machine has, whatever is asked for.
    All,
}

/// Another library's product.
pub struct Peer {
    /// Name of the library.
    pub name: String,
    /// How long its threads go on spinning after a product on several.
    pub spinning: Duration,
    threads: Threads,
    multiply: Box<Multiply>,
}

impl Peer {
    /// A library whose threads sleep after work.
    pub fn new(
        name: &str,
        threads: Threads,
        multiply: impl Fn(MatrixView<f32>, MatrixView<f32>, &mut [f32], usize) + Send + Sync + 'static,
    ) -> Self {
        let multiply = Box::new(multiply);
        Self { name: name.to_string(), spinning: Duration::ZERO, threads, multiply }
    }

    /// The product as work to be measured; none where the library cannot be held to so many
    /// threads.
    pub fn work<'a>(&'a self, operands: &'a Operands, threads: usize) -> Option<Work<'a>> {
        let is_comparable = match self.threads {
            Threads::One => threads == 1,
            Threads::AsAsked => true,
            Threads::All => std::thread::available_parallelism().is_ok_and(|n| n.get() == threads),
        };
        let mut output = operands.output();
        let work = timed(move || {
            (self.multiply)(operands.left(), operands.right(), &mut output, threads);
        });
        is_comparable.then(|| if threads > 1 { rested(work, self.spinning) } else { work })
    }
}

#[cfg(all(test, feature = "peers"))]
impl Peer {
    /// Checks the product on both layouts of A against ours.
    pub fn assert_exact(&self) {
        use crate::timing::operands::Shape;
        use kernels::InstructionSet;

        for (threads, transposed) in [(1, false), (2, false), (1, true), (2, true)] {
            let shape = Shape { rows: 7, inner: 33, columns: 19, transposed };
            let operands = Operands::new(shape, 1);
            let (mut ours, mut theirs) = (operands.output(), operands.output());
            operands.exact(InstructionSet::detect(), &mut ours);
            (self.multiply)(operands.left(), operands.right(), &mut theirs, threads);
            for (x, y) in ours.iter().zip(&theirs) {
                // |A_i| |B^j| n epsilon bounds the error of either sum; norms are about 6.
                let bound = 2.0 * 33.0 * 60.0 * f32::EPSILON;
                assert!((x - y).abs() <= bound, "{}: {x} {y}", self.name);
            }
        }
    }
}
