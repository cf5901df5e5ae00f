//! What waits in memory for its call, the freshest in front. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use plimsoll_core::clock::UnixMillis;

use crate::batch::metrics::MetricBatch;
use crate::spool::RecordId;

/// A call's worth of datums.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) batch: Arc<MetricBatch>,
    /// Whether a call with it, or with some of it, was made already.
    pub(super) tried: bool,
    pub(super) stored: Stored,
}

/// How far the disk knows of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// Not at all.
    No,
    /// It is exactly these records.
    Whole(Vec<RecordId>),
    /// It is what is left of these records, which are done when it is.
    Rest(Vec<RecordId>),
}

impl Stored {
    /// The records.
    pub(super) fn ids(&self) -> &[RecordId] {
        match self {
            Self::No => &[],
            Self::Whole(ids) | Self::Rest(ids) => ids,
        }
    }

    /// The same after datums were left out.
    pub(super) fn rest(self) -> Self {
        match self {
            Self::Whole(ids) => Self::Rest(ids),
            other => other,
        }
    }
}

impl Waiting {
    /// A batch of which the disk does not know.
    pub(super) fn fresh(batch: MetricBatch) -> Self {
        Self {
            batch: Arc::new(batch),
            tried: false,
            stored: Stored::No,
        }
    }

    /// How many datums it has.
    pub(super) fn len(&self) -> usize {
        self.batch.datums.len()
    }

    /// Leaves out the datums that `keep` does not want, and says how many those were.
    pub(super) fn retain(mut self, keep: impl Fn(&plimsoll_aws::Datum) -> bool) -> (Self, usize) {
        let unwanted = self
            .batch
            .datums
            .iter()
            .filter(|datum| !keep(datum))
            .count();
        if unwanted > 0 {
            Arc::make_mut(&mut self.batch).datums.retain(keep);
            self.stored = self.stored.rest();
        }
        (self, unwanted)
    }

    fn is_only_here(&self) -> bool {
        !matches!(self.stored, Stored::Whole(_))
    }

    fn time(&self) -> UnixMillis {
        let first = self.batch.datums.first();
        first.map_or(UnixMillis::default(), |datum| datum.time)
    }
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Waiting>);

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Datums that wait here only. What is on disk as well is one tick's.
    pub(super) fn datums(&self) -> usize {
        let here = self.0.iter().filter(|waiting| waiting.is_only_here());
        here.map(Waiting::len).sum()
    }

    pub(super) fn push_front(&mut self, waiting: Waiting) {
        self.0.push_front(waiting);
    }

    pub(super) fn pop_front(&mut self) -> Option<Waiting> {
        self.0.pop_front()
    }

    /// Takes out the oldest of those.
    pub(super) fn pop_oldest(&mut self) -> Option<Waiting> {
        let oldest = self.0.iter().rposition(Waiting::is_only_here)?;
        self.0.remove(oldest)
    }

    /// Puts a batch where its age belongs.
    pub(super) fn put_back(&mut self, waiting: Waiting) {
        let time = waiting.time();
        let fresher = self.0.partition_point(|other| other.time() > time);
        self.0.insert(fresher, waiting);
    }

    /// Takes out everything, the oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Waiting> {
        self.0.drain(..).rev().collect()
    }
}
