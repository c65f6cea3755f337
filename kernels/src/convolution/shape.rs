//! The sizes of a convolution, checked once.

use super::sliding::group_of;

/// Why sizes do not describe a convolution.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A size or the stride is zero.
    #[error("the {name} of a convolution is 0; it is at least 1")]
    Zero {
        /// Which size.
        name: &'static str,
    },
    /// The kernel reaches beyond the padded image.
    #[error(
        "a {kernel_height} x {kernel_width} kernel does not fit into a {height} x {width} image \
         with {padding} zeros around it"
    )]
    KernelTooLarge {
        /// Rows of the kernel.
        kernel_height: usize,
        /// Columns of the kernel.
        kernel_width: usize,
        /// Rows of the image.
        height: usize,
        /// Columns of the image.
        width: usize,
        /// Zeros on each side.
        padding: usize,
    },
    /// A tensor has more numbers than its offsets can address.
    #[error("the {name} of this convolution has more than {} numbers", u32::MAX)]
    TooLarge {
        /// Which tensor.
        name: &'static str,
    },
}

/// A 2-D convolution with zero padding, dilation 1 and one group.
///
/// The input is B x C x H x W, the kernels are O x C x kh x kw and the output is
/// B x O x Ho x Wo with Ho = floor((H + 2 padding - kh) / stride) + 1, all row-major (the last
/// index is adjacent in memory).
///
/// ```
/// use kernels::convolution::ConvolutionShape;
/// let shape = ConvolutionShape::new(32, [3, 32, 32], [16, 3, 3], 1, 1)?;
/// assert_eq!((shape.output_height(), shape.output_width()), (32, 32));
/// assert_eq!(shape.multiply_adds(), 32 * 16 * 32 * 32 * 3 * 3 * 3);
/// # Ok::<(), kernels::convolution::ShapeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionShape {
    batch: usize,
    input_channels: usize,
    height: usize,
    width: usize,
    output_channels: usize,
    kernel_height: usize,
    kernel_width: usize,
    stride: usize,
    padding: usize,
}

impl ConvolutionShape {
    /// A shape of `batch` images `[channels, height, width]` and kernels
    /// `[output channels, height, width]`.
    ///
    /// # Errors
    /// [`ShapeError`] when a size is zero, the kernel does not fit, or a tensor is too large.
    pub fn new(
        batch: usize,
        [input_channels, height, width]: [usize; 3],
        [output_channels, kernel_height, kernel_width]: [usize; 3],
        stride: usize,
        padding: usize,
    ) -> Result<Self, ShapeError> {
        let sizes = [
            ("batch", batch),
            ("number of input channels", input_channels),
            ("height", height),
            ("width", width),
            ("number of output channels", output_channels),
            ("kernel height", kernel_height),
            ("kernel width", kernel_width),
            ("stride", stride),
        ];
        if let Some(&(name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(ShapeError::Zero { name });
        }
        let padded = |size: usize| padding.checked_mul(2)?.checked_add(size);
        let addressable = |name: &'static str, sizes: &[usize]| {
            sizes
                .iter()
                .try_fold(1usize, |product, &size| product.checked_mul(size))
                .filter(|&product| product <= u32::MAX as usize)
                .ok_or(ShapeError::TooLarge { name })
        };
        let too_large = ShapeError::TooLarge { name: "input" };
        let (Some(padded_height), Some(padded_width)) = (padded(height), padded(width)) else {
            return Err(too_large);
        };
        addressable("input", &[batch, input_channels, padded_height, padded_width])?;
        if kernel_height > padded_height || kernel_width > padded_width {
            return Err(ShapeError::KernelTooLarge {
                kernel_height,
                kernel_width,
                height,
                width,
                padding,
            });
        }
        addressable(
            "kernel tensor",
            &[output_channels, input_channels, kernel_height, kernel_width],
        )?;
        let shape = Self {
            batch,
            input_channels,
            height,
            width,
            output_channels,
            kernel_height,
            kernel_width,
            stride,
            padding,
        };
        addressable("output", &[batch, output_channels, shape.positions()])?;
        // Bounds of the copies that the convolution and its input gradient read.
        let images = group_of(shape.positions(), batch);
        let rows = 2 * padded_height;
        addressable("input", &[images, input_channels, kernel_width, rows, padded_width])?;
        let images = group_of(height.div_ceil(stride) * width.div_ceil(stride), batch);
        let rows = height + kernel_height;
        addressable("output", &[images, output_channels, kernel_width, rows, width])?;
        Ok(shape)
    }

    /// Images of the minibatch, B.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Channels of the input, C.
    pub fn input_channels(&self) -> usize {
        self.input_channels
    }

    /// Rows of an input image, H.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of an input image, W.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Channels of the output, O.
    pub fn output_channels(&self) -> usize {
        self.output_channels
    }

    /// Rows of a kernel, kh.
    pub fn kernel_height(&self) -> usize {
        self.kernel_height
    }

    /// Columns of a kernel, kw.
    pub fn kernel_width(&self) -> usize {
        self.kernel_width
    }

    /// Pixels from one position of the kernel to the next, along both axes.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Rows and columns of zeros on each side of an image.
    pub fn padding(&self) -> usize {
        self.padding
    }

    /// Rows of an output image, Ho.
    pub fn output_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel_height) / self.stride + 1
    }

    /// Columns of an output image, Wo.
    pub fn output_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel_width) / self.stride + 1
    }

    /// Positions of the kernel in an image, Ho Wo.
    pub fn positions(&self) -> usize {
        self.output_height() * self.output_width()
    }

    /// Pixels of an input plane, H W.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Weights of one input channel in one kernel, kh kw.
    pub fn taps(&self) -> usize {
        self.kernel_height * self.kernel_width
    }

    /// Numbers of the input, B C H W.
    pub fn input_len(&self) -> usize {
        self.batch * self.input_channels * self.pixels()
    }

    /// Numbers of the kernels, O C kh kw.
    pub fn kernel_len(&self) -> usize {
        self.output_channels * self.input_channels * self.taps()
    }

    /// Numbers of the output, B O Ho Wo.
    pub fn output_len(&self) -> usize {
        self.batch * self.output_channels * self.positions()
    }

    /// Whether every patch is one pixel and every pixel one.
    pub(super) fn is_pixelwise(&self) -> bool {
        self.taps() == 1 && self.stride == 1 && self.padding == 0
    }

    /// The same convolution with images of one row where rows make no difference.
    pub(super) fn flattened(self) -> Self {
        if self.is_pixelwise() { Self { height: 1, width: self.pixels(), ..self } } else { self }
    }

    /// Fused multiply-adds of the exact convolution, B O Ho Wo C kh kw (those on zeros of the
    /// padding included), and of each of its two gradients.
    pub fn multiply_adds(&self) -> u64 {
        self.output_len() as u64 * (self.input_channels * self.taps()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_no_convolution_are_named() {
        let new = ConvolutionShape::new;
        let error = new(1, [1, 4, 4], [1, 3, 3], 0, 0).unwrap_err();
        assert_eq!(error, ShapeError::Zero { name: "stride" });
        let error = new(1, [1, 2, 4], [1, 3, 3], 1, 0).unwrap_err();
        assert!(error.to_string().contains("3 x 3 kernel does not fit into a 2 x 4"), "{error}");
        let error = new(1 << 20, [1 << 10, 64, 64], [1, 3, 3], 1, 0).unwrap_err();
        assert_eq!(error, ShapeError::TooLarge { name: "input" });
        let error = new(1, [1, 4, 4], [1, 1, 1], 1, usize::MAX / 2).unwrap_err();
        assert_eq!(error, ShapeError::TooLarge { name: "input" });
    }

    #[test]
    fn a_stride_that_does_not_divide_leaves_the_last_pixels_out() {
        let shape = ConvolutionShape::new(1, [1, 8, 7], [1, 3, 2], 2, 0).unwrap();
        assert_eq!((shape.output_height(), shape.output_width()), (3, 3));
    }
}
