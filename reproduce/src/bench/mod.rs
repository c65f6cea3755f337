//! `bench`: times of our products and training steps beside other libraries', and of sampled
//! beside exact ones.
//!
//! Every comparison is made in one run, in turns, and written ratio first: on a machine that
//! others use as well only ratios mean something.

#[cfg(feature = "peers")]
mod cblas;
#[cfg(feature = "peers")]
mod libraries;
pub mod peer;
mod product;
mod python;
mod pytorch;
mod step;
mod table;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use kernels::InstructionSet;
use rayon::ThreadPool;
use serde_json::json;

use crate::cache::write_whole;
use crate::cli::{BenchOptions, Options};
use crate::exhibit::config::Scale;
use crate::files;
use crate::output::say;
use crate::progress::Progress;
use crate::result::Table;
use crate::timing::Patience;
use peer::Peer;
use pytorch::PyTorch;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// Time of each comparison: one shape on one number of threads.
    patience: Patience,
    /// Products of more operations than this are measured on all threads only, and sampled at
    /// the smallest ratio only.
    large: f64,
    /// Products of more operations than this are not measured on the portable path.
    portable: f64,
}

impl Effort {
    const FULL: Self = Self {
        patience: Patience {
            turn: Duration::from_millis(5),
            total: Duration::from_millis(3500),
            rounds: 3,
        },
        large: f64::INFINITY,
        portable: 1.1e9,
    };
    const QUICK: Self = Self {
        patience: Patience {
            turn: Duration::from_millis(5),
            total: Duration::from_millis(400),
            rounds: 3,
        },
        large: 2e9,
        portable: 3e8,
    };
}

/// What every measurement may depend on.
struct Setting<'a> {
    seed: u64,
    set: InstructionSet,
    effort: Effort,
    peers: &'a [Peer],
    /// One thread, and all of them where there are more.
    pools: &'a [ThreadPool],
    progress: &'a Progress,
}

/// Measures everything, prints the tables and writes them to `bench.md` in the output folder.
///
/// # Errors
/// When a library, PyTorch or threads cannot be started, or the file cannot be written.
pub fn bench(contest: &BenchOptions, options: &Options, set: InstructionSet) -> anyhow::Result<()> {
    let peers = peers(contest.cblas.as_deref())?;
    let mut pytorch = contest.pytorch.as_deref().map(PyTorch::start).transpose()?;
    files::check_writable(&options.out)?;
    let is_quick = contest.quick || options.scale == Scale::Quick;
    let threads = rayon::current_num_threads();
    let counts = if threads > 1 { vec![1, threads] } else { vec![1] };
    let pools: Vec<ThreadPool> = counts
        .iter()
        .map(|&count| rayon::ThreadPoolBuilder::new().num_threads(count).build())
        .collect::<Result<_, _>>()
        .context("threads cannot be started")?;
    let progress = Progress::new("bench");
    let setting = Setting {
        seed: options.seed,
        set,
        effort: if is_quick { Effort::QUICK } else { Effort::FULL },
        peers: &peers,
        pools: &pools,
        progress: &progress,
    };
    let steps = step::MINIBATCHES.len() * if pytorch.is_some() { 2 } else { 1 };
    progress.set_length(pools.len() * (product::SHAPES.len() + steps));
    let started = Instant::now();
    let mut tables = product::measure(&setting);
    tables.push(step::measure(&setting)?);
    if let Some(pytorch) = &mut pytorch {
        tables.push(pytorch.measure(&setting)?);
    }
    progress.finish();
    let notes = notes(&setting, pytorch.as_ref());
    report(&tables, &notes, options)?;
    let path = options.out.join("bench.md");
    write_whole(&path, &markdown(&tables, &notes))?;
    let seconds = started.elapsed().as_secs_f64();
    if options.json {
        say!("{}", json!({"event": "done", "seconds": seconds, "file": path}));
    } else {
        say!("Measured in {seconds:.0} s; also in {}", path.display());
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
         scaling. The goal, k/n + 0.06, is stated for an inner side of at least 512 and others \
         of at least 64."
            .to_string(),
        "Where other processes hold cores, a row on several threads is measured on fewer cores \
         than it names: then its speeds are hardly above those on one thread, and it says nothing \
         about how products scale."
            .to_string(),
    ];
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

fn report(tables: &[Table], notes: &[String], options: &Options) -> anyhow::Result<()> {
    for table in tables {
        if options.json {
            table::print_lines(table);
        } else {
            say!("{}\n{}\n", table.caption, table::draw(table));
        }
    }
    for note in notes {
        if options.json {
            say!("{}", json!({"event": "note", "text": note}));
        } else {
            say!("{note}\n");
        }
    }
    Ok(())
}
