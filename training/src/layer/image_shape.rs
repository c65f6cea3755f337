//! What the columns of a minibatch of images are.

use crate::setting::{FieldError, LARGEST_COUNT, count};
use kernels::convolution::{ConvolutionShape, ShapeError};
use serde::{Deserialize, Serialize};

/// Images as rows of a minibatch: column c H W + y W + x of a row is pixel (y, x) of channel c.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageShape {
    /// Channels, C.
    pub channels: usize,
    /// Rows of pixels, H.
    pub height: usize,
    /// Columns of pixels, W.
    pub width: usize,
}

impl ImageShape {
    /// Images of so many channels, rows and columns.
    pub fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// Checks that an image has numbers, and not more than are addressed by 32 bits.
    ///
    /// # Errors
    /// When a side or their product is out of range.
    pub fn check(&self) -> Result<(), FieldError> {
        let Self { channels, height, width } = *self;
        for (side, size) in [("channels", channels), ("height", height), ("width", width)] {
            count(side, size).map_err(|error| error.within("image"))?;
        }
        let numbers = (channels as u128) * (height as u128) * (width as u128);
        if numbers > LARGEST_COUNT as u128 {
            let (value, expected) =
                (format!("{channels} x {height} x {width}"), "at most 2^32 - 1 numbers");
            return Err(FieldError::new("image", value, expected));
        }
        Ok(())
    }

    /// Numbers of an image, C H W.
    pub fn len(&self) -> usize {
        self.channels * self.pixels()
    }

    /// Whether an image has no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pixels of a channel, H W.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// What a window that slides over such images makes of them.
    ///
    /// ```
    /// use training::layer::{ImageShape, Window};
    /// let photo = ImageShape::new(3, 224, 224);
    /// let first = photo.after(Window::square(7, 2, 3), 64)?;
    /// assert_eq!(first, ImageShape::new(64, 112, 112));
    /// # Ok::<(), kernels::convolution::ShapeError>(())
    /// ```
    ///
    /// # Errors
    /// [`ShapeError`] when a size is zero or the window does not fit.
    pub fn after(self, window: Window, channels: usize) -> Result<Self, ShapeError> {
        let shape = window.shape(1, self, channels)?;
        Ok(Self::new(channels, shape.output_height(), shape.output_width()))
    }
}

/// A rectangle that slides over an image with zeros around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Pixels from one position to the next, along both axes.
    pub stride: usize,
    /// Rows and columns added on each side of the image.
    pub padding: usize,
}

impl Window {
    /// A window as high as wide.
    pub fn square(size: usize, stride: usize, padding: usize) -> Self {
        Self { height: size, width: size, stride, padding }
    }

    /// Rows times columns.
    pub fn taps(&self) -> usize {
        self.height * self.width
    }

    /// The convolution with such a window of a minibatch.
    ///
    /// # Errors
    /// [`ShapeError`] when a size is zero, the window does not fit, or a tensor is too large.
    pub fn shape(
        &self,
        batch: usize,
        image: ImageShape,
        output_channels: usize,
    ) -> Result<ConvolutionShape, ShapeError> {
        let input = [image.channels, image.height, image.width];
        let kernels = [output_channels, self.height, self.width];
        ConvolutionShape::new(batch, input, kernels, self.stride, self.padding)
    }
}
