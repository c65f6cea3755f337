//! JPEG and PNG bytes to pixels.
//!
//! JPEG goes through `zune-jpeg`, the decoder inside the image crate, called directly for two
//! reasons. It is strict here, so that a file cut off in its pixels is an error, where the image
//! crate fills what it cannot decode with grey and says nothing. And it is built without platform
//! SIMD: its inverse cosine transform, upsampling and colour conversion are integer arithmetic in
//! one order and give the same bits on every machine. (Tests write JPEG files with the image
//! crate, which switches SIMD on for them; on x86-64 the pixels are the same.)
//!
//! JPEG has no checksum: changed bytes that still form a valid stream cannot be told.

use image::ImageFormat;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// A decoded image: height x width x 3 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

impl Pixels {
    /// Mirrors the image left to right.
    pub fn mirror(&mut self) {
        for row in self.rgb.chunks_exact_mut(3 * self.width) {
            row.as_chunks_mut::<3>().0.reverse();
        }
    }

    /// Appends the image channel by channel, as data sets hold it.
    pub fn append_planes(&self, to: &mut Vec<u8>) {
        for channel in 0..3 {
            to.extend(self.rgb.iter().skip(channel).step_by(3));
        }
    }
}

/// Decodes an image by its first bytes, whatever its name: ImageNet has a PNG file called JPEG.
///
/// Grey images get three equal channels, transparency is dropped.
///
/// # Errors
/// What is wrong with the bytes, as a sentence of the decoder.
pub fn decode(bytes: &[u8]) -> Result<Pixels, String> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => decode_jpeg(bytes),
        Ok(ImageFormat::Png) => {
            let image = image::load_from_memory_with_format(bytes, ImageFormat::Png)
                .map_err(|error| error.to_string())?;
            let (height, width) = (image.height() as usize, image.width() as usize);
            Ok(Pixels { height, width, rgb: image.into_rgb8().into_raw() })
        }
        _ => Err("the bytes are neither JPEG nor PNG".to_owned()),
    }
}

fn decode_jpeg(bytes: &[u8]) -> Result<Pixels, String> {
    let options =
        DecoderOptions::default().set_strict_mode(true).jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let rgb = decoder.decode().map_err(|error| error.to_string())?;
    match decoder.dimensions() {
        Some((width, height)) if rgb.len() == 3 * width * height => {
            Ok(Pixels { height, width, rgb })
        }
        _ => Err("the number of pixels is not the announced one".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage, RgbImage};
    use std::io::Cursor;

    fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn gradient(width: u32, height: u32) -> RgbImage {
        let colour = |x, y| image::Rgb([(x * 5) as u8, (y * 7) as u8, (x + 2 * y) as u8]);
        RgbImage::from_fn(width, height, colour)
    }

    #[test]
    fn a_png_file_keeps_its_pixels() {
        let image = gradient(21, 13);
        let pixels = decode(&encoded(image.clone(), ImageFormat::Png)).unwrap();
        assert_eq!((pixels.height, pixels.width), (13, 21));
        assert_eq!(&pixels.rgb, image.as_raw());
        let mut planes = Vec::new();
        pixels.append_planes(&mut planes);
        for (x, y, colour) in image.enumerate_pixels() {
            let place = (y * 21 + x) as usize;
            let found = [planes[place], planes[273 + place], planes[546 + place]];
            assert_eq!(found, colour.0);
        }
    }

    #[test]
    fn a_mirrored_image_runs_from_right_to_left() {
        let mut pixels = Pixels { height: 2, width: 2, rgb: (0..12).collect() };
        pixels.mirror();
        assert_eq!(pixels.rgb, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
    }

    #[test]
    fn a_jpeg_file_keeps_its_size_and_comes_close() {
        let image = gradient(37, 22);
        let pixels = decode(&encoded(image.clone(), ImageFormat::Jpeg)).unwrap();
        assert_eq!((pixels.height, pixels.width), (22, 37));
        let difference = |(&one, &two): (&u8, &u8)| f64::from(one.abs_diff(two));
        let sum: f64 = pixels.rgb.iter().zip(image.as_raw()).map(difference).sum();
        assert!(sum / (pixels.rgb.len() as f64) < 8.0, "mean difference of a quality of 75");
    }

    #[test]
    fn grey_images_get_three_equal_channels() {
        let image = GrayImage::from_fn(16, 9, |x, y| image::Luma([(x * 9 + y) as u8]));
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let pixels = decode(&encoded(image.clone(), format)).unwrap();
            assert!(pixels.rgb.chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]));
        }
    }

    #[test]
    fn a_file_cut_off_in_its_pixels_is_refused() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            let bytes = encoded(gradient(200, 150), format);
            for length in [bytes.len() / 2, bytes.len() * 3 / 4, bytes.len() - 40] {
                assert!(decode(&bytes[..length]).is_err(), "{format:?}, {length}");
            }
        }
        assert_eq!(decode(b"GIF89a").unwrap_err(), "the bytes are neither JPEG nor PNG");
        assert!(decode(&[]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn damaged_bytes_never_panic(
            damage in proptest::collection::vec((0usize..4_000, 0u8..), 1..20),
            jpeg: bool,
        ) {
            let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
            let mut bytes = encoded(gradient(64, 48), format);
            for (position, value) in damage {
                let position = position % bytes.len();
                bytes[position] = value;
            }
            if let Ok(pixels) = decode(&bytes) {
                proptest::prop_assert_eq!(pixels.rgb.len(), 3 * pixels.height * pixels.width);
            }
        }
    }
}
