//! What is asked of another library's product.

use kernels::MatrixView;

use crate::timing::Work;
use crate::timing::operands::Operands;

/// Another library's product.
pub struct Peer {
    /// Name of the library.
    pub name: &'static str,
    /// C = AB into a row-major C, on about so many threads.
    pub multiply: fn(MatrixView<f32>, MatrixView<f32>, &mut [f32], usize),
    /// Whether it uses more than one thread.
    pub is_parallel: bool,
}

/// The libraries that this build can measure.
#[cfg(feature = "peers")]
pub const PEERS: &[Peer] = &super::libraries::PEERS;
/// The libraries that this build can measure.
#[cfg(not(feature = "peers"))]
pub const PEERS: &[Peer] = &[];

impl Peer {
    /// The product as work to be measured.
    pub fn work<'a>(&self, operands: &'a Operands, threads: usize) -> Work<'a> {
        let (multiply, mut output) = (self.multiply, operands.output());
        Box::new(move || multiply(operands.left(), operands.right(), &mut output, threads))
    }
}
