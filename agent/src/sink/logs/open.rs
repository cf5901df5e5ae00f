//! Batches that still fill, one per stream, and when each of them must leave. No calls, no clock.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use plimsoll_core::queue::Held;
use tokio::time::Instant;

use crate::batch::logs::Batch;
use crate::record::Chunk;

/// All open batches.
#[derive(Debug, Default)]
pub(crate) struct OpenBatches {
    batches: HashMap<u64, Open>,
    /// When batches must leave, by stream.
    dues: BTreeSet<(Instant, u64)>,
    billed_bytes: usize,
}

#[derive(Debug)]
struct Open {
    since: Instant,
    due: Instant,
    batch: Batch,
}

/// What taking lines of a chunk came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filled {
    /// The first line that did not fit.
    pub(crate) next: u32,
    /// What CloudWatch Logs counts for those that did.
    pub(crate) billed_bytes: usize,
    /// Whether the batch must leave before more is taken.
    pub(crate) full: bool,
}

impl OpenBatches {
    /// Whether nothing is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// What CloudWatch Logs counts for all of them.
    pub(crate) fn billed_bytes(&self) -> usize {
        self.billed_bytes
    }

    /// Takes lines of `chunk` from index `from` on into the batch of its stream. One that is opened
    /// for it at `now` is due at `due`.
    pub(crate) fn fill(
        &mut self,
        chunk: &Arc<Held<Chunk>>,
        from: u32,
        now: Instant,
        due: Instant,
    ) -> Filled {
        let number = chunk.stream.number;
        let dues = &mut self.dues;
        let open = self.batches.entry(number).or_insert_with(|| {
            dues.insert((due, number));
            let batch = Batch::new(Arc::clone(&chunk.stream));
            let since = now;
            Open { since, due, batch }
        });
        let before = open.batch.billed_bytes();
        let next = open.batch.fill(chunk, from);
        let billed_bytes = open.batch.billed_bytes() - before;
        self.billed_bytes += billed_bytes;
        Filled {
            next,
            billed_bytes,
            full: next < chunk.count() || open.batch.is_full(),
        }
    }

    /// The batch of a stream leaves, with when its first event came.
    pub(crate) fn take(&mut self, stream: u64) -> Option<(Batch, Instant)> {
        let Open { since, due, batch } = self.batches.remove(&stream)?;
        self.dues.remove(&(due, stream));
        self.billed_bytes -= batch.billed_bytes();
        Some((batch, since))
    }

    /// When the next one must leave.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.dues.first().map(|(due, _)| *due)
    }

    /// The stream whose batch has been due longest at `now`. Those that are `held` are not sent
    /// anyway: they go on filling and are due again at `later`, which must be after `now`.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        later: Instant,
        held: impl Fn(u64) -> bool,
    ) -> Option<u64> {
        while let Some((due, stream)) = self.dues.first().copied() {
            if due > now {
                return None;
            }
            if !held(stream) {
                return Some(stream);
            }
            self.dues.pop_first();
            self.dues.insert((later, stream));
            if let Some(open) = self.batches.get_mut(&stream) {
                open.due = later;
            }
        }
        None
    }

    /// The stream whose batch must leave first.
    pub(crate) fn first(&self) -> Option<u64> {
        self.dues.first().map(|(_, stream)| *stream)
    }

    /// The stream whose batch is largest: letting it go frees most and costs the fewest calls.
    pub(crate) fn largest(&self) -> Option<u64> {
        let size = |(stream, open): &(&u64, &Open)| (open.batch.billed_bytes(), Reverse(**stream));
        self.batches.iter().max_by_key(size).map(|(key, _)| *key)
    }

    /// All of them are due now.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.dues.clear();
        for (stream, open) in &mut self.batches {
            open.due = open.due.min(now);
            self.dues.insert((open.due, *stream));
        }
    }

    /// When the first event of all came.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.batches.values().map(|open| open.since).min()
    }
}
