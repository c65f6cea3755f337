//! How the program ends before it is done, and how two of them get on.

#[cfg(unix)]
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::run::{self, command, reproduce, standard_error, stored_results};

/// What the name of a file that is being written ends with.
const UNFINISHED: &str = ".sampled-partial";
/// On one thread: on twenty cores its runs would all end together.
const LONG: [&str; 6] = ["run", "mlp-accuracy", "--scale", "quick", "--threads", "1"];

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < Duration::from_secs(120), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A run of some seconds, when its first result is stored: work can be lost.
fn started(folder: &Path) -> Child {
    let mut run = command(folder, &LONG);
    let child = run.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    wait_for("nothing is stored", || !stored_results(folder).is_empty());
    child
}

#[cfg(unix)]
fn send(signal: &str, child: &Child) {
    let kill = std::process::Command::new("kill")
        .args([&format!("-{signal}"), &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
}

/// The names in a folder that end as those of unfinished files do.
fn unfinished(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(UNFINISHED)).collect()
}

/// Stops a run in the middle and runs the same command again.
#[cfg(unix)]
#[test]
#[ignore = "slow"]
fn a_signal_ends_a_run_with_its_number_and_the_next_run_goes_on_to_the_same_numbers() {
    let whole = tempfile::tempdir().unwrap();
    assert!(reproduce(whole.path(), &LONG).status.success());
    let expected = std::fs::read(whole.path().join("figures/mlp-accuracy.csv")).unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let folder = tempfile::tempdir().unwrap();
        let child = started(folder.path());
        send(signal, &child);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{signal}: {}", standard_error(&output));
        assert!(standard_error(&output).contains("goes on from there"));
        assert!(!folder.path().join("figures/mlp-accuracy.csv").exists());
        assert!(unfinished(&folder.path().join(".sampled")).is_empty());

        assert!(reproduce(folder.path(), &LONG).status.success());
        let found = std::fs::read(folder.path().join("figures/mlp-accuracy.csv")).unwrap();
        assert_eq!(found, expected, "{signal}");
    }
}

/// Nothing of a check is of use to another: it computes in a temporary folder.
#[cfg(unix)]
#[test]
fn a_check_that_is_stopped_leaves_no_temporary_folder() {
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let numbers = concat!(env!("CARGO_MANIFEST_DIR"), "/reference");
    let [_, rest @ ..] = LONG;
    let mut check = command(folder.path(), &["check", "--reference", numbers]);
    let check = check.args(rest).env("TMPDIR", temporary.path());
    let mut child = check.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let within = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    wait_for("nothing is stored", || {
        within(temporary.path()).iter().any(|folder| !within(folder).is_empty())
    });
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_eq!(within(temporary.path()), Vec::<PathBuf>::new());
}

/// The first signal's message waits for a reader of standard error for ever.
#[cfg(target_os = "linux")]
#[test]
fn a_second_signal_ends_what_the_first_cannot() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, mut full) = std::io::pipe().unwrap();
    full.write_all(&[b' '; 1 << 16]).unwrap();
    let mut run = command(folder.path(), &LONG);
    let mut child = run.stderr(full).stdout(Stdio::null()).spawn().unwrap();
    wait_for("nothing is stored", || !stored_results(folder.path()).is_empty());
    send("TERM", &child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
    drop(reader);
}

/// As nohup does it.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_before_the_start_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let shell = ["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_reproduce")];
    let mut child = std::process::Command::new("sh")
        .current_dir(folder.path())
        .env_remove("SAMPLED_DATA")
        .args(shell)
        .args(LONG)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("nothing is stored", || !stored_results(folder.path()).is_empty());
    send("HUP", &child);
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    send("TERM", &child);
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

/// `reproduce list | head -1`, where the reader is gone before the first line.
#[test]
fn a_closed_output_ends_every_command_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("matrices.yaml"), run::experiment()).unwrap();
    let check = ["check", "matrices.yaml", "--reference", "numbers"];
    assert!(reproduce(folder.path(), &[&check[..], &["--accept"]].concat()).status.success());
    for arguments in [
        &["list"][..],
        &["list", "--json"],
        &["run", "matrices.yaml"],
        &["run", "matrices.yaml", "--json"],
        &check,
        &["new", "mine"],
        &["data", "status"],
        &["data", "status", "--json"],
        &["bench", "--quick", "--json"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut run = command(folder.path(), arguments);
        let output = run.stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{arguments:?}: {}", standard_error(&output));
        assert_eq!(standard_error(&output), "", "{arguments:?}");
    }
    // The parser of the command line prints this one.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command(folder.path(), &["--help"]).stdout(writer).output().unwrap();
    assert!(!standard_error(&output).contains("panicked"), "{}", standard_error(&output));
}

/// Not even the sentence about an error can be said.
#[test]
fn closed_messages_end_the_program_without_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut run = command(folder.path(), &["run", "nothing-of-this-name"]);
    assert_eq!(run.stderr(writer).output().unwrap().status.code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = command(folder.path(), &["list"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(standard_error(&output).contains("standard output cannot be written: No space"));
}

#[cfg(unix)]
#[test]
fn the_second_run_waits_for_the_first_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = started(folder.path());
    std::fs::write(folder.path().join("matrices.yaml"), run::experiment()).unwrap();
    let mut run = command(folder.path(), &["run", "matrices.yaml"]);
    let mut second = run.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(second.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let process = format!("waiting: .sampled is used by process {} (", first.id());
    assert!(line.starts_with(&process), "{line}");
    assert!(line.contains(&format!("{}), started ", LONG.join(" "))), "{line}");
    // The first is stopped while it holds the lock, so that the second cannot have overtaken it.
    send("STOP", &first);
    std::thread::sleep(Duration::from_millis(200));
    assert!(second.try_wait().unwrap().is_none());
    send("CONT", &first);
    assert!(first.wait().unwrap().success());
    assert!(second.wait().unwrap().success());
}

#[test]
fn a_killed_run_leaves_no_lock_and_what_it_was_writing_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = started(folder.path());
    first.kill().unwrap();
    first.wait().unwrap();
    let folders = [".sampled", "figures", "figures/notes"].map(|name| folder.path().join(name));
    for folder in &folders {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(format!(".x4Yz{UNFINISHED}")), "half").unwrap();
    }
    std::fs::write(folders[1].join("mine.txt"), "whole").unwrap();
    let output = reproduce(folder.path(), &LONG);
    assert!(output.status.success());
    assert_eq!(standard_error(&output), "", "nobody is waited for");
    for folder in &folders {
        assert_eq!(unfinished(folder), [""; 0], "{}", folder.display());
    }
    assert!(folders[1].join("mine.txt").exists());
}
