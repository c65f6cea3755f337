//! How long packed codes take, beside a copy of as many bytes as are read and written.
//!
//! Run with `cargo run --release -p kernels --example packed_codes`.

use kernels::InstructionSet;
use kernels::quantised::{PackedQuantiser, Quantiser, Zero};
use kernels::random::{Stream, standard_normal};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Channels of 32 x 32 pixels.
const PLANE: usize = 1024;
/// Planes of a tensor in the nearest caches, and of one in none.
const PLANES: [usize; 2] = [16, 16_384];
const REPEATS: usize = 15;

/// The middle one of several times of each kind of work, which take turns.
fn medians<const N: usize>(mut work: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..REPEATS {
        for (times, work) in times.iter_mut().zip(&mut work) {
            let start = Instant::now();
            work();
            times.push(start.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[REPEATS / 2]
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = Stream::new(1, "example").at(0);
    let plane: Vec<f32> = (0..PLANE).map(|_| standard_normal(&mut rng) as f32).collect();
    println!(
        "{:<9} {:>4} {:>8} {:>12} {:>12} {:>12} {:>12}",
        "set", "bits", "numbers", "encode GB/s", "times copy", "decode GB/s", "times copy"
    );
    for planes in PLANES {
        let mut numbers = plane.repeat(planes);
        for set in InstructionSet::available() {
            for bits in [2, 4, 8] {
                let step = 6.0 / f64::from(1 << bits);
                let quantiser = PackedQuantiser::new(Quantiser::new(bits, step, Zero::Edge)?)?;
                let (run, bins) = (quantiser.bytes(PLANE), quantiser.bins(1.0, 0.0));
                let (mut codes, passes) = (vec![0u8; run * planes], 65_536 / planes);
                let bytes = numbers.len() * size_of::<f32>() + codes.len();
                // A copy reads one half of its bytes and writes the other.
                let (from, mut to) = (vec![1u8; bytes / 2], vec![0u8; bytes / 2]);
                let (from_numbers, from_codes) = (numbers.clone(), vec![0x5au8; codes.len()]);
                let [encoded, decoded, copied] = medians([
                    &mut || {
                        for _ in 0..passes {
                            let planes = from_numbers.chunks_exact(PLANE);
                            for (codes, plane) in codes.chunks_exact_mut(run).zip(planes) {
                                quantiser.encode(set, bins, plane, |x| x, codes);
                            }
                        }
                        black_box(&mut codes);
                    },
                    &mut || {
                        for _ in 0..passes {
                            let planes = numbers.chunks_exact_mut(PLANE);
                            for (codes, plane) in from_codes.chunks_exact(run).zip(planes) {
                                quantiser.decode(set, bins, codes, |x| x, plane);
                            }
                        }
                        black_box(&mut numbers);
                    },
                    &mut || {
                        for _ in 0..passes {
                            black_box(&mut to).copy_from_slice(black_box(&from));
                        }
                    },
                ]);
                let speed = |time: Duration| (bytes * passes) as f64 / time.as_secs_f64() / 1e9;
                let ratio = |time: Duration| time.as_secs_f64() / copied.as_secs_f64();
                println!(
                    "{:<9} {bits:>4} {:>8} {:>12.1} {:>12.2} {:>12.1} {:>12.2}",
                    set.to_string(),
                    numbers.len(),
                    speed(encoded),
                    ratio(encoded),
                    speed(decoded),
                    ratio(decoded)
                );
            }
        }
    }
    Ok(())
}
