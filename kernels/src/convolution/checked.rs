//! The products of a convolution as values, whose sizes are checked before anything is written.

use super::{
    ConvolutionShape, convolve, convolve_selected, input_gradient, input_gradient_selected,
    kernel_gradient, kernel_gradient_selected, kernel_gradient_selected_positions,
};
use crate::selection::Selection;
use micro_kernels::{InstructionSet, Real};

/// Why a product of a convolution cannot be formed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvolutionError {
    /// A tensor has another length than the shape says.
    #[error("the {tensor} has {length} numbers, and its shape {expected}")]
    Length {
        /// Which tensor.
        tensor: &'static str,
        /// Its length.
        length: usize,
        /// The length of its shape.
        expected: usize,
    },
    /// The selection chooses from another number than there is.
    #[error("the selection is of {selected} {what}, and there are {count}")]
    Selection {
        /// What the product sums over.
        what: &'static str,
        /// What the selection chooses from.
        selected: usize,
        /// How many there are.
        count: usize,
    },
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Forward,
    InputGradient,
    KernelGradient,
}

#[derive(Clone, Copy, Debug)]
enum Kept<'a> {
    All,
    /// Of what the product sums over: input channels, output channels, or images.
    Some(&'a Selection),
    /// Of images and positions together.
    Positions(&'a Selection),
}

/// A convolution or one of its two gradients, exact or over a selection of what it sums over.
///
/// ```
/// use kernels::convolution::{ConvolutionProduct, ConvolutionShape};
/// use kernels::Selection;
/// // One image of two channels with two pixels each, one output channel, a kernel of one tap.
/// let shape = ConvolutionShape::new(1, [2, 1, 2], [1, 1, 1], 1, 0)?;
/// let (input, kernels) = ([1.0f32, 2.0, 30.0, 40.0], [1.0f32, 1.0]);
/// let mut output = [0.0; 2];
/// ConvolutionProduct::forward(&shape, &input, &kernels).write_to(&mut output)?;
/// assert_eq!(output, [31.0, 42.0]);
/// let second = Selection::new(vec![1], vec![2.0], 2)?;
/// ConvolutionProduct::forward(&shape, &input, &kernels).over(&second).write_to(&mut output)?;
/// assert_eq!(output, [60.0, 80.0]);
/// // Lengths that do not fit are an error, and the output stays as it is.
/// assert!(ConvolutionProduct::forward(&shape, &input[1..], &kernels).write_to(&mut output).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ConvolutionProduct<'a, T> {
    shape: &'a ConvolutionShape,
    kind: Kind,
    /// Each with its name and the length it has to have.
    factors: [(&'static str, &'a [T], usize); 2],
    kept: Kept<'a>,
    set: Option<InstructionSet>,
}

impl<'a, T: Real> ConvolutionProduct<'a, T> {
    /// The convolution of an input with kernels, a sum over input channels.
    pub fn forward(shape: &'a ConvolutionShape, input: &'a [T], kernels: &'a [T]) -> Self {
        let input = ("input", input, shape.input_len());
        Self::new(shape, Kind::Forward, [input, ("kernels", kernels, shape.kernel_len())])
    }

    /// The gradient of the input, a sum over output channels.
    pub fn input_gradient(
        shape: &'a ConvolutionShape,
        output_gradient: &'a [T],
        kernels: &'a [T],
    ) -> Self {
        let gradient = ("output gradient", output_gradient, shape.output_len());
        Self::new(shape, Kind::InputGradient, [gradient, ("kernels", kernels, shape.kernel_len())])
    }

    /// The gradient of the kernels, a sum over images and positions.
    pub fn kernel_gradient(
        shape: &'a ConvolutionShape,
        input: &'a [T],
        output_gradient: &'a [T],
    ) -> Self {
        let input = ("input", input, shape.input_len());
        let gradient = ("output gradient", output_gradient, shape.output_len());
        Self::new(shape, Kind::KernelGradient, [input, gradient])
    }

    fn new(
        shape: &'a ConvolutionShape,
        kind: Kind,
        factors: [(&'static str, &'a [T], usize); 2],
    ) -> Self {
        Self { shape, kind, factors, kept: Kept::All, set: None }
    }

    /// Its estimate over some input channels (forward), output channels (input gradient) or images
    /// (kernel gradient).
    pub fn over(self, selection: &'a Selection) -> Self {
        Self { kept: Kept::Some(selection), ..self }
    }

    /// The estimate of a kernel gradient over some positions of all images, image after image.
    pub fn over_positions(self, selection: &'a Selection) -> Self {
        Self { kept: Kept::Positions(selection), ..self }
    }

    /// With these instructions; the numbers are the same with any.
    pub fn instructions(self, set: InstructionSet) -> Self {
        Self { set: Some(set), ..self }
    }

    /// Writes the product, row-major in the order the shape names.
    ///
    /// # Errors
    /// When a length does not fit the shape, the selection chooses from another number than there
    /// is, or positions are selected of another product than the kernel gradient; `to` is then as
    /// before.
    pub fn write_to(self, to: &mut [T]) -> Result<(), ConvolutionError> {
        self.check(to)?;
        let Self { shape, kind, factors: [(_, left, _), (_, right, _)], kept, set } = self;
        let set = set.unwrap_or_default();
        match (kind, kept) {
            (Kind::Forward, Kept::Some(channels)) => {
                convolve_selected(set, shape, left, right, channels, to);
            }
            (Kind::Forward, _) => convolve(set, shape, left, right, to),
            (Kind::InputGradient, Kept::Some(channels)) => {
                input_gradient_selected(set, shape, left, right, channels, to);
            }
            (Kind::InputGradient, _) => input_gradient(set, shape, left, right, to),
            (Kind::KernelGradient, Kept::All) => kernel_gradient(set, shape, left, right, to),
            (Kind::KernelGradient, Kept::Some(images)) => {
                kernel_gradient_selected(set, shape, left, right, images, to);
            }
            (Kind::KernelGradient, Kept::Positions(positions)) => {
                kernel_gradient_selected_positions(set, shape, left, right, positions, to);
            }
        }
        Ok(())
    }

    fn check(&self, to: &[T]) -> Result<(), ConvolutionError> {
        let shape = self.shape;
        let (output, needed, what, count) = match self.kind {
            Kind::Forward => {
                ("output", shape.output_len(), "input channels", shape.input_channels())
            }
            Kind::InputGradient => {
                ("input gradient", shape.input_len(), "output channels", shape.output_channels())
            }
            Kind::KernelGradient => {
                ("kernel gradient", shape.kernel_len(), "images", shape.batch())
            }
        };
        let lengths = self.factors.map(|(tensor, numbers, needed)| (tensor, numbers.len(), needed));
        for (tensor, length, expected) in lengths.into_iter().chain([(output, to.len(), needed)]) {
            if length != expected {
                return Err(ConvolutionError::Length { tensor, length, expected });
            }
        }
        let (selection, what, count) = match self.kept {
            Kept::All => return Ok(()),
            Kept::Some(selection) => (selection, what, count),
            Kept::Positions(selection) => {
                let is_summed_over = matches!(self.kind, Kind::KernelGradient);
                let count = if is_summed_over { shape.batch() * shape.positions() } else { 0 };
                (selection, "positions to sum over", count)
            }
        };
        let selected = selection.pairs();
        if selected == count {
            Ok(())
        } else {
            Err(ConvolutionError::Selection { what, selected, count })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_that_of_its_function_and_refuses_what_does_not_fit() {
        let set = InstructionSet::detect();
        let shape = ConvolutionShape::new(2, [3, 4, 4], [2, 3, 3], 1, 1).unwrap();
        let numbers = |count: usize| (0..count).map(|i| (i % 7) as f32 - 3.0).collect::<Vec<_>>();
        let (x, k) = (numbers(shape.input_len()), numbers(shape.kernel_len()));
        let y = numbers(shape.output_len());
        let product = [
            ConvolutionProduct::forward(&shape, &x, &k),
            ConvolutionProduct::input_gradient(&shape, &y, &k),
            ConvolutionProduct::kernel_gradient(&shape, &x, &y),
        ];
        let functions = [convolve::<f32>, input_gradient, kernel_gradient];
        let selected =
            [convolve_selected::<f32>, input_gradient_selected, kernel_gradient_selected];
        let factors = [(&x, &k), (&y, &k), (&x, &y)];
        let needed = [shape.output_len(), shape.input_len(), shape.kernel_len()];
        let counts = [shape.input_channels(), shape.output_channels(), shape.batch()];
        for kind in 0..3 {
            let (left, right) = factors[kind];
            let (mut expected, mut found) = (vec![0.0; needed[kind]], vec![1.0; needed[kind]]);
            functions[kind](set, &shape, left, right, &mut expected);
            product[kind].write_to(&mut found).unwrap();
            assert_eq!(found, expected);

            let one = Selection::new(vec![1], vec![1.5], counts[kind]).unwrap();
            selected[kind](set, &shape, left, right, &one, &mut expected);
            product[kind].over(&one).instructions(set).write_to(&mut found).unwrap();
            assert_eq!(found, expected);

            let other = Selection::new(vec![1], vec![1.5], counts[kind] + 1).unwrap();
            let error = product[kind].over(&other).write_to(&mut found).unwrap_err();
            assert!(matches!(error, ConvolutionError::Selection { .. }), "{error}");
            let error = product[kind].write_to(&mut found[1..]).unwrap_err();
            assert!(matches!(error, ConvolutionError::Length { .. }), "{error}");
            assert_eq!(found, expected, "what is refused writes nothing");
        }
        let every = shape.batch() * shape.positions();
        let position = Selection::new(vec![5], vec![2.0], every).unwrap();
        let (mut expected, mut found) = (vec![0.0; k.len()], vec![0.0; k.len()]);
        kernel_gradient_selected_positions(set, &shape, &x, &y, &position, &mut expected);
        product[2].over_positions(&position).write_to(&mut found).unwrap();
        assert_eq!(found, expected);
        let error = product[0].over_positions(&position).write_to(&mut vec![0.0; y.len()]);
        assert!(error.unwrap_err().to_string().ends_with("positions to sum over, and there are 0"));
        let short = ConvolutionProduct::kernel_gradient(&shape, &x[2..], &y).write_to(&mut found);
        let message = short.unwrap_err().to_string();
        assert_eq!(message, "the input has 94 numbers, and its shape 96");
    }
}
