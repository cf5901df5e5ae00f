//! Files that are followed while they grow, by glob.
//!
//! The file is the buffer: nothing is spooled, and a file is read no faster than its lines are
//! accepted. Changes are noticed by a hint from the kernel and, whatever becomes of hints, by a
//! sweep every few seconds. Reading is blocking and happens away from the runtime, one bounded
//! round at a time.

mod archive;
mod dated;
mod discover;
mod framing;
pub(crate) mod identity;
mod reader;
mod tail;
mod watch;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use plimsoll_core::queue::Sender;
use plimsoll_core::shutdown::Shutdown;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

pub(crate) use discover::Targets;
use reader::Round;
pub(crate) use reader::{ROUND_BYTES, Reader, Timing, descriptor_budget};
use watch::Watch;

use crate::barrier::Asked;
use crate::checkpoint::Committer;
use crate::config::LogsConfig;
use crate::fs::LogFs;
use crate::record::Chunk;

/// Everything the source needs besides the files.
#[derive(Debug)]
pub(crate) struct Source<F: LogFs> {
    /// Reads the files.
    pub(crate) reader: Reader<F>,
    /// Where chunks go; waits when it is full.
    pub(crate) queue: Sender<Chunk>,
    /// Brings new files to disk before they are read.
    pub(crate) committer: Committer,
    /// Tells when to stop.
    pub(crate) shutdown: Shutdown,
    /// Asks when everything is read that is there.
    pub(crate) asked: Asked,
    /// Tells when other files are wanted.
    pub(crate) configs: tokio::sync::watch::Receiver<LogsConfig>,
    /// See [`Timing::gap`].
    pub(crate) timing: Timing,
    /// Whether to end when every file was read to its end.
    pub(crate) once: bool,
    /// Bytes that are still read after a shutdown was asked for.
    pub(crate) last_bytes_max: usize,
}

impl<F: LogFs> Source<F> {
    /// Follows files until a shutdown is asked for (or, once, until all are read), and says how
    /// many were followed. What was written before the shutdown is still read, within
    /// `last_bytes_max`; what is beyond it waits in the file.
    pub(crate) async fn run(self) -> u64 {
        let Self {
            mut reader,
            queue,
            committer,
            mut shutdown,
            mut asked,
            mut configs,
            timing,
            once,
            last_bytes_max,
        } = self;
        let hints = reader.watch().and_then(Watch::descriptor);
        let mut left = None;
        loop {
            if left.is_none() && shutdown.is_requested() {
                left = Some(last_bytes_max);
                reader.look_a_last_time(Instant::now());
                reader.flush_waiting();
            }
            if configs.has_changed().unwrap_or(false) {
                let config = configs.borrow_and_update().clone();
                reader.retarget(config, Instant::now());
            }
            if asked.take_new() {
                reader.ask(Instant::now());
            }
            let begun = Instant::now();
            let Some((back, round)) = in_background(reader, begun).await else {
                return 0;
            };
            reader = back;
            if round.opened {
                committer.commit().await;
            }
            for chunk in round.chunks {
                let bytes = chunk.booked_bytes();
                left = left.map(|left: usize| left.saturating_sub(bytes));
                if queue.send(chunk, bytes).await.is_err() {
                    return reader.followed();
                }
            }
            if reader.has_read_all() {
                asked.answer();
            }
            let ends = left.is_some_and(|left| left == 0 || !round.more) || (once && round.drained);
            if ends {
                return reader.followed();
            }
            if !round.more {
                tokio::select! {
                    () = shutdown.requested(), if left.is_none() => {}
                    () = asked.heard() => {}
                    () = hinted(hints.as_ref()) => sleep_until(begun + timing.gap).await,
                    () = sleep_until(round.wake) => {}
                    Ok(()) = configs.changed() => configs.mark_changed(),
                }
            }
        }
    }
}

/// One round, away from the runtime.
async fn in_background<F: LogFs>(
    mut reader: Reader<F>,
    now: Instant,
) -> Option<(Reader<F>, Round)> {
    let round = tokio::task::spawn_blocking(move || {
        let round = reader.round(now);
        (reader, round)
    });
    match round.await {
        Ok(round) => Some(round),
        Err(error) => {
            log::error!("reading files has failed: {error}");
            None
        }
    }
}

/// Completes when there are hints, which the next round takes. The runtime watches the descriptor
/// only while this waits: it tells of every single event, and between two rounds a thousand lines
/// would wake it a thousand times for nothing (docs/adr/0012).
#[expect(
    deprecated,
    reason = "its unsafe successor asks that the descriptor stays open and the same as long as \
              this lives, which a shared OwnedFd does by its type"
)]
pub(super) async fn hinted(hints: Option<&Arc<OwnedFd>>) {
    if let Some(descriptor) = hints
        && let Ok(ready) = AsyncFd::with_interest(Arc::clone(descriptor), Interest::READABLE)
        && ready.readable().await.is_ok()
    {
        return;
    }
    // Without hints, files are swept.
    std::future::pending::<()>().await;
}
