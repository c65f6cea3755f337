//! The commands of the README do what it says.
//!
//! Every line of its console blocks is run, in order and in one folder, at quick scale; what
//! cannot be run here is named with the reason and has to be a command that the program knows. What
//! `run` shows was computed by the tests of the numbers, `check` computes a few exhibits again.

use std::path::Path;

use crate::run::{reproduce, standard_error, standard_output};
use crate::snapshots::store_results;
use clap::Parser as _;
use reproduce::cli::CommandLine;

const README: &str = include_str!("../../../README.md");

/// Beginnings of commands that are not run.
const NOT_RUN: [(&str, &str); 3] = [
    ("cargo test --workspace", "it runs this test"),
    (FETCH, "it needs the network"),
    ("mpirun", "it needs an MPI library; the tests of ranks start jobs"),
];
const FETCH: &str = "cargo run --release -p reproduce -- data fetch";

/// What is compared here: the numbers of all are by the tests of the snapshots.
const CHECKED: [&str; 3] = ["bernoulli-budget", "compute-communication", "mlp-accuracy"];

/// The blocks of the README in this language, in order.
fn blocks(language: &str) -> Vec<String> {
    let (mut blocks, mut open) = (Vec::new(), None::<String>);
    for line in README.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(found)) => open = Some(format!("{found}\n")),
            (Some(block), None) => block.push_str(&format!("{line}\n")),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, None) => {}
        }
    }
    let start = format!("{language}\n");
    blocks.iter().filter_map(|block| block.strip_prefix(&start)).map(str::to_string).collect()
}

/// The commands, without the remarks beside them.
fn commands() -> Vec<String> {
    let blocks = blocks("console");
    let lines = blocks.iter().flat_map(|block| block.lines());
    lines.map(|line| line.split('#').next().unwrap_or_default().trim().to_string()).collect()
}

/// What the program is given.
fn arguments(command: &str) -> Option<Vec<&str>> {
    let cargo = "cargo run --release -p reproduce";
    let rest = command.strip_prefix(cargo)?;
    let rest = rest.strip_prefix(" --features peers").unwrap_or(rest);
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(" -- ")? };
    Some(rest.split_whitespace().collect())
}

/// The same command where it takes seconds, with the numbers of this repository.
fn quickly(mut arguments: Vec<&str>) -> Vec<&str> {
    let takes_scale = !matches!(arguments.first(), Some(&("new" | "data" | "bench")));
    if takes_scale && !arguments.contains(&"--scale") {
        arguments.extend(["--scale", "quick"]);
    }
    match arguments.first() {
        Some(&"bench") => arguments.push("--quick"),
        Some(&"check") => {
            if arguments.len() == 3 {
                arguments.extend(CHECKED);
            }
            arguments.extend(["--reference", concat!(env!("CARGO_MANIFEST_DIR"), "/reference")]);
        }
        _ => {}
    }
    arguments
}

/// Puts the README's lines into a file of settings, in the place of the first of the same field.
fn edit(path: &Path) {
    let mut text = std::fs::read_to_string(path).unwrap();
    for line in blocks("yaml").concat().lines() {
        let field = line.split_once(':').unwrap().0;
        let old = text.lines().find(|old| old.starts_with(&format!("{field}:"))).unwrap();
        text = text.replacen(&old.to_string(), line, 1);
    }
    std::fs::write(path, text).unwrap();
}

#[test]
#[ignore = "slow"]
fn every_command_works() {
    let folder = tempfile::tempdir().unwrap();
    store_results(folder.path());
    // The file of the reader's own that the README runs.
    assert!(reproduce(folder.path(), &["new", "mine"]).status.success());
    let mut runs = 0;
    for command in commands() {
        if NOT_RUN.iter().any(|(start, _)| command.starts_with(start)) {
            continue;
        }
        let arguments = arguments(&command).unwrap_or_else(|| panic!("what is {command:?}?"));
        let own = folder.path().join("wide-layers.yaml");
        if arguments.contains(&"wide-layers.yaml") {
            edit(&own);
        }
        let output = reproduce(folder.path(), &quickly(arguments.clone()));
        let said = standard_output(&output);
        assert!(output.status.success(), "{command}: {said}{}", standard_error(&output));
        if arguments.first() == Some(&"check") {
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains(" 0 differ; 0 missing, 0 not"), "{said}");
        }
        runs += 1;
    }
    assert!(runs >= 10, "only {runs} commands were found");
    let figures = ["index.html", "headline.md", "mine.svg", "wide-layers.svg"];
    for file in figures {
        assert!(folder.path().join("figures").join(file).exists(), "{file}");
    }
    let report = std::fs::read_to_string(folder.path().join("figures/wide-layers.md")).unwrap();
    assert!(report.contains("1000 and 1000") && report.contains("winner-take-all"), "{report}");
}

#[test]
fn what_is_not_run_is_known_to_the_program() {
    for command in commands() {
        if let Some(arguments) = arguments(&command) {
            let words = ["reproduce"].into_iter().chain(arguments);
            let parsed = CommandLine::try_parse_from(words);
            assert!(parsed.is_ok(), "{command}: {}", parsed.unwrap_err());
        }
    }
    for (start, reason) in NOT_RUN {
        let is_there = commands().iter().any(|command| command.starts_with(start));
        assert!(is_there, "{start:?} ({reason}) is in the README no more");
    }
}
