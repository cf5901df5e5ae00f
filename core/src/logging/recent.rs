//! The last warnings and errors, for whoever asks the running program how it is.
//!
//! A place in the source that speaks again counts up in its own entry, so that a noisy one pushes no
//! other out. What is kept has its secrets masked and its length bounded. Nothing is written here.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use log::Level;

use crate::clock::UnixMillis;

/// Entries that are kept, the latest; with [`TEXT_BYTES_MAX`], some 20 KiB.
pub const RECENT_MAX: usize = 32;
/// Bytes of a message that are kept: what it says, and its first fields.
const TEXT_BYTES_MAX: usize = 512;

/// Where in the source a message comes from: file and line.
pub(super) type Site = (&'static str, u32);

/// What one place in the source has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// A warning or an error.
    pub level: Level,
    /// When it was first said, of what is still kept.
    pub first: UnixMillis,
    /// When it was last said.
    pub last: UnixMillis,
    /// How often, those included that were not shown because there were too many.
    pub count: u64,
    /// What was shown last, secrets masked.
    pub text: String,
    site: Site,
}

impl Spoken {
    /// What was said once, by no place in the source that is known.
    #[must_use]
    pub fn once(level: Level, at: UnixMillis, text: &str) -> Self {
        Self {
            level,
            first: at,
            last: at,
            count: 1,
            text: text.to_owned(),
            site: Site::default(),
        }
    }
}

static RECENT: Mutex<Recent> = Mutex::new(Recent(VecDeque::new()));

/// The last warnings and errors, the latest first.
#[must_use]
pub fn recent() -> Vec<Spoken> {
    let recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    recent.0.iter().rev().cloned().collect()
}

/// Remembers what is shown: `text` has its secrets masked. Without a site, as from a library that
/// does not tell, all such messages share one entry.
pub(super) fn said(site: Option<Site>, level: Level, text: &str, now: UnixMillis) {
    let site = site.unwrap_or_default();
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    recent.said(site, level, text, now);
}

/// Counts what was not shown because its site speaks too often.
pub(super) fn silenced(site: Site, now: UnixMillis) {
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    recent.again(site, now);
}

/// The latest at the end.
#[derive(Debug)]
struct Recent(VecDeque<Spoken>);

impl Recent {
    fn said(&mut self, site: Site, level: Level, text: &str, now: UnixMillis) {
        let text = bounded(text);
        if let Some(spoken) = self.again(site, now) {
            spoken.level = level;
            spoken.text = text;
            return;
        }
        if self.0.len() >= RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Spoken {
            level,
            first: now,
            last: now,
            count: 1,
            text,
            site,
        });
    }

    /// Counts once more for a site that has spoken, which becomes the latest.
    fn again(&mut self, site: Site, now: UnixMillis) -> Option<&mut Spoken> {
        let at = self.0.iter().position(|spoken| spoken.site == site)?;
        let mut spoken = self.0.remove(at)?;
        spoken.last = now;
        spoken.count += 1;
        self.0.push_back(spoken);
        self.0.back_mut()
    }
}

/// The beginning of `text`, whole characters.
fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_speaks_again_counts_up_and_pushes_no_other_out() {
        let mut recent = Recent(VecDeque::new());
        recent.said(("quiet.rs", 1), Level::Error, "once", UnixMillis(1));
        for time in 2..200 {
            recent.said(("noisy.rs", 1), Level::Warn, "again", UnixMillis(time));
            recent.again(("noisy.rs", 1), UnixMillis(time));
        }
        let counts: Vec<_> = recent.0.iter().map(|one| (one.count, one.last.0)).collect();
        assert_eq!(counts, [(1, 1), (2 * 198, 199)]);
    }

    #[test]
    fn only_the_latest_sites_are_kept_and_only_the_beginning_of_what_they_say() {
        let mut recent = Recent(VecDeque::new());
        let long = "é".repeat(TEXT_BYTES_MAX);
        for line in 0..100 {
            recent.said(("a.rs", line), Level::Warn, &long, UnixMillis(0));
        }
        assert_eq!(recent.0.len(), RECENT_MAX);
        assert_eq!(recent.0.back().map(|one| one.site.1), Some(99));
        assert!(recent.0.iter().all(|one| one.text.len() <= TEXT_BYTES_MAX));
    }
}
