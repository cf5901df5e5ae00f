//! Files that are looked at again at a certain time: one whose rate limit is used up, and one
//! whose last event may go on and is sent when nothing more comes.
//!
//! All of them stand in one ordered set, so that the next time is known without a timer per file.
//! A file that went away leaves an entry that is dropped when its time comes.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::Reader;
use crate::fs::LogFs;
use crate::record::FileId;
use crate::source::file::framing::Flush;

/// What a file waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    /// Its rate limit lets it be read again.
    Rate,
    /// Its last event is complete, unless it has grown meanwhile.
    Event,
}

/// Files by the time at which they are looked at again.
#[derive(Debug, Default)]
pub(super) struct Due(BTreeSet<(Instant, FileId, Wait)>);

/// How much of a file may be read now: a bucket of one second that is filled evenly. Its level is
/// kept as the time at which all that was read is paid for (the generic cell rate algorithm, ITU-T
/// I.371), so nothing happens while nobody reads.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    paid: Option<Instant>,
}

/// What may be read at once after a pause.
const BURST: Duration = Duration::from_secs(1);

impl Rate {
    /// When the next turn may be; `None` if now.
    fn next(self, now: Instant) -> Option<Instant> {
        let next = self.paid?.checked_sub(BURST)?;
        (next > now).then_some(next)
    }

    /// Accounts for what was read.
    fn pay(&mut self, now: Instant, bytes: usize, bytes_per_second: u64) {
        let nanos = (bytes as u128) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let paid = self.paid.map_or(now, |paid| paid.max(now));
        self.paid = paid.checked_add(time);
    }
}

impl<F: LogFs> Reader<F> {
    /// Lets files wait for a turn whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) {
        while let Some((at, id, wait)) = self.due.0.first().copied() {
            if at > now {
                return;
            }
            self.due.0.pop_first();
            let Some(tail) = self.tails.get_mut(&id) else {
                continue;
            };
            match wait {
                Wait::Rate => self.turns.push_back(id),
                Wait::Event if tail.event_due == Some(at) => {
                    tail.event_due = None;
                    tail.framing.flush(Flush::IfQuiet);
                    self.queue(id);
                }
                Wait::Event => {}
            }
        }
    }

    /// Sends the events that wait for what may follow them, at the next turn: nothing will be read
    /// after it, and an event in two parts is better than one that may never be sent.
    pub(crate) fn flush_waiting(&mut self) {
        let waiting: Vec<FileId> = self
            .tails
            .iter_mut()
            .filter_map(|(id, tail)| {
                tail.event_due.take()?;
                tail.framing.flush(Flush::Now);
                Some(*id)
            })
            .collect();
        for id in waiting {
            self.queue(id);
        }
    }

    /// When the first file is looked at again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.0.first().map(|(at, _, _)| *at)
    }

    /// Whether a file's rate limit lets it be read; if not it waits, in no queue but this one.
    pub(super) fn rests(&mut self, id: FileId, now: Instant) -> bool {
        let Some(at) = self.tails.get(&id).and_then(|tail| tail.rate.next(now)) else {
            return false;
        };
        self.due.0.insert((at, id, Wait::Rate));
        if self.health.problems.add("rate_limited", 1) {
            log::info!("a file grows faster than its rate_limit; it is read later");
        }
        true
    }

    /// Takes note of what a turn has read of a file, and of an event that was left in it.
    pub(super) fn note(&mut self, id: FileId, read: usize, now: Instant) {
        let Some(tail) = self.tails.get_mut(&id) else {
            return;
        };
        if let Some(limit) = tail.framing.rate_limit() {
            tail.rate.pay(now, read, limit);
        }
        let due = tail.framing.wait().map(|wait| now + wait);
        if let Some(old) = tail.event_due.take() {
            self.due.0.remove(&(old, id, Wait::Event));
        }
        tail.event_due = due;
        if let Some(at) = due {
            self.due.0.insert((at, id, Wait::Event));
        }
    }

    /// Whether files wait for their rate limit.
    pub(super) fn any_rests(&self) -> bool {
        self.due.0.iter().any(|(_, _, wait)| *wait == Wait::Rate)
    }
}
