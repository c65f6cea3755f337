//! Checksums of the sources that numbers depend on, for the keys of stored results, and the records
//! of long runs that the program has with it.
//!
//! A number that is stored must not outlive the code that made it. What counts is the code itself:
//! comments, documentation, layout and tests do not change a checksum, versions of dependencies do.

mod code;

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What an exhibit depends on in this crate: everything between settings and numbers.
const EXHIBITS: [&str; 7] =
    ["exhibits.rs", "task.rs", "exhibit", "images", "parallel.rs", "result", "timing"];
/// What a training run depends on in this crate.
const RUNS: [&str; 4] = [
    "exhibit/networks/one_run.rs",
    "exhibit/networks/run_settings.rs",
    "exhibit/networks/runs.rs",
    "exhibit/networks/sampling.rs",
];
/// Members of the workspace whose code changes no number: this one, of which parts count, and the
/// helper of tests.
const OTHERS: [&str; 2] = ["reproduce", "testing"];
/// The crates that a training run depends on.
const BELOW_RUNS: [&str; 3] = ["kernels", "kernels/micro-kernels", "training"];

fn main() {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let workspace = here.parent().expect("the crate is a folder of the workspace");
    let members = members(workspace);
    let of = |crates: &[&str], parts: &[&str]| {
        let crates = crates.iter().map(|name| workspace.join(name).join("src"));
        let parts = parts.iter().map(|part| here.join("src").join(part));
        checksum(workspace, crates.chain(parts).chain([workspace.join("Cargo.lock")]))
    };
    let all: Vec<&str> =
        members.iter().map(String::as_str).filter(|name| !OTHERS.contains(name)).collect();
    println!("cargo::rustc-env=SOURCES_OF_EXHIBITS={}", of(&all, &EXHIBITS));
    println!("cargo::rustc-env=SOURCES_OF_RUNS={}", of(&BELOW_RUNS, &RUNS));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    let written = fs::write(out.join("records.rs"), records(&here.join("reference/long")));
    written.expect("the folder of build products can be written");
}

/// An array of the names and texts of the records of long runs, as Rust.
fn records(folder: &Path) -> String {
    // Cargo runs this again at every call while a path that it watches is missing.
    let watched = if folder.is_dir() { folder } else { folder.parent().expect("it has a parent") };
    println!("cargo::rerun-if-changed={}", watched.display());
    let paths = if folder.is_dir() { entries(folder).collect() } else { Vec::new() };
    let mut records = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let name = path.file_stem().expect("it has an ending").display();
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        records.push(format!("({:?}, {text:?})", name.to_string()));
    }
    records.sort();
    format!("[{}]", records.join(", "))
}

/// The members of the workspace, as its manifest lists them: by their folders, or `FOLDER/*`.
fn members(workspace: &Path) -> Vec<String> {
    let manifest = workspace.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", manifest.display());
    let text = fs::read_to_string(&manifest).expect("the manifest of the workspace is readable");
    let list = text.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let list = list.expect("the manifest of the workspace lists its members");
    let within = |member: &str| match member.strip_suffix("/*") {
        Some(folder) => entries(&workspace.join(folder))
            .filter(|path| path.join("Cargo.toml").is_file())
            .map(|path| path.strip_prefix(workspace).unwrap_or(&path).display().to_string())
            .collect(),
        None => vec![member.to_string()],
    };
    list.split('"').skip(1).step_by(2).flat_map(within).collect()
}

/// SHA-256 over the names and the code of all files, of folders those within.
fn checksum(workspace: &Path, paths: impl Iterator<Item = PathBuf>) -> String {
    let mut files = Vec::new();
    for path in paths {
        println!("cargo::rerun-if-changed={}", path.display());
        collect(&path, &mut files);
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let is_rust = file.extension().is_some_and(|ending| ending == "rs");
        let read = |text| code::of(text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        let code = if is_rust { read(&text) } else { text };
        let name = file.strip_prefix(workspace).unwrap_or(&file);
        hash.update(format!("{} {}\n{code}", name.display(), code.len()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        // Tests in a file of their own.
        if !path.ends_with("tests.rs") {
            files.push(path.to_path_buf());
        }
        return;
    }
    entries(path).for_each(|entry| collect(&entry, files));
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.expect("a folder's entries are readable").path())
}
