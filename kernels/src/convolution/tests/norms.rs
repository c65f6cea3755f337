//! Norms against sums over the whole tensor.

use super::scores::*;
use super::*;

/// The square roots of the sums of squares by key.
fn norms_by(numbers: &[f64], keys: usize, key: impl Fn(usize) -> usize) -> Vec<f64> {
    let mut sums = vec![0.0; keys];
    for (index, x) in numbers.iter().enumerate() {
        sums[key(index)] += x * x;
    }
    sums.into_iter().map(f64::sqrt).collect()
}

fn assert_close(norms: &[f64], expected: &[f64], terms: usize) {
    for (x, y) in norms.iter().zip(expected) {
        assert!((x - y).abs() <= terms as f64 * f64::EPSILON * y, "{x} {y}");
    }
    assert_eq!(norms.len(), expected.len());
}

#[test]
fn norms_of_many_channels_are_the_same_bits_under_each_instruction_set() {
    for taps in [1, 3] {
        let shape = ConvolutionShape::new(1, [150, 4, 4], [3, taps, taps], 1, 0).unwrap();
        let (channels, taps) = (shape.input_channels(), shape.taps());
        let kernels = numbers::<f32>(2, shape.kernel_len());
        let mut expected = vec![0.0; channels];
        for (place, &x) in kernels.iter().enumerate() {
            expected[place / taps % channels] += f64::from(x) * f64::from(x);
        }
        expected.iter_mut().for_each(|sum| *sum = sum.sqrt());
        for set in InstructionSet::available() {
            let mut norms = vec![f64::NAN; channels];
            kernel_input_norms_into(set, &shape, &kernels, &mut norms);
            assert_eq!(norms, expected, "{set}, {taps} taps");
        }
    }
}

#[test]
fn norms_are_those_of_the_slices_they_name() {
    let set = InstructionSet::detect();
    for shape in shapes() {
        let (channels, outputs, batch) =
            (shape.input_channels(), shape.output_channels(), shape.batch());
        let (pixels, positions, taps) = (shape.pixels(), shape.positions(), shape.taps());
        let input = numbers::<f64>(1, shape.input_len());
        let kernels = numbers::<f64>(2, shape.kernel_len());
        let dy = numbers::<f64>(3, shape.output_len());

        let mut norms = vec![f64::NAN; channels];
        input_channel_norms_into(set, &shape, &input, &mut norms);
        let expected = norms_by(&input, channels, |i| i / pixels % channels);
        assert_close(&norms, &expected, input.len());
        kernel_input_norms_into(set, &shape, &kernels, &mut norms);
        let expected = norms_by(&kernels, channels, |i| i / taps % channels);
        assert_close(&norms, &expected, kernels.len());

        let mut norms = vec![f64::NAN; outputs];
        output_channel_norms_into(set, &shape, &dy, &mut norms);
        assert_close(&norms, &norms_by(&dy, outputs, |i| i / positions % outputs), dy.len());
        kernel_output_norms_into(set, &shape, &kernels, &mut norms);
        let expected = norms_by(&kernels, outputs, |i| i / (channels * taps));
        assert_close(&norms, &expected, kernels.len());

        let mut norms = vec![f64::NAN; batch];
        input_image_norms_into(set, &shape, &input, &mut norms);
        let expected = norms_by(&input, batch, |i| i / (channels * pixels));
        assert_close(&norms, &expected, input.len());
        output_image_norms_into(set, &shape, &dy, &mut norms);
        assert_close(&norms, &norms_by(&dy, batch, |i| i / (outputs * positions)), dy.len());

        let pairs = batch * positions;
        let mut norms = vec![f64::NAN; pairs];
        output_position_norms_into(&shape, &dy, &mut norms);
        let image_len = outputs * positions;
        let expected = norms_by(&dy, pairs, |i| i / image_len * positions + i % positions);
        assert_close(&norms, &expected, outputs);
        patch_norms_into(&shape, &input, &mut norms);
        let expected: Vec<f64> = (0..pairs)
            .map(|pair| {
                let image = &input[pair / positions * channels * pixels..][..channels * pixels];
                let squares = (0..taps)
                    .filter_map(|tap| pixel(&shape, pair % positions, tap))
                    .flat_map(|pixel| image[pixel..].iter().step_by(pixels).map(|x| x * x));
                squares.sum::<f64>().sqrt()
            })
            .collect();
        assert_close(&norms, &expected, channels * taps);
    }
}

#[test]
fn channel_scores_bound_the_contribution_of_a_channel() {
    let set = InstructionSet::detect();
    for shape in shapes() {
        let input = numbers::<f64>(1, shape.input_len());
        let kernels = numbers::<f64>(2, shape.kernel_len());
        let (mut x, mut k) = (vec![0.0; shape.input_channels()], vec![0.0; shape.input_channels()]);
        input_channel_norms_into(set, &shape, &input, &mut x);
        kernel_input_norms_into(set, &shape, &kernels, &mut k);
        for c in 0..shape.input_channels() {
            let only = Selection::new(vec![c as u32], vec![1.0], shape.input_channels()).unwrap();
            let mut output = vec![0.0; shape.output_len()];
            convolve_selected(set, &shape, &input, &kernels, &only, &mut output);
            let norm = output.iter().map(|y| y * y).sum::<f64>().sqrt();
            let bound = (shape.taps() as f64).sqrt() * x[c] * k[c];
            assert!(norm <= bound * (1.0 + 1e-12), "channel {c}: {norm} {bound}, {shape:?}");
        }
    }
}

#[test]
fn every_instruction_set_gives_the_same_norms() {
    let shape = ConvolutionShape::new(3, [4, 9, 9], [5, 3, 3], 1, 1).unwrap();
    let input = numbers::<f32>(1, shape.input_len());
    let run = |set: InstructionSet| {
        let mut norms = [0.0; 4];
        input_channel_norms_into(set, &shape, &input, &mut norms);
        norms
    };
    for set in InstructionSet::available() {
        assert_eq!(run(set), run(InstructionSet::Portable), "{set}");
    }
}
