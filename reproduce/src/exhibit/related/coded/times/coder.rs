//! Codes of many numbers, a run after another, as the layers make them.

use kernels::InstructionSet;
use kernels::quantised::PackedQuantiser;
use training::layer::{CodeForm, CodeSettings};

/// Codes of numbers in runs, with zero in the middle of the bins.
#[derive(Clone, Copy)]
pub struct Coder {
    quantiser: PackedQuantiser,
    run: usize,
    set: InstructionSet,
}

impl Coder {
    /// A coder of so many bits.
    ///
    /// # Errors
    /// When whole codes do not fill a byte.
    pub fn new(bits: u32, run: usize, set: InstructionSet) -> anyhow::Result<Self> {
        let quantiser = CodeSettings { bits, form: CodeForm::Backward }.quantiser()?;
        Ok(Self { quantiser, run, set })
    }

    /// Codes of a run are in bytes of their own.
    fn bytes(self) -> usize {
        self.quantiser.bytes(self.run)
    }

    /// Makes the codes of the numbers.
    pub fn encode(self, numbers: &[f32], codes: &mut Vec<u8>) {
        codes.resize(numbers.len().div_ceil(self.run) * self.bytes(), 0);
        let bins = self.quantiser.bins(1.0, 0.0);
        for (numbers, codes) in numbers.chunks(self.run).zip(codes.chunks_exact_mut(self.bytes())) {
            self.quantiser.encode(self.set, bins, numbers, |x| x, codes);
        }
    }

    /// Reads the numbers that the codes stand for.
    pub fn decode(self, codes: &mut Vec<u8>, numbers: &mut [f32]) {
        codes.resize(numbers.len().div_ceil(self.run) * self.bytes(), 0);
        let bins = self.quantiser.bins(1.0, 0.0);
        for (numbers, codes) in numbers.chunks_mut(self.run).zip(codes.chunks_exact(self.bytes())) {
            self.quantiser.decode(self.set, bins, codes, |x| x, numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coder_reads_what_it_made() {
        let coder = Coder::new(8, 4, InstructionSet::detect()).unwrap();
        let (numbers, mut codes) = ([0.5, -0.5, 1.0, -1.0, 2.0, -2.0], Vec::new());
        coder.encode(&numbers, &mut codes);
        let mut decoded = [0.0; 6];
        coder.decode(&mut codes, &mut decoded);
        for (x, y) in numbers.iter().zip(decoded) {
            assert!((x - y).abs() <= 0.5 * 6.0 / 256.0, "{x} became {y}");
        }
    }
}
