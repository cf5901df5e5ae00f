//! Writes lines: a backlog at once, or at a rate into many files as services do, one `write` each.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use plimsoll_core::clock::{Clock as _, SystemClock};

use crate::Outcome;
use crate::line::{LINE_BYTES, append};

/// Lines that are written together into a backlog.
const BLOCK_LINES: u64 = 5_000;
/// How long a writer rests when nothing is due.
const REST: Duration = Duration::from_millis(1);

/// Writes a backlog of `bytes` into one file.
pub(crate) fn generate(path: &Path, bytes: u64) -> Outcome<String> {
    let lines = bytes / LINE_BYTES as u64;
    let mut file = File::create(path)?;
    let mut block = Vec::new();
    for number in 0..lines {
        append(&mut block, 0, number, SystemClock.now());
        if (number + 1) % BLOCK_LINES == 0 || number + 1 == lines {
            file.write_all(&block)?;
            block.clear();
        }
    }
    Ok(format!("{{\"lines\": {lines}}}"))
}

/// Writes `rate` lines a second into `files` files in turn. If it falls behind, it catches up.
pub(crate) fn live(directory: &Path, files: usize, rate: u64, seconds: u64) -> Outcome<String> {
    let mut outputs = (0..files)
        .map(|file| {
            let path = directory.join(format!("app-{file:05}.log"));
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            Ok((file, 0_u64))
        })
        .collect::<std::io::Result<Vec<_>>>()?;
    let (began, total) = (Instant::now(), rate * seconds);
    let (mut written, mut line, mut worst) = (0, Vec::new(), 0);
    while written < total {
        let due = u64::try_from(began.elapsed().as_micros())?.saturating_mul(rate) / 1_000_000;
        let due = due.min(total);
        worst = worst.max(due - written);
        while written < due {
            let index = usize::try_from(written)? % files;
            let (file, number) = &mut outputs[index];
            line.clear();
            append(&mut line, index, *number, SystemClock.now());
            file.write_all(&line)?;
            *number += 1;
            written += 1;
        }
        park_timeout(REST);
    }
    Ok(format!("{{\"lines\": {written}, \"behind_max\": {worst}}}"))
}
