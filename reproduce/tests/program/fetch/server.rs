//! A web server on this machine with every fault that a mirror can have.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The file, or the rest that is asked for.
    Whole,
    /// So many bytes of the file, whatever is asked for, then the end of the connection.
    WithoutRanges(usize),
    /// A range other than the one asked for.
    OtherRange,
    /// The file with one bit changed.
    Corrupt,
    /// So many bytes of what is announced, then the end of the connection.
    CutAfter(usize),
    /// So many bytes of what is announced, then nothing.
    StallAfter(usize),
    /// Not even a status.
    Silence,
    /// The file with so many bytes more or fewer, as announced.
    Announced(isize),
    /// The file with so many bytes more or fewer, without a word about the size.
    Unannounced(isize),
    /// Another address.
    Redirect(String),
    /// An HTML page, which the header Content-Type says or nothing does.
    Page { is_typed: bool },
    /// An error.
    Status(u16),
}

/// A running server; it serves as long as the tests run.
pub struct Server {
    /// Address of its root folder.
    pub url: String,
    /// What was asked for.
    requests: Arc<Mutex<Vec<Request>>>,
}

/// The target and the header Range.
type Request = (String, Option<String>);

impl Server {
    /// Answers the first request with the first answer, and all after the last with the last.
    pub fn new(contents: Vec<u8>, answers: &[Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self::serve(listener, contents, answers.to_vec())
    }

    /// A server that redirects to itself.
    pub fn circle() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = address(&listener);
        Self::serve(listener, Vec::new(), vec![Answer::Redirect(url)])
    }

    /// An address where nobody listens any more.
    pub fn closed() -> Self {
        let url = address(&TcpListener::bind("127.0.0.1:0").unwrap());
        Server { url, requests: Arc::default() }
    }

    fn serve(listener: TcpListener, contents: Vec<u8>, answers: Vec<Answer>) -> Self {
        let server = Server { url: address(&listener), requests: Arc::default() };
        let requests = server.requests.clone();
        thread::spawn(move || {
            // Connections that stall stay open as long as the thread lives.
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let (target, range) = read_request(&stream);
                let count = {
                    let mut requests = requests.lock().unwrap();
                    requests.push((target, range.clone()));
                    requests.len()
                };
                let answer = &answers[count.min(answers.len()) - 1];
                // A client that has seen enough may hang up.
                let _ = respond(&mut stream, answer, &contents, range.as_deref());
                if matches!(answer, Answer::StallAfter(_) | Answer::Silence) {
                    open.push(stream);
                }
            }
        });
        server
    }

    /// The header Range of every request so far.
    pub fn ranges(&self) -> Vec<Option<String>> {
        self.requests.lock().unwrap().iter().map(|(_, range)| range.clone()).collect()
    }

    /// The target of every request so far.
    pub fn targets(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(target, _)| target.clone()).collect()
    }
}

fn address(listener: &TcpListener) -> String {
    format!("http://{}/", listener.local_addr().unwrap())
}

fn read_request(stream: &TcpStream) -> Request {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let target = first.split(' ').nth(1).unwrap_or_default().to_string();
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let range = headers.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("range").then(|| value.to_string())
    });
    (target, range)
}

fn respond(
    stream: &mut TcpStream,
    answer: &Answer,
    contents: &[u8],
    range: Option<&str>,
) -> std::io::Result<()> {
    let size = contents.len();
    let first = range
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .unwrap_or(0);
    let announce = |first: usize, sent: usize| {
        if range.is_some() {
            let last = size - 1;
            let range = format!("Content-Range: bytes {first}-{last}/{size}");
            format!("206 Partial Content\r\n{range}\r\nContent-Length: {sent}")
        } else {
            format!("200 OK\r\nContent-Length: {sent}")
        }
    };
    let resized = |change: isize| {
        let mut body = contents.to_vec();
        body.resize(size.checked_add_signed(change).unwrap(), 0);
        body
    };
    let (head, body) = match answer {
        Answer::Whole => (announce(first, size - first), contents[first..].to_vec()),
        Answer::WithoutRanges(count) => {
            (format!("200 OK\r\nContent-Length: {size}"), contents[..*count].to_vec())
        }
        Answer::OtherRange => {
            (announce(first + 1, size - first - 1), contents[first + 1..].to_vec())
        }
        Answer::Corrupt => {
            let mut body = contents.to_vec();
            body[0] ^= 1;
            (announce(first, size - first), body[first..].to_vec())
        }
        Answer::CutAfter(count) | Answer::StallAfter(count) => {
            (announce(first, size - first), contents[first..first + count].to_vec())
        }
        Answer::Silence => return Ok(()),
        Answer::Announced(change) => {
            let body = resized(*change);
            (format!("200 OK\r\nContent-Length: {}", body.len()), body)
        }
        Answer::Unannounced(change) => ("200 OK".to_string(), resized(*change)),
        Answer::Redirect(url) => {
            (format!("302 Found\r\nLocation: {url}\r\nContent-Length: 0"), Vec::new())
        }
        Answer::Page { is_typed } => {
            let kind = if *is_typed { "text/html; charset=utf-8" } else { "application/gzip" };
            let body = b"\n<!DOCTYPE html><title>Sign in</title>".to_vec();
            (format!("200 OK\r\nContent-Type: {kind}"), body)
        }
        Answer::Status(status) => {
            (format!("{status} Refused\r\nContent-Length: 7"), b"refused".to_vec())
        }
    };
    write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body)?;
    stream.flush()
}
