//! What the columns of each class read for each query.

use crate::crossbar::Stored;
use crate::split::Pair;
use kernels::MatrixView;
use rayon::prelude::*;
use std::ops::Range;

/// Queries whose read-outs are held at once.
const BATCH: usize = 1_000;

/// Read-outs of queries by class, in ascending order within a class: no rule asks which column of
/// a class it was.
#[derive(Clone, Debug, PartialEq)]
pub struct Similarities {
    values: Vec<f64>,
    columns: usize,
    classes: Vec<Range<usize>>,
}

impl Similarities {
    /// The read-outs of the queries of a pair in batches, each with the classes of its queries.
    ///
    /// # Panics
    /// When `stored` has not a column for each of the pair's stored vectors.
    pub fn batches<'a>(
        pair: &'a Pair,
        stored: &'a Stored,
    ) -> impl Iterator<Item = (Self, &'a [usize])> {
        assert_eq!(stored.columns(), pair.stored.len(), "a column for each stored vector");
        let mut classes = Vec::with_capacity(pair.stored.classes.len());
        let mut start = 0;
        for members in pair.stored.of_classes() {
            classes.push(start..start + members.len());
            start += members.len();
        }
        let features = pair.queries.features;
        let values = pair.queries.values.chunks((BATCH * features).max(1));
        values.zip(pair.queries.labels.chunks(BATCH)).map(move |(values, labels)| {
            let queries = MatrixView::row_major(values, labels.len(), features);
            let mut values = stored.read(queries);
            values.par_chunks_mut(stored.columns()).for_each(|row| {
                for class in &classes {
                    row[class.clone()].sort_unstable_by(f64::total_cmp);
                }
            });
            (Self { values, columns: stored.columns(), classes: classes.clone() }, labels)
        })
    }

    /// The number of queries.
    pub fn queries(&self) -> usize {
        self.values.len() / self.columns
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    /// The read-outs of the columns of a class, in ascending order.
    ///
    /// # Panics
    /// When there is no such query or class.
    pub fn of_class(&self, query: usize, class: usize) -> &[f64] {
        let row = &self.values[query * self.columns..(query + 1) * self.columns];
        &row[self.classes[class].clone()]
    }

    /// The share of the columns of a class that read at least a threshold.
    pub fn share_at_least(&self, query: usize, class: usize, threshold: f64) -> f64 {
        let columns = self.of_class(query, class);
        let below = columns.partition_point(|&x| x < threshold);
        (columns.len() - below) as f64 / columns.len() as f64
    }

    /// The share of the columns of a class that read more than `low` and less than `high`.
    pub fn share_between(&self, query: usize, class: usize, low: f64, high: f64) -> f64 {
        let columns = self.of_class(query, class);
        let outside_low = columns.partition_point(|&x| x <= low);
        let inside = columns.partition_point(|&x| x < high).saturating_sub(outside_low);
        inside as f64 / columns.len() as f64
    }

    /// All read-outs, in no particular order.
    pub fn all(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two queries, three columns of a first class and one of a second.
    pub(crate) fn similarities() -> Similarities {
        let values = vec![0.1, 0.5, 0.9, 0.7, 0.2, 0.2, 0.3, 0.3];
        Similarities { values, columns: 4, classes: vec![0..3, 3..4] }
    }

    #[test]
    fn shares_are_counted_within_a_class() {
        let similarities = similarities();
        assert_eq!((similarities.queries(), similarities.classes()), (2, 2));
        for (threshold, share) in [(0.0, 1.0), (0.5, 2.0 / 3.0), (0.51, 1.0 / 3.0), (1.0, 0.0)] {
            assert_eq!(similarities.share_at_least(0, 0, threshold), share);
        }
        assert_eq!(similarities.share_between(0, 0, 0.1, 0.9), 1.0 / 3.0);
        assert_eq!(similarities.share_between(0, 0, 0.05, 1.0), 1.0);
        assert_eq!(similarities.share_between(0, 0, 0.9, 0.1), 0.0);
    }
}
