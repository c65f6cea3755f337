use super::goals::{Goal, Wanted};
use super::*;
use crate::nodes::record::{Exchange, Parts, Place, Spread, Step};

fn spread(median: f64) -> Spread {
    Spread { low: 0.9 * median, median, high: 1.1 * median }
}

/// Four ranks on 100 Mbit/s and two on links without a limit, with an exchange of a megabyte.
fn record(exchange: f64, exact: f64) -> Record {
    let slow = Place { megabits: Some(100), ranks: 4 };
    let fast = Place { megabits: None, ranks: 2 };
    let carried = |contestant: &str, milliseconds| Exchange {
        place: slow,
        contestant: contestant.to_string(),
        ratio: 1.0,
        payload: 1_000_000,
        sent: 1_560_000,
        milliseconds: spread(milliseconds),
    };
    let step = |place, name: &str, ratio, milliseconds, payload| Step {
        place,
        contestant: format!("ours: MLP, {name}"),
        minibatch: 64,
        ratio,
        payload: Some(payload),
        sent: 1,
        milliseconds: spread(milliseconds),
        parts: Some(Parts { computation: 5.0, ..Parts::default() }),
    };
    Record {
        date: "2026-01-31T23:59:59Z".to_string(),
        commit: String::new(),
        processor: "a processor".to_string(),
        cores: 2,
        mpi: "an MPI".to_string(),
        pytorch: None,
        load_before: 0.5,
        exchanges: vec![carried("ours", exchange), carried("MPI_Allreduce", 130.0)],
        steps: vec![
            step(slow, "exact", 1.0, exact, 1_000_000),
            step(slow, "shared", 0.34, 50.0, 340_000),
            step(fast, "exact", 1.0, 6.0, 1_000_000),
            step(fast, "shared", 0.34, 6.0, 340_000),
        ],
    }
}

fn nodes() -> Nodes {
    let text = "model: {nodes: [16], megabits: [100], microseconds_a_message: 10}";
    serde_yaml::from_str(text).unwrap()
}

#[test]
fn goals_that_are_met_and_missed_are_told_apart() {
    // 4 % above the formula; 1.56 MB take 124.8 ms.
    let found = goals::of(&record(126.0, 150.0));
    let measured: Vec<f64> = found.iter().map(|goal| goal.measured).collect();
    let expected = [4.0, 126.0 / 124.8, 3.0, 130.0 / 126.0];
    assert_eq!(measured.len(), expected.len());
    for (measured, expected) in measured.iter().zip(expected) {
        assert!((measured - expected).abs() < 1e-9, "{measured} {expected}");
    }
    assert_eq!(goals::sentence(&found), "All 4 goals are met.");
    let said = goals::sentence(&goals::of(&record(150.0, 120.0)));
    assert!(said.starts_with("Of 4 goals 3 are missed: exchange at most"), "{said}");
    assert!(said.contains("MPI_Allreduce: 0.867 (4 ranks, 100 Mbit/s)"), "{said}");
    assert_eq!(goals::sentence(&[]), "No goal can be judged by this record.");
    let place = Place { megabits: None, ranks: 2 };
    let goal = |wanted| Goal { what: "it".to_string(), place, measured: 1.0, wanted };
    let goals = [goal(Wanted::AtMost(1.0)), goal(Wanted::AtLeast(1.0))];
    assert_eq!(goals::sentence(&goals), "All 2 goals are met.");
}

#[test]
fn the_finding_says_how_much_faster_steps_are_and_up_to_which_rate_slices_pay() {
    // Whole 1.5 MB take 12,480 ms at 1 Mbit/s with headers, slices 0.34 of that; the rest 6 ms.
    let said = nodes().finding(&record(126.0, 150.0));
    let rate = (12_480.0 - 1.05 * 0.34 * 12_480.0) / (0.05 * 6.0);
    assert!(said.contains("is 3 times as fast as an exact one"), "{said}");
    assert!(said.contains(&format!("below about {}", model::rate(rate))), "{said}");
    let mut nothing = record(126.0, 150.0);
    nothing.steps.clear();
    assert!(nodes().finding(&nothing).starts_with("No steps of four ranks"));
}

#[test]
fn the_model_is_the_formula() {
    let result = nodes().report(&record(126.0, 150.0));
    let table = &result.tables[3];
    assert!(table.caption.starts_with("A model, not measured"));
    let steps = table.numbers();
    let exact = steps.iter().find(|n| n.name.ends_with("ratio=1 step")).unwrap();
    let expected = 6.0 + 2.0 * 15.0 * 0.01 + 1.04 * 2.0 * 15.0 / 16.0 * 1e6 * 8.0 / 1e5;
    assert!((exact.value - expected).abs() < 1e-9, "{} {expected}", exact.value);
}

#[test]
fn the_committed_record_is_read_and_shown() {
    let record: Record = serde_json::from_str(RECORD).unwrap();
    let result = nodes().report(&record);
    assert!(result.finding.starts_with("On 4 nodes"), "{}", result.finding);
    assert!(result.figures[0].panels.iter().all(|panel| !panel.series.is_empty()));
}
