//! A Python interpreter with PyTorch in a process of its own, which answers a line with a line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use crate::timing::Work;

/// OpenMP's idle threads may spin, for a time below this one.
pub const SPINNING: Duration = Duration::from_millis(10);

/// The process, which ends with this value.
pub struct Python {
    /// PyTorch's version.
    pub version: String,
    interpreter: PathBuf,
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
    messages: File,
}

impl Python {
    /// Starts a script, whose first line of output is PyTorch's version, with these environment
    /// variables besides ours, and waits for that line.
    ///
    /// # Errors
    /// Names the interpreter that cannot be started or ends at once, with what it said.
    pub fn start(
        interpreter: &Path,
        script: &str,
        arguments: &[String],
        variables: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let cannot = || format!("Python interpreter {} cannot be started", interpreter.display());
        let messages = tempfile::tempfile().with_context(cannot)?;
        let mut process = Command::new(interpreter)
            .args(["-c", script])
            .args(arguments)
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
            interpreter: interpreter.to_path_buf(),
            process,
            questions,
            answers: BufReader::new(answers),
            messages,
        };
        python.version = python.answer()?;
        Ok(python)
    }

    /// The number that the answer to a question begins with, and the rest of it.
    ///
    /// # Errors
    /// When the interpreter has ended, with what it said, or answers something else.
    pub fn number(&mut self, question: &str) -> anyhow::Result<(f64, String)> {
        // An interpreter that has ended is noticed by its missing answer, and says more there.
        let _ = writeln!(self.questions, "{question}");
        let answer = self.answer()?;
        let (number, rest) = answer.split_once(' ').unwrap_or((&answer, ""));
        let number = number.parse().ok();
        let number = number
            .with_context(|| format!("{} answered {answer:?}", self.interpreter.display()))?;
        Ok((number, rest.to_string()))
    }

    /// Work that is asked for by a question and a number of times, and measured by the interpreter's
    /// own clock; `hear` gets what else it answers.
    ///
    /// Should the interpreter fail, times are not numbers and `failure` says why.
    pub fn work<'a>(
        &'a mut self,
        question: String,
        failure: &'a mut Option<anyhow::Error>,
        mut hear: impl FnMut(String) + Send + 'a,
    ) -> Work<'a> {
        Box::new(move |times| match self.number(&format!("{question} {times}")) {
            Ok((seconds, rest)) => {
                hear(rest);
                seconds
            }
            Err(error) => {
                failure.get_or_insert(error);
                f64::NAN
            }
        })
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
