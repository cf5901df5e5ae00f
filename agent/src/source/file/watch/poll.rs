//! Asking about directories and files that no notification comes for.
//!
//! Once a second each is asked how it looks, by name and without opening it. What changed becomes a
//! hint as any other; so a poll that misses something costs time until the next sweep and no line.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

use super::Hint;
use crate::fs::{Kind, LogFs, Stat};

/// How often to ask. Network file systems keep what they were told for some seconds anyway
/// (nfs(5), `acregmin`: 3 s), so asking more often would tell no more.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Questions of one poll at most: a few milliseconds when the answers are at hand. Where there is
/// more to ask, each poll goes on where the last one ended.
const POLLS_MAX: usize = 1000;

/// What is polled.
#[derive(Debug)]
pub(super) struct Poll {
    paths: Vec<(PathBuf, Option<Stat>)>,
    next: usize,
    due: Instant,
}

impl Poll {
    /// Polls nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            paths: Vec::new(),
            next: 0,
            due: now + POLL_INTERVAL,
        }
    }

    /// Polls exactly `paths` from now on. New ones are compared with how they look now, which is
    /// before anyone has read them.
    pub(super) fn set<'a, F: LogFs>(&mut self, fs: &F, paths: impl Iterator<Item = &'a PathBuf>) {
        let mut known: HashMap<PathBuf, Option<Stat>> = self.paths.drain(..).collect();
        self.paths.extend(paths.map(|path| {
            let known = known.remove_entry(path);
            known.unwrap_or_else(|| (path.clone(), fs.stat(path).ok()))
        }));
    }

    /// Asks if it is time.
    pub(super) fn ask<F: LogFs>(&mut self, fs: &F, now: Instant, mut tell: impl FnMut(Hint)) {
        if now < self.due {
            return;
        }
        self.due = now + POLL_INTERVAL;
        for _ in 0..self.paths.len().min(POLLS_MAX) {
            if self.next >= self.paths.len() {
                self.next = 0;
            }
            let Some((path, seen)) = self.paths.get_mut(self.next) else {
                return;
            };
            self.next += 1;
            let stat = fs.stat(path).ok();
            let before = std::mem::replace(seen, stat);
            if stat == before {
                continue;
            }
            tell(match (stat, before) {
                (Some(stat), _) if stat.kind == Kind::Directory => Hint::Directory(path.clone()),
                (Some(now), Some(before)) if now.identity == before.identity => {
                    Hint::Written(path.clone())
                }
                _ => Hint::Renamed(path.clone()),
            });
        }
    }

    /// When to ask again, if there is anything to ask.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.paths.is_empty()).then_some(self.due)
    }
}
