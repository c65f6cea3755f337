//! Ranks that are threads of this process, and one alone.

use crate::ranks::{operations, stopped_and_trained, trained, trained_by_threads, trainings};
use training::exchange::{Alone, Exchange, Threads};

#[test]
fn one_alone_and_threads_do_what_all_ranks_have_to_do() {
    operations(&mut Alone).unwrap();
    for size in [1, 2, 3, 4, 8] {
        Threads::run(size, |rank| operations(rank), |rank| operations(rank)).unwrap();
    }
}

#[test]
fn one_alone_trains_as_one_thread() {
    for config in trainings() {
        for exchange in [Exchange::Whole, Exchange::Slices] {
            let alone = trained(&mut Alone, &config, exchange).unwrap();
            assert_eq!(alone, trained_by_threads(1, &config, exchange), "{config:?}");
        }
    }
}

#[test]
fn ranks_that_are_stopped_go_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    for (place, config) in trainings().iter().enumerate() {
        for size in [1, 3] {
            let path = folder.path().join(format!("{size} ranks, training {place}"));
            let work = |rank: &mut Threads| stopped_and_trained(rank, config, &path);
            let report = Threads::run(size, work, |rank| work(rank).map(drop)).unwrap();
            let expected = trained_by_threads(size, config, Exchange::Slices);
            assert_eq!(report, expected, "{size} ranks, {config:?}");
        }
    }
}
