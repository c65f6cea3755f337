//! Ranks that are processes of an MPI job. Started by itself this program starts jobs of itself by
//! `mpirun`, and says what became of each; without one it says that it was skipped.

mod ranks;

use ranks::{
    config, images, operations, stopped_and_trained, trained, trained_by_threads, trainings,
};
use std::env;
use std::process::{Command, ExitCode, Output};
use std::time::Duration;
use training::exchange::{Collective as _, CollectiveError, Exchange, Mpi};
use training::sampling::Scores;
use training::train::{RunError, train_rank};

/// What a job of these tests is to do.
const PART: &str = "TEST_OF_RANKS";

fn main() -> ExitCode {
    if let Ok(part) = env::var(PART) {
        return match part.as_str() {
            "work" => rank_works(),
            fault => rank_fails(fault),
        };
    }
    if Command::new("mpirun").arg("--version").output().is_err() {
        println!("skipped: no MPI (mpirun is not there)");
        return ExitCode::SUCCESS;
    }
    let mut failed = 0;
    let mut tests: Vec<(String, Result<(), String>)> = Vec::new();
    for size in [1, 2, 3, 4, 8] {
        tests.push((format!("{size} ranks work and train as threads"), works(size)));
    }
    tests.extend(FAULTS.map(|fault| (fault.name.to_string(), fault.ends_the_job())));
    for (name, result) in &tests {
        match result {
            Ok(()) => println!("test {name} ... ok"),
            Err(reason) => {
                failed += 1;
                println!("test {name} ... FAILED\n{reason}");
            }
        }
    }
    let ended = if failed == 0 { "ok" } else { "FAILED" };
    let passed = tests.len() - failed;
    println!("\ntest result: {ended}. {passed} passed; {failed} failed; 0 ignored");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A job of this program.
fn job(size: usize, part: &str) -> Output {
    let mut command = Command::new("mpirun");
    command
        .args(["--oversubscribe", "--timeout", "60", "-np", &size.to_string()])
        .args(["--mca", "mpi_yield_when_idle", "1", "--mca", "btl", "vader,self"])
        .arg(env::current_exe().expect("this program has a path"))
        .env(PART, part)
        .env("RAYON_NUM_THREADS", "1")
        // Root may start jobs in a container, where there is nobody else.
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        // One machine, and no remote shell to start ranks on others.
        .env("OMPI_MCA_plm", "isolated");
    command.output().expect("mpirun can be started")
}

fn works(size: usize) -> Result<(), String> {
    let output = job(size, "work");
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

fn rank_works() -> ExitCode {
    let work = |rank: &mut Mpi| -> Result<(), RunError> {
        operations(rank)?;
        for config in trainings() {
            for exchange in [Exchange::Whole, Exchange::Slices] {
                let expected = trained_by_threads(rank.size(), &config, exchange);
                assert_eq!(trained(rank, &config, exchange)?, expected, "{config:?}, {exchange:?}");
            }
        }
        // Only the folder of rank 0 has the checkpoint, as on a machine of its own.
        let folder = tempfile::tempdir().expect("there is room for a checkpoint");
        let (path, config) = (folder.path().join("run.checkpoint"), config(Scores::SharedBefore));
        let expected = trained_by_threads(rank.size(), &config, Exchange::Slices);
        assert_eq!(stopped_and_trained(rank, &config, &path)?, expected, "from a checkpoint");
        Ok(())
    };
    match Mpi::run(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// What the second of three ranks does wrong, and how the job then ends.
struct Fault {
    name: &'static str,
    part: &'static str,
    code: Option<i32>,
    said: &'static str,
}

const FAULTS: [Fault; 6] = [
    Fault {
        name: "an error of one rank ends the job with its reason",
        part: "error",
        code: Some(2),
        said: "error: rank 1: the exchange has failed: a file is missing",
    },
    Fault {
        name: "a panic of one rank ends the job",
        part: "panic",
        code: Some(101),
        said: "rank 1 has had enough",
    },
    Fault {
        name: "a rank with other weights is named by all",
        part: "weights",
        code: Some(2),
        said: "rank 1 has other weights than rank 0",
    },
    Fault {
        name: "a rank that is in another exchange is named",
        part: "out of step",
        code: Some(2),
        said: "takes part in another exchange",
    },
    Fault {
        name: "a rank that ends too early is noticed",
        part: "early",
        code: Some(2),
        said: "takes part in another exchange",
    },
    Fault { name: "a rank that is killed ends the job", part: "killed", code: None, said: "" },
];

impl Fault {
    fn ends_the_job(&self) -> Result<(), String> {
        let output = job(3, self.part);
        let said = String::from_utf8_lossy(&output.stderr);
        let is_code = self.code.is_none_or(|code| output.status.code() == Some(code));
        match !output.status.success() && is_code && said.contains(self.said) {
            true => Ok(()),
            false => Err(format!("{}: {said}", output.status)),
        }
    }
}

fn rank_fails(fault: &str) -> ExitCode {
    let work = |rank: &mut Mpi| -> Result<(), RunError> {
        let is_second = rank.rank() == 1;
        match fault {
            "error" if is_second => {
                return Err(CollectiveError::Engine("a file is missing".to_string()).into());
            }
            "panic" if is_second => panic!("rank 1 has had enough"),
            "killed" if is_second => std::process::abort(),
            "early" if is_second => return Ok(()),
            "out of step" if is_second => {
                rank.all_gather_bytes(&[1; 3], &mut Vec::new())?;
            }
            "weights" => {
                let (mut config, images) = (config(Scores::Weights), images());
                config.seed += u64::from(is_second);
                let go_on = &mut |_| std::ops::ControlFlow::Continue(());
                let set = kernels::InstructionSet::detect();
                let whole = Exchange::Whole;
                let rank = Box::new(rank);
                train_rank(&config, &images, rank, whole, set, None, go_on)?;
                return Ok(());
            }
            _ => {}
        }
        operations(rank)?;
        std::thread::sleep(Duration::from_secs(2));
        Ok(operations(rank)?)
    };
    match Mpi::run(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
