//! Convolutions of random shapes, derivatives, threads, and the ends of the range.

use super::*;
use proptest::prelude::*;
use rayon::ThreadPoolBuilder;

fn any_shape() -> impl Strategy<Value = ConvolutionShape> {
    let image = (1usize..4, 1usize..6, 1usize..20, 1usize..20);
    let kernel = (1usize..9, 1usize..6, 1usize..6);
    (image, kernel, 1usize..4, 0usize..4).prop_filter_map(
        "the kernel fits",
        |((batch, channels, height, width), (outputs, kh, kw), stride, padding)| {
            let (input, kernels) = ([channels, height, width], [outputs, kh, kw]);
            ConvolutionShape::new(batch, input, kernels, stride, padding).ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_shape_gives_the_naive_chain_bit_for_bit(shape in any_shape(), seed in 0u64..1000) {
        check_forward::<f32>(&shape, seed);
        check_forward::<f64>(&shape, seed);
        check_input_gradient::<f32>(&shape, seed);
        check_input_gradient::<f64>(&shape, seed);
        check_kernel_gradient::<f32>(&shape, seed);
        check_kernel_gradient::<f64>(&shape, seed);
    }

    #[test]
    fn many_images_of_few_positions_share_a_product(
        batch in 1usize..40, side in 1usize..8, kernel in 1usize..4, stride in 1usize..3,
        seed in 0u64..1000,
    ) {
        let shape = ConvolutionShape::new(batch, [2, side, side], [3, kernel, kernel], stride, 1);
        if let Ok(shape) = shape {
            check_forward::<f32>(&shape, seed);
            check_input_gradient::<f32>(&shape, seed);
        }
    }
}

/// sum dY Y as a function of the input and the kernels.
fn loss(shape: &ConvolutionShape, input: &[f64], kernels: &[f64], dy: &[f64]) -> f64 {
    let mut output = vec![0.0; shape.output_len()];
    convolve(InstructionSet::detect(), shape, input, kernels, &mut output);
    output.iter().zip(dy).map(|(y, dy)| y * dy).sum()
}

/// The loss is linear in the input and in the kernels, so a central difference has no error but
/// rounding: about one of each of the `terms` products of size up to `largest`^3.
fn check_difference(gradient: f64, step: f64, [up, down]: [f64; 2], terms: f64, what: &str) {
    let largest = 5.0f64;
    let rounding = terms * largest.powi(3) * f64::EPSILON / step;
    let difference = (up - down) / (2.0 * step);
    assert!(
        (gradient - difference).abs() <= rounding,
        "{what}: {gradient} {difference} {rounding}"
    );
}

#[test]
fn gradients_are_the_derivatives_of_the_convolution() {
    let set = InstructionSet::detect();
    for (seed, shape) in shapes().iter().enumerate().map(|(seed, shape)| (seed as u64, shape)) {
        let input = numbers::<f64>(seed, shape.input_len());
        let kernels = numbers::<f64>(seed + 100, shape.kernel_len());
        let dy = numbers::<f64>(seed + 200, shape.output_len());
        let (mut dx, mut dk) = (vec![0.0; input.len()], vec![0.0; kernels.len()]);
        input_gradient(set, shape, &dy, &kernels, &mut dx);
        kernel_gradient(set, shape, &input, &dy, &mut dk);
        let terms = shape.multiply_adds() as f64;
        let step = 0.5;
        let mut rng = Stream::new(seed, "differences").at(0);
        for _ in 0..20 {
            let i = below(&mut rng, input.len());
            let ends = [step, -step].map(|step| {
                let mut input = input.clone();
                input[i] += step;
                loss(shape, &input, &kernels, &dy)
            });
            check_difference(dx[i], step, ends, terms, &format!("dX[{i}], {shape:?}"));
            let i = below(&mut rng, kernels.len());
            let ends = [step, -step].map(|step| {
                let mut kernels = kernels.clone();
                kernels[i] += step;
                loss(shape, &input, &kernels, &dy)
            });
            check_difference(dk[i], step, ends, terms, &format!("dK[{i}], {shape:?}"));
        }
    }
}

/// Every product of one shape, with and without selections, one after another.
fn all_products(shape: &ConvolutionShape) -> Vec<u64> {
    let set = InstructionSet::detect();
    let input = numbers::<f32>(1, shape.input_len());
    let kernels = numbers::<f32>(2, shape.kernel_len());
    let dy = numbers::<f32>(3, shape.output_len());
    let (mut y, mut dx, mut dk) = (dy.clone(), input.clone(), kernels.clone());
    let channels = some_of(4, shape.input_channels(), true);
    let outputs = some_of(5, shape.output_channels(), true);
    let images = some_of(6, shape.batch(), true);
    let mut all = Vec::new();
    convolve(set, shape, &input, &kernels, &mut y);
    all.extend(bits(&y));
    convolve_selected(set, shape, &input, &kernels, &channels, &mut y);
    all.extend(bits(&y));
    input_gradient(set, shape, &dy, &kernels, &mut dx);
    all.extend(bits(&dx));
    input_gradient_selected(set, shape, &dy, &kernels, &outputs, &mut dx);
    all.extend(bits(&dx));
    kernel_gradient(set, shape, &input, &dy, &mut dk);
    all.extend(bits(&dk));
    kernel_gradient_selected(set, shape, &input, &dy, &images, &mut dk);
    all.extend(bits(&dk));
    all
}

#[test]
fn every_thread_count_gives_the_same_bits() {
    let few_images = ConvolutionShape::new(2, [24, 33, 33], [32, 3, 3], 1, 1).unwrap();
    let strided = ConvolutionShape::new(3, [20, 32, 32], [24, 3, 3], 2, 1).unwrap();
    let grouped = ConvolutionShape::new(40, [12, 8, 8], [24, 3, 3], 1, 1).unwrap();
    for shape in [few_images, strided, grouped] {
        let run = |threads: usize| {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all_products(&shape))
        };
        let one = run(1);
        for threads in [2, 3] {
            assert!(run(threads) == one, "{threads} threads, {shape:?}");
        }
    }
}

#[test]
fn all_channels_with_scale_one_are_the_exact_bits_and_none_are_zero() {
    let set = InstructionSet::detect();
    for shape in shapes() {
        let input = numbers::<f32>(1, shape.input_len());
        let kernels = numbers::<f32>(2, shape.kernel_len());
        let dy = numbers::<f32>(3, shape.output_len());
        let none = |pairs: usize| Selection::new(Vec::new(), Vec::new(), pairs).unwrap();
        let check = |exact: &dyn Fn(&mut [f32]),
                     selected: &dyn Fn(&Selection, &mut [f32]),
                     pairs: usize,
                     len: usize| {
            let (mut expected, mut result) = (vec![f32::NAN; len], vec![f32::NAN; len]);
            exact(&mut expected);
            selected(&Selection::all(pairs), &mut result);
            assert!(bits(&result) == bits(&expected), "{shape:?}");
            selected(&none(pairs), &mut result);
            assert!(result.iter().all(|&x| x == 0.0), "{shape:?}");
        };
        check(
            &|y| convolve(set, &shape, &input, &kernels, y),
            &|selection, y| convolve_selected(set, &shape, &input, &kernels, selection, y),
            shape.input_channels(),
            shape.output_len(),
        );
        check(
            &|dx| input_gradient(set, &shape, &dy, &kernels, dx),
            &|selection, dx| input_gradient_selected(set, &shape, &dy, &kernels, selection, dx),
            shape.output_channels(),
            shape.input_len(),
        );
        check(
            &|dk| kernel_gradient(set, &shape, &input, &dy, dk),
            &|selection, dk| kernel_gradient_selected(set, &shape, &input, &dy, selection, dk),
            shape.batch(),
            shape.kernel_len(),
        );
        let nothing = none(shape.input_channels());
        let (x, whole) = (Images::whole(&input), Images::whole(&dy));
        input_gradient_of_channels(set, &shape, whole, &kernels, &nothing, &mut []);
        kernel_gradient_of_channels(set, &shape, x, whole, &nothing, &mut []);
        // No channel stored of the output gradient: it is zero.
        let (zero, all) = (Images::of_channels(&[], &[]), Selection::all(shape.input_channels()));
        let mut gradient = vec![f32::NAN; shape.input_len()];
        input_gradient_of_channels(set, &shape, zero, &kernels, &all, &mut gradient);
        assert!(gradient.iter().all(|&x| x == 0.0), "{shape:?}");
        kernel_gradient_of_channels(set, &shape, x, zero, &all, &mut []);
    }
}

#[test]
fn a_wrong_order_of_summation_is_seen() {
    // The control of all bit comparisons: the same sum with the channels reversed.
    let shape = ConvolutionShape::new(1, [8, 6, 6], [2, 3, 3], 1, 1).unwrap();
    let reversed = |numbers: &[f32], inner: usize| -> Vec<f32> {
        let images = numbers.chunks(8 * inner);
        images.flat_map(|image| image.chunks(inner).rev().flatten().copied()).collect()
    };
    let input = numbers::<f32>(1, shape.input_len());
    let kernels = numbers::<f32>(2, shape.kernel_len());
    let all = Selection::all(8);
    let forward = naive_forward(&shape, &input, &kernels, &all);
    let (input, kernels) = (reversed(&input, 36), reversed(&kernels, 9));
    assert_ne!(bits(&forward), bits(&naive_forward(&shape, &input, &kernels, &all)));
}

/// Debug and release builds, and every machine, are held to the same constant.
#[test]
fn products_are_pinned() {
    let shape = ConvolutionShape::new(3, [10, 17, 17], [12, 3, 3], 2, 1).unwrap();
    let hash = all_products(&shape)
        .into_iter()
        .fold(0u64, |hash, word| (hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(5));
    assert_eq!(hash, PINNED);
}
const PINNED: u64 = 3_493_109_044_772_544_287;

#[test]
#[should_panic(expected = "the length of the kernels is that of the shape")]
fn slices_that_do_not_fit_are_refused() {
    let shape = ConvolutionShape::new(1, [1, 3, 3], [1, 2, 2], 1, 0).unwrap();
    convolve(InstructionSet::detect(), &shape, &[0.0f32; 9], &[0.0; 3], &mut [0.0; 4]);
}
