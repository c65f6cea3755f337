//! Fetching from a server on this machine that cuts, corrupts, stalls, redirects and refuses.

use std::path::PathBuf;
use std::time::Duration;

use indicatif::ProgressBar;
use reproduce::data::catalogue::{DataSet, PublishedFile};
use reproduce::data::checksum::md5;
use reproduce::data::fetch::{FetchError, FetchSettings, Fetched, Fetcher};
use reproduce::data::transfer::Reason;
use tempfile::TempDir;

use server::{Answer, Server};

mod command;
mod server;

const BYTES: usize = 300_000;

/// Contents without repetition, so that a byte in the wrong place changes the checksum.
fn contents() -> Vec<u8> {
    (0..BYTES as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 23) as u8).collect()
}

/// A data directory and the file that is to come into it.
struct Case {
    data: TempDir,
    data_set: DataSet,
    file: PublishedFile,
    stall: Duration,
}

impl Case {
    fn new() -> Self {
        let file = PublishedFile {
            name: "images.gz",
            bytes: BYTES as u64,
            md5: md5(&contents()[..]).unwrap().leak(),
            unpacked_md5: None,
            unpacked_bytes: BYTES as u64,
            folder: None,
        };
        let data_set = DataSet {
            name: "pictures",
            folder: "pictures",
            about: "",
            files: vec![file].leak(),
            mirrors: &[],
            is_read_from_root: false,
        };
        Case { data: tempfile::tempdir().unwrap(), data_set, file, stall: Duration::from_secs(20) }
    }

    /// A case with little patience, for mirrors that fall silent.
    fn impatient() -> Self {
        Case { stall: Duration::from_secs(1), ..Case::new() }
    }

    fn path(&self) -> PathBuf {
        self.data.path().join("pictures/images.gz")
    }

    fn part(&self) -> PathBuf {
        self.data.path().join("pictures/images.gz.part")
    }

    /// Something that an earlier run left behind.
    fn leave(&self, path: PathBuf, bytes: &[u8]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn fetch_with(&self, settings: FetchSettings) -> Result<Fetched, FetchError> {
        let settings = FetchSettings { proxy: None, stall: self.stall, ..settings };
        let fetcher = Fetcher::new(settings)?;
        fetcher.fetch(self.data.path(), &self.data_set, &self.file, &ProgressBar::hidden())
    }

    fn fetch(&self, servers: &[&Server]) -> Result<Fetched, FetchError> {
        let mirrors = servers.iter().map(|server| server.url.clone()).collect();
        self.fetch_with(FetchSettings { mirrors, ..FetchSettings::default() })
    }

    /// The right file is there under its name, delivered by `server`, and no part is left.
    fn assert_fetched_from(&self, fetched: Result<Fetched, FetchError>, server: &Server) {
        let url = format!("{}images.gz", server.url);
        assert_eq!(fetched.unwrap(), Fetched::From { path: self.path(), url });
        assert!(std::fs::read(self.path()).unwrap() == contents());
        assert!(!self.part().exists());
    }

    /// Nothing is there under the file's name; the reasons are those of the mirrors, in order.
    fn assert_failed(&self, fetched: Result<Fetched, FetchError>) -> Vec<Reason> {
        let error = fetched.unwrap_err();
        assert!(!self.path().exists());
        let said = error.to_string();
        let FetchError::AllMirrors { failures, .. } = error else { panic!("{error:?}") };
        for (url, reason) in &failures {
            assert!(said.contains(&format!("\n  {url} {reason}")), "{said}");
        }
        failures.into_iter().map(|(_, reason)| reason).collect()
    }
}

fn server(answers: &[Answer]) -> Server {
    Server::new(contents(), answers)
}

#[test]
fn a_file_is_fetched_once_and_then_left_alone() {
    let case = Case::new();
    let server = server(&[Answer::Whole]);
    case.assert_fetched_from(case.fetch(&[&server]), &server);
    assert!(matches!(case.fetch(&[&server]), Ok(Fetched::AlreadyThere(_))));
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn a_cut_download_is_resumed_where_it_ended() {
    let case = Case::new();
    let server = server(&[Answer::CutAfter(100_000), Answer::CutAfter(50_000), Answer::Whole]);
    case.assert_fetched_from(case.fetch(&[&server]), &server);
    let ranges = [None, Some("bytes=100000-".into()), Some("bytes=150000-".into())];
    assert_eq!(server.ranges(), ranges);
}

#[test]
fn the_next_run_resumes_what_the_last_one_left() {
    let case = Case::new();
    let cutting = server(&[Answer::CutAfter(100_000), Answer::CutAfter(0)]);
    let reasons = case.assert_failed(case.fetch(&[&cutting]));
    assert_eq!(reasons, [Reason::Cut { received: 100_000, bytes: BYTES as u64 }]);
    assert!(std::fs::read(case.part()).unwrap() == contents()[..100_000]);
    let whole = server(&[Answer::Whole]);
    case.assert_fetched_from(case.fetch(&[&whole]), &whole);
    assert_eq!(whole.ranges(), [Some("bytes=100000-".into())]);
}

#[test]
fn a_mirror_that_is_cut_for_ever_is_given_up() {
    let case = Case::new();
    let cutting = server(&[Answer::CutAfter(10)]);
    let reasons = case.assert_failed(case.fetch(&[&cutting]));
    let asked = 1 + FetchSettings::default().resumptions as usize;
    assert_eq!(cutting.ranges().len(), asked);
    assert_eq!(reasons, [Reason::Cut { received: 10 * asked as u64, bytes: BYTES as u64 }]);
}

#[test]
fn wrong_bytes_are_refused_and_the_next_mirror_is_asked_from_the_start() {
    let case = Case::new();
    let (corrupt, whole) = (server(&[Answer::Corrupt]), server(&[Answer::Whole]));
    case.assert_fetched_from(case.fetch(&[&corrupt, &whole]), &whole);
    assert_eq!((corrupt.ranges(), whole.ranges()), (vec![None], vec![None]));
}

#[test]
fn wrong_bytes_leave_nothing_behind() {
    let case = Case::new();
    let corrupt = server(&[Answer::Corrupt]);
    let reasons = case.assert_failed(case.fetch(&[&corrupt]));
    let mut sent = contents();
    sent[0] ^= 1;
    let found = md5(&sent[..]).unwrap();
    assert_eq!(reasons, [Reason::Checksum { found, published: case.file.md5 }]);
    assert!(!case.part().exists());
}

#[test]
fn a_mirror_is_not_blamed_for_wrong_bytes_of_an_earlier_run() {
    for wrong in [1000, BYTES, BYTES + 1] {
        let case = Case::new();
        case.leave(case.part(), &vec![9; wrong]);
        let whole = server(&[Answer::Whole]);
        case.assert_fetched_from(case.fetch(&[&whole]), &whole);
    }
}

#[test]
fn a_part_that_is_whole_needs_no_mirror() {
    let case = Case::new();
    case.leave(case.part(), &contents());
    let refusing = server(&[Answer::Status(404)]);
    case.assert_fetched_from(case.fetch(&[&refusing]), &refusing);
    assert!(refusing.ranges().is_empty());
}

#[test]
fn a_stalled_mirror_is_left_and_the_next_one_sends_the_rest() {
    let case = Case::impatient();
    let stalling = server(&[Answer::StallAfter(70_000), Answer::StallAfter(0)]);
    let whole = server(&[Answer::Whole]);
    case.assert_fetched_from(case.fetch(&[&stalling, &whole]), &whole);
    assert_eq!(stalling.ranges(), [None, Some("bytes=70000-".into())]);
    assert_eq!(whole.ranges(), [Some("bytes=70000-".into())]);
}

#[test]
fn a_mirror_that_never_answers_is_left() {
    let case = Case::impatient();
    let (silent, whole) = (server(&[Answer::Silence]), server(&[Answer::Whole]));
    case.assert_fetched_from(case.fetch(&[&silent, &whole]), &whole);
    let case = Case::impatient();
    let reasons = case.assert_failed(case.fetch(&[&silent]));
    assert_eq!(reasons, [Reason::Stalled(case.stall)]);
    assert_eq!(reasons[0].to_string(), "sends nothing for 1 s");
}

#[test]
fn redirects_are_followed_with_the_range() {
    let case = Case::new();
    case.leave(case.part(), &contents()[..5000]);
    let whole = server(&[Answer::Whole]);
    let redirecting = server(&[Answer::Redirect(format!("{}elsewhere.gz", whole.url))]);
    case.assert_fetched_from(case.fetch(&[&redirecting]), &redirecting);
    assert_eq!(whole.ranges(), [Some("bytes=5000-".into())]);
    assert_eq!(whole.targets(), ["/elsewhere.gz"]);
}

#[test]
fn a_redirect_in_a_circle_ends() {
    let case = Case::new();
    let circle = Server::circle();
    let reasons = case.assert_failed(case.fetch(&[&circle]));
    assert_eq!(reasons, [Reason::Unreachable("too many redirects".into())]);
}

#[test]
fn a_missing_file_is_asked_from_the_next_mirror() {
    let case = Case::new();
    let (missing, whole) = (server(&[Answer::Status(404)]), server(&[Answer::Whole]));
    case.assert_fetched_from(case.fetch(&[&missing, &whole]), &whole);
    let case = Case::new();
    let failing = server(&[Answer::Status(503)]);
    let reasons = case.assert_failed(case.fetch(&[&missing, &failing]));
    assert_eq!(reasons, [Reason::Status(404), Reason::Status(503)]);
}

#[test]
fn a_mirror_without_ranges_starts_over() {
    let case = Case::new();
    case.leave(case.part(), &vec![9; 1000]);
    let cutting = server(&[Answer::WithoutRanges(600)]);
    let reasons = case.assert_failed(case.fetch(&[&cutting]));
    assert_eq!(reasons, [Reason::Cut { received: 600, bytes: BYTES as u64 }]);
    assert!(std::fs::read(case.part()).unwrap() == contents()[..600]);
    let simple = server(&[Answer::WithoutRanges(BYTES)]);
    case.assert_fetched_from(case.fetch(&[&simple]), &simple);
    assert_eq!(simple.ranges(), [Some("bytes=600-".into())]);
}

#[test]
fn another_range_than_the_one_asked_for_is_not_used() {
    for answer in [Answer::OtherRange, Answer::Status(416)] {
        let case = Case::new();
        case.leave(case.part(), &contents()[..1000]);
        let confused = server(&[answer, Answer::Whole]);
        case.assert_fetched_from(case.fetch(&[&confused]), &confused);
        assert_eq!(confused.ranges(), [Some("bytes=1000-".into()), None]);
    }
}

#[test]
fn too_few_bytes_are_refused() {
    let bytes = BYTES as u64;
    let case = Case::new();
    let reasons = case.assert_failed(case.fetch(&[&server(&[Answer::Announced(-1)])]));
    assert_eq!(reasons, [Reason::Size { offered: bytes - 1, bytes }]);
    assert!(!case.part().exists());
    let case = Case::new();
    let ending = server(&[Answer::Unannounced(-1), Answer::Status(404)]);
    case.assert_failed(case.fetch(&[&ending]));
    assert_eq!(ending.ranges(), [None, Some(format!("bytes={}-", bytes - 1))]);
}

#[test]
fn too_many_bytes_are_refused() {
    let bytes = BYTES as u64;
    let case = Case::new();
    let reasons = case.assert_failed(case.fetch(&[&server(&[Answer::Announced(1)])]));
    assert_eq!(reasons, [Reason::Size { offered: bytes + 1, bytes }]);
    let case = Case::new();
    let (endless, whole) = (server(&[Answer::Unannounced(100_000)]), server(&[Answer::Whole]));
    let reasons = case.assert_failed(case.fetch(&[&endless]));
    let [Reason::Size { offered, .. }] = reasons[..] else { panic!("{reasons:?}") };
    assert!(bytes < offered && offered <= bytes + 100_000);
    assert_eq!(endless.ranges(), [None]);
    assert!(!case.part().exists());
    case.assert_fetched_from(case.fetch(&[&endless, &whole]), &whole);
}

#[test]
fn nobody_listening_is_a_reason() {
    let case = Case::new();
    let nobody = Server::closed();
    let reasons = case.assert_failed(case.fetch(&[&nobody]));
    assert!(matches!(&reasons[..], [Reason::Unreachable(_)]), "{reasons:?}");
}

#[test]
fn a_page_in_place_of_the_file_is_called_one() {
    for is_typed in [true, false] {
        let case = Case::new();
        let reasons = case.assert_failed(case.fetch(&[&server(&[Answer::Page { is_typed }])]));
        assert_eq!(reasons, [Reason::Page]);
        assert!(!case.part().exists());
    }
    let case = Case::new();
    case.leave(case.path(), b"<!DOCTYPE html>Sign in");
    let whole = server(&[Answer::Whole]);
    case.assert_fetched_from(case.fetch(&[&whole]), &whole);
}

#[test]
fn a_damaged_file_is_replaced_only_by_a_right_one() {
    let case = Case::new();
    case.leave(case.path(), b"damaged");
    assert!(case.fetch(&[&server(&[Answer::Corrupt])]).is_err());
    assert_eq!(std::fs::read(case.path()).unwrap(), b"damaged");
    let whole = server(&[Answer::Whole]);
    case.assert_fetched_from(case.fetch(&[&whole]), &whole);
}

#[test]
fn an_unpacked_file_that_is_another_is_in_the_way() {
    let mut case = Case::new();
    case.file.unpacked_md5 = Some("00000000000000000000000000000000");
    let other = case.data.path().join("pictures/images");
    case.leave(other.clone(), b"other");
    let error = case.fetch(&[&server(&[Answer::Whole])]).unwrap_err();
    assert!(matches!(&error, FetchError::InTheWay { path } if *path == other), "{error}");
}

#[test]
fn offline_refuses_before_anything_is_written() {
    let case = Case::new();
    let settings = FetchSettings { is_offline: true, ..FetchSettings::default() };
    let error = case.fetch_with(settings.clone()).unwrap_err();
    assert!(matches!(error, FetchError::Offline { .. }), "{error}");
    assert_eq!(std::fs::read_dir(case.data.path()).unwrap().count(), 0);
    case.leave(case.path(), &contents());
    assert!(matches!(case.fetch_with(settings), Ok(Fetched::AlreadyThere(_))));
}

#[test]
fn a_mirror_that_is_no_address_is_refused() {
    let settings = FetchSettings { mirrors: vec!["ftp://x/".into()], ..FetchSettings::default() };
    let error = Fetcher::new(settings).unwrap_err().to_string();
    assert!(error.contains("ftp://x/") && error.contains("https://"), "{error}");
}

#[test]
fn the_published_mirrors_come_after_those_of_the_user() {
    let mut case = Case::new();
    let (missing, whole) = (server(&[Answer::Status(404)]), server(&[Answer::Whole]));
    case.data_set.mirrors = vec![&*whole.url.clone().leak()].leak();
    case.assert_fetched_from(case.fetch(&[&missing]), &whole);
    assert_eq!(missing.targets(), ["/images.gz"]);
}
