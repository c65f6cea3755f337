//! Ranks that are threads of this process, and one alone.

use crate::ranks::{AGREED, operations, stopped_and_trained, trained, trained_by_threads};
use training::exchange::{Alone, Exchange, Threads};
use training::sampling::Scores;

#[test]
fn one_alone_and_threads_do_what_all_ranks_have_to_do() {
    operations(&mut Alone).unwrap();
    for size in [1, 2, 3, 4, 8] {
        Threads::run(size, |rank| operations(rank), |rank| operations(rank)).unwrap();
    }
}

#[test]
fn one_alone_trains_as_one_thread() {
    for scores in AGREED {
        for exchange in [Exchange::Whole, Exchange::Slices] {
            let alone = trained(&mut Alone, scores, exchange).unwrap();
            assert_eq!(alone, trained_by_threads(1, scores, exchange), "{scores:?}");
        }
    }
}

#[test]
fn ranks_that_are_stopped_go_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let report = |size: usize, scores: Scores| {
        let path = folder.path().join(format!("{size} {scores:?}"));
        let work = |rank: &mut Threads| stopped_and_trained(rank, scores, &path);
        Threads::run(size, work, |rank| work(rank).map(drop)).unwrap()
    };
    for scores in AGREED {
        for size in [1, 3] {
            let expected = trained_by_threads(size, scores, Exchange::Slices);
            assert_eq!(report(size, scores), expected, "{size} ranks, {scores:?}");
        }
    }
}
