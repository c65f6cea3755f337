//! `check`: every number again, beside the committed one.
//!
//! What was not compared is never counted as agreeing: another title, a line too few or too many
//! and a file of another form are differences, and an exhibit whose data are not there is a
//! skip that the last line counts and names.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use kernels::InstructionSet;
use serde_json::{Value, json};

use crate::cache::{Cache, write_whole};
use crate::cli::{CheckOptions, Options};
use crate::exhibit::config::Scale;
use crate::exhibit::{Context, NAMED_ONLY, Task};
use crate::images::{ImageConfig, ImageSet, Images, Library};
use crate::output::say;
use crate::progress::Progress;
use crate::result::ExhibitResult;
use crate::run;
use crate::snapshot::{Number, Snapshot, SnapshotError};

/// A number that is not the committed one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The number's name.
    pub name: String,
    /// The committed number, if there is one.
    pub old: Option<Number>,
    /// The number found, if there is one.
    pub new: Option<Number>,
}

impl Difference {
    /// The change over the committed value; none where one of the two is missing, the units are
    /// not the same or the committed value is 0.
    pub fn relative(&self) -> Option<f64> {
        let (old, new) = (self.old.as_ref()?, self.new.as_ref()?);
        let is_relative = old.unit() == new.unit() && old.value != 0.0;
        is_relative.then(|| (new.value - old.value) / old.value.abs())
    }

    /// Name, old, new and relative change on one line, the name as wide as that.
    pub fn line(&self, width: usize) -> String {
        let show = |number: &Option<Number>| {
            number.as_ref().map_or("none".to_string(), |number| number.text.clone())
        };
        let change = self
            .relative()
            .map_or("no relative change".to_string(), |change| format!("{change:+.2e} relative"));
        let (old, new) = (show(&self.old), show(&self.new));
        format!("{:<width$}  {old} -> {new} ({change})", self.name)
    }
}

/// Two snapshots beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The committed title and the one found, where they are not the same.
    pub titles: Option<[String; 2]>,
    /// Numbers that are the same in both, to the last digit and with the same unit.
    pub agreed: usize,
    /// All other numbers, the largest change first; what cannot be compared before all.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// What was committed beside what was found.
    pub fn of(old: &Snapshot, new: &Snapshot) -> Self {
        let names: BTreeSet<&String> = old.numbers.keys().chain(new.numbers.keys()).collect();
        let text = |number: &Option<&Number>| number.map(|number| number.text.clone());
        let mut differences: Vec<Difference> = names
            .iter()
            .map(|name| (name, old.numbers.get(*name), new.numbers.get(*name)))
            .filter(|(_, old, new)| text(old) != text(new))
            .map(|(name, old, new)| Difference {
                name: name.to_string(),
                old: old.cloned(),
                new: new.cloned(),
            })
            .collect();
        let size = |difference: &Difference| difference.relative().map_or(f64::INFINITY, f64::abs);
        differences.sort_by(|one, other| size(other).total_cmp(&size(one)));
        let titles = [&old.title, &new.title];
        Comparison {
            titles: (titles[0] != titles[1]).then(|| titles.map(String::clone)),
            agreed: names.len() - differences.len(),
            differences,
        }
    }

    /// Whether everything is the same.
    pub fn agrees(&self) -> bool {
        self.titles.is_none() && self.differences.is_empty()
    }

    fn count(&self, is_counted: impl Fn(&Difference) -> bool) -> usize {
        self.differences.iter().filter(|difference| is_counted(difference)).count()
    }
}

/// What came of one exhibit.
enum Finding {
    /// The committed numbers are of another form; nothing was computed.
    Unreadable(SnapshotError),
    /// Compared, and what the exhibit's own checks say.
    Compared { comparison: Comparison, failures: Vec<String> },
}

impl Finding {
    fn agrees(&self) -> bool {
        match self {
            Finding::Unreadable(_) => false,
            Finding::Compared { comparison, failures } => {
                comparison.agrees() && failures.is_empty()
            }
        }
    }
}

/// What came of all exhibits: the last line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Exhibits all of whose numbers agree.
    pub agreeing: usize,
    /// Exhibits that differ in anything.
    pub differing: usize,
    /// Why an exhibit was skipped, one reason each.
    pub skipped: Vec<String>,
    /// Numbers that agree.
    pub agreed: usize,
    /// Numbers with another value or unit.
    pub differed: usize,
    /// Committed numbers that were not found.
    pub missing: usize,
    /// Numbers found that are not committed.
    pub uncommitted: usize,
}

impl Tally {
    fn add(&mut self, finding: &Finding) {
        *(if finding.agrees() { &mut self.agreeing } else { &mut self.differing }) += 1;
        if let Finding::Compared { comparison, .. } = finding {
            self.agreed += comparison.agreed;
            self.differed += comparison.count(|d| d.old.is_some() && d.new.is_some());
            self.missing += comparison.count(|d| d.new.is_none());
            self.uncommitted += comparison.count(|d| d.old.is_none());
        }
    }

    /// Whether something was compared and nothing differs; with `strict`, nothing was skipped.
    pub fn is_agreement(&self, strict: bool) -> bool {
        self.agreed > 0 && self.differing == 0 && (!strict || self.skipped.is_empty())
    }

    fn json(&self) -> Value {
        json!({
            "event": "done",
            "exhibits": {
                "agree": self.agreeing, "differ": self.differing, "skipped": self.skipped.len(),
            },
            "skipped": self.skipped,
            "numbers": {
                "compared": self.agreed + self.differed, "agree": self.agreed,
                "differ": self.differed, "missing": self.missing,
                "uncommitted": self.uncommitted,
            },
        })
    }
}

impl fmt::Display for Tally {
    /// "17 agree, 2 skipped: no CIFAR-10 in data; 5231 numbers compared: ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} agree", self.agreeing)?;
        if self.differing > 0 {
            write!(f, ", {} differ", self.differing)?;
        }
        if !self.skipped.is_empty() {
            let reasons: BTreeSet<&str> = self.skipped.iter().map(String::as_str).collect();
            let reasons: Vec<&str> = reasons.into_iter().collect();
            write!(f, ", {} skipped: {}", self.skipped.len(), reasons.join(", "))?;
        }
        write!(
            f,
            "; {} numbers compared: {} agree, {} differ; {} missing, {} not committed",
            self.agreed + self.differed,
            self.agreed,
            self.differed,
            self.missing,
            self.uncommitted
        )
    }
}

/// The file that holds the numbers of a task ([`Task::stem`]): the snapshot that the tests
/// compare at quick scale, a plain text of the same form at the others.
pub fn reference_path(folder: &Path, stem: &str, scale: Scale) -> PathBuf {
    let ending = if scale == Scale::Quick { "snap" } else { "txt" };
    folder.join(format!("{stem}.{scale}.{ending}"))
}

/// Which commit last changed each line of a file; empty where git cannot tell.
struct History {
    commits: Vec<String>,
}

impl History {
    /// Of the file with the committed numbers; git is asked only where one differs.
    fn of(path: &Path, differences: &[Difference]) -> Self {
        if differences.is_empty() {
            return History { commits: Vec::new() };
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let blame = path.file_name().and_then(|file| {
            let mut git = Command::new("git");
            git.arg("-C").arg(folder).args(["blame", "-s", "--"]).arg(file);
            // A hook of git has set these for another repository.
            git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
            git.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()
        });
        let blame = blame.filter(|output| output.status.success());
        let commits = blame.map_or(Vec::new(), |output| {
            let commit = |line: &str| line.split(' ').next().unwrap_or_default().to_string();
            String::from_utf8_lossy(&output.stdout).lines().map(commit).collect()
        });
        History { commits }
    }

    /// "last changed by COMMIT", for a committed number.
    fn last_change(&self, number: Option<&Number>) -> Option<String> {
        let commit = self.commits.get(number?.line - 1)?;
        let is_committed = !commit.trim_matches(['0', '^']).is_empty();
        Some(match is_committed {
            true => format!("last changed by {commit}"),
            false => "changed here, not committed".to_string(),
        })
    }
}

/// Computes the exhibits and compares them with the committed numbers, or writes those with
/// `accept`. True when something was compared and all of it agrees.
///
/// # Errors
/// Wrong input, missing committed numbers, or a failure while computing.
pub fn check(
    request: &CheckOptions,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    let reference = &request.reference;
    let (tasks, skipped) = tasks(&request.exhibits, options)?;
    let mut library = Library::new(options.data());
    let images = run::images(&tasks, &mut library)?;
    if request.accept {
        return accept(&tasks, &mut library, reference, options, instructions);
    }
    let paths: Vec<PathBuf> = tasks
        .iter()
        .zip(&images)
        .map(|(task, images)| reference_path(reference, &task.stem(images.as_deref()), task.scale))
        .collect();
    are_there(&paths, reference, options.scale)?;
    show_plan(&tasks, &images, reference, options);
    // Nothing that an earlier run stored may take part in a check.
    let fresh = tempfile::tempdir().context("a temporary folder")?;
    let cache = Cache::new(fresh.path());
    let mut tally = Tally { skipped, ..Tally::default() };
    for ((task, images), path) in tasks.iter().zip(&images).zip(&paths) {
        let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let finding = match old.parse() {
            Err(error) => Finding::Unreadable(error),
            Ok(old) => {
                let result = compute(task, images.as_deref(), &cache, options, instructions)?;
                let new = snapshot(task, &result)?.parse()?;
                let comparison = Comparison::of(&old, &new);
                Finding::Compared { comparison, failures: result.failures }
            }
        };
        if options.json {
            say!("{}", event(&task.name, path, &finding));
        } else {
            show(&task.name, path, &finding);
        }
        tally.add(&finding);
    }
    let last = if options.json { tally.json().to_string() } else { format!("\n{tally}") };
    say!("{last}");
    Ok(tally.is_agreement(request.strict))
}

/// The tasks asked for whose numbers can be compared, and why others were skipped.
fn tasks(requests: &[String], options: &Options) -> anyhow::Result<(Vec<Task>, Vec<String>)> {
    let is_named = !requests.is_empty();
    let (times, tasks): (Vec<Task>, Vec<Task>) =
        run::tasks(requests, options)?.into_iter().partition(|task| task.exhibit.is_timing);
    let times: Vec<&str> = times.iter().map(|task| task.name.as_str()).collect();
    ensure!(
        !is_named || times.is_empty(),
        "{}: times are other ones every time; there is nothing to compare them with",
        times.join(", ")
    );
    let (tasks, skipped) = run::with_data(tasks, is_named, options)?;
    if !is_named && !options.json {
        let longer: Vec<&str> = NAMED_ONLY.iter().map(|(name, _)| *name).collect();
        say!("not compared: times ({})", times.join(", "));
        say!("not compared unless named: {}", longer.join(", "));
    }
    Ok((tasks, skipped))
}

/// Makes sure that there is something to compare with before anything is computed.
fn are_there(paths: &[PathBuf], reference: &Path, scale: Scale) -> anyhow::Result<()> {
    if !reference.is_dir() {
        bail!(
            "there is no folder {} with committed numbers: check runs in the repository's folder, \
             or with --reference DIR",
            reference.display()
        );
    }
    let missing: Vec<String> =
        paths.iter().filter(|p| !p.exists()).map(|p| p.display().to_string()).collect();
    ensure!(
        missing.is_empty(),
        "{}: there are no committed numbers of {scale} scale to compare with",
        missing.join(", ")
    );
    Ok(())
}

fn show_plan(tasks: &[Task], images: &[Option<Arc<Images>>], reference: &Path, options: &Options) {
    let data = |task, images: &Option<_>| run::data_of(task, Option::as_deref(images), options);
    let plan = tasks.iter().zip(images).map(|(task, images)| (task, data(task, images)));
    if options.json {
        let exhibits: Vec<Value> =
            plan.map(|(task, data)| json!({"name": task.name, "data": data})).collect();
        say!(
            "{}",
            json!({
                "event": "plan", "scale": options.scale.to_string(), "seed": options.seed,
                "reference": reference, "exhibits": exhibits,
            })
        );
        return;
    }
    say!("Compared with {}: scale {}, seed {}", reference.display(), options.scale, options.seed);
    for (task, data) in plan {
        let data = data.map_or(String::new(), |data| format!("  on {data}"));
        say!("  {:<22}{data}", task.name);
    }
    say!("");
}

fn compute(
    task: &Task,
    images: Option<&Images>,
    cache: &Cache,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<ExhibitResult> {
    let progress = Progress::new(&task.name);
    let data = options.data();
    let context =
        Context { seed: task.seed, instructions, images, data, cache, progress: &progress };
    let result = task.run(&context);
    progress.finish();
    result
}

/// The numbers of a result as they are committed.
fn snapshot(task: &Task, result: &ExhibitResult) -> anyhow::Result<String> {
    let text = result.snapshot(&task.name, &task.scale.to_string());
    let is_one = text.parse::<Snapshot>().map(|_| ());
    is_one.with_context(|| format!("{}: its numbers cannot be compared", task.name))?;
    Ok(text)
}

fn show(name: &str, path: &Path, finding: &Finding) {
    let (comparison, failures) = match finding {
        Finding::Unreadable(error) => {
            return say!("{name:<22} FAILED: {}: {error}", path.display());
        }
        Finding::Compared { comparison, failures } => (comparison, failures),
    };
    let differing = comparison.differences.len();
    match differing {
        0 => say!("{name:<22} {} numbers agree", comparison.agreed),
        _ => say!("{name:<22} {differing} of {} numbers differ", comparison.agreed + differing),
    }
    if let Some([old, new]) = &comparison.titles {
        say!("  the title differs: {old:?} -> {new:?}");
    }
    let history = History::of(path, &comparison.differences);
    let width = comparison.differences.iter().map(|d| d.name.chars().count()).max().unwrap_or(0);
    for difference in &comparison.differences {
        let last = history.last_change(difference.old.as_ref());
        say!("  {}{}", difference.line(width), last.map_or(String::new(), |c| format!("; {c}")));
    }
    for failure in failures {
        say!("  FAILED {failure}");
    }
}

fn event(name: &str, path: &Path, finding: &Finding) -> Value {
    let (comparison, failures) = match finding {
        Finding::Unreadable(error) => {
            return json!({
                "event": "exhibit", "name": name, "reference": path, "agrees": false,
                "error": error.to_string(),
            });
        }
        Finding::Compared { comparison, failures } => (comparison, failures),
    };
    let history = History::of(path, &comparison.differences);
    let text = |number: &Option<Number>| number.as_ref().map(|number| number.text.clone());
    let differences: Vec<Value> = comparison
        .differences
        .iter()
        .map(|difference| {
            json!({
                "name": difference.name,
                "old": text(&difference.old), "new": text(&difference.new),
                "relative": difference.relative(),
                "last_change": history.last_change(difference.old.as_ref()),
            })
        })
        .collect();
    json!({
        "event": "exhibit", "name": name, "reference": path, "agrees": finding.agrees(),
        "titles": comparison.titles, "agreed": comparison.agreed, "differences": differences,
        "failures": failures,
    })
}

/// Writes the numbers of every task as the committed ones: for the data that are there, and for
/// the digits drawn by code that take the place of MNIST where it is not. Numbers may come from
/// stored results: the next check computes them again.
fn accept(
    tasks: &[Task],
    library: &mut Library,
    reference: &Path,
    options: &Options,
    instructions: InstructionSet,
) -> anyhow::Result<bool> {
    if options.scale == Scale::Quick {
        bail!("the numbers of quick scale are snapshots: accept them with cargo insta review");
    }
    let (cache, _lock) = run::open_cache(&options.out)?;
    let (mut files, mut are_sound) = (0, true);
    for task in tasks {
        for config in with_substitutes(task.configured.experiment.images()) {
            let images = config.as_ref().map(|config| library.get(config)).transpose()?;
            let result = compute(task, images.as_deref(), &cache, options, instructions)?;
            let path = reference_path(reference, &task.stem(images.as_deref()), task.scale);
            if !result.failures.is_empty() {
                are_sound = false;
                say!("{}: not written", path.display());
                result.failures.iter().for_each(|failure| say!("  FAILED {failure}"));
                continue;
            }
            let text = snapshot(task, &result)?;
            write_whole(&path, &text)?;
            files += 1;
            say!("{}: {} numbers written", path.display(), text.lines().count() - 1);
        }
    }
    say!("\n{files} files written");
    Ok(are_sound)
}

/// The images an exhibit asks for, and those that take their place where they are not there.
fn with_substitutes(images: Option<ImageConfig>) -> Vec<Option<ImageConfig>> {
    match images {
        Some(config) if config.set == ImageSet::Digits => {
            let drawn = ImageConfig { set: ImageSet::GeneratedDigits, ..config.clone() };
            vec![Some(config), Some(drawn)]
        }
        images => vec![images],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(lines: &str) -> Snapshot {
        format!("demo · made up · quick\n{lines}").parse().unwrap()
    }

    fn compare(old: &str, new: &str) -> Comparison {
        Comparison::of(&snapshot(old), &snapshot(new))
    }

    fn tally(findings: &[Finding]) -> Tally {
        let mut tally = Tally::default();
        findings.iter().for_each(|finding| tally.add(finding));
        tally
    }

    fn compared(old: &str, new: &str) -> Finding {
        Finding::Compared { comparison: compare(old, new), failures: Vec::new() }
    }

    #[test]
    fn equal_snapshots_agree_wherever_their_lines_stand() {
        let text = "k=1 error = 0.500000 %\nk=2 error = 0.250000 %\n";
        let comparison = compare(text, text);
        assert!(comparison.agrees());
        assert_eq!(comparison.agreed, 2);
        let old = format!("---\nsource: here\n---\ndemo · made up · quick\n{text}");
        assert!(Comparison::of(&old.parse().unwrap(), &snapshot(text)).agrees());
    }

    #[test]
    fn another_title_is_a_difference() {
        let new = "demo · other data · quick\na = 1 %\n".parse().unwrap();
        let comparison = Comparison::of(&snapshot("a = 1 %\n"), &new);
        assert!(!comparison.agrees());
        assert_eq!(comparison.agreed, 1);
    }

    #[test]
    fn a_changed_number_is_named_with_its_relative_change() {
        let found = compare("a = 0.5 %\nb = 1 %\n", "a = 0.25 %\nb = 1 %\n").differences;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line(1), "a  0.5 % -> 0.25 % (-5.00e-1 relative)");
    }

    #[test]
    fn a_number_of_another_unit_differs_without_a_relative_change() {
        let found = compare("a = 1 s\n", "a = 1 %\n").differences;
        assert_eq!(found[0].line(1), "a  1 s -> 1 % (no relative change)");
    }

    #[test]
    fn a_number_that_appears_or_disappears_is_a_difference() {
        let found = compare("a = 1 %\n", "b = 1 %\n").differences;
        assert_eq!(found[0].line(1), "a  1 % -> none (no relative change)");
        assert_eq!(found[1].line(1), "b  none -> 1 % (no relative change)");
    }

    #[test]
    fn the_largest_change_comes_first() {
        let old = "a = 1 %\nb = 1 %\nc = 0 %\nd = 1 %\n";
        let found = compare(old, "a = 1.1 %\nb = -4 %\nc = 1e-9 %\nd = 3 %\n").differences;
        let names: Vec<&str> = found.iter().map(|difference| difference.name.as_str()).collect();
        assert_eq!(names, ["c", "b", "d", "a"]);
    }

    #[test]
    fn the_last_line_counts_everything() {
        let mut tally = tally(&[
            compared("a = 1 %\nb = 1 %\nc = 1 %\n", "a = 1 %\nb = 2 %\nd = 1 %\ne = 1 %\n"),
            compared("a = 1 %\n", "a = 1 %\n"),
            Finding::Unreadable(SnapshotError::Empty),
        ]);
        tally.skipped = vec!["no CIFAR-10 in data".to_string(); 2];
        assert_eq!(
            tally.to_string(),
            "1 agree, 2 differ, 2 skipped: no CIFAR-10 in data; \
             3 numbers compared: 2 agree, 1 differ; 1 missing, 2 not committed"
        );
        assert_eq!(tally.json()["numbers"]["uncommitted"], 2);
        assert_eq!(tally.json()["exhibits"]["differ"], 2);
    }

    #[test]
    fn only_what_was_compared_agrees() {
        let agreeing = || compared("a = 1 %\n", "a = 1 %\n");
        assert!(tally(&[agreeing()]).is_agreement(true));
        assert!(!Tally::default().is_agreement(false), "nothing was compared");
        assert!(
            !tally(&[agreeing(), Finding::Unreadable(SnapshotError::Empty)]).is_agreement(false)
        );
        let Finding::Compared { comparison, .. } = agreeing() else { unreachable!() };
        let failures = vec!["a claim does not hold".to_string()];
        assert!(!tally(&[Finding::Compared { comparison, failures }]).is_agreement(false));
        let skipped = vec!["no CIFAR-10".to_string()];
        let skipping = Tally { skipped, ..tally(&[agreeing()]) };
        assert!(skipping.is_agreement(false) && !skipping.is_agreement(true));
    }
}
