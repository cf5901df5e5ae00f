//! What one thread of this machine could do at best, with nothing but the work itself: read a file,
//! find its lines, escape them into the body of a request, hash the body, write it to a socket.
//!
//! No checks, no positions, no signature, no answers: a shipper cannot be faster, only come close.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use plimsoll_core::json::escape_lossy;
use sha2::{Digest as _, Sha256};

use crate::Outcome;

/// What is read at once.
const READ_BYTES: usize = 128 * 1024;
/// What ends a body, as in PutLogEvents.
const BODY_BYTES_MAX: usize = 1_048_576;
const BODY_LINES_MAX: usize = 10_000;
const EVENT_OVERHEAD: usize = 26;
/// Rounds of the whole road.
const ROUNDS: usize = 3;
/// What the pieces are measured on, and how often.
const SAMPLE_BYTES: u64 = 1 << 20;
const SAMPLE_REPEATS: u64 = 300;

/// Nanoseconds that this thread has been on a CPU. Source: Linux, sched-stats.rst.
fn cpu_nanos() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
}

/// Sends the whole file, and tells the megabytes per processor second of the whole road and of its
/// pieces, as JSON lists of all rounds.
pub(crate) fn run(path: &Path) -> Outcome<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut socket = TcpStream::connect(listener.local_addr()?)?;
    let (mut drained, _) = listener.accept()?;
    let drain = thread::spawn(move || {
        let mut buffer = vec![0; 1024 * 1024];
        while drained.read(&mut buffer).is_ok_and(|read| read > 0) {}
    });
    let mut whole = Vec::new();
    for _ in 0..ROUNDS {
        whole.push(rate(|| send(path, &mut socket))?);
    }
    let mut sample = Vec::new();
    File::open(path)?
        .take(SAMPLE_BYTES)
        .read_to_end(&mut sample)?;
    let repeat = |mut piece: Box<dyn FnMut() + '_>| {
        rate(|| {
            (0..SAMPLE_REPEATS).for_each(|_| piece());
            Ok(SAMPLE_REPEATS * sample.len() as u64)
        })
    };
    let mut body = Vec::new();
    let escape = repeat(Box::new(|| {
        body.clear();
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &sample) {
            escape_lossy(&mut body, &sample[start..newline]);
            start = newline + 1;
        }
    }))?;
    let hash = repeat(Box::new(|| {
        std::hint::black_box(Sha256::digest(&sample));
    }))?;
    drop(socket);
    drop(drain.join());
    Ok(format!(
        "{{\"whole\": {whole:?}, \"escape\": {escape}, \"hash\": {hash}}}"
    ))
}

/// Megabytes per processor second of what `work` says that it did, in bytes.
fn rate(work: impl FnOnce() -> Outcome<u64>) -> Outcome<u64> {
    let start = cpu_nanos()?;
    let bytes = work()?;
    Ok(bytes * 1_000 / (cpu_nanos()? - start).max(1))
}

fn send(path: &Path, socket: &mut TcpStream) -> Outcome<u64> {
    let mut file = File::open(path)?;
    let (mut buffer, mut filled, mut total) = (vec![0; READ_BYTES], 0, 0);
    let mut body = Body::default();
    loop {
        let read = file.read(&mut buffer[filled..])?;
        if read == 0 {
            body.send(socket)?;
            return Ok(total);
        }
        total += read as u64;
        filled += read;
        let mut start = 0;
        for newline in memchr::memchr_iter(b'\n', &buffer[..filled]) {
            let line = &buffer[start..newline];
            if !body.fits(line) {
                body.send(socket)?;
            }
            body.push(line);
            start = newline + 1;
        }
        buffer.copy_within(start..filled, 0);
        filled -= start;
    }
}

/// A body in the making.
#[derive(Debug, Default)]
struct Body {
    text: Vec<u8>,
    lines: usize,
    billed_bytes: usize,
}

impl Body {
    fn fits(&self, line: &[u8]) -> bool {
        self.lines < BODY_LINES_MAX
            && self.billed_bytes + line.len() + EVENT_OVERHEAD <= BODY_BYTES_MAX
    }

    fn push(&mut self, line: &[u8]) {
        self.text
            .extend_from_slice(b"{\"timestamp\":1795524360000,\"message\":\"");
        escape_lossy(&mut self.text, line);
        self.text.extend_from_slice(b"\"},");
        self.lines += 1;
        self.billed_bytes += line.len() + EVENT_OVERHEAD;
    }

    fn send(&mut self, socket: &mut TcpStream) -> Outcome<()> {
        let hash = Sha256::digest(&self.text);
        socket.write_all(&hash)?;
        socket.write_all(&self.text)?;
        self.text.clear();
        (self.lines, self.billed_bytes) = (0, 0);
        Ok(())
    }
}
