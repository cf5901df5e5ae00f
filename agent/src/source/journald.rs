//! The systemd journal, by selection.
//!
//! The journal is the buffer, as a file is: it is read no faster than its entries are accepted, and
//! its position is a cursor that moves when they were. The library that reads it wants one thread
//! for all its calls, so there is one: it makes a bounded round when it is asked to and otherwise
//! sleeps. Hints are waited for on the runtime.

mod entry;
mod host;
pub(crate) mod journal;
mod matches;
mod reader;
mod target;

use std::future::Future;
use std::io;
use std::time::Duration;

use plimsoll_core::queue::Sender;
use plimsoll_core::shutdown::Shutdown;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

pub(crate) use host::HostJournals;
use journal::Journals;
pub(crate) use reader::{Parts, ROUND_BYTES};
use reader::{Reader, Round};

use crate::barrier::Asked;
use crate::checkpoint::Committer;
use crate::record::Chunk;
use crate::source::file::hinted;

/// Makes rounds.
pub(crate) trait Rounds: Send {
    /// One round; `None` if there will be no more.
    fn round(&mut self, now: Instant) -> impl Future<Output = Option<Round>> + Send;
}

/// A reader in a thread of its own.
#[derive(Debug)]
pub(crate) struct Thread {
    orders: mpsc::Sender<Order>,
}

type Order = (Instant, oneshot::Sender<Round>);

impl Thread {
    /// Starts the thread. It ends when this is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start<J: Journals + Send>(parts: Parts<J>) -> io::Result<Self> {
        let (orders, mut taken) = mpsc::channel::<Order>(1);
        let now = Instant::now();
        let life = move || {
            let mut reader = Reader::new(parts, now);
            while let Some((now, answer)) = taken.blocking_recv() {
                // Nobody waits for it any more: the road was cut off.
                if answer.send(reader.round(now)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(life)?;
        Ok(Self { orders })
    }
}

impl Rounds for Thread {
    async fn round(&mut self, now: Instant) -> Option<Round> {
        let (answer, round) = oneshot::channel();
        self.orders.send((now, answer)).await.ok()?;
        round.await.ok()
    }
}

/// Everything the source needs besides the journal.
#[derive(Debug)]
pub(crate) struct Source<R: Rounds> {
    /// Reads the journal.
    pub(crate) rounds: R,
    /// Where chunks go; waits when it is full.
    pub(crate) queue: Sender<Chunk>,
    /// Brings first positions to disk before anything is read.
    pub(crate) committer: Committer,
    /// Tells when to stop.
    pub(crate) shutdown: Shutdown,
    /// Asks when everything is read that is there.
    pub(crate) asked: Asked,
    /// The shortest time between two rounds unless there is more to read: hints that arrive
    /// meanwhile are taken together.
    pub(crate) gap: Duration,
    /// Whether to end when everything was read.
    pub(crate) once: bool,
    /// Bytes that are still read after a shutdown was asked for.
    pub(crate) last_bytes_max: usize,
}

impl<R: Rounds> Source<R> {
    /// Reads until a shutdown is asked for, or, once, until the end. What was written before the
    /// shutdown is still read, within `last_bytes_max`; the rest waits in the journal.
    pub(crate) async fn run(mut self) {
        let (mut left, mut goal) = (None, Goal::None);
        loop {
            if self.asked.take_new() {
                goal = Goal::Unknown;
            }
            if left.is_none() && self.shutdown.is_requested() {
                left = Some(self.last_bytes_max);
            }
            let begun = Instant::now();
            let Some(round) = self.rounds.round(begun).await else {
                log::error!("the thread that reads the journal has failed");
                return;
            };
            if round.opened {
                self.committer.commit().await;
            }
            goal = goal.known(round.end_us);
            for chunk in round.chunks {
                let bytes = chunk.booked_bytes();
                left = left.map(|left: usize| left.saturating_sub(bytes));
                if self.queue.send(chunk, bytes).await.is_err() {
                    return;
                }
            }
            if goal.is_reached(round.read_to_us) {
                goal = Goal::None;
                self.asked.answer();
            }
            if left == Some(0) || (!round.more && (left.is_some() || self.once)) {
                return;
            }
            if !round.more {
                tokio::select! {
                    () = self.shutdown.requested(), if left.is_none() => {}
                    () = self.asked.heard() => {}
                    () = hinted(round.hints.as_ref()) => sleep_until(begun + self.gap).await,
                    () = sleep_until(round.wake) => {}
                }
            }
        }
    }
}

/// Up to where must be read before somebody is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// Nobody asks.
    None,
    /// Where the journal ends is not known yet, as while it cannot be read.
    Unknown,
    /// Beyond everything that was received at this time, in microseconds since the epoch.
    Beyond(u64),
}

impl Goal {
    /// The same once the end of the journal is known.
    fn known(self, end_us: Option<u64>) -> Self {
        match (self, end_us) {
            (Self::Unknown, Some(end_us)) => Self::Beyond(end_us),
            _ => self,
        }
    }

    fn is_reached(self, read_to_us: u64) -> bool {
        matches!(self, Self::Beyond(end_us) if read_to_us > end_us)
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
