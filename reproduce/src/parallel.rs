//! Independent pieces of work, each on a thread of its own.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;

/// The results of `work` on every item, in the order of the items.
///
/// As many items are worked on at a time as the ambient pool has threads. Each has a pool of one
/// thread: training runs of small minibatches gain more from running side by side than from
/// sharing every product. What is computed does not depend on how many threads there are.
///
/// # Errors
/// The error of the first item (in order) that failed; items not yet begun are then left out.
pub fn map<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<anyhow::Result<T>>>> =
        Mutex::new(items.iter().map(|_| None).collect());
    let worker = || -> anyhow::Result<()> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
        let pool = pool.context("threads cannot be started")?;
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return Ok(()) };
            let result = pool.install(|| work(item));
            if result.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(|poisoned| poisoned.into_inner())[index] = Some(result);
        }
    };
    let workers = rayon::current_num_threads().clamp(1, items.len().max(1));
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        started.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let results = results.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        let doubled = map(&items, |item| Ok(2 * item)).unwrap();
        assert_eq!(doubled, items.iter().map(|item| 2 * item).collect::<Vec<_>>());
    }

    #[test]
    fn a_failure_is_the_result() {
        let outcome = map(&[1, 2, 3], |item| {
            anyhow::ensure!(*item != 2, "two");
            Ok(*item)
        });
        assert_eq!(outcome.unwrap_err().to_string(), "two");
    }
}
