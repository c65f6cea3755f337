//! Checksums of the sources that numbers depend on, for the keys of stored results.
//!
//! A number that is stored must not outlive the code that made it. What counts is the code itself:
//! comments, documentation, layout and tests do not change a checksum, versions of dependencies do.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use sha2::{Digest as _, Sha256};

/// What an exhibit depends on in this crate: everything between settings and numbers.
const EXHIBITS: [&str; 7] =
    ["exhibits.rs", "task.rs", "exhibit", "images.rs", "parallel.rs", "result", "timing"];
/// What a training run depends on in this crate.
const RUNS: [&str; 3] = [
    "exhibit/networks/run_settings.rs",
    "exhibit/networks/runs.rs",
    "exhibit/networks/sampling.rs",
];
/// Members of the workspace whose code changes no number: this one, of which parts count, and the
/// helper of tests.
const OTHERS: [&str; 2] = ["reproduce", "testing"];
/// The crates that a training run depends on.
const BELOW_RUNS: [&str; 2] = ["kernels", "training"];

fn main() {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let workspace = here.parent().expect("the crate is a folder of the workspace");
    let members = members(&workspace.join("Cargo.toml"));
    let of = |crates: &[&str], parts: &[&str]| {
        let crates = crates.iter().map(|name| workspace.join(name).join("src"));
        let parts = parts.iter().map(|part| here.join("src").join(part));
        checksum(workspace, crates.chain(parts).chain([workspace.join("Cargo.lock")]))
    };
    let all: Vec<&str> =
        members.iter().map(String::as_str).filter(|name| !OTHERS.contains(name)).collect();
    println!("cargo::rustc-env=SOURCES_OF_EXHIBITS={}", of(&all, &EXHIBITS));
    println!("cargo::rustc-env=SOURCES_OF_RUNS={}", of(&BELOW_RUNS, &RUNS));
}

/// The members of the workspace, as its manifest lists them.
fn members(manifest: &Path) -> Vec<String> {
    println!("cargo::rerun-if-changed={}", manifest.display());
    let text = fs::read_to_string(manifest).expect("the manifest of the workspace is readable");
    let list = text.split("members = [").nth(1).and_then(|rest| rest.split(']').next());
    let list = list.expect("the manifest of the workspace lists its members");
    list.split('"').skip(1).step_by(2).map(str::to_string).collect()
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
        let code = if is_rust { code(&file, &text) } else { text };
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
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    for entry in entries {
        collect(&entry.expect("a folder's entries are readable").path(), files);
    }
}

/// The tokens of a file without documentation and without what is for tests alone.
fn code(file: &Path, text: &str) -> String {
    let tokens = TokenStream::from_str(text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut code = String::new();
    write(tokens, &mut code);
    code
}

fn write(tokens: TokenStream, code: &mut String) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        // An attribute is a # and a group in brackets, with ! between them for the whole file.
        if is_punct(&token, '#') {
            let inner = tokens.next_if(|next| is_punct(next, '!'));
            let attribute = tokens.next_if(is_attribute).map(|group| group.to_string());
            let attribute = attribute.unwrap_or_default().replace(' ', "");
            if attribute.starts_with("[doc=") {
                continue;
            }
            if attribute == "[cfg(test)]" {
                skip_item(&mut tokens);
                continue;
            }
            code.push_str(&format!("#{}{attribute} ", if inner.is_some() { "!" } else { "" }));
            continue;
        }
        match token {
            TokenTree::Group(group) => {
                let [open, close] = match group.delimiter() {
                    Delimiter::Parenthesis => ["(", ")"],
                    Delimiter::Brace => ["{", "}"],
                    Delimiter::Bracket => ["[", "]"],
                    Delimiter::None => ["", ""],
                };
                code.push_str(open);
                write(group.stream(), code);
                code.push_str(close);
            }
            token => code.push_str(&format!("{token} ")),
        }
    }
}

/// Passes over an item: up to its body or its semicolon.
fn skip_item(tokens: &mut impl Iterator<Item = TokenTree>) {
    for token in tokens {
        let is_body =
            matches!(&token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if is_body || is_punct(&token, ';') {
            return;
        }
    }
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

fn is_attribute(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket)
}
