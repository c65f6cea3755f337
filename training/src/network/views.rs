//! Evaluation of several views of every image.

use super::Network;
use crate::layer::{ImageShape, StepContext};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

/// The views of an image that a network's output is averaged over in an evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestTimeViews {
    /// The image alone.
    #[default]
    Image,
    /// The image and its mirror image, left to right.
    Mirrored,
    /// Half of it the image and its mirror image, the other half both of them moved by a pixel up
    /// and left, and down and right. What moves in is the reflection of what is there.
    MirroredAndShifted,
}

/// An image moved and mirrored.
#[derive(Clone, Copy, Debug, PartialEq)]
struct View {
    /// Pixels down and right, by reflection; negative up and left.
    shift: isize,
    mirrored: bool,
    /// The share of the average; those of all views add up to 1.
    weight: f32,
}

impl TestTimeViews {
    /// Whether it is the image alone.
    pub fn is_image(&self) -> bool {
        *self == Self::Image
    }

    fn all(self) -> Vec<View> {
        let both = |shift: isize, weight: f32| {
            [false, true].map(|mirrored| View { shift, mirrored, weight })
        };
        match self {
            Self::Image => vec![View { shift: 0, mirrored: false, weight: 1.0 }],
            Self::Mirrored => both(0, 0.5).to_vec(),
            Self::MirroredAndShifted => [both(0, 0.25), both(-1, 0.125), both(1, 0.125)].concat(),
        }
    }

    /// The output of a network for a minibatch of images, averaged over their views in one order.
    ///
    /// # Panics
    /// When a row of the input has not the numbers of an image, or images of a single row or column
    /// are to be shifted.
    pub fn forward(
        self,
        network: &mut Network,
        context: &StepContext,
        image: ImageShape,
        input: &Matrix,
    ) -> Matrix {
        assert_eq!(input.columns(), image.len(), "numbers of an image");
        let (mut average, mut moved) = (Matrix::default(), Matrix::default());
        for view in self.all() {
            moved.reshape(input.rows(), input.columns());
            view.fill(image, input.data(), moved.data_mut());
            let output = network.forward(context, &moved);
            if average.rows() != output.rows() {
                average = Matrix::zeros(output.rows(), output.columns());
            }
            for (sum, x) in average.data_mut().iter_mut().zip(output.data()) {
                *sum += view.weight * x;
            }
        }
        average
    }
}

impl View {
    /// The views of images of this shape, one after another.
    fn fill(&self, image: ImageShape, from: &[f32], to: &mut [f32]) {
        let rows: Vec<usize> = (0..image.height).map(|y| self.source(y, image.height)).collect();
        let columns: Vec<usize> = (0..image.width)
            .map(|x| self.source(if self.mirrored { image.width - 1 - x } else { x }, image.width))
            .collect();
        let planes = from.chunks_exact(image.pixels()).zip(to.chunks_exact_mut(image.pixels()));
        for (from, to) in planes {
            for (to, &row) in to.chunks_exact_mut(image.width).zip(&rows) {
                let from = &from[row * image.width..][..image.width];
                to.iter_mut().zip(&columns).for_each(|(to, &column)| *to = from[column]);
            }
        }
    }

    /// Where what is seen at a place of an axis lies in the image.
    fn source(&self, place: usize, side: usize) -> usize {
        match place.checked_add_signed(-self.shift) {
            None => (self.shift - place as isize) as usize,
            Some(inside) if inside < side => inside,
            Some(beyond) => 2 * (side - 1) - beyond,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::mlp;
    use crate::sampling::LayerPolicies;
    use kernels::InstructionSet;
    use kernels::random::Stream;

    const IMAGE: ImageShape = ImageShape { channels: 1, height: 2, width: 3 };

    fn seen(shift: isize, mirrored: bool) -> [f32; 6] {
        let (view, mut to) = (View { shift, mirrored, weight: 1.0 }, [0.0; 6]);
        view.fill(IMAGE, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut to);
        to
    }

    #[test]
    fn views_are_moved_by_reflection_and_mirrored() {
        assert_eq!(seen(0, false), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(seen(0, true), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        assert_eq!(seen(1, false), [5.0, 4.0, 5.0, 2.0, 1.0, 2.0]);
        assert_eq!(seen(-1, false), [5.0, 6.0, 5.0, 2.0, 3.0, 2.0]);
        assert_eq!(seen(-1, true), [5.0, 6.0, 5.0, 2.0, 3.0, 2.0]);
    }

    #[test]
    fn the_output_is_the_weighted_mean_over_the_views() {
        let policies = LayerPolicies::default();
        let mut network = mlp(6, &[4], 2, 0.0).build(&policies, Stream::new(1, "views")).unwrap();
        let context = StepContext::evaluation(InstructionSet::detect());
        let input = Matrix::from_rows(1, 6, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let mut output = |shift, mirrored| {
            let moved = Matrix::from_rows(1, 6, seen(shift, mirrored).to_vec());
            network.forward(&context, &moved).data().to_vec()
        };
        let alone = output(0, false);
        let both: Vec<Vec<f32>> =
            [0, -1, 1].map(|shift| mean(&output(shift, false), &output(shift, true))).to_vec();
        let expected = [
            (TestTimeViews::Image, alone),
            (TestTimeViews::Mirrored, both[0].clone()),
            (TestTimeViews::MirroredAndShifted, mean(&both[0], &mean(&both[1], &both[2]))),
        ];
        for (views, expected) in expected {
            let found = views.forward(&mut network, &context, IMAGE, &input);
            for (found, expected) in found.data().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{views:?}: {found} and {expected}");
            }
        }
    }

    fn mean(one: &[f32], other: &[f32]) -> Vec<f32> {
        one.iter().zip(other).map(|(x, y)| 0.5 * (x + y)).collect()
    }

    #[test]
    fn weights_add_up_to_one() {
        for views in
            [TestTimeViews::Image, TestTimeViews::Mirrored, TestTimeViews::MirroredAndShifted]
        {
            assert_eq!(views.all().iter().map(|view| view.weight).sum::<f32>(), 1.0);
        }
    }
}
