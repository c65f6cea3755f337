//! The commands `data fetch` and `data status` as a user meets them.
//!
//! The program knows only the published mirrors. A proxy on this machine stands between it and
//! them, so that nothing leaves the machine.

use std::path::Path;
use std::process::{Command, Output};

use reproduce::data::catalogue::{CIFAR_10, FASHION_MNIST};

use super::server::{Answer, Server};

/// Runs `reproduce data` in `folder` behind the proxy.
fn data(folder: &Path, proxy: &Server, no_proxy: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reproduce"));
    for variable in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SAMPLED_DATA"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    command
        .current_dir(folder)
        .env("HTTP_PROXY", &proxy.url)
        .env("NO_PROXY", no_proxy)
        .arg("data")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_mirror_is_asked_through_the_proxy_and_named_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::new(Vec::new(), &[Answer::Status(403)]);
    let output = data(folder.path(), &proxy, "", &["fetch", "fashion-mnist"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with("error: data/fashion-mnist/train-images-idx3-ubyte.gz: no mirror")
    );
    assert_eq!(lines.len(), 1 + FASHION_MNIST.mirrors.len(), "{said}");
    for (line, mirror) in lines[1..].iter().zip(FASHION_MNIST.mirrors) {
        assert!(line.starts_with(&format!("  {mirror}train-images-idx3-ubyte.gz ")), "{line}");
    }
    let hosts: Vec<String> = FASHION_MNIST.mirrors.iter().map(|mirror| host(mirror)).collect();
    assert_eq!(proxy.targets(), hosts);
    let left: Vec<_> =
        std::fs::read_dir(folder.path().join("data/fashion-mnist")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What a client asks a proxy for: `host:port`.
fn host(mirror: &str) -> String {
    let (scheme, rest) = mirror.split_once("://").unwrap();
    let port = if scheme == "https" { 443 } else { 80 };
    format!("{}:{port}", rest.split('/').next().unwrap())
}

#[test]
fn hosts_of_no_proxy_and_mirrors_of_the_user_are_asked_directly_and_first() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::new(Vec::new(), &[Answer::Status(403)]);
    let mirror = Server::new(b"other".to_vec(), &[Answer::Whole]);
    let arguments = ["fetch", "cifar-10", "--mirror", mirror.url.trim_end_matches('/')];
    let output = data(folder.path(), &proxy, "127.0.0.1", &arguments);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    let reason = format!(
        "  {}cifar-10-binary.tar.gz offers 5 bytes where the published file has 170052171",
        mirror.url
    );
    assert_eq!(said.lines().nth(1), Some(&*reason), "{said}");
    assert_eq!(mirror.targets(), ["/cifar-10-binary.tar.gz"]);
    assert_eq!(proxy.targets().len(), CIFAR_10.mirrors.len());
}

#[test]
fn offline_refuses_in_one_sentence_and_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::new(Vec::new(), &[Answer::Status(403)]);
    let output = data(folder.path(), &proxy, "", &["fetch", "mnist", "--offline"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("data/mnist/train-images-idx3-ubyte.gz") && said.contains("--offline"));
    assert!(proxy.targets().is_empty());
    assert!(!folder.path().join("data").exists());
}

#[test]
fn names_and_mirrors_that_are_wrong_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::new(Vec::new(), &[Answer::Status(403)]);
    for (arguments, word) in [
        (&["fetch", "mnst"][..], "'mnist'"),
        (&["fetch"], "<DATA_SETS>"),
        (&["fetch", "mnist", "--mirror", "here"], "\"here\""),
        (&["fetch", "mnist", "--patience", "0"], "1..=3600"),
    ] {
        let output = data(folder.path(), &proxy, "", arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(word), "{word} is not in {said}");
    }
    assert!(proxy.targets().is_empty());
}

#[test]
fn status_is_one_object_a_line_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::new(Vec::new(), &[Answer::Status(403)]);
    let output = data(folder.path(), &proxy, "", &["status", "--json"]);
    assert!(output.status.success());
    let found: Vec<(String, String)> = text(&output.stdout)
        .lines()
        .map(|line| {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            let word = |key: &str| object[key].as_str().unwrap().to_string();
            (word("name"), word("availability"))
        })
        .collect();
    let missing = |name: &str| (name.to_string(), "missing".to_string());
    assert_eq!(
        found,
        ["mnist", "fashion-mnist", "cifar-10", "cifar-100", "penn-treebank"].map(missing)
    );
}

#[test]
fn help_shows_examples() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::new(Vec::new(), &[Answer::Status(403)]);
    for (command, example) in [("fetch", "data fetch mnist"), ("status", "data status --json")] {
        let output = data(folder.path(), &proxy, "", &[command, "--help"]);
        assert!(text(&output.stdout).contains(&format!("reproduce {example}")));
    }
}
