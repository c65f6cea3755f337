//! Tables drawn by code, for where the published ones are not at hand.

use crate::samples::Samples;
use kernels::random::{Stream, standard_normal, uniform};

/// Clouds of samples: the centre of each class is uniform in the unit cube, and its samples are
/// normal around it with the standard deviation `spread` in every feature.
///
/// ```
/// use kernels::random::Stream;
/// use memristor_classifier::generated::clouds;
/// let samples = clouds("two clouds", &[3, 4], 5, 0.2, Stream::new(1, "example"));
/// assert_eq!((samples.len(), samples.features), (7, 5));
/// ```
pub fn clouds(
    name: &str,
    members: &[usize],
    features: usize,
    spread: f64,
    stream: Stream,
) -> Samples {
    let mut samples = Samples {
        name: name.to_owned(),
        classes: (1..=members.len()).map(|class| format!("cloud {class}")).collect(),
        features,
        values: Vec::with_capacity(members.iter().sum::<usize>() * features),
        labels: Vec::with_capacity(members.iter().sum()),
    };
    for (class, &members) in members.iter().enumerate() {
        let mut rng = stream.at(class as u64);
        let centre: Vec<f64> = (0..features).map(|_| uniform(&mut rng)).collect();
        for _ in 0..members {
            let around = centre.iter().map(|x| x + spread * standard_normal(&mut rng));
            samples.values.extend(around);
            samples.labels.push(class);
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use theory::statistics::Sample;

    #[test]
    fn clouds_have_their_members_around_their_centres() {
        let samples = clouds("clouds", &[4_000, 10], 2, 0.1, Stream::new(1, "clouds"));
        let members = samples.of_classes();
        assert_eq!((members[0].len(), members[1].len()), (4_000, 10));
        for feature in 0..2 {
            let of = members[0].iter().map(|&index| samples.row(index)[feature]);
            let sample = Sample::of(of);
            assert!((0.0..1.0).contains(&sample.mean()), "{}", sample.mean());
            assert!((sample.variance().sqrt() - 0.1).abs() < 0.006, "{}", sample.variance());
        }
        assert_eq!(samples, clouds("clouds", &[4_000, 10], 2, 0.1, Stream::new(1, "clouds")));
    }
}
