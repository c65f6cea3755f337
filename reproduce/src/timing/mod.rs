//! Measuring times: several contestants in turns, medians and quartiles.
//!
//! A machine's clock rate and its other users change by the second. Contestants therefore take
//! turns (A B A B ...), and a comparison is the median of the ratios within each round, in which
//! both were measured under nearly the same conditions.

pub mod operands;

use std::time::{Duration, Instant};

use training::train::Trainer;

/// Median and quartiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The lower quartile.
    pub low: f64,
    /// The median.
    pub median: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Spread {
    /// The order statistics nearest to the quartiles.
    ///
    /// ```
    /// use reproduce::timing::Spread;
    /// let spread = Spread::of(vec![5.0, 1.0, 3.0, 2.0, 4.0]);
    /// assert_eq!((spread.low, spread.median, spread.high), (2.0, 3.0, 4.0));
    /// ```
    ///
    /// # Panics
    /// When there is no value.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        Spread { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}

/// How long contestants are measured.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A contestant is called in each round until so much time has passed, by the first call.
    pub turn: Duration,
    /// Rounds go on for about this long.
    pub total: Duration,
    /// The fewest rounds, however long they take.
    pub rounds: usize,
}

/// Does something with a trainer; the seconds that its steps took, and those of its evaluations.
///
/// # Errors
/// Those of `work`.
pub fn training_seconds<'a, E>(
    trainer: &mut Trainer<'a>,
    work: impl FnOnce(&mut Trainer<'a>) -> Result<(), E>,
) -> Result<[f64; 2], E> {
    let (begun, evaluated) = (Instant::now(), trainer.evaluation_time());
    work(trainer)?;
    let evaluation = trainer.evaluation_time() - evaluated;
    Ok([begun.elapsed() - evaluation, evaluation].map(|time| time.as_secs_f64()))
}

/// Work whose time is measured: does it so many times and returns the seconds this took.
pub type Work<'a> = Box<dyn FnMut(u32) -> f64 + Send + 'a>;

/// Calls timed by this process's clock.
pub fn timed<'a>(mut call: impl FnMut() + Send + 'a) -> Work<'a> {
    Box::new(move |calls| {
        let started = Instant::now();
        for _ in 0..calls {
            call();
        }
        started.elapsed().as_secs_f64()
    })
}

/// How long cores are kept busy after a rest.
const WAKING: Duration = Duration::from_millis(10);

/// The same work and then an unmeasured rest, in which threads that go on spinning fall asleep
/// before it is another contestant's turn; then the threads of the current pool are busy for a
/// while, so that the next contestant finds cores awake as the others do.
pub fn rested(mut work: Work<'_>, rest: Duration) -> Work<'_> {
    Box::new(move |calls| {
        let seconds = work(calls);
        if !rest.is_zero() {
            std::thread::sleep(rest);
            let started = Instant::now();
            rayon::broadcast(|_| while started.elapsed() < WAKING {});
        }
        seconds
    })
}

/// Seconds a call of every contestant: one list a contestant, one number a round.
#[derive(Clone, Debug)]
pub struct Times(Vec<Vec<f64>>);

/// Measures the contestants in turns. Each is first called twice unmeasured, since first calls
/// allocate; the second call says how often it is called a turn.
pub fn in_turns(contestants: &mut [Work<'_>], patience: Patience) -> Times {
    let calls: Vec<u32> = contestants
        .iter_mut()
        .map(|work| {
            work(1);
            let seconds = work(1).max(1e-9);
            (patience.turn.as_secs_f64() / seconds).ceil().max(1.0) as u32
        })
        .collect();
    let mut times = vec![Vec::new(); contestants.len()];
    let (started, mut rounds) = (Instant::now(), 0);
    // Whether another round fits is judged by the mean of those before.
    while rounds < patience.rounds.max(1)
        || started.elapsed().mul_f64((rounds + 1) as f64 / rounds as f64) < patience.total
    {
        for ((work, times), &calls) in contestants.iter_mut().zip(&mut times).zip(&calls) {
            times.push(work(calls) / f64::from(calls));
        }
        rounds += 1;
    }
    Times(times)
}

impl Times {
    /// Seconds a call of one contestant.
    pub fn seconds(&self, contestant: usize) -> Spread {
        Spread::of(self.0[contestant].clone())
    }

    /// The time of one contestant over that of another, round by round.
    pub fn ratio(&self, contestant: usize, reference: usize) -> Spread {
        let pairs = self.0[contestant].iter().zip(&self.0[reference]);
        Spread::of(pairs.map(|(time, reference)| time / reference).collect())
    }

    /// The contestant of least median time among these; none of none.
    pub fn fastest(&self, contestants: impl IntoIterator<Item = usize>) -> Option<usize> {
        let median = |contestant: &usize| self.seconds(*contestant).median;
        contestants.into_iter().min_by(|x, y| median(x).total_cmp(&median(y)))
    }

    /// How many rounds there were.
    pub fn rounds(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contestants_take_turns_for_at_least_the_rounds_asked_for() {
        let order = std::sync::Mutex::new(String::new());
        let patience = Patience { turn: Duration::ZERO, total: Duration::ZERO, rounds: 3 };
        let note = |letter: char| -> Work<'_> {
            let order = &order;
            timed(move || order.lock().unwrap().push(letter))
        };
        let times = in_turns(&mut [note('a'), note('b')], patience);
        assert_eq!(*order.lock().unwrap(), "aabbababab");
        assert_eq!(times.rounds(), 3);
    }

    #[test]
    fn a_rest_is_not_measured() {
        let rest = Duration::from_millis(20);
        let started = Instant::now();
        assert_eq!(rested(Box::new(f64::from), rest)(3), 3.0);
        assert!(started.elapsed() >= rest);
    }

    #[test]
    fn ratios_are_those_within_a_round() {
        let times = Times(vec![vec![2.0, 20.0, 200.0], vec![1.0, 10.0, 50.0]]);
        assert_eq!(times.ratio(0, 1).median, 2.0);
        assert_eq!(times.seconds(0).median, 20.0);
        assert_eq!(times.fastest([0, 1]), Some(1));
        assert_eq!(times.fastest([]), None);
    }
}
