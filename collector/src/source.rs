//! Where signals enter: CloudTrail, GuardDuty and cost, each from files or from AWS.
//!
//! Every source hands over [`Unit`]s through an [`Outlet`] and waits until the unit's effects are
//! stored: findings, incidents, notifications to send, and the source's own progress are written
//! in one transaction. Only then does it delete a message or start on the next file. So after a
//! crash the same input is read again, recognised by its event ids, and told once.
//!
//! What cannot be read is a [`Problem`]: counted by reason, kept aside in the state with the place
//! it was found at, and never in the way of what follows. A source never names a sink.

pub mod activity;
pub mod cloudtrail;
pub mod cost;
pub mod directory;
pub mod envelope;
pub mod guardduty;
pub mod json;
pub mod queue;
#[cfg(test)]
pub(crate) mod support;
pub mod unpack;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::signal::Signal;

/// Signals in one unit. It bounds memory and the length of a transaction; a large file is several
/// units, and its progress travels with the last.
pub const UNIT_SIGNALS_MAX: usize = 500;
/// Bytes of JSON in one unit, unless a single record is larger.
pub const UNIT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Units that wait for the pipeline, over all sources. Each source has at most one under way, so
/// this is only reached with more sources than that.
pub const UNITS_WAITING_MAX: usize = 4;
/// Files and objects that are in memory at once, over all sources; each is at most 64 MiB as it
/// came and 64 MiB as text. A reader holds a thread for blocking work while it waits for the state,
/// which needs one too, so this must stay below the number of such threads.
pub const READERS_MAX: usize = 2;
/// Problems that one unit carries with their text.
pub const UNIT_PROBLEMS_MAX: usize = 100;

/// What is handled in one transaction.
#[derive(Debug, Default, PartialEq)]
pub struct Unit {
    /// What was read, in the order of the input.
    pub signals: Vec<Signal>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What was read and is of no use here, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// What is done once the effects of this unit are stored.
    pub progress: Vec<Progress>,
}

/// Input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One word for counters.
    pub reason: Reason,
    /// The file, object or message.
    pub origin: String,
    /// The place in it: `record 17, byte 20480`. Empty for the whole of it.
    pub place: String,
    /// What is wrong, for people, without the content.
    pub detail: String,
    /// The beginning of what could not be read, at most [`crate::source::json::SAMPLE_BYTES_MAX`]
    /// bytes, for whoever looks into it.
    pub sample: String,
}

/// Why input could not be read. The words are dimension values of a metric: few and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The compressed stream ends or breaks early.
    BrokenGzip,
    /// Not JSON.
    BrokenJson,
    /// JSON ends early.
    TruncatedJson,
    /// Bytes that are not UTF-8; they were replaced and the rest was read.
    InvalidUtf8,
    /// Larger than this program reads.
    TooLarge,
    /// JSON, but not of the kind expected here.
    UnknownShape,
    /// A record without an event id.
    NoEventId,
    /// A record without a time, or with one that is not a time.
    NoEventTime,
    /// A record without the name of the operation or of the service.
    NoEventName,
    /// A finding without its id, type, severity or time.
    IncompleteFinding,
    /// Cost data without a day, service or amount.
    IncompleteCost,
    /// A file or object that cannot be opened.
    Unreadable,
    /// An object that the queue told of and that does not exist.
    Missing,
}

impl Reason {
    /// The word in metrics and in the state.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BrokenGzip => "broken_gzip",
            Self::BrokenJson => "broken_json",
            Self::TruncatedJson => "truncated_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::TooLarge => "too_large",
            Self::UnknownShape => "unknown_shape",
            Self::NoEventId => "no_event_id",
            Self::NoEventTime => "no_event_time",
            Self::NoEventName => "no_event_name",
            Self::IncompleteFinding => "incomplete_finding",
            Self::IncompleteCost => "incomplete_cost",
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
        }
    }
}

/// What is done, to be written with the effects.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Before the first signal of a file: what was kept aside from an earlier version of it no
    /// longer counts.
    Reread {
        /// The file, as in [`Problem::origin`].
        origin: String,
    },
    /// A file was read to its end.
    File(FileVersion),
    /// An object was read to its end.
    Object {
        /// The bucket.
        bucket: String,
        /// The key, decoded.
        key: String,
    },
    /// Days of cost were read; the rows are in the unit's [`Signal::Cost`], and a day without rows
    /// has no cost.
    Cost {
        /// Every day that was asked for, `YYYY-MM-DD`.
        days: Vec<String>,
        /// Whether they were paid for, so that the next call must wait for its time.
        paid: bool,
    },
}

/// A file in one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileVersion {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, in nanoseconds since 1970.
    pub modified_nanos: i64,
}

/// The pipeline has ended: the unit was not stored, and the source should end too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the pipeline has ended")]
pub struct Closed;

/// A unit on its way, with the means to say that it is stored.
#[derive(Debug)]
pub struct Delivery {
    /// What to handle.
    pub unit: Unit,
    stored: oneshot::Sender<()>,
}

impl Delivery {
    /// Tells the source that every effect of the unit is stored. Dropping the delivery instead
    /// tells it that nothing was.
    pub fn stored(self) {
        if self.stored.send(()).is_err() {
            log::debug!("a unit was stored after its source had stopped");
        }
    }
}

/// A source's way into the pipeline.
#[derive(Clone, Debug)]
pub struct Outlet {
    units: mpsc::Sender<Delivery>,
    readers: Arc<Semaphore>,
}

/// Makes a way into the pipeline and its far end. Clone the outlet for every source; the far end
/// ends when all of them are dropped.
#[must_use]
pub fn pipeline() -> (Outlet, mpsc::Receiver<Delivery>) {
    let (sender, receiver) = mpsc::channel(UNITS_WAITING_MAX);
    let outlet = Outlet {
        units: sender,
        readers: Arc::new(Semaphore::new(READERS_MAX)),
    };
    (outlet, receiver)
}

impl Outlet {
    /// Waits for a turn to have a file or an object in memory. The turn ends when the permit is
    /// dropped.
    ///
    /// # Errors
    /// When the pipeline has ended.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Closed> {
        let readers = Arc::clone(&self.readers);
        readers.acquire_owned().await.map_err(|_| Closed)
    }

    /// Hands over a unit and waits until its effects are stored.
    ///
    /// # Errors
    /// When they were not and will not be: the pipeline has ended.
    pub async fn submit(&self, unit: Unit) -> Result<(), Closed> {
        let (stored, told) = oneshot::channel();
        self.units
            .send(Delivery { unit, stored })
            .await
            .map_err(|_| Closed)?;
        told.await.map_err(|_| Closed)
    }

    /// As [`Self::submit`], from a thread that may block.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn submit_blocking(&self, unit: Unit) -> Result<(), Closed> {
        let (stored, told) = oneshot::channel();
        self.units
            .blocking_send(Delivery { unit, stored })
            .map_err(|_| Closed)?;
        told.blocking_recv().map_err(|_| Closed)
    }
}

/// Gathers what is read from one file, object or message into units of bounded size.
#[derive(Debug)]
pub struct Gather<'a> {
    outlet: &'a Outlet,
    unit: Unit,
    bytes: usize,
}

impl<'a> Gather<'a> {
    /// Starts with nothing.
    #[must_use]
    pub fn new(outlet: &'a Outlet) -> Self {
        Self {
            outlet,
            unit: Unit::default(),
            bytes: 0,
        }
    }

    /// Adds a signal that was `bytes` long as JSON; hands over the unit when it is full.
    ///
    /// # Errors
    /// When the pipeline has ended.
    pub fn signal(&mut self, signal: Signal, bytes: usize) -> Result<(), Closed> {
        self.unit.signals.push(signal);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.unit.signals.len() >= UNIT_SIGNALS_MAX || self.bytes >= UNIT_BYTES_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Adds a problem; hands over the unit when it holds too many.
    ///
    /// # Errors
    /// When the pipeline has ended.
    pub fn problem(&mut self, problem: Problem) -> Result<(), Closed> {
        self.unit.problems.push(problem);
        if self.unit.problems.len() >= UNIT_PROBLEMS_MAX {
            self.flush()?;
        }
        Ok(())
    }

    /// Counts something that is of no use here.
    pub fn skip(&mut self, reason: &'static str) {
        let count = self.unit.skipped.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Adds progress to the unit under way.
    pub fn progress(&mut self, progress: Progress) {
        self.unit.progress.push(progress);
    }

    /// Hands over what there is and waits until it is stored.
    ///
    /// # Errors
    /// When the pipeline has ended.
    pub fn flush(&mut self) -> Result<(), Closed> {
        self.bytes = 0;
        let unit = std::mem::take(&mut self.unit);
        if unit == Unit::default() {
            return Ok(());
        }
        self.outlet.submit_blocking(unit)
    }
}

#[cfg(test)]
mod tests {
    use super::support::gathered;
    use super::*;

    #[test]
    fn a_large_file_becomes_units_of_bounded_size_in_order() {
        let days: Vec<String> = (0..=2 * UNIT_SIGNALS_MAX)
            .map(|number| number.to_string())
            .collect();
        let unit = gathered(|gather| {
            for day in &days {
                let history = crate::signal::CostHistory {
                    account: Some(day.clone()),
                    days: Vec::new(),
                };
                gather.signal(Signal::Cost(history), 1)?;
            }
            Ok(())
        });
        let found: Vec<String> = unit
            .signals
            .into_iter()
            .filter_map(|signal| match signal {
                Signal::Cost(history) => history.account,
                _ => None,
            })
            .collect();
        assert_eq!(found, days);
    }

    #[tokio::test]
    async fn a_unit_whose_delivery_is_dropped_counts_as_not_stored() {
        let (outlet, mut deliveries) = pipeline();
        let submit = outlet.submit(Unit::default());
        let drop_it = async { drop(deliveries.recv().await) };
        assert_eq!(tokio::join!(submit, drop_it).0, Err(Closed));
    }
}
