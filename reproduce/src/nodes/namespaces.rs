//! Hosts on one machine: network namespaces on a bridge, with links of a limited rate.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, ensure};

use super::record::Rate;
use crate::stop::{AtExit, at_exit};

/// What the names of all namespaces of this program begin with; the process that made them follows.
const PREFIX: &str = "sampled-";

/// Hosts 1, 2, ... and a switch that all are linked to. They go when this is dropped, when the
/// program ends at a signal, and when it is started again after it was killed.
pub struct Hosts {
    count: usize,
    _at_exit: AtExit,
}

impl Hosts {
    /// So many hosts.
    ///
    /// # Errors
    /// Says which command the system has refused, and why.
    pub fn new(count: usize, rate: Rate) -> anyhow::Result<Self> {
        remove_abandoned();
        let names: Vec<String> = (0..=count).map(name).collect();
        let hosts =
            Hosts { count, _at_exit: at_exit(move || names.iter().for_each(|name| remove(name))) };
        let switch = name(0);
        ip(&["netns", "add", &switch])?;
        ip(&["-n", &switch, "link", "set", "lo", "up"])?;
        let bridge = ["link", "add", "br0", "type", "bridge", "stp_state", "0"];
        ip(&[&["-n", &switch][..], &bridge, &["mcast_snooping", "0"]].concat())?;
        ip(&["-n", &switch, "addr", "add", "10.77.0.254/24", "dev", "br0"])?;
        ip(&["-n", &switch, "link", "set", "br0", "up"])?;
        (1..=count).try_for_each(|host| link(host, &switch, rate))?;
        Ok(hosts)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// A program on one of them, or with 0 at the switch.
    pub fn command(&self, host: usize, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &name(host), program]);
        command
    }
}

/// The address of a host.
pub fn address(host: usize) -> String {
    format!("10.77.0.{host}")
}

/// A script in the place of a remote shell, which gives every host a name of its own: launchers
/// take those of one name for one.
pub fn remote_shell() -> String {
    let prefix = name(0);
    let prefix = prefix.trim_end_matches('0');
    format!(
        "#!/bin/sh\nwhile [ \"${{1#-}}\" != \"$1\" ]; do shift; done\nhost=\"${{1##*.}}\"; shift\n\
         exec ip netns exec \"{prefix}$host\" unshare --uts /bin/sh -c \"hostname host-$host; $*\"\n"
    )
}

/// The namespace of a host, and of the switch, which is 0.
fn name(host: usize) -> String {
    format!("{PREFIX}{}-{host}", std::process::id())
}

fn link(host: usize, switch: &str, rate: Rate) -> anyhow::Result<()> {
    let (name, port) = (name(host), format!("p{host}"));
    let own = ["-n", name.as_str()];
    ip(&["netns", "add", &name])?;
    let pair = ["link", "add", "eth0", "type", "veth", "peer", "name", &port, "netns", switch];
    ip(&[&own[..], &pair].concat())?;
    let address = format!("{}/24", address(host));
    ip(&[&own[..], &["addr", "add", &address, "dev", "eth0"]].concat())?;
    ip(&[&own[..], &["link", "set", "lo", "up"]].concat())?;
    ip(&[&own[..], &["link", "set", "eth0", "up"]].concat())?;
    ip(&["-n", switch, "link", "set", &port, "master", "br0", "up"])?;
    let congestion =
        ["net.ipv4.tcp_congestion_control=reno", "net.ipv4.tcp_slow_start_after_idle=0"];
    run("ip", &[&["netns", "exec", &name, "sysctl", "-qw"][..], &congestion].concat())?;
    let Rate::Megabits(megabits) = rate else { return Ok(()) };
    // A burst passes at once: it is small beside every message.
    let burst = if megabits > 500 { "32kb" } else { "16kb" };
    for (namespace, device) in [(name.as_str(), "eth0"), (switch, &port)] {
        if megabits > 500 {
            // Packets that the kernel puts together have to fit into the burst.
            let device = ["-n", namespace, "link", "set", device, "gso_max_size", "16384"];
            ip(&device)?;
        }
        let rate = format!("{megabits}mbit");
        let limit = ["root", "tbf", "rate", &rate, "burst", burst, "limit", "2mb"];
        let device = ["netns", "exec", namespace, "tc", "qdisc", "add", "dev", device];
        run("ip", &[&device[..], &limit].concat())?;
    }
    Ok(())
}

fn ip(arguments: &[&str]) -> anyhow::Result<()> {
    run("ip", arguments).map(drop)
}

fn run(program: &str, arguments: &[&str]) -> anyhow::Result<Output> {
    let words = || format!("{program} {}", arguments.join(" "));
    let output = Command::new(program).args(arguments).output().with_context(words)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", words(), said.trim());
    Ok(output)
}

/// Removes a namespace with the processes in it, each by its number; one that is not there is no
/// matter.
fn remove(name: &str) {
    let Ok(output) = run("ip", &["netns", "pids", name]) else { return };
    for process in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        let _ = run("kill", &["-KILL", process]);
    }
    let _ = run("ip", &["netns", "del", name]);
}

/// Removes the namespaces of processes that are no more.
fn remove_abandoned() {
    let Ok(output) = run("ip", &["netns", "list"]) else { return };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            remove(name);
        }
    }
}

/// Why there can be no hosts on this machine; none where there can.
pub fn lack() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    if user.and_then(|ids| ids.split_whitespace().nth(1)) != Some("0") {
        return Some("network namespaces need root".to_string());
    }
    for (program, version, package) in [("ip", "-V", "iproute2"), ("tc", "-V", "iproute2")] {
        if Command::new(program).arg(version).output().is_err() {
            return Some(format!("the program {program} is not there (package {package})"));
        }
    }
    let trial = name(0);
    let made = ip(&["netns", "add", &trial]);
    remove(&trial);
    made.err().map(|error| format!("{error:#}"))
}
