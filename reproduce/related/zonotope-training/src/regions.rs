//! The second verifier: cells, reachable sets and collisions by exact clipping of polygons in the
//! input plane, without a linear program; and the polygons to draw.

use crate::layers::Layers;
use crate::obstacle::Obstacle;
use crate::pattern::Pattern;
use crate::polygon::Polygon;

/// A cell as polygons: the inputs with one pattern, and their outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Which units are active.
    pub pattern: Pattern,
    /// The inputs.
    pub inputs: Polygon,
    /// The outputs, vertex by vertex the image of the inputs; a segment or a point where the
    /// network is not one to one.
    pub outputs: Polygon,
}

/// Every cell with an area, in the order of the patterns: together the input square, and, by their
/// outputs, the whole reachable set.
pub fn regions(layers: &Layers) -> Vec<Region> {
    let mut cells = vec![(Pattern::default(), Polygon::square(1.0))];
    for unit in 0..layers.units() {
        let line = Line::of(layers, unit);
        cells = cells
            .into_iter()
            .flat_map(|(pattern, inputs)| {
                [false, true].map(|active| {
                    let side = if active { -1.0 } else { 1.0 };
                    (pattern.extended(active), line.at_most(&inputs, side, 0.0))
                })
            })
            .filter(|(_, inputs)| inputs.area() > 0.0)
            .collect();
    }
    let region = |(pattern, inputs): (Pattern, Polygon)| {
        let map = AffineMap::of(layers, &pattern);
        Region { outputs: inputs.map(|x| map.at(x)), pattern, inputs }
    };
    cells.into_iter().map(region).collect()
}

/// Whether the outputs of a cell meet the obstacle when the input square, the obstacle and the
/// cell's slack are scaled: the cell's units then satisfy -d (1 + scale) <= h y <= d (scale - 1),
/// which at scale 1 is the cell.
///
/// # Panics
/// When the pattern is not one of all units.
pub fn meets(layers: &Layers, pattern: &Pattern, obstacle: &Obstacle, scale: f64) -> bool {
    let mut inputs = Polygon::square(scale);
    for (unit, &active) in pattern.units().iter().enumerate() {
        let (line, depth) = (Line::of(layers, unit), layers.sums.depth(unit, active));
        let side = if active { -1.0 } else { 1.0 };
        inputs = line.at_most(&inputs, side, depth * (scale - 1.0));
        inputs = line.at_most(&inputs, -side, depth * (1.0 + scale));
        if depth < 0.0 || inputs.is_empty() {
            return false;
        }
    }
    let map = AffineMap::of(layers, pattern);
    for (output, line) in map.outputs.iter().enumerate() {
        for side in [1.0, -1.0] {
            let limit = side * obstacle.centre[output] + obstacle.half_width * scale;
            inputs = line.at_most(&inputs, side, limit);
        }
    }
    !inputs.is_empty()
}

/// The least scale at which the outputs of a cell meet the obstacle, by bisection of [`meets`]:
/// what the linear program of the cell computes. Infinite beyond a million.
///
/// # Panics
/// When the pattern is not one of all units.
pub fn least_scale(layers: &Layers, pattern: &Pattern, obstacle: &Obstacle) -> f64 {
    let mut high = 1.0;
    while !meets(layers, pattern, obstacle, high) {
        high *= 2.0;
        if high > 1e6 {
            return f64::INFINITY;
        }
    }
    let mut low = if high > 1.0 { high / 2.0 } else { 0.0 };
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if meets(layers, pattern, obstacle, middle) { high = middle } else { low = middle }
    }
    high
}

/// A linear function n x + b of the input.
#[derive(Clone, Copy, Debug)]
struct Line {
    normal: [f64; 2],
    offset: f64,
}

impl Line {
    /// The sum of a hidden unit.
    fn of(layers: &Layers, unit: usize) -> Self {
        let normal = [0, 1].map(|axis| layers.first_weights[(unit, axis)]);
        Self { normal, offset: layers.first_biases[unit] }
    }

    fn at(&self, x: [f64; 2]) -> f64 {
        self.normal[0] * x[0] + self.normal[1] * x[1] + self.offset
    }

    /// The part of a polygon where side (n x + b) <= limit, for a side of 1 or -1.
    fn at_most(&self, polygon: &Polygon, side: f64, limit: f64) -> Polygon {
        polygon.clip(self.normal.map(|n| side * n), limit - side * self.offset)
    }
}

/// What the network computes on a cell.
#[derive(Clone, Copy, Debug)]
struct AffineMap {
    outputs: [Line; 2],
}

impl AffineMap {
    fn of(layers: &Layers, pattern: &Pattern) -> Self {
        let masked = layers.masked_weights(pattern);
        let weights = &masked * &layers.first_weights;
        let biases = &masked * &layers.first_biases + &layers.second_biases;
        let outputs = [0, 1].map(|output| Line {
            normal: [0, 1].map(|axis| weights[(output, axis)]),
            offset: biases[output],
        });
        Self { outputs }
    }

    fn at(&self, x: [f64; 2]) -> [f64; 2] {
        self.outputs.map(|output| output.at(x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::patterns;
    use crate::collision::Collision;
    use crate::layers::tests::random;

    const OBSTACLE: Obstacle = Obstacle { centre: [0.3, 0.1], half_width: 0.05 };

    #[test]
    fn regions_make_up_the_square_and_have_the_patterns_of_the_linear_programs() {
        for case in 0..4 {
            let layers = Layers::of(&random(case, 9)).unwrap();
            let regions = regions(&layers);
            let area: f64 = regions.iter().map(|region| region.inputs.area()).sum();
            assert!((area - 4.0).abs() < 1e-13, "{area}");
            let found: Vec<_> = regions.into_iter().map(|region| region.pattern).collect();
            assert_eq!(found, patterns(&layers.sums).unwrap(), "{case}");
        }
    }

    #[test]
    fn outputs_of_a_region_are_those_of_the_network() {
        let network = random(5, 7);
        for region in regions(&Layers::of(&network).unwrap()) {
            for (x, y) in region.inputs.vertices().iter().zip(region.outputs.vertices()) {
                let predicted = network.predict(kernels::MatrixView::row_major(x, 1, 2));
                assert!((predicted[0] - y[0]).abs() + (predicted[1] - y[1]).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn clipping_and_linear_programs_find_the_same_scale_of_every_cell() {
        for case in 0..4 {
            let layers = Layers::of(&random(case, 8)).unwrap();
            let set = OBSTACLE.set().unwrap();
            for pattern in patterns(&layers.sums).unwrap() {
                let program = Collision::of(&layers, &pattern, &set).unwrap().unwrap().scale.upper;
                let clipped = least_scale(&layers, &pattern, &OBSTACLE);
                let error = (program - clipped).abs() / program.max(1.0);
                assert!(error < 1e-8, "{case} {pattern}: {program} {clipped}");
            }
        }
    }
}
