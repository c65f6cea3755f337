//! The page of a run: every built-in exhibit of the scale, as computed now or before, and the user's own.

use std::path::Path;

use kernels::InstructionSet;

use crate::cache::{Cache, write_whole};
use crate::changes::Changes;
use crate::cli::Options;
use crate::exhibits::{built_in, built_in_at};
use crate::files;
use crate::images::Library;
use crate::paper_claims::{PaperVerdict, verdicts};
use crate::provenance;
use crate::reference;
use crate::result::{ClaimRow, ExhibitResult, Rows};
use crate::site::{self, ExhibitPage};
use crate::snapshot::{Number, Snapshot};
use crate::sources;
use crate::stored;
use crate::task::Task;

/// What a run has computed: a task, the checksum of its images and its result.
pub type Computed<'a> = (&'a Task, Option<&'a str>, ExhibitResult);

/// What the page says in short.
pub struct Overview {
    /// The claims of the paper.
    pub paper: Vec<PaperVerdict>,
    /// The statements that were tested.
    pub statements: Vec<ClaimRow>,
    /// How many numbers are not the committed ones.
    pub changes: Changes,
}

/// Writes the page, the headline as a report and the list of what is there, and hands on what the page
/// says in short.
///
/// # Errors
/// When a figure cannot be drawn or a file not be written.
pub fn write(
    computed: Vec<Computed>,
    library: &mut Library,
    cache: &Cache,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<Overview> {
    let (data, reference) = (options.data(), Path::new(reference::FOLDER));
    let (mut pages, mut changes) = (Vec::new(), Changes::default());
    for (task, images, result) in computed {
        changes.count(task, &result, data, reference);
        pages.push(ExhibitPage::of_task(task, data, images, Some(result))?);
    }
    for (exhibit, own) in built_in_at(options.scale) {
        if pages.iter().any(|page| page.name == own.name) {
            continue;
        }
        let mut task = Task::built_in(exhibit, own, options.scale, options.seed)?;
        task.look_at_data(options.data())?;
        let stored = stored::find(&task, library, cache, instructions);
        stored.result.iter().for_each(|result| changes.count(&task, result, data, reference));
        let result = stored.result.or_else(|| committed(&task, options));
        pages.push(ExhibitPage::of_task(&task, data, stored.images.as_deref(), result)?);
    }
    let place = |page: &ExhibitPage| built_in().position(|(_, own)| own.name == page.name);
    pages.sort_by_key(|page| place(page).unwrap_or(usize::MAX));
    if let Some(tables) = site::headline_tables(&pages) {
        write_whole(&options.out.join("headline.md"), &site::headline_report(&tables))?;
    }
    files::write_list(&options.out, &site::paper_report(&pages))?;
    let provenance = site::Provenance {
        scale: options.scale.to_string(),
        seed: options.seed,
        version: env!("CARGO_PKG_VERSION").to_string(),
        code: sources::EXHIBITS[..12].to_string(),
        instructions: instructions.to_string(),
        date: provenance::now(),
        commit: provenance::commit(),
        processor: provenance::processor(),
        threads: rayon::current_num_threads(),
        changes: changes.words(),
    };
    let site = site::Site { exhibits: &pages, notes: site::NOTES, provenance };
    site::write(&options.out, &site)?;
    let results = pages.iter().filter_map(|page| page.result.as_ref());
    let statements = results.flat_map(|result| result.claims.clone()).collect();
    Ok(Overview { paper: verdicts(&site::evidence(&pages)), statements, changes })
}

/// The committed numbers of settings that take too long for a run of everything, where there are
/// some: they are of the default seed.
fn committed(task: &Task, options: &Options) -> Option<ExhibitResult> {
    task.built_in.filter(|own| own.is_long && task.seed == Options::DEFAULT_SEED)?;
    let set = task.configured.experiment.images().map(|config| config.set);
    let slug = set.and_then(|set| set.in_directory(options.data()).slugs().first().copied());
    let stem = task.stem(slug);
    let path = reference::path(Path::new(reference::FOLDER), &stem, task.scale);
    let snapshot: Snapshot = std::fs::read_to_string(&path).ok()?.parse().ok()?;
    let numbers: Vec<(&String, &Number)> = snapshot.numbers.iter().collect();
    let records = Rows::of(&numbers)
        .key("number", |(name, _)| name.as_str())
        .value("value", "", |(_, number)| number.value)
        .key("unit", |(_, number)| number.unit())
        .table("The committed numbers");
    Some(ExhibitResult {
        title: task.title(),
        data: snapshot.data().to_string(),
        records,
        remarks: vec![format!(
            "These are the committed numbers, {}: the run takes too long for a run of everything. \
             Its figures are drawn when it is run by its name.",
            path.display()
        )],
        ..ExhibitResult::default()
    })
}
