//! A Python interpreter with PyTorch in a process of its own, which does training steps on demand.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, anyhow};

use super::step::{CLASSES, DROPOUT, HIDDEN, INPUTS, LEARNING_RATE};
use crate::timing::Work;

/// What the interpreter runs; its head describes the lines that are exchanged.
const SCRIPT: &str = include_str!("pytorch_step.py");

/// The process, which ends with this value.
pub struct Python {
    /// PyTorch's version.
    pub version: String,
    /// The implementation of Adam of the last steps; empty before any.
    pub adam: String,
    interpreter: PathBuf,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    messages: File,
    failure: Option<anyhow::Error>,
}

impl Python {
    /// Starts the interpreter with these environment variables besides ours and waits until it has
    /// loaded PyTorch.
    ///
    /// # Errors
    /// Names the interpreter that cannot be started or ends at once, with what it said.
    pub fn start(interpreter: &Path, variables: &[(&str, &str)]) -> anyhow::Result<Self> {
        let cannot = || format!("Python interpreter {} cannot be started", interpreter.display());
        let messages = tempfile::tempfile().with_context(cannot)?;
        let mut process = Command::new(interpreter)
            .args(["-c", SCRIPT])
            .args([DROPOUT.to_string(), LEARNING_RATE.to_string()])
            .args([INPUTS, HIDDEN[0], HIDDEN[1], CLASSES].map(|width| width.to_string()))
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(messages.try_clone().with_context(cannot)?)
            .spawn()
            .with_context(cannot)?;
        let pipes = process.stdin.take().zip(process.stdout.take());
        let (questions, answers) = pipes.with_context(cannot)?;
        let mut python = Self {
            version: String::new(),
            adam: String::new(),
            interpreter: interpreter.to_path_buf(),
            process,
            questions,
            answers: BufReader::new(answers),
            messages,
            failure: None,
        };
        python.version = python.answer()?;
        Ok(python)
    }

    /// Training steps as work to be measured, by the interpreter's own clock.
    ///
    /// Should the interpreter fail, times are not numbers and [`Python::check`] says why.
    pub fn work(&mut self, minibatch: usize, threads: usize) -> Work<'_> {
        Box::new(move |steps| {
            self.steps(minibatch, threads, steps).unwrap_or_else(|error| {
                self.failure.get_or_insert(error);
                f64::NAN
            })
        })
    }

    /// Whether all work so far was done.
    ///
    /// # Errors
    /// The first failure.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// The seconds that so many steps take.
    fn steps(&mut self, minibatch: usize, threads: usize, steps: u32) -> anyhow::Result<f64> {
        // An interpreter that has ended is noticed by its missing answer, and says more there.
        let _ = writeln!(self.questions, "{minibatch} {threads} {steps}");
        let answer = self.answer()?;
        let (seconds, adam) = answer
            .split_once(' ')
            .and_then(|(seconds, adam)| Some((seconds.parse().ok()?, adam)))
            .with_context(|| format!("{} answered {answer:?}", self.interpreter.display()))?;
        self.adam = adam.to_string();
        Ok(seconds)
    }

    /// The next line of the output.
    fn answer(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(0) => Err(self.last_words()),
            Ok(_) => Ok(line.trim_end().to_string()),
            Err(error) => Err(anyhow!(error).context(self.interpreter.display().to_string())),
        }
    }

    /// Why the process has ended: the last line of its messages, which in Python is the error.
    fn last_words(&mut self) -> anyhow::Error {
        let mut messages = String::new();
        let is_read = self.process.wait().and_then(|_| self.messages.rewind());
        let is_read = is_read.and_then(|()| self.messages.read_to_string(&mut messages));
        let last = match is_read {
            Ok(_) => messages.trim_end().lines().last().unwrap_or("nothing"),
            Err(_) => "nothing that can be read",
        };
        anyhow!("Python interpreter {} ended and said: {last}", self.interpreter.display())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
