//! Several nodes on links of a limited rate: what was measured, and a model for more of them.

mod figure;
mod goals;
mod model;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use self::model::Model;
use super::evidence;
use crate::exhibit::settings::{FieldError, configure};
use crate::exhibit::{Environment, Exhibit, Experiment, Section, built_in};
use crate::nodes::record::Record;
use crate::result::{ExhibitResult, significant};

/// See the module.
pub const EXHIBIT: Exhibit = Exhibit {
    name: "nodes",
    title: "Several nodes on links of a limited rate",
    shows: "the time of an exchange of gradients and of a training step, and the bytes that an \
            interface sends, when ranks exchange whole gradients or slices over links of a limited \
            rate, beside MPI_Allreduce and gloo",
    paper: "up to 66 % less communication (abstract); times on several nodes are not stated in the \
            sources at hand",
    section: Section::Nodes,
    note: "nodes",
    statements: &[],
    interactive: &[],
    is_timing: true,
    settings: &[built_in!("nodes")],
    configure: configure::<Nodes>,
};

/// The committed record.
const RECORD: &str = include_str!("../../../../reference/nodes.json");

/// Settings of the exhibit.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// Another record than the committed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<PathBuf>,
    /// For more nodes than were measured.
    model: Model,
}

impl Experiment for Nodes {
    fn check(&self) -> Result<(), FieldError> {
        self.model.check().map_err(|error| error.within("model"))
    }

    fn run(&self, environment: &Environment) -> anyhow::Result<ExhibitResult> {
        environment.progress.set_length(1);
        let record = self.record.as_deref().map_or_else(|| Ok(RECORD.to_string()), read)?;
        let name = || self.record.clone().unwrap_or("the committed record".into());
        let record: Record =
            serde_json::from_str(&record).with_context(|| name().display().to_string())?;
        environment.progress.advance(1);
        Ok(self.report(&record))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

impl Nodes {
    fn report(&self, record: &Record) -> ExhibitResult {
        let goals = goals::of(record);
        let finding = self.finding(record);
        ExhibitResult {
            title: EXHIBIT.title.to_string(),
            evidence: vec![evidence(&finding, "hosts that are namespaces of one machine")],
            finding,
            data: "random numbers and images, measured once and written down".to_string(),
            records: tables::steps(record),
            tables: vec![
                tables::steps(record),
                tables::exchanges(record),
                goals::table(&goals),
                self.model.table(record),
            ],
            figures: vec![self.figure(record)],
            remarks: self.remarks(record, &goals),
            ..ExhibitResult::default()
        }
    }

    /// How much faster steps are that send slices, and up to which rate slices are worth while.
    fn finding(&self, record: &Record) -> String {
        let steps = goals::speed_up(record, 100, 4, 0.34);
        let Some(times) = steps else {
            return "No steps of four ranks on 100 Mbit/s are in the record.".to_string();
        };
        let until = self.model.break_even(record, 0.34, 4);
        let until = until.map_or(String::new(), |megabits| {
            format!(
                "; by the model, slices save a twentieth of the step or more on links below about {}",
                model::rate(megabits)
            )
        });
        format!(
            "On 4 nodes with links of 100 Mbit/s a step of the MLP with top-k at 0.34 is {} times as \
             fast as an exact one{until}.",
            significant(times, 3)
        )
    }

    fn remarks(&self, record: &Record, goals: &[goals::Goal]) -> Vec<String> {
        let pytorch = record.pytorch.as_ref().map_or(String::new(), |version| {
            format!(" gloo and DistributedDataParallel are those of PyTorch {version}.")
        });
        vec![
            format!(
                "Measured {} on {} ({} cores, which all ranks shared) with {}, one thread a rank; \
                 {} processes were ready to run in the minute before. Each rank is on a host of its \
                 own, a network namespace with a link of the rate to a bridge. Contestants took \
                 turns.{pytorch}",
                record.date,
                record.processor,
                record.cores,
                record.mpi,
                significant(record.load_before, 2),
            ),
            goals::sentence(goals),
            "Bytes are what the interface of the rank that sends most has counted, headers and \
             acknowledgements among them; the formula is 2 (W - 1)/W times the payload. \
             MPI_Allreduce has the flag (btl_tcp_flags send) without which Open MPI exchanges above \
             64 kB in one direction at a time."
                .to_string(),
            "Of a step, computation is all that is not exchange or waiting: on cores that ranks \
             share it is more than on nodes of their own, and the selection in it was measured by \
             itself. Waiting is for the messages of losses, norms and digests, and so for the \
             slowest rank."
                .to_string(),
            self.model.sentence(),
        ]
    }
}

#[cfg(test)]
mod tests;
