//! `bench`: times of our products and training steps beside other libraries', and of sampled
//! beside exact ones.
//!
//! Every comparison is made in one run, in turns, and written ratio first: on a machine that
//! others use as well only ratios mean something.

#[cfg(feature = "peers")]
mod cblas;
mod contest;
mod convolutions;
mod language;
#[cfg(feature = "peers")]
mod libraries;
pub mod peer;
mod product;
mod python;
mod pytorch;
mod record;
mod released;
mod resident;
mod setting;
mod step;
mod steps;
mod training;

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use kernels::InstructionSet;
use rayon::ThreadPool;
use serde_json::json;

use crate::cache::write_whole;
use crate::cli::BenchOptions;
use crate::files;
use crate::lock::CacheLock;
use crate::output::say;
use crate::progress::{Progress, TimeLeft};
use crate::result::Table;
use crate::stored;
use contest::events;
use peer::Peer;
use pytorch::PyTorch;
use record::{Machine, Record, Run};
use setting::{Effort, Setting};

/// Measures everything, prints the tables beside the last record of this machine, writes them to
/// `bench.md` in the output folder and adds their medians to the record.
///
/// No run that keeps its results beside the same folder goes on meanwhile: a time measured beside
/// another run is worth nothing.
///
/// # Errors
/// When a library, the released code, PyTorch or threads cannot be started, or a file cannot be read
/// or written.
pub fn bench(contest: &BenchOptions, set: InstructionSet) -> anyhow::Result<()> {
    if let Some(question) = &contest.alone {
        return resident::answer(question, set);
    }
    let peers = peers(contest.cblas.as_deref())?;
    let interpreter = contest.pytorch.as_deref().filter(|_| contest.training.is_none());
    let released = contest.released.as_deref().filter(|_| interpreter.is_some());
    let released = released.map(released::path_of).transpose()?;
    let mut pytorch = interpreter.map(PyTorch::start).transpose()?;
    files::check_writable(&contest.out)?;
    let path = contest.record.clone().unwrap_or_else(|| contest.out.join("bench/record.csv"));
    let _lock = CacheLock::take(&stored::folder(&contest.out))?;
    let mut record = Record::read(&path)?;
    let run = Run::now();
    let is_quick = contest.quick;
    let machine = Machine::this(set, if is_quick { "quick" } else { "full" });
    if contest.speech.json {
        say!("{}", json!({"event": "machine", "machine": machine}));
    } else if !contest.speech.quiet {
        say!("Measuring on {machine}\n");
    }
    let threads = rayon::current_num_threads();
    let counts = if threads > 1 { vec![1, threads] } else { vec![1] };
    let pools: Vec<ThreadPool> = counts
        .iter()
        .map(|&count| rayon::ThreadPoolBuilder::new().num_threads(count).build())
        .collect::<Result<_, _>>()
        .context("threads cannot be started")?;
    let progress = Progress::new("bench", TimeLeft::default());
    let setting = Setting {
        seed: contest.seed,
        set,
        effort: if is_quick { Effort::QUICK } else { Effort::FULL },
        peers: &peers,
        pools: &pools,
        progress: &progress,
    };
    let started = Instant::now();
    let convolutions = if setting.effort.is_full() { convolutions::count()? } else { 0 };
    let of_released = released.as_ref().map_or(0, |_| released::count());
    let beside = match pytorch {
        Some(_) => step::MINIBATCHES.len() + language::models().len() + convolutions + of_released,
        None => 0,
    };
    let resident = if resident::is_told() { step::cases(&setting).len() } else { 0 };
    let turns = pools.len() * (product::SHAPES.len() + step::count(&setting) + beside);
    progress.set_length(turns + resident);
    let (contests, notes) = match (&contest.training, &contest.pytorch) {
        (Some(name), Some(interpreter)) => {
            let (data, seed) = (contest.data.path(), contest.seed);
            let contest = training::measure(name, interpreter, data, seed, set, &progress)?;
            (vec![contest], vec![training::NOTE.to_string()])
        }
        _ => {
            let mut contests = product::measure(&setting);
            contests.push(step::measure(&setting)?);
            if resident::is_told() {
                contests.push(resident::measure(&setting)?);
            }
            if let Some(pytorch) = &mut pytorch {
                contests.push(pytorch.measure(&setting)?);
            }
            if let Some(interpreter) = interpreter {
                contests.push(language::beside_pytorch(&setting, interpreter)?);
                if setting.effort.is_full() {
                    contests.extend(convolutions::beside_pytorch(&setting, interpreter)?);
                }
                if let Some(folder) = &released {
                    contests.push(released::beside_released(&setting, interpreter, folder)?);
                }
            }
            let mut notes = notes(&setting, pytorch.as_ref());
            notes.extend(released.as_ref().map(|_| released::NOTE.to_string()));
            (contests, notes)
        }
    };
    progress.finish();
    let tables: Vec<Table> = contests
        .iter()
        .map(|contest| {
            let last = record.last(&machine, &contest.caption);
            contest.table(|name| last.get(name).copied())
        })
        .collect();
    record.add(&run, &machine, &contests)?;
    report(&tables, &notes, contest.speech.json);
    let text = contest.out.join("bench.md");
    write_whole(&text, &markdown(&tables, &notes))?;
    let seconds = started.elapsed().as_secs_f64();
    if contest.speech.json {
        say!("{}", json!({"event": "done", "seconds": seconds, "file": text, "record": path}));
    } else {
        let (text, path) = (text.display(), path.display());
        say!("Measured in {seconds:.0} s; also in {text}, medians added to {path}");
    }
    Ok(())
}

/// The libraries that this build can measure, and the CBLAS library of a file.
///
/// # Errors
/// When the file is no library, has no product, or this build cannot load one.
#[cfg(feature = "peers")]
fn peers(cblas: Option<&Path>) -> anyhow::Result<Vec<Peer>> {
    let mut peers = libraries::built_in();
    if let Some(path) = cblas {
        peers.push(cblas::load(path)?);
    }
    Ok(peers)
}

/// The libraries that this build can measure: none.
///
/// # Errors
/// When a CBLAS library is asked for.
#[cfg(not(feature = "peers"))]
fn peers(cblas: Option<&Path>) -> anyhow::Result<Vec<Peer>> {
    if let Some(path) = cblas {
        anyhow::bail!(
            "--cblas {}: other libraries are measured by a build with --features peers, which \
             this is not",
            path.display()
        );
    }
    Ok(Vec::new())
}

/// How to read the tables.
fn notes(setting: &Setting, pytorch: Option<&PyTorch>) -> Vec<String> {
    let mut notes = vec![
        format!(
            "Contestants take turns of at least {} ms; a ratio is the median of the ratios within \
             the rounds, low and high are its quartiles. Products are computed with {} \
             instructions on random normal matrices, rows x inner x columns; A^T says that A is \
             transposed in memory, as in a weight gradient.",
            setting.effort.patience.turn.as_millis(),
            setting.set
        ),
        "The time of a sampled product includes scores with kept norms of B, selection and \
         scaling. The goal, k/n + 0.04 on one thread and k/n + 0.06 on several, is stated for an \
         inner side of at least 512 and others of at least 64."
            .to_string(),
        "A step is forward pass, loss, backward pass and update, of which products alone are \
         sampled; computations are the share of the multiply-adds that it counts, and the goal is \
         0.05 above it."
            .to_string(),
        "Where other processes hold cores, a row on several threads is measured on fewer cores \
         than it names: then its speeds are hardly above those on one thread, and it says nothing \
         about how products scale."
            .to_string(),
        "Last record: what the first number of the row was in the last run of the same effort on \
         this machine (processor, cores, memory, instructions), and the new one over it."
            .to_string(),
    ];
    notes.extend(resident::is_told().then(|| resident::NOTE.to_string()));
    if cfg!(not(feature = "peers")) {
        notes.push(
            "Other libraries are measured by a build with --features peers, which this is not."
                .to_string(),
        );
    } else if setting.peers.iter().any(|peer| !peer.spinning.is_zero()) {
        notes.push(
            "Idle threads of faer and of a CBLAS library spin for a while: their turns on several \
             threads are followed by a rest, unmeasured."
                .to_string(),
        );
    }
    if let Some(pytorch) = pytorch {
        notes.push(pytorch.note());
        notes.extend(setting.effort.is_full().then(|| convolutions::NOTE.to_string()));
    }
    notes
}

fn markdown(tables: &[Table], notes: &[String]) -> String {
    let tables: Vec<String> = tables.iter().map(Table::markdown).collect();
    format!(
        "# Times of products and training steps\n\n{}\n{}\n",
        tables.join("\n"),
        notes.join("\n\n")
    )
}

fn report(tables: &[Table], notes: &[String], is_json: bool) {
    for table in tables {
        if is_json {
            events(table).for_each(|event| say!("{event}"));
        } else {
            say!("{}\n\n{}", table.caption, table.aligned());
        }
    }
    for note in notes {
        if is_json {
            say!("{}", json!({"event": "note", "text": note}));
        } else {
            say!("{note}\n");
        }
    }
}
