//! Fetching one published file: mirror after mirror, until its checksum is right.
//!
//! The file grows as `NAME.part` in the target folder and gets its name when it is whole and
//! right, so that a loader never sees half a file. A part that is left behind by a cut or a stop
//! is continued by the next attempt, be it with the same mirror, another one or another day.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::ProgressBar;
use thiserror::Error;
use training::file;
use ureq::{Agent, Proxy};

use super::catalogue::{DataSet, PublishedFile};
use super::local::{self, FileState, LocalFile, inspect, part_path};
use super::transfer::{Failure, Part, Reason, transfer};

/// How patient a fetch is, and whether it may use the network.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// Addresses of folders that are tried before the published ones.
    pub mirrors: Vec<String>,
    /// The proxy that all requests go through, if any.
    pub proxy: Option<Proxy>,
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest silence of a mirror.
    pub stall: Duration,
    /// How often a mirror that was cut off after some progress is asked for the rest.
    pub resumptions: u32,
    /// Refuse to use the network.
    pub is_offline: bool,
}

impl Default for FetchSettings {
    /// The published mirrors, through the proxy of the variables `ALL_PROXY`, `HTTPS_PROXY` or
    /// `HTTP_PROXY`, except to the hosts of `NO_PROXY`.
    fn default() -> Self {
        FetchSettings {
            mirrors: Vec::new(),
            proxy: Proxy::try_from_env(),
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            resumptions: 5,
            is_offline: false,
        }
    }
}

/// How a file came to be in the data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It was there.
    AlreadyThere(LocalFile),
    /// It was fetched.
    From {
        /// Where it is.
        path: PathBuf,
        /// The address that delivered the last of it.
        url: String,
    },
}

/// A file could not be fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The network is needed and forbidden.
    #[error("{path}: is not there, and --offline forbids to fetch it")]
    Offline {
        /// Where the file would be.
        path: PathBuf,
    },
    /// A mirror is no address.
    #[error("mirror {0:?}: an address that starts with http:// or https:// is expected")]
    Mirror(String),
    /// Loaders would read another file before the fetched one.
    #[error(
        "{path}: is not the published file and would be read before the fetched one; \
         move it away and fetch again"
    )]
    InTheWay {
        /// The other file.
        path: PathBuf,
    },
    /// Another process is at it.
    #[error("{path}: another process is fetching this file")]
    Busy {
        /// The unfinished download.
        path: PathBuf,
    },
    /// The disk refuses.
    #[error("{path}: cannot be written")]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No mirror delivered.
    #[error("{path}: no mirror delivers this file{}", list(.failures))]
    AllMirrors {
        /// Where the file would be.
        path: PathBuf,
        /// Each address with its reason, in the order of the attempts.
        failures: Vec<(String, Reason)>,
    },
}

fn list(failures: &[(String, Reason)]) -> String {
    failures.iter().map(|(url, reason)| format!("\n  {url} {reason}")).collect()
}

/// Fetches files with one set of connections.
#[derive(Debug)]
pub struct Fetcher {
    agent: Agent,
    settings: FetchSettings,
}

impl Fetcher {
    /// A fetcher with these settings.
    ///
    /// # Errors
    /// When a mirror of the settings is no address.
    pub fn new(mut settings: FetchSettings) -> Result<Self, FetchError> {
        for mirror in &mut settings.mirrors {
            if !mirror.starts_with("http://") && !mirror.starts_with("https://") {
                return Err(FetchError::Mirror(mirror.clone()));
            }
            if !mirror.ends_with('/') {
                mirror.push('/');
            }
        }
        let agent = Agent::config_builder()
            .proxy(settings.proxy.clone())
            .timeout_resolve(Some(settings.connect))
            .timeout_connect(Some(settings.connect))
            .timeout_per_read(Some(settings.stall))
            .timeout_per_write(Some(settings.stall))
            .http_status_as_error(false)
            .user_agent(concat!("reproduce/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build()
            .new_agent();
        Ok(Fetcher { agent, settings })
    }

    /// Brings `file` into the folder of `data_set` in the directory `data`.
    ///
    /// A usable file that is there already is left alone. A damaged one is replaced at the moment
    /// when the right one is whole.
    ///
    /// # Errors
    /// When no mirror delivers the file, it cannot be written, or something is in its way.
    ///
    /// ```
    /// use indicatif::ProgressBar;
    /// use reproduce::data::catalogue::MNIST;
    /// use reproduce::data::fetch::{FetchError, FetchSettings, Fetcher};
    /// let settings = FetchSettings { is_offline: true, ..FetchSettings::default() };
    /// let folder = tempfile::tempdir()?;
    /// let labels = &MNIST.files[3];
    /// let fetched =
    ///     Fetcher::new(settings)?.fetch(folder.path(), &MNIST, labels, &ProgressBar::hidden());
    /// assert!(matches!(fetched, Err(FetchError::Offline { .. })));
    /// # Ok::<(), anyhow::Error>(())
    /// ```
    pub fn fetch(
        &self,
        data: &Path,
        data_set: &DataSet,
        file: &PublishedFile,
        progress: &ProgressBar,
    ) -> Result<Fetched, FetchError> {
        let local = inspect(data, data_set, file);
        if local.state.is_usable() {
            return Ok(Fetched::AlreadyThere(local));
        }
        let folder = local::folder(data, data_set);
        let path = folder.join(file.name);
        let is_read = !matches!(local.state, FileState::Missing | FileState::JpegCopy);
        if is_read && local.path != path {
            return Err(FetchError::InTheWay { path: local.path });
        }
        if self.settings.is_offline {
            return Err(FetchError::Offline { path });
        }
        let part = part_path(&path);
        let disk = |source| FetchError::Disk { path: path.clone(), source };
        std::fs::create_dir_all(&folder).map_err(disk)?;
        let mut opened =
            Part::open(&part).map_err(disk)?.ok_or(FetchError::Busy { path: part.clone() })?;
        match self.fill(&mut opened, data_set, file, progress).map_err(disk)? {
            Ok(url) => {
                file::rename(&part, &path).map_err(disk)?;
                Ok(Fetched::From { path, url })
            }
            Err(failures) => {
                if opened.bytes().map_err(disk)? == 0 {
                    std::fs::remove_file(&part).map_err(disk)?;
                }
                Err(FetchError::AllMirrors { path, failures })
            }
        }
    }

    /// Fills the part from the mirrors, in turn: the address that completed it, or why none did.
    fn fill(
        &self,
        part: &mut Part,
        data_set: &DataSet,
        file: &PublishedFile,
        progress: &ProgressBar,
    ) -> io::Result<Result<String, Vec<(String, Reason)>>> {
        if part.bytes()? > file.bytes {
            part.clear()?;
        }
        progress.set_length(file.bytes);
        progress.set_position(part.bytes()?);
        progress.reset_eta();
        let mut failures = Vec::new();
        let mirrors = self.settings.mirrors.iter().map(String::as_str);
        for mirror in mirrors.chain(data_set.mirrors.iter().copied()) {
            let url = format!("{mirror}{}", file.name);
            progress.set_message(url.clone());
            match self.ask(&url, file, part, progress) {
                Ok(()) => return Ok(Ok(url)),
                Err(Failure::Local(error)) => return Err(error),
                Err(Failure::Mirror(reason)) => {
                    progress.suspend(|| log::info!("{url} {reason}"));
                    failures.push((url, reason));
                }
            }
        }
        Ok(Err(failures))
    }

    /// Asks one mirror, as long as it makes progress.
    fn ask(
        &self,
        url: &str,
        file: &PublishedFile,
        part: &mut Part,
        progress: &ProgressBar,
    ) -> Result<(), Failure> {
        let mut resumptions = self.settings.resumptions;
        loop {
            let before = part.bytes()?;
            let received =
                transfer(&self.agent, url, file.bytes, part, self.settings.stall, progress);
            match received {
                Ok(()) => {
                    let found = part.md5()?;
                    if found == file.md5 {
                        part.sync()?;
                        return Ok(());
                    }
                    part.clear()?;
                    // The wrong bytes may be those that were there before.
                    if before == 0 {
                        let published = file.md5;
                        return Err(Failure::Mirror(Reason::Checksum { found, published }));
                    }
                }
                Err(Failure::Mirror(Reason::Range { .. })) if before > 0 => part.clear()?,
                Err(Failure::Mirror(reason)) => {
                    if part.bytes()? <= before || resumptions == 0 {
                        return Err(Failure::Mirror(reason));
                    }
                    resumptions -= 1;
                    progress.suspend(|| log::info!("{url} {reason}; asking for the rest"));
                }
                Err(local) => return Err(local),
            }
        }
    }
}
