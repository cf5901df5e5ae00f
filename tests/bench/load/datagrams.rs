//! Sends lines of StatsD over UDP at a rate, one datagram each, as services do.

use std::net::UdpSocket;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Different series, in turn.
const SERIES: u64 = 100;
/// How long the sender rests when nothing is due.
const REST: Duration = Duration::from_micros(200);

/// Sends `rate` datagrams a second. If it falls behind, it catches up.
pub(crate) fn send(address: &str, rate: u64, seconds: u64) -> Outcome<String> {
    let socket = UdpSocket::bind(("127.0.0.1", 0))?;
    socket.connect(address)?;
    let lines: Vec<String> = (0..SERIES)
        .map(|series| match series % 4 {
            0 => format!("bench.latency:{series}.5|ms|#env:prod,series:{series}"),
            _ => format!("bench.hits:1|c|#env:prod,zone:eu-west-1a,series:{series}"),
        })
        .collect();
    let (began, total) = (Instant::now(), rate * seconds);
    let (mut sent, mut worst) = (0, 0);
    while sent < total {
        let due = u64::try_from(began.elapsed().as_micros())?.saturating_mul(rate) / 1_000_000;
        let due = due.min(total);
        worst = worst.max(due - sent);
        while sent < due {
            let line = &lines[usize::try_from(sent % SERIES)?];
            socket.send(line.as_bytes())?;
            sent += 1;
        }
        park_timeout(REST);
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(format!(
        "{{\"sent\": {sent}, \"seconds\": {seconds:.3}, \"behind_max\": {worst}}}"
    ))
}
