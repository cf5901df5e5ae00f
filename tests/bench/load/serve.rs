//! CloudWatch Logs as far as a shipper can tell: HTTP/1.1, one thread per connection, every call
//! answered at once. `GET /stats` tells what came; `POST /outage/SECONDS` closes every connection
//! and the port for that long. It ends when its standard input does.

use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, park_timeout};
use std::time::{Duration, Instant};

use plimsoll_core::clock::{Clock as _, SystemClock};

use crate::Outcome;
use crate::count::{Body, Totals};

/// Connections at once; more are closed.
const CONNECTIONS_MAX: usize = 256;
/// The longest body: the largest batch if every byte of it were escaped as six.
const BODY_MAX: usize = 8 * 1024 * 1024;
/// The longest head of a request.
const HEAD_MAX: u64 = 64 * 1024;

/// What all connections share.
#[derive(Debug)]
struct Shared {
    totals: Mutex<Totals>,
    open: Mutex<Vec<TcpStream>>,
    outage: Mutex<Option<Duration>>,
    address: SocketAddr,
}

/// What is asked.
#[derive(Debug, Default)]
struct Head {
    path: String,
    target: String,
    length: usize,
}

/// Serves until standard input ends, then gives what came.
pub(crate) fn run(ready: &Path) -> Outcome<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let shared = Arc::new(Shared {
        totals: Mutex::new(Totals::new()),
        open: Mutex::default(),
        outage: Mutex::default(),
        address,
    });
    let (ended, end) = mpsc::sync_channel(1);
    let accepting = Arc::clone(&shared);
    thread::spawn(move || ended.send(accept(listener, &accepting)));
    thread::spawn({
        let shared = Arc::clone(&shared);
        move || {
            drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
            *lock(&shared.outage) = Some(Duration::MAX);
            drop(TcpStream::connect(shared.address));
        }
    });
    std::fs::write(ready, format!("http://{address}"))?;
    end.recv()??;
    Ok(lock(&shared.totals).json())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(mut listener: TcpListener, shared: &Arc<Shared>) -> std::io::Result<()> {
    loop {
        let stream = listener.accept().map(|(stream, _)| stream);
        let outage = lock(&shared.outage).take();
        if let Some(length) = outage {
            drop((listener, stream));
            for stream in lock(&shared.open).drain(..) {
                drop(stream.shutdown(Shutdown::Both));
            }
            if length == Duration::MAX {
                return Ok(());
            }
            rest(length);
            if lock(&shared.outage).take() == Some(Duration::MAX) {
                return Ok(());
            }
            listener = TcpListener::bind(shared.address)?;
            continue;
        }
        let stream = stream?;
        let mut open = lock(&shared.open);
        open.retain(|stream| stream.peer_addr().is_ok());
        if open.len() < CONNECTIONS_MAX {
            open.push(stream.try_clone()?);
            let shared = Arc::clone(shared);
            thread::spawn(move || {
                drop(serve(&stream, &shared));
                drop(stream.shutdown(Shutdown::Both));
            });
        }
    }
}

fn rest(length: Duration) {
    let end = Instant::now() + length;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        park_timeout(left);
    }
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(256 * 1024, stream);
    let mut output = stream;
    let mut body = Vec::new();
    while let Some(head) = head(&mut input)? {
        body.resize(head.length, 0);
        input.read_exact(&mut body)?;
        let (status, text) = answer(&head, &body, shared);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/x-amz-json-1.1\r\n\
             content-length: {}\r\n\r\n{text}",
            text.len()
        );
        output.write_all(answer.as_bytes())?;
    }
    Ok(())
}

fn head(input: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Head>> {
    let (mut head, mut line, mut lines) = (Head::default(), String::new(), 0);
    let mut limited = input.take(HEAD_MAX);
    loop {
        line.clear();
        if limited.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let text = line.trim_end();
        if text.is_empty() {
            return Ok(Some(head));
        }
        lines += 1;
        if lines == 1 {
            text.split(' ')
                .nth(1)
                .unwrap_or_default()
                .clone_into(&mut head.path);
        }
        let (name, value) = text.split_once(": ").unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            head.length = value.parse().unwrap_or(usize::MAX);
        } else if name.eq_ignore_ascii_case("x-amz-target") {
            value.clone_into(&mut head.target);
        }
        if head.length > BODY_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}

/// The status and the body of the answer.
fn answer(head: &Head, body: &[u8], shared: &Shared) -> (&'static str, String) {
    if head.path == "/stats" {
        return ("200 OK", lock(&shared.totals).json());
    }
    if let Some(seconds) = head.path.strip_prefix("/outage/") {
        let length = Duration::from_secs(seconds.parse().unwrap_or(1));
        *lock(&shared.outage) = Some(length);
        drop(TcpStream::connect(shared.address));
        return ("200 OK", "{}".to_owned());
    }
    if !head.target.ends_with(".PutLogEvents") {
        return ("200 OK", "{}".to_owned());
    }
    let now = SystemClock.now().0.unsigned_abs();
    match Body::read(body) {
        Ok(body) => {
            lock(&shared.totals).accept(&body, now);
            ("200 OK", "{}".to_owned())
        }
        Err(why) => {
            lock(&shared.totals).refuse();
            let text =
                format!("{{\"__type\": \"InvalidParameterException\", \"message\": \"{why}\"}}");
            ("400 Bad Request", text)
        }
    }
}
