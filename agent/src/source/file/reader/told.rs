//! What a turn tells those who look on: its events, how far a file was read, and since when its
//! lines wait.

use tokio::time::Instant;

use super::Reader;
use crate::fs::LogFs;
use crate::record::FileId;
use crate::source::file::tail::Turn;

impl<F: LogFs> Reader<F> {
    /// Tells of the lines of a turn, before anything of them can be acknowledged.
    pub(super) fn tell_of(&self, id: FileId, turn: &Turn, now: Instant) {
        if turn.chunk.is_none() {
            return;
        }
        if let Some(tail) = self.tails.get(&id) {
            self.ledger.read(id, tail.offset, &tail.stream, now);
        }
        let taps = &self.health.taps;
        taps.events(turn.chunk.iter().chain(&turn.further));
    }
}
