//! Starting a rank on every host.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};

use super::namespaces::{Hosts, address, remote_shell};
use super::plan::{Carrier, Plan, Samples};
use crate::stop::Scratch;

/// Seconds after which a job is given up.
const PATIENCE: &str = "1200";

/// Starts jobs on hosts.
pub struct Launcher {
    scratch: Scratch,
    script: std::path::PathBuf,
}

impl Launcher {
    /// With a remote shell of its own; `script` is what Python ranks run.
    ///
    /// # Errors
    /// When a temporary file cannot be written.
    pub fn new(script: &str) -> anyhow::Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = Scratch::new()?;
        let shell = scratch.path().join("shell");
        std::fs::write(&shell, remote_shell())?;
        std::fs::set_permissions(&shell, std::fs::Permissions::from_mode(0o755))?;
        let path = scratch.path().join("peers.py");
        std::fs::write(&path, script)?;
        Ok(Launcher { scratch, script: path })
    }

    fn file(&self, plan: &Plan) -> anyhow::Result<std::path::PathBuf> {
        let path = self.scratch.path().join("plan.json");
        std::fs::write(&path, serde_json::to_string(plan)?)?;
        Ok(path)
    }

    /// Ranks of this program, one on each host, by `mpirun`.
    ///
    /// # Errors
    /// When the job fails, with what it said.
    pub fn ranks(&self, hosts: &Hosts, plan: &Plan) -> anyhow::Result<Vec<Samples>> {
        let list: Vec<String> =
            (1..=hosts.count()).map(|host| format!("{}:1", address(host))).collect();
        let mut job = hosts.command(0, "unshare");
        job.args(["--uts", "sh", "-c", "hostname host-0; exec \"$@\"", "sh", "mpirun"]);
        job.args(["-np", &hosts.count().to_string(), "--host", &list.join(",")]);
        job.args(["--timeout", PATIENCE, "--bind-to", "none", "-x", "RAYON_NUM_THREADS=1"]);
        let shell = self.scratch.path().join("shell").display().to_string();
        let network = "10.77.0.0/24";
        for (name, value) in [
            ("plm", "rsh"),
            ("plm_rsh_agent", &*shell),
            ("plm_rsh_no_tree_spawn", "1"),
            ("pml", "ob1"),
            ("btl", "tcp,self"),
            ("btl_tcp_if_include", network),
            ("oob_tcp_if_include", network),
            ("mpi_yield_when_idle", "1"),
        ] {
            job.args(["--mca", name, value]);
        }
        if plan.carrier == Carrier::Library {
            // Without it its TCP transport exchanges in one direction at a time.
            job.args(["--mca", "btl_tcp_flags", "send"]);
        }
        job.arg(std::env::current_exe()?).args(["nodes", "--as-rank"]).arg(self.file(plan)?);
        job.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        let output = job.stdin(Stdio::null()).output().context("mpirun cannot be started")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the job ended with {}: {said}", output.status);
        samples(&output.stdout)
    }

    /// Ranks of PyTorch, one on each host.
    ///
    /// # Errors
    /// When one of them fails, with what it said.
    pub fn python(
        &self,
        hosts: &Hosts,
        plan: &Plan,
        interpreter: &Path,
    ) -> anyhow::Result<Vec<Samples>> {
        let (path, size) = (self.file(plan)?, hosts.count());
        let started = (1..=size).map(|host| {
            let mut rank = hosts.command(host, "env");
            rank.args(["GLOO_SOCKET_IFNAME=eth0", "MASTER_PORT=29500", "OMP_NUM_THREADS=1"]);
            rank.arg(format!("MASTER_ADDR={}", address(1)));
            rank.args([format!("RANK={}", host - 1), format!("WORLD_SIZE={size}")]);
            rank.args([interpreter, &*self.script, &*path]);
            let rank = rank.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            rank.spawn().with_context(|| interpreter.display().to_string())
        });
        let started = started.collect::<anyhow::Result<Vec<_>>>()?;
        let outputs = started.into_iter().map(|rank| rank.wait_with_output());
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        for output in &outputs {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.trim_end().lines().last().unwrap_or_default();
            ensure!(output.status.success(), "a rank of PyTorch has failed: {last}");
        }
        samples(&outputs.first().context("there is a rank")?.stdout)
    }
}

fn samples(output: &[u8]) -> anyhow::Result<Vec<Samples>> {
    let output = String::from_utf8_lossy(output);
    let last = output.trim_end().lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("rank 0 answered {last:?}"))
}
