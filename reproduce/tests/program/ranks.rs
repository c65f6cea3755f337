//! The program as one of the ranks of an MPI job. Without `mpirun` these tests say 'skipped'.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::run::{command, reproduce, standard_error, standard_output, stored_results};

/// Settings that train with so many workers, and where they are.
fn settings(folder: &Path, workers: usize, epochs: usize) {
    let block = format!(
        "training:
      images: {{set: generated-digits, train: 396, held_out: 50, test: 50}}
      network: {{name: mlp, hidden: [40, 30], dropout: 0.1}}
      batch_size: 24
      epochs: {epochs}
      optimizer: {{name: adam, learning_rate: 0.001}}
      minimal_k: 5
      seeds: 1
    estimator: top-k
    workers: [{workers}]
    ratios: [0.25, 1.0]"
    );
    let text = format!("exhibit: multi-node\nscales:\n  quick:\n    {block}\n");
    std::fs::write(folder.join("own.yaml"), text).unwrap();
}

const RUN: [&str; 4] = ["run", "own.yaml", "--scale", "quick"];

/// A launcher that starts ranks on this machine alone; none where there is no MPI.
fn launcher(folder: &Path) -> Option<Command> {
    if Command::new("mpirun").arg("--version").output().is_err() {
        testing::skip("no MPI (mpirun is not there)");
        return None;
    }
    let mut launcher = Command::new("mpirun");
    launcher
        .current_dir(folder)
        .args(["--oversubscribe", "--timeout", "300"])
        .args(["--mca", "mpi_yield_when_idle", "1", "--mca", "btl", "vader,self"])
        .env_remove("SAMPLED_DATA")
        .env_remove("SAMPLED_INSTRUCTION_SET")
        // Root may start jobs in a container, where there is nobody else.
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .env("OMPI_MCA_plm", "isolated");
    Some(launcher)
}

/// Adds ranks to a job.
fn add(launcher: &mut Command, ranks: usize, options: &[&str], arguments: &[&str]) {
    launcher.args(["-np", &ranks.to_string()]).args(options);
    launcher.arg(env!("CARGO_BIN_EXE_reproduce")).args(arguments);
}

/// What runs of several workers came to: every entry with its name.
fn trainings(folder: &Path) -> Vec<(String, String)> {
    let entries = stored_results(folder).into_iter().map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), text)
    });
    let mut entries: Vec<_> = entries.filter(|(_, text)| text.contains("data-parallel")).collect();
    entries.sort();
    entries
}

/// The same of a run by threads.
fn expected(workers: usize, epochs: usize) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), workers, epochs);
    let output = reproduce(folder.path(), &RUN);
    assert!(output.status.success(), "{}", standard_error(&output));
    let trainings = trainings(folder.path());
    // Exact and sampled; one worker selects in two ways.
    assert_eq!(trainings.len(), if workers == 1 { 3 } else { 2 });
    assert!(trainings.iter().all(|(_, text)| text.contains("parameters")));
    trainings
}

#[test]
fn ranks_train_to_the_bits_of_threads_and_rank_0_alone_prints_and_writes() {
    for ranks in [1, 2, 3, 4] {
        let [folder, nothing] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let Some(mut job) = launcher(folder.path()) else { return };
        settings(folder.path(), ranks, 2);
        settings(nothing.path(), ranks, 2);
        add(&mut job, 1, &[], &RUN);
        if ranks > 1 {
            job.arg(":");
            add(&mut job, ranks - 1, &["-wdir", nothing.path().to_str().unwrap()], &RUN);
        }
        let output = job.output().unwrap();
        assert!(output.status.success(), "{ranks} ranks: {}", standard_error(&output));
        assert_eq!(trainings(folder.path()), expected(ranks, 2), "{ranks} ranks");
        assert_eq!(standard_output(&output).matches("Plan: ").count(), 1);
        let left = std::fs::read_dir(nothing.path()).unwrap().count();
        assert_eq!(left, 1, "only the settings are where the other ranks are");
    }
}

/// Two ranks as they should be and a third with other options or arguments, and the error of it.
fn fault(folder: &Path, options: &[&str], arguments: &[&str]) -> Option<Output> {
    settings(folder, 3, 2);
    let mut job = launcher(folder)?;
    add(&mut job, 2, &[], &RUN);
    job.arg(":");
    add(&mut job, 1, options, arguments);
    let output = job.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", standard_error(&output));
    assert!(!folder.join("figures").exists() && trainings(folder).is_empty());
    Some(output)
}

#[test]
fn a_rank_with_another_task_is_named_with_what_differs() {
    let [folder, other] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let seed = [&RUN[..], &["--seed", "7"]].concat();
    let Some(output) = fault(folder.path(), &[], &seed) else { return };
    let said = standard_error(&output);
    assert!(said.contains("rank 2 differs from rank 0 in the command line"), "{said}");
    settings(other.path(), 3, 5);
    let elsewhere = ["-wdir", other.path().to_str().unwrap()];
    let output = fault(folder.path(), &elsewhere, &RUN).unwrap();
    let said = standard_error(&output);
    assert!(said.contains("rank 2 differs from rank 0 in the file of settings"), "{said}");
    std::fs::remove_file(other.path().join("own.yaml")).unwrap();
    let output = fault(folder.path(), &elsewhere, &RUN).unwrap();
    let said = standard_error(&output);
    assert!(said.contains("error: rank 2: own.yaml"), "{said}");
}

#[test]
fn settings_with_another_number_of_workers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    settings(folder.path(), 3, 2);
    let Some(mut job) = launcher(folder.path()) else { return };
    add(&mut job, 2, &[], &RUN);
    let output = job.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = standard_error(&output);
    assert!(said.contains("trains with 2 workers"), "{said}");
}

/// Without a launcher's MPI a process is alone, whatever its environment says.
#[test]
fn a_rank_of_another_mpi_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    if launcher(folder.path()).is_none() {
        return;
    }
    settings(folder.path(), 4, 2);
    let output = command(folder.path(), &RUN).env("PMI_SIZE", "4").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", standard_error(&output));
    let said = standard_error(&output);
    assert!(said.contains("has started 4 processes, of which MPI knows 1"), "{said}");
}

/// The processes that a launcher has started.
fn ranks_of(job: &Child) -> Vec<String> {
    let path = format!("/proc/{0}/task/{0}/children", job.id());
    let children = std::fs::read_to_string(path).unwrap_or_default();
    let is_rank = |id: &&str| {
        let name = std::fs::read_to_string(format!("/proc/{id}/comm"));
        name.is_ok_and(|name| name.starts_with("reproduce"))
    };
    children.split_whitespace().filter(is_rank).map(str::to_string).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_job_of_which_a_rank_is_killed_goes_on_to_the_same_bits() {
    const EPOCHS: usize = 8;
    let expected = expected(3, EPOCHS);
    for killed in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        settings(folder.path(), 3, EPOCHS);
        let start = || {
            let mut job = launcher(folder.path())?;
            add(&mut job, 3, &[], &RUN);
            Some(job.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
        };
        let Some(mut job) = start() else { return };
        let begun = Instant::now();
        let is_on_its_way = || {
            let entries = std::fs::read_dir(folder.path().join(".sampled")).into_iter().flatten();
            let mut paths = entries.map(|entry| entry.unwrap().path());
            paths.any(|path| path.extension().is_some_and(|ending| ending == "checkpoint"))
        };
        while !is_on_its_way() {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing was begun");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(30));
        let ranks = ranks_of(&job);
        assert_eq!(ranks.len(), 3);
        assert!(Command::new("kill").args(["-9", &ranks[killed]]).status().unwrap().success());
        assert!(!job.wait().unwrap().success(), "rank {killed}");
        assert!(trainings(folder.path()).len() < expected.len(), "it was killed too late");
        let again = start().unwrap().wait_with_output().unwrap();
        assert!(again.status.success(), "{}", standard_error(&again));
        assert_eq!(trainings(folder.path()), expected, "rank {killed}");
    }
}

/// Four hosts that are namespaces, with links of a limited rate: bits and bytes, and no times.
#[cfg(target_os = "linux")]
#[test]
fn ranks_on_hosts_of_their_own_have_the_bits_of_threads_and_send_the_bytes_of_the_formula() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["nodes", "--quick", "--rates", "1000", "--ranks", "4"];
    let output = reproduce(folder.path(), &arguments);
    // It fails where ranks come to other weights than threads do.
    assert!(output.status.success(), "{}", standard_error(&output));
    let said = standard_output(&output);
    if said.starts_with("skipped: ") {
        return testing::skip(said.trim());
    }
    let record = std::fs::read_to_string(folder.path().join("nodes.json")).unwrap();
    let record: reproduce::nodes::record::Record = serde_json::from_str(&record).unwrap();
    let ours = record.exchanges.iter().filter(|exchange| exchange.contestant == "ours");
    let over = ours.map(|e| e.sent as f64 / e.place.least(e.payload));
    let over: Vec<f64> = over.collect();
    assert_eq!(over.len(), 4);
    assert!(over.iter().all(|over| (1.0..1.08).contains(over)), "{over:?}");
    assert_eq!(hosts(), [""; 0], "namespaces are left");
}

/// The namespaces of hosts that processes of these tests have made, whose number is no more.
#[cfg(target_os = "linux")]
fn hosts() -> Vec<String> {
    let list = Command::new("ip").args(["netns", "list"]).output().unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let names = list.lines().filter_map(|line| line.split_whitespace().next());
    let is_left = |name: &&str| {
        let process = name.strip_prefix("sampled-").and_then(|rest| rest.split('-').next());
        process.is_some_and(|process| !Path::new("/proc").join(process).exists())
    };
    names.filter(is_left).map(str::to_string).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn hosts_go_when_a_signal_ends_the_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let mut measuring = command(folder.path(), &["nodes", "--rates", "10", "--ranks", "2"]);
    let mut child = measuring.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let name = format!("sampled-{}-2", child.id());
    let begun = Instant::now();
    loop {
        let list = Command::new("ip").args(["netns", "list"]).output();
        let is_there = |list: &Output| String::from_utf8_lossy(&list.stdout).contains(&name);
        if list.as_ref().is_ok_and(is_there) {
            break;
        }
        if child.try_wait().unwrap().is_some() {
            return testing::skip("no hosts can be made");
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "no hosts are made");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(500));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let list = Command::new("ip").args(["netns", "list"]).output().unwrap();
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(!list.contains(&format!("sampled-{id}-")), "{list}");
}
