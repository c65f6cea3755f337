//! Files of the formats that are read, for tests.
//!
//! JPEG by an encoder of its own: the image crate's would switch on features of the decoder that the
//! product is built without.

use image::{DynamicImage, ImageFormat};
use jpeg_encoder::{ColorType, Encoder};
use std::io::Cursor;

/// An image of bytes, grey or of three colours, as a file; as JPEG in a quality of 75.
pub(super) fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let image = image.into();
    let mut file = Cursor::new(Vec::new());
    if format == ImageFormat::Jpeg {
        let colours = if image.color().has_color() { ColorType::Rgb } else { ColorType::Luma };
        let [width, height] = [image.width(), image.height()].map(|side| side as u16);
        let encoder = Encoder::new(&mut file, 75);
        encoder.encode(image.as_bytes(), width, height, colours).unwrap();
    } else {
        image.write_to(&mut file, format).unwrap();
    }
    file.into_inner()
}
