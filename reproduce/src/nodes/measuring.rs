//! All places and contestants, in turns.

use std::collections::BTreeMap;
use std::process::Command;

use super::launch::Launcher;
use super::namespaces::Hosts;
use super::plan::{Carrier, Plan, Samples, Training};
use super::record::{Exchange, Parts, Place, Record, Spread, Step};
use crate::cache::write_whole;
use crate::cli::NodesOptions;
use crate::output::say;
use crate::provenance;

/// What Python ranks run.
const SCRIPT: &str = include_str!("peers.py");
/// How often each contestant has its turn in a place.
const PASSES: usize = 2;

/// Measures every place and writes the record.
///
/// # Errors
/// When a job fails, or the record cannot be written.
pub fn measure(options: &NodesOptions) -> anyhow::Result<()> {
    let launcher = Launcher::new(SCRIPT)?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().and_then(|load| load.parse().ok());
    let mut record = Record {
        date: provenance::now(),
        commit: provenance::commit(),
        processor: provenance::processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        mpi: first_line("mpirun", &["--version"]),
        pytorch: options.pytorch.as_ref().map(|interpreter| {
            let version = ["-c", "import torch; print(torch.__version__)"];
            first_line(&interpreter.display().to_string(), &version)
        }),
        load_before: load.unwrap_or_default(),
        exchanges: Vec::new(),
        steps: Vec::new(),
    };
    for &rate in &options.rates {
        for &ranks in &options.ranks {
            let ranks = usize::from(ranks);
            let place = Place { megabits: rate.megabits(), ranks };
            let hosts = Hosts::new(ranks, rate)?;
            let found = in_turns(&launcher, &hosts, options)?;
            drop(hosts);
            for (contestant, samples) in found {
                add(&mut record, place, contestant, &samples);
            }
            say!("measured: {} ranks, {}", ranks, place.rate());
        }
    }
    write_whole(&options.out, &serde_json::to_string_pretty(&record)?)?;
    say!("written: {}", options.out.display());
    Ok(())
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or_default().to_string()
}

/// How often vectors are exchanged in a pass, and what steps are made.
fn plan(carrier: Carrier, options: &NodesOptions, is_first: bool) -> Plan {
    let (exchanges, steps) = if options.quick { (2, 2) } else { (7, 7) };
    let mut trainings = Vec::new();
    if carrier == Carrier::Ours {
        trainings.push(Training::perceptron(steps));
        // Their steps take seconds on shared cores.
        if is_first && options.all_networks {
            trainings.extend(Training::convolutional(2));
        }
    }
    Plan { carrier, ratios: vec![1.0, 0.5, 0.34, 0.25], exchanges, trainings }
}

/// What each contestant found in a place.
fn in_turns(
    launcher: &Launcher,
    hosts: &Hosts,
    options: &NodesOptions,
) -> anyhow::Result<BTreeMap<&'static str, Vec<Samples>>> {
    let mut found = BTreeMap::new();
    for pass in 0..if options.quick { 1 } else { PASSES } {
        let ours = plan(Carrier::Ours, options, pass == 0);
        join(&mut found, "ours", launcher.ranks(hosts, &ours)?);
        let library = plan(Carrier::Library, options, false);
        join(&mut found, "MPI_Allreduce", launcher.ranks(hosts, &library)?);
        if let Some(interpreter) = &options.pytorch {
            let theirs = plan(Carrier::Ours, options, false);
            join(&mut found, "gloo", launcher.python(hosts, &theirs, interpreter)?);
        }
    }
    Ok(found)
}

/// Adds the samples of a pass to those of the passes before.
fn join(
    found: &mut BTreeMap<&'static str, Vec<Samples>>,
    contestant: &'static str,
    samples: Vec<Samples>,
) {
    let before = found.entry(contestant).or_default();
    for more in samples {
        let is_same = |s: &&mut Samples| s.training == more.training && s.ratio == more.ratio;
        match before.iter_mut().find(is_same) {
            None => before.push(more),
            Some(same) => {
                same.sent.extend(more.sent);
                same.milliseconds.extend(more.milliseconds);
                same.parts.extend(more.parts);
            }
        }
    }
}

fn add(record: &mut Record, place: Place, contestant: &str, samples: &[Samples]) {
    for samples in samples {
        let Samples { ratio, payload, minibatch, .. } = *samples;
        let (milliseconds, contestant) =
            (Spread::of(&samples.milliseconds), contestant.to_string());
        let sent: Vec<f64> = samples.sent.iter().map(|&bytes| bytes as f64).collect();
        let sent = Spread::of(&sent).median as u64;
        match &samples.training {
            None => {
                let exchange = Exchange { place, contestant, ratio, payload, sent, milliseconds };
                record.exchanges.push(exchange);
            }
            Some(training) => record.steps.push(Step {
                place,
                contestant: format!("{contestant}: {training}"),
                minibatch,
                ratio,
                payload: (payload > 0).then_some(payload),
                sent,
                milliseconds,
                parts: medians(&samples.parts),
            }),
        }
    }
}

/// The median of each part; none where there are no parts.
fn medians(parts: &[Parts]) -> Option<Parts> {
    let median = |part: &dyn Fn(&Parts) -> f64| {
        Spread::of(&parts.iter().map(part).collect::<Vec<_>>()).median
    };
    (!parts.is_empty()).then(|| Parts {
        computation: median(&|parts| parts.computation),
        selection: median(&|parts| parts.selection),
        waiting: median(&|parts| parts.waiting),
        exchange: median(&|parts| parts.exchange),
    })
}
