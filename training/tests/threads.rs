//! Ranks that are threads of this process, and one alone.

mod ranks;

use ranks::{operations, trained, trained_by_threads};
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
    for exchange in [Exchange::Whole, Exchange::Slices] {
        assert_eq!(trained(&mut Alone, exchange).unwrap(), trained_by_threads(1, exchange));
    }
}
