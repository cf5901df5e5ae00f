//! Looking on while records pass.
//!
//! A tap sees copies of what passes one stage: events of logs as they will be sent (so after
//! filters and redaction, never before), events that were refused, calls, datums and signals. As
//! long as nobody taps, a stage reads one atomic number for each turn, call or tick. A tap keeps a
//! bounded text for its reader; what does not fit is counted and told, and nothing ever waits.

mod record;
mod selection;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) use record::Call;
pub(crate) use selection::{Selection, Stage};

/// Taps at once: each may cost a search in everything that passes.
pub(crate) const TAPS_MAX: usize = 4;
/// Records of one tap that wait for its reader, in bytes. As much again is on its way.
const WAITING_BYTES_MAX: usize = 256 * 1024;

/// All taps, and the stages that they look at.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// A bit for each stage that anybody looks at.
    wanted: AtomicU8,
    open: Mutex<Vec<Arc<Tap>>>,
}

/// One reader's view of one stage.
#[derive(Debug)]
struct Tap {
    selection: Selection,
    waiting: Mutex<Waiting>,
    news: Notify,
}

/// What a reader has not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Records, a line of JSON each.
    pub(crate) lines: Vec<u8>,
    /// Records that did not fit since the last time.
    pub(crate) dropped: u64,
    /// Records that are still wanted.
    left: u64,
    /// Whether no record will follow.
    pub(crate) ended: bool,
}

impl Taps {
    /// Whether anybody looks at a stage. This is all that it costs when nobody does.
    pub(crate) fn wants(&self, stage: Stage) -> bool {
        self.wanted.load(Ordering::Relaxed) & stage.bit() != 0
    }

    /// Begins to look on, with at most `limit` records; `None` if too many do.
    pub(crate) fn open(self: &Arc<Self>, selection: Selection, limit: u64) -> Option<Reader> {
        let mut open = self.all();
        if open.len() >= TAPS_MAX {
            return None;
        }
        let waiting = Waiting {
            left: limit,
            ..Waiting::default()
        };
        let tap = Arc::new(Tap {
            selection,
            waiting: Mutex::new(waiting),
            news: Notify::new(),
        });
        open.push(Arc::clone(&tap));
        self.note(&open);
        Some(Reader {
            taps: Arc::clone(self),
            tap,
        })
    }

    /// Gives each tap of a stage its turn. No lock is held meanwhile: looking for a pattern takes
    /// time.
    fn each(&self, stage: Stage, show: impl Fn(&Tap)) {
        let open = self.all().clone();
        let of_stage = open.iter().filter(|tap| tap.selection.stage == stage);
        of_stage.for_each(|tap| show(tap));
    }

    fn note(&self, open: &[Arc<Tap>]) {
        let bits = open.iter().map(|tap| tap.selection.stage.bit());
        self.wanted
            .store(bits.fold(0, |all, bit| all | bit), Ordering::Relaxed);
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Tap>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap {
    /// Takes a record, which `write` appends; whether more are wanted.
    fn add(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut waiting = self.waiting();
        waiting.add(write);
        self.news.notify_one();
        !waiting.ended
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Takes a record, or counts it if there is no room.
    fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.left == 0 {
            return;
        }
        let before = self.lines.len();
        if before < WAITING_BYTES_MAX {
            write(&mut self.lines);
            self.lines.push(b'\n');
        }
        if before == self.lines.len() || self.lines.len() > WAITING_BYTES_MAX {
            self.lines.truncate(before);
            self.dropped += 1;
            return;
        }
        self.left -= 1;
        self.ended = self.left == 0;
    }
}

#[cfg(test)]
impl Taps {
    /// Looks on at everything of a word.
    pub(crate) fn look(self: &Arc<Self>, of: &str) -> Reader {
        let selection = Selection::new(of, None).unwrap();
        self.open(selection, u64::MAX).unwrap()
    }
}

/// Who looks on. Dropping it ends the tap.
#[derive(Debug)]
pub(crate) struct Reader {
    taps: Arc<Taps>,
    tap: Arc<Tap>,
}

impl Reader {
    /// Completes when there is something; never with nothing. It may be dropped at any time.
    pub(crate) async fn next(&self) -> Waiting {
        loop {
            {
                let mut waiting = self.tap.waiting();
                if waiting.ended || waiting.dropped > 0 || !waiting.lines.is_empty() {
                    let (left, ended) = (waiting.left, waiting.ended);
                    let rest = Waiting {
                        left,
                        ended,
                        ..Waiting::default()
                    };
                    return std::mem::replace(&mut *waiting, rest);
                }
            }
            self.tap.news.notified().await;
        }
    }

    /// What waits, a record each.
    #[cfg(test)]
    pub(crate) fn seen(&self) -> Vec<serde_json::Value> {
        let lines = std::mem::take(&mut self.tap.waiting().lines);
        let lines = lines.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !line.is_empty());
        lines
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut open = self.taps.all();
        open.retain(|tap| !Arc::ptr_eq(tap, &self.tap));
        self.taps.note(&open);
    }
}

#[cfg(test)]
mod tests;
