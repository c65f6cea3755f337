//! Loops over the elements of activations, in parallel pieces of a fixed size.

use crate::matrix::Matrix;
use kernels::InstructionSet;
use rayon::prelude::*;

/// Elements of a piece: long enough to be worth a task, short enough for the nearest caches.
const PIECE: usize = 1 << 14;

/// to_i = f(from_i).
pub(super) fn map(
    set: InstructionSet,
    to: &mut [f32],
    from: &[f32],
    f: impl Fn(f32) -> f32 + Copy + Sync,
) {
    let piece = |to: &mut [f32], from: &[f32]| {
        set.run(move || to.iter_mut().zip(from).for_each(|(to, &from)| *to = f(from)));
    };
    if to.len() <= PIECE {
        return piece(to, from);
    }
    to.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE)).for_each(|(to, from)| piece(to, from));
}

/// to_i = f(left_i, right_i).
pub(super) fn map_pairs(
    set: InstructionSet,
    to: &mut [f32],
    left: &[f32],
    right: &[f32],
    f: impl Fn(f32, f32) -> f32 + Copy + Sync,
) {
    let piece = |to: &mut [f32], left: &[f32], right: &[f32]| {
        set.run(move || {
            let pairs = left.iter().zip(right);
            to.iter_mut().zip(pairs).for_each(|(to, (&left, &right))| *to = f(left, right));
        });
    };
    if to.len() <= PIECE {
        return piece(to, left, right);
    }
    to.par_chunks_mut(PIECE)
        .zip(left.par_chunks(PIECE))
        .zip(right.par_chunks(PIECE))
        .for_each(|((to, left), right)| piece(to, left, right));
}

/// Adds a row to every row of a matrix.
pub(super) fn add_to_rows(set: InstructionSet, to: &mut Matrix, row: &[f32]) {
    let rows_a_task = (PIECE / row.len().max(1)).max(1);
    to.data_mut().par_chunks_mut(rows_a_task * row.len().max(1)).for_each(|rows| {
        set.run(move || {
            for to in rows.chunks_exact_mut(row.len()) {
                to.iter_mut().zip(row).for_each(|(to, x)| *to += x);
            }
        });
    });
}

/// Adds rows, one after another, to sums; where there is much to add, some columns a task.
pub(super) fn add_rows(set: InstructionSet, sums: &mut [f32], rows: &[f32]) {
    const COLUMNS: usize = 1 << 10;
    let columns = sums.len().max(1);
    let add = |first: usize, sums: &mut [f32]| {
        set.run(move || {
            for row in rows.chunks_exact(columns) {
                sums.iter_mut().zip(&row[first..]).for_each(|(sum, x)| *sum += x);
            }
        });
    };
    if rows.len() <= PIECE {
        return add(0, sums);
    }
    let tasks = sums.par_chunks_mut(COLUMNS).enumerate();
    tasks.for_each(|(task, sums)| add(task * COLUMNS, sums));
}

/// to_i = f(gradient_i, input_i) over the channels of the gradient, all of which the input has.
pub(super) fn map_gradient(
    set: InstructionSet,
    to: &mut Matrix,
    gradient: &Matrix,
    input: &Matrix,
    f: impl Fn(f32, f32) -> f32 + Copy + Sync,
) {
    let channels = match gradient.channels() {
        Some(channels) if input.channels() != Some(channels) => channels,
        _ => return map_pairs(set, to.data_mut(), gradient.data(), input.data(), f),
    };
    if channels.is_empty() {
        return;
    }
    let block = gradient.columns() / channels.len();
    let place = |channel: u32| input.place_of(channel as usize).expect("what is read is kept");
    let (columns, whole) = (gradient.columns(), input.columns());
    let rows = (PIECE / columns).max(1);
    let pieces = to.data_mut().par_chunks_mut(rows * columns);
    let pieces = pieces.zip(gradient.data().par_chunks(rows * columns));
    let pieces = pieces.zip(input.data().par_chunks(rows * whole));
    if let (1, None, Some(channels)) = (block, input.channels(), gradient.channel_set()) {
        return pieces.for_each(|((to, gradient), from)| {
            let rows = to.chunks_exact_mut(columns).zip(gradient.chunks_exact(columns));
            for ((to, gradient), from) in rows.zip(from.chunks_exact(whole)) {
                channels.compact(set, from, to);
                set.run(move || to.iter_mut().zip(gradient).for_each(|(x, &dy)| *x = f(dy, *x)));
            }
        });
    }
    pieces.for_each(|((to, gradient), from)| {
        for (position, &channel) in channels.iter().enumerate() {
            let (start, place) = (position * block, place(channel) * block);
            let rows = to.chunks_exact_mut(columns).zip(gradient.chunks_exact(columns));
            for ((to, gradient), from) in rows.zip(from.chunks_exact(whole)) {
                let (to, gradient) = (&mut to[start..][..block], &gradient[start..][..block]);
                match (to, gradient) {
                    ([to], [gradient]) => *to = f(*gradient, from[place]),
                    (to, gradient) => map_pairs(set, to, gradient, &from[place..][..block], f),
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_in_their_order_however_many_columns_a_task_has() {
        for columns in [1, 3, 1024, 2500] {
            // 2^24 + 1 is no f32: the order of the rows shows in the last bit.
            let number = |row: usize, column: usize| match row % 3 {
                0 => 1.0,
                1 => (1u32 << 24) as f32,
                _ => column as f32 - (1u32 << 24) as f32,
            };
            let rows: Vec<f32> =
                (0..20 * columns).map(|place| number(place / columns, place % columns)).collect();
            let mut expected = vec![0.5; columns];
            for row in rows.chunks_exact(columns) {
                expected.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            let mut found = vec![0.5; columns];
            add_rows(InstructionSet::detect(), &mut found, &rows);
            assert_eq!(found, expected, "{columns} columns");
            let mut backwards = vec![0.5; columns];
            for row in rows.chunks_exact(columns).rev() {
                backwards.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
            }
            assert_ne!(backwards, expected, "another order is told from it");
        }
    }
}
