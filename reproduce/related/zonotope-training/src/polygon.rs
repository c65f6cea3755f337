//! Convex polygons in the plane, and their clipping by half-planes (Sutherland and Hodgman 1974).

/// A closed convex polygon by its vertices in order; a segment, a point or nothing as limits of it.
///
/// ```
/// use zonotope_training::Polygon;
/// let triangle = Polygon::square(1.0).clip([1.0, 1.0], 0.0);
/// assert_eq!(triangle.area(), 2.0);
/// assert!(triangle.clip([-1.0, -1.0], -0.1).is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Polygon {
    vertices: Vec<[f64; 2]>,
}

impl Polygon {
    /// The square about the origin with this half-width, counter-clockwise.
    pub fn square(half_width: f64) -> Self {
        let h = half_width;
        Self { vertices: vec![[-h, -h], [h, -h], [h, h], [-h, h]] }
    }

    /// Its vertices in order, each once.
    pub fn vertices(&self) -> &[[f64; 2]] {
        &self.vertices
    }

    /// Whether it has no point.
    pub fn is_empty(&self) -> bool {
        self.vertices.is_empty()
    }

    /// The part where n x <= limit.
    #[must_use]
    pub fn clip(&self, normal: [f64; 2], limit: f64) -> Self {
        let beyond = |p: [f64; 2]| normal[0] * p[0] + normal[1] * p[1] - limit;
        let mut vertices = Vec::with_capacity(self.vertices.len() + 1);
        let following = self.vertices.iter().cycle().skip(1);
        for (&from, &to) in self.vertices.iter().zip(following) {
            let (here, there) = (beyond(from), beyond(to));
            if here <= 0.0 {
                vertices.push(from);
            }
            if (here < 0.0 && there > 0.0) || (here > 0.0 && there < 0.0) {
                let share = here / (here - there);
                vertices.push([0, 1].map(|axis| from[axis] + share * (to[axis] - from[axis])));
            }
        }
        Self { vertices }
    }

    /// The polygon of the images of its vertices: its image, for an affine map.
    #[must_use]
    pub fn map(&self, image: impl Fn([f64; 2]) -> [f64; 2]) -> Self {
        Self { vertices: self.vertices.iter().map(|&vertex| image(vertex)).collect() }
    }

    /// Its area.
    pub fn area(&self) -> f64 {
        let following = self.vertices.iter().cycle().skip(1);
        let twice: f64 =
            self.vertices.iter().zip(following).map(|(p, q)| p[0] * q[1] - p[1] * q[0]).sum();
        0.5 * twice.abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_of_a_line_make_up_the_whole() {
        let square = Polygon::square(1.5);
        for step in 0..20 {
            let angle = f64::from(step) * 0.3;
            let normal = [libm::cos(angle), libm::sin(angle)];
            let sides = [square.clip(normal, 0.4), square.clip(normal.map(|x| -x), -0.4)];
            let areas: f64 = sides.iter().map(Polygon::area).sum();
            assert!((areas - 9.0).abs() < 1e-14, "{areas}");
        }
    }

    #[test]
    fn an_edge_is_kept_as_a_segment_and_what_lies_beyond_is_nothing() {
        let edge = Polygon::square(1.0).clip([1.0, 0.0], -1.0);
        assert_eq!((edge.vertices().len(), edge.area()), (2, 0.0));
        assert!(edge.clip([1.0, 0.0], -1.5).is_empty());
        let corner = edge.clip([0.0, 1.0], -1.0);
        assert_eq!(corner.vertices(), [[-1.0, -1.0]]);
        assert!(Polygon::default().clip([1.0, 0.0], 1.0).is_empty());
    }
}
