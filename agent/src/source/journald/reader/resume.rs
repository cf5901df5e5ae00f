//! Where to begin in the journal: at a position, behind a gap, at one of its ends.

use std::io;
use std::sync::Arc;

use plimsoll_core::clock::UnixMillis;

use super::Reader;
use crate::checkpoint::Cursor;
use crate::config::{Boot, StartPosition};
use crate::source::journald::host::unreadable;
use crate::source::journald::journal::{Journal, Journals, Seek, Unavailable};
use crate::source::journald::matches::steps;

impl<J: Journals> Reader<J> {
    /// Opens the journal for all targets and finds where each goes on.
    pub(super) fn open(&mut self) -> Result<(), Unavailable> {
        self.boot = self.journals.boot()?;
        let mut all = self.journals.open(&[])?;
        let failed = |error: io::Error| unreadable(&error);
        self.hints = all.hints().map_err(failed)?.map(Arc::new);
        self.all = Some(all);
        for index in 0..self.targets.len() {
            let Some(target) = self.targets.get(index) else {
                continue;
            };
            let selection = steps(&target.config.selection, self.boot);
            let mut journal = self.journals.open(&selection)?;
            journal.hints().map_err(failed)?;
            let primed = self.resume(index, &mut journal).map_err(failed)?;
            if let Some(target) = self.targets.get_mut(index) {
                target.journal = Some(journal);
                target.primed = primed;
                target.at_end = false;
            }
        }
        if self.told.take().is_some() {
            log::info!("the journal can be read again");
        }
        Ok(())
    }

    /// Goes to where a target goes on; says whether the journal then stands at an entry that is to
    /// be read.
    fn resume(&mut self, index: usize, journal: &mut J::Journal) -> io::Result<bool> {
        let Some(target) = self.targets.get(index) else {
            return Ok(false);
        };
        let (start, boot) = (target.config.start, target.config.selection.boot);
        let place = match &target.last {
            // Entries of the earlier boot are not wanted, those of this one are, all of them.
            Some(place) if boot == Boot::Current && place.boot != self.boot => None,
            Some(place) => {
                let place = place.clone();
                self.tell_gap(&place)?;
                Some(place)
            }
            None => self.begin(index, start)?,
        };
        let Some(place) = place else {
            journal.seek(Seek::Head)?;
            return Ok(false);
        };
        if place.text.is_empty() || journal.seek(Seek::Cursor(&place.text)).is_err() {
            journal.seek(Seek::Realtime(place.realtime_us))?;
            return Ok(false);
        }
        Ok(journal.forward()? && !journal.is_at(&place.text)?)
    }

    /// The first position of a target: the newest entry when the agent was started, which is not
    /// read, or the time of the oldest one, which is. It is on disk before anything is read, so that a crash cannot begin
    /// elsewhere and a vacuum cannot go unnoticed. `None` if all of an empty journal is wanted.
    fn begin(&mut self, index: usize, start: StartPosition) -> io::Result<Option<Cursor>> {
        let started = u64::try_from(self.started.0)
            .unwrap_or(0)
            .saturating_mul(1000);
        let at = |realtime_us| Cursor {
            boot: self.boot,
            realtime_us,
            text: String::new(),
        };
        let place = match start {
            StartPosition::End => {
                let empty = at(started);
                Some(self.before(Seek::Realtime(started))?.unwrap_or(empty))
            }
            StartPosition::Beginning => match &mut self.all {
                Some(all) => {
                    all.seek(Seek::Head)?;
                    let oldest = all.forward()?.then(|| all.realtime_us()).transpose()?;
                    oldest.map(at)
                }
                None => None,
            },
        };
        if let Some(target) = self.targets.get_mut(index)
            && let Some(place) = &place
        {
            self.ledger.mark(target.id, target.next, place.clone());
            target.last = Some(place.clone());
            self.opened = true;
        }
        Ok(place)
    }

    /// Counts and tells a gap if the entry at `place` is not there any more: then those after it
    /// may be gone as well, up to the oldest that is left, unless that is the very next one.
    pub(super) fn tell_gap(&mut self, place: &Cursor) -> io::Result<()> {
        let Some(all) = &mut self.all else {
            return Ok(());
        };
        let (sought, by_time) = match place.text.as_str() {
            "" => (all.seek(Seek::Realtime(place.realtime_us)), true),
            cursor => (all.seek(Seek::Cursor(cursor)), false),
        };
        let found = sought.is_ok() && all.forward()?;
        let whole = found
            && if by_time {
                all.realtime_us()? == place.realtime_us
            } else {
                all.is_at(&place.text)? || follows(&place.text, &all.cursor()?)
            };
        if whole {
            return Ok(());
        }
        let until = if found {
            time(all.realtime_us()?).to_string()
        } else {
            "now".to_owned()
        };
        self.health.problems.add("journal_gap", 1);
        log::warn!(
            from = time(place.realtime_us).to_string().as_str(), until = until.as_str();
            "entries of the journal were removed before they were read: those of this time may be \
             missing; let journald keep more (SystemMaxUse=, MaxRetentionSec=)"
        );
        Ok(())
    }
}

/// Whether the entry at the second cursor was written right after the one at the first. A cursor
/// is an opaque text; but if both show numbers in the way that is known since systemd 38, they
/// prove it. If not, a gap is told that may be none.
fn follows(first: &str, second: &str) -> bool {
    let part = |cursor: &str, name: &str| {
        let mut parts = cursor.split(';');
        parts.find_map(|part| part.strip_prefix(name).map(str::to_owned))
    };
    let number = |cursor: &str| u64::from_str_radix(&part(cursor, "i=")?, 16).ok();
    let source = part(first, "s=");
    source.is_some()
        && source == part(second, "s=")
        && number(first).and_then(|number| number.checked_add(1)) == number(second)
}

fn time(micros: u64) -> UnixMillis {
    UnixMillis(i64::try_from(micros / 1000).unwrap_or(i64::MAX))
}
