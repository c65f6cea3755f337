//! Images as the networks read them: pixels from 0 to 1, which are their 8-bit codes exactly.

use training::data::{Dataset, Normalisation, Splits};
use training::matrix::Matrix;

/// The images with pixels from 0 to 1.
pub fn without_offset(splits: &Splits) -> Splits {
    let part = |part: &Dataset| {
        let normalisation = plain(part.channels);
        Dataset { normalisation, ..part.clone() }
    };
    Splits {
        train: part(&splits.train),
        held_out: part(&splits.held_out),
        test: part(&splits.test),
    }
}

/// All images of a set (images x pixels), from 0 to 1.
pub(crate) fn input(images: &Dataset) -> Matrix {
    let plain = plain(images.channels);
    let mut data = vec![0.0; images.pixels.len()];
    for (place, row) in data.chunks_exact_mut(images.features().max(1)).enumerate() {
        plain.fill(images.image(place), row);
    }
    Matrix::from_rows(images.len(), images.features(), data)
}

/// Some inputs at a time, so that not the patches of all are in memory at once.
pub(crate) fn in_parts(input: &Matrix) -> impl Iterator<Item = Matrix> {
    const ROWS: usize = 100;
    let columns = input.columns().max(1);
    let parts = input.data().chunks(ROWS * columns);
    parts.map(move |part| Matrix::from_rows(part.len() / columns, columns, part.to_vec()))
}

fn plain(channels: usize) -> Normalisation {
    Normalisation { mean: vec![0.0; channels], deviation: vec![1.0; channels] }
}
