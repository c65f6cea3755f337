//! JPEG, PNG and WebP bytes to pixels.
//!
//! JPEG goes through `zune-jpeg`, the decoder inside the image crate, called directly for two
//! reasons. It is strict here, so that a file cut off in its pixels is an error, where the image
//! crate fills what it cannot decode with grey and says nothing. And it is built without platform
//! SIMD: its inverse cosine transform, upsampling and colour conversion are integer arithmetic in
//! one order and give the same bits on every machine.
//!
//! JPEG has no checksum: changed bytes that still form a valid stream cannot be told.

use super::unpacked::is_web_page;
use image::{ImageFormat, ImageReader};
use std::io::Cursor;
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
    /// Height and width of the image resized until its shorter side has so many pixels; the other
    /// keeps the ratio, rounded down.
    pub(super) fn target(&self, shorter: usize) -> (usize, usize) {
        let found = self.height.min(self.width);
        (self.height * shorter / found, self.width * shorter / found)
    }

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

/// The most pixels of an image that is decoded: no photograph of ImageNet has half as many.
const MOST_PIXELS: usize = 1 << 27;

/// Height and width of an image as its header says, whatever its name: ImageNet has a PNG file
/// called JPEG. No pixel is decoded.
///
/// # Errors
/// What is wrong with the bytes, as a sentence; more pixels than are decoded are wrong, too.
pub fn size(bytes: &[u8]) -> Result<(usize, usize), String> {
    let (width, height) = match format(bytes)? {
        ImageFormat::WebP if is_cut_off(bytes) => {
            return Err("the file is shorter than its header says".to_owned());
        }
        ImageFormat::Jpeg => {
            let mut decoder = jpeg_decoder(bytes);
            decoder.decode_headers().map_err(|error| error.to_string())?;
            decoder.dimensions().ok_or("the header says no size")?
        }
        other => {
            let reader = ImageReader::with_format(Cursor::new(bytes), other);
            let (width, height) = reader.into_dimensions().map_err(|error| error.to_string())?;
            (width as usize, height as usize)
        }
    };
    if width == 0 || height == 0 || width.saturating_mul(height) > MOST_PIXELS {
        return Err(format!(
            "the header announces {height} x {width} pixels; 1 to {MOST_PIXELS} are decoded"
        ));
    }
    Ok((height, width))
}

/// Decodes an image by its first bytes, once its header has been looked at.
///
/// Grey images get three equal channels, transparency is dropped.
///
/// # Errors
/// What is wrong with the bytes, as a sentence of the decoder.
pub fn decode(bytes: &[u8]) -> Result<Pixels, String> {
    let (height, width) = size(bytes)?;
    let rgb = match format(bytes)? {
        ImageFormat::Jpeg => jpeg_decoder(bytes).decode().map_err(|error| error.to_string())?,
        other => {
            let image = image::load_from_memory_with_format(bytes, other)
                .map_err(|error| error.to_string())?;
            image.into_rgb8().into_raw()
        }
    };
    if rgb.len() != 3 * width * height {
        return Err("the number of pixels is not the announced one".to_owned());
    }
    Ok(Pixels { height, width, rgb })
}

fn format(bytes: &[u8]) -> Result<ImageFormat, String> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP)) => Ok(format),
        _ if bytes.is_empty() => Err("the file is empty".to_owned()),
        _ if is_web_page(bytes) => Err("this is an HTML page and no image".to_owned()),
        _ => Err("the bytes are neither JPEG, PNG nor WebP".to_owned()),
    }
}

/// Whether a WebP file is shorter than its first eight bytes say: `RIFF`, and the length of the
/// rest. Its decoder does not look, and pixels of one colour need no bytes at all.
fn is_cut_off(webp: &[u8]) -> bool {
    let length = webp.get(4..).and_then(|rest| rest.first_chunk());
    length.is_none_or(|&length| webp.len() - 8 < u32::from_le_bytes(length) as usize)
}

fn jpeg_decoder(bytes: &[u8]) -> JpegDecoder<ZCursor<&[u8]>> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::encoding::encoded;
    use image::{GrayImage, RgbImage};

    const FORMATS: [ImageFormat; 3] = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];

    fn gradient(width: u32, height: u32) -> RgbImage {
        let colour = |x, y| image::Rgb([(x * 5) as u8, (y * 7) as u8, (x + 2 * y) as u8]);
        RgbImage::from_fn(width, height, colour)
    }

    #[test]
    fn a_png_and_a_lossless_webp_file_keep_their_pixels() {
        let image = gradient(21, 13);
        let [pixels, webp] = [ImageFormat::Png, ImageFormat::WebP]
            .map(|format| decode(&encoded(image.clone(), format)).unwrap());
        assert_eq!((pixels.height, pixels.width), (13, 21));
        assert_eq!(&pixels.rgb, image.as_raw());
        assert_eq!(webp, pixels);
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
        for format in FORMATS {
            let pixels = decode(&encoded(image.clone(), format)).unwrap();
            assert!(pixels.rgb.chunks_exact(3).all(|rgb| rgb[0] == rgb[1] && rgb[1] == rgb[2]));
        }
    }

    #[test]
    fn a_file_cut_off_in_its_pixels_is_refused() {
        for format in FORMATS {
            let bytes = encoded(gradient(200, 150), format);
            for length in [bytes.len() / 2, bytes.len() * 3 / 4, bytes.len() - 40] {
                assert!(decode(&bytes[..length]).is_err(), "{format:?}, {length}");
            }
        }
        let neither = "the bytes are neither JPEG, PNG nor WebP";
        assert_eq!(decode(b"GIF89a").unwrap_err(), neither);
        assert_eq!(decode(&[]).unwrap_err(), "the file is empty");
        assert_eq!(decode(b"<html>").unwrap_err(), "this is an HTML page and no image");
    }

    #[test]
    fn a_webp_file_is_as_long_as_it_says() {
        let mut bytes = encoded(gradient(8, 8), ImageFormat::WebP);
        assert!(decode(&bytes).is_ok());
        bytes[4] += 2;
        let shorter = "the file is shorter than its header says";
        assert_eq!(decode(&bytes).unwrap_err(), shorter);
        assert_eq!(decode(b"RIFF\x01\x01\0\0WEBP").unwrap_err(), shorter);
    }

    /// A file of some bytes whose header announces a square of this side.
    fn announcing(side: u16, format: ImageFormat) -> Vec<u8> {
        let mut bytes = encoded(gradient(8, 8), format);
        if format == ImageFormat::Jpeg {
            let frame = bytes.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
            bytes[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
            bytes[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
        } else {
            bytes[16..20].copy_from_slice(&u32::from(side).to_be_bytes());
            bytes[20..24].copy_from_slice(&u32::from(side).to_be_bytes());
            let mut checksum = flate2::Crc::new();
            checksum.update(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&checksum.sum().to_be_bytes());
        }
        bytes
    }

    #[test]
    fn a_header_that_announces_too_much_is_refused_before_memory_is_taken() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg] {
            assert_eq!(size(&announcing(10_000, format)), Ok((10_000, 10_000)));
            let bytes = announcing(60_000, format);
            let measured = allocation_counter::measure(|| {
                let found = decode(&bytes).unwrap_err();
                assert!(found.contains("announces 60000 x 60000 pixels"), "{format:?}: {found}");
            });
            assert!(measured.bytes_max < 1_000_000, "{format:?}: {} bytes", measured.bytes_max);
        }
    }

    proptest::proptest! {
        #[test]
        fn damaged_bytes_never_panic(
            damage in proptest::collection::vec((0usize..4_000, 0u8..), 1..20),
            format in proptest::sample::select(FORMATS.to_vec()),
        ) {
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
