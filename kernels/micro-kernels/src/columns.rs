//! Rows of which some columns are kept side by side, and rows with zeros in between.

#![allow(unsafe_code, reason = "columns move through pointers, checked once a row")]

use super::InstructionSet;
use std::ops::Range;

/// Columns of one mask.
const GROUP: usize = 16;

/// Which columns of rows are kept, in increasing order: a list, and a bit each for the vector
/// instructions that move sixteen at a time.
///
/// ```
/// use micro_kernels::{ColumnSet, InstructionSet};
/// let (set, mut columns) = (InstructionSet::detect(), ColumnSet::default());
/// columns.set(&[1, 3]);
/// let (mut kept, mut row) = ([0.0; 2], [9.0; 5]);
/// columns.compact(set, &[5.0, 6.0, 7.0, 8.0, 9.0], &mut kept);
/// assert_eq!(kept, [6.0, 8.0]);
/// columns.expand(set, &kept, 0, &mut row);
/// assert_eq!(row, [0.0, 6.0, 0.0, 8.0, 0.0]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnSet {
    indices: Vec<u32>,
    /// A bit for each column of a group, the first in the lowest bit.
    masks: Vec<u16>,
    /// Kept columns before each group, and all of them at the end.
    before: Vec<u32>,
}

impl ColumnSet {
    /// Becomes these columns.
    ///
    /// # Panics
    /// When they do not increase.
    pub fn set(&mut self, columns: &[u32]) {
        assert!(columns.windows(2).all(|pair| pair[0] < pair[1]), "columns increase");
        self.clear();
        let groups = columns.last().map_or(0, |&last| last as usize / GROUP + 1);
        self.indices.extend_from_slice(columns);
        self.masks.resize(groups, 0);
        for &column in columns {
            self.masks[column as usize / GROUP] |= 1 << (column as usize % GROUP);
        }
        self.before.push(0);
        let mut sum = 0;
        self.before.extend(self.masks.iter().map(|mask| {
            sum += mask.count_ones();
            sum
        }));
    }

    /// Becomes no column.
    pub fn clear(&mut self) {
        self.indices.clear();
        self.masks.clear();
        self.before.clear();
    }

    /// Makes room for columns of so many, where it matters that nothing is allocated later.
    pub fn reserve(&mut self, columns: usize) {
        // Counted from what is held, as a vector's own.
        self.indices.reserve(columns.saturating_sub(self.indices.len()));
        let groups = columns.div_ceil(GROUP) + 1;
        self.masks.reserve(groups.saturating_sub(self.masks.len()));
        self.before.reserve(groups.saturating_sub(self.before.len()));
    }

    /// Which columns, in increasing order.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Where the numbers of groups that begin in these columns lie among the kept ones.
    fn places(&self, columns: Range<usize>) -> Range<usize> {
        let before = |column: usize| {
            let group = column.div_ceil(GROUP);
            self.before.get(group).map_or(self.indices.len(), |&count| count as usize)
        };
        before(columns.start)..before(columns.end)
    }

    /// The mask of each group, and where its numbers lie among the kept ones.
    #[cfg(target_arch = "x86_64")]
    fn groups(&self, groups: Range<usize>) -> impl Iterator<Item = (u16, Range<usize>)> {
        let places = self.before[groups.start..].windows(2);
        let places = places.map(|pair| pair[0] as usize..pair[1] as usize);
        self.masks[groups].iter().copied().zip(places)
    }

    /// Writes a part of a row that begins at column `first`: a number of `kept` for each kept
    /// column, zero for the others.
    ///
    /// # Panics
    /// When there is not one number a kept column, or `first` is no multiple of sixteen, or `to`
    /// ends within sixteen columns of which some beyond are kept.
    pub fn expand(&self, set: InstructionSet, kept: &[f32], first: usize, to: &mut [f32]) {
        assert_eq!(kept.len(), self.indices.len(), "a number a kept column");
        assert!(first.is_multiple_of(GROUP), "parts begin with sixteen columns");
        let end = first + to.len();
        let places = self.places(first..end);
        let last = self.indices[places.clone()].last();
        assert!(last.is_none_or(|&last| (last as usize) < end), "kept columns lie in the row");
        // The list does what the vector instructions leave: all, or what is no whole group.
        let done = self.expand_groups(set, kept, first / GROUP, to);
        let (begin, rest) = (first + done, &mut to[done..]);
        rest.fill(0.0);
        let places = self.places(begin..end);
        for (&column, &number) in self.indices[places.clone()].iter().zip(&kept[places]) {
            rest[column as usize - begin] = number;
        }
    }

    /// Writes the whole groups of a part of a row, if the instruction set has an instruction for it,
    /// and says how many numbers these are.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(unused_variables, reason = "only x86-64 has an instruction for it here")
    )]
    fn expand_groups(
        &self,
        set: InstructionSet,
        kept: &[f32],
        first: usize,
        to: &mut [f32],
    ) -> usize {
        #[cfg(target_arch = "x86_64")]
        if set == InstructionSet::Avx512 && set.is_available() {
            let whole = to.as_chunks_mut::<GROUP>().0;
            let first = first.min(self.masks.len());
            let groups = first..self.masks.len().min(first + whole.len());
            let (some, none) = whole.split_at_mut(groups.len());
            // SAFETY: the processor has the instructions, and a group keeps as many columns as its
            // mask has bits.
            unsafe { super::x86::expand(kept, self.groups(groups), some) };
            none.fill([0.0; GROUP]);
            return whole.len() * GROUP;
        }
        0
    }

    /// Writes the numbers of the kept columns of a row side by side.
    ///
    /// # Panics
    /// When a kept column lies outside the row, or `to` has not one place for each.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(unused_variables, reason = "only x86-64 has an instruction for it here")
    )]
    pub fn compact(&self, set: InstructionSet, row: &[f32], to: &mut [f32]) {
        assert_eq!(to.len(), self.indices.len(), "a place a kept column");
        #[cfg(target_arch = "x86_64")]
        if set == InstructionSet::Avx512 && set.is_available() {
            let whole = row.as_chunks::<GROUP>().0;
            let groups = self.groups(0..self.masks.len().min(whole.len()));
            // SAFETY: the processor has the instructions, and a group keeps at most sixteen columns.
            unsafe { super::x86::compact(whole, groups, to) };
            let places = self.places(whole.len() * GROUP..usize::MAX);
            for (to, &column) in to[places.clone()].iter_mut().zip(&self.indices[places]) {
                *to = row[column as usize];
            }
            return;
        }
        to.iter_mut().zip(&self.indices).for_each(|(to, &column)| *to = row[column as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of so many columns, of which those are kept whose bit of a mixed number is set.
    fn some(columns: usize, keep: impl Fn(u32) -> bool) -> Vec<u32> {
        (0..columns as u32).filter(|&column| keep(column)).collect()
    }

    fn sets_of_columns(columns: usize) -> Vec<Vec<u32>> {
        let mixed = |column: u32| column.wrapping_add(7).wrapping_mul(0x9e37_79b9) >> 16;
        vec![
            Vec::new(),
            some(columns, |_| true),
            some(columns, |column| mixed(column).is_multiple_of(2)),
            some(columns, |column| mixed(column).is_multiple_of(13)),
            some(columns, |column| column >= 40),
            some(columns, |column| column == 0),
            some(columns, |column| column as usize == columns - 1),
        ]
    }

    #[test]
    fn every_instruction_set_moves_the_same_numbers_as_a_list_of_columns() {
        for length in [1, 15, 16, 17, 100, 512, 1000] {
            let row: Vec<f32> = (0..length).map(|column| column as f32 + 0.5).collect();
            for indices in sets_of_columns(length) {
                let kept: Vec<f32> = indices.iter().map(|&column| row[column as usize]).collect();
                let mut whole = vec![0.0; length];
                indices.iter().for_each(|&column| whole[column as usize] = row[column as usize]);
                for set in InstructionSet::available() {
                    let mut columns = ColumnSet::default();
                    columns.set(&[3, 5, 900]);
                    columns.set(&indices);
                    assert_eq!(columns.indices(), indices);
                    let mut found = vec![-1.0; kept.len()];
                    columns.compact(set, &row, &mut found);
                    assert_eq!(found, kept, "{set}, {length}");
                    for part in [16, 512, 1024] {
                        let mut found = vec![-1.0; length];
                        for (number, to) in found.chunks_mut(part).enumerate() {
                            columns.expand(set, &kept, number * part, to);
                        }
                        assert_eq!(found, whole, "{set}, {length} in parts of {part}");
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_beyond_the_row_are_refused_by_every_instruction_set() {
        let refuses = |work: &mut dyn FnMut()| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err()
        };
        let mut columns = ColumnSet::default();
        columns.set(&[0, 17, 31]);
        for set in InstructionSet::available() {
            assert!(refuses(&mut || columns.compact(set, &[0.0; 31], &mut [0.0; 3])), "{set}");
            assert!(refuses(&mut || columns.compact(set, &[0.0; 32], &mut [0.0; 2])), "{set}");
            assert!(refuses(&mut || columns.expand(set, &[0.0; 2], 0, &mut [0.0; 32])), "{set}");
            assert!(refuses(&mut || columns.expand(set, &[0.0; 3], 0, &mut [0.0; 31])), "{set}");
            assert!(refuses(&mut || columns.expand(set, &[0.0; 3], 8, &mut [0.0; 32])), "{set}");
            assert!(!refuses(&mut || columns.expand(set, &[0.0; 3], 16, &mut [0.0; 16])), "{set}");
        }
        assert!(refuses(&mut || ColumnSet::default().set(&[2, 2])));
    }
}
