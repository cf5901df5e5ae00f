//! Which lines the agent owes: what it must have read once it has looked.
//!
//! This is the promise of docs/semantics.md in a form that can be counted. The agent owes the lines
//! of a file while a path of the configuration leads to it, and from the first look on also when
//! none does any more, until it may be done with it: no path, and no change for
//! [`ROTATE_WAIT`], or [`WRITERLESS_WAIT`] if the kernel says that nobody writes to it. A file that was quiet for
//! [`REST_AFTER`] may have no descriptor; deleted or moved away, it is gone. After a crash it owes a file that no path leads to only if its position was
//! committed and it still has a name in the directory where it was found. It owes nothing of what
//! was truncated or deleted before it looked, and nothing of what was there before the very first
//! start if it begins at the end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use std::time::Duration;

use tokio::time::Instant;

use super::agent::{REST_AFTER, ROTATE_WAIT, WRITERLESS_WAIT};
use super::world::{Key, Node, World};
use crate::derive::lines::CONTINUED;

/// What the agent owes of a file.
#[derive(Debug)]
pub(super) struct Duty {
    /// Whether the agent must have it open.
    phase: Phase,
    /// A path led to it when the agent looked, so it may have it open.
    possible: bool,
    /// Of a finished file, how many lines are owed; none that came later is.
    owed: usize,
    /// Of the line in progress, a part may be sent or was left out.
    pub(super) ragged: bool,
    /// How often it had been truncated when the agent last looked.
    seen: usize,
    /// It may have no descriptor, because it was quiet or there are too few.
    rests: bool,
    /// Its opening is durable, and how often it had been truncated then.
    known: Option<usize>,
    /// Where it was found.
    homes: BTreeSet<PathBuf>,
    /// How many lines the durable position is beyond.
    durable: usize,
    /// Lines that may arrive in parts.
    pub(super) parts: Vec<Vec<u8>>,
    /// When a path last led to it.
    matched: Instant,
    /// When its content last changed.
    pub(super) changed: Instant,
}

/// What the agent must do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing that is known.
    Apart,
    /// Have it open.
    Followed,
    /// It may be closed. An unfinished line may have been sent as one.
    Finished,
}

impl Duty {
    /// Of a file that was just made.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            phase: Phase::Apart,
            possible: false,
            owed: 0,
            ragged: false,
            rests: false,
            seen: 0,
            known: None,
            homes: BTreeSet::new(),
            durable: 0,
            parts: Vec::new(),
            matched: now,
            changed: now,
        }
    }

    /// Whether it may be closed.
    pub(super) fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }

    /// The content is gone.
    pub(super) fn truncated(&mut self, bytes: usize, now: Instant) {
        self.owed = 0;
        self.durable = 0;
        self.ragged = false;
        // Emptying an empty file keeps nobody awake.
        if bytes > 0 {
            self.changed = now;
        }
    }
}

/// How long a file without a path must be quiet before it may be closed.
fn wait(written: Option<bool>) -> Option<Duration> {
    match written {
        Some(true) => None,
        Some(false) => Some(WRITERLESS_WAIT),
        None => Some(ROTATE_WAIT),
    }
}

/// What there was before the agent looked.
#[derive(Debug)]
pub(super) struct View(Vec<Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    epoch: usize,
    lines: usize,
    owed: usize,
    matched: bool,
    possible: bool,
    readable: bool,
    written: Option<bool>,
}

impl World {
    /// Notes when paths lead to files.
    pub(super) fn see_matches(&mut self) {
        for key in self.matches(true) {
            self.inodes[key].duty.matched = self.now;
        }
    }

    /// The files that paths of the configuration lead to.
    fn matches(&self, only_readable: bool) -> BTreeSet<Key> {
        let matching = self.names.keys().filter(|path| {
            let parent = path.parent().unwrap_or(path);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            (parent == Path::new("/sim/log") || parent == Path::new("/sim/log/web"))
                && name.starts_with("app")
                && path.extension().is_some_and(|extension| extension == "log")
                && !(only_readable && self.is_denied(parent))
        });
        matching
            .filter_map(|path| self.resolve(path).ok())
            .collect()
    }

    pub(super) fn is_denied(&self, directory: &Path) -> bool {
        directory.ancestors().any(|path| self.denied.contains(path))
    }

    /// What there is.
    pub(super) fn view(&mut self) -> View {
        self.see_matches();
        self.let_go();
        self.see_homes();
        self.disturbed = false;
        let matched = self.matches(true);
        let seen = self.inodes.iter().enumerate().map(|(key, inode)| Seen {
            epoch: inode.epoch,
            lines: inode.lines.len(),
            owed: if inode.duty.phase == Phase::Followed {
                inode.lines.len()
            } else {
                inode.duty.owed
            },
            matched: matched.contains(&key),
            possible: inode.duty.possible,
            // Without a descriptor, a file behind a closed directory cannot be opened.
            readable: !inode.broken && (self.denied.is_empty() || !inode.duty.rests),
            written: self.is_written(key),
        });
        View(seen.collect())
    }

    /// The agent has had its first round since it started. With `skips`, it is the first ever, and
    /// begins at the ends of files.
    pub(super) fn started(&mut self, before: &View, skips: bool) {
        let now_matched = self.matches(false);
        for key in 0..self.inodes.len() {
            let seen = before.0.get(key).copied();
            let matched = seen.is_some_and(|seen| seen.matched);
            if skips && (matched || now_matched.contains(&key)) {
                self.skip(key);
            }
            if matched && !self.disturbed && seen.is_some_and(|seen| seen.readable) {
                self.follow(key);
            } else if self.inodes[key].duty.possible {
                self.find_again(key);
            }
        }
    }

    /// The agent has looked for files.
    pub(super) fn scanned(&mut self, before: &View) {
        for (key, seen) in before.0.iter().enumerate() {
            if seen.matched && seen.readable && !self.disturbed {
                self.follow(key);
            }
        }
    }

    fn skip(&mut self, key: Key) {
        let inode = &mut self.inodes[key];
        inode.duty.ragged |= inode.tail < inode.content.len();
        for id in &inode.lines {
            self.oracle.release(*id);
        }
        if inode.duty.ragged {
            // The rest of it may arrive as a line, whatever it will be.
            inode.duty.parts.push(inode.content[inode.tail..].to_vec());
        }
    }

    /// A file that the agent knew has no name that matches.
    fn find_again(&mut self, key: Key) {
        let at_home = self.is_at_home(key);
        let mut homes = self.inodes[key].duty.homes.iter();
        let hidden = homes.any(|home| self.is_denied(home));
        let inode = &mut self.inodes[key];
        // What was truncated meanwhile cannot be told from another file with the same number.
        let same = inode.duty.known == Some(inode.epoch);
        if !at_home || !same || self.disturbed {
            self.forget(key);
        } else if !inode.broken && !hidden && !inode.duty.is_finished() {
            inode.duty.phase = Phase::Followed;
        }
    }

    /// The agent sees under which names files are found.
    fn see_homes(&mut self) {
        for key in self.matches(true) {
            let homes: Vec<PathBuf> = self
                .names
                .iter()
                .filter(|(path, node)| match node {
                    Node::File(file) => *file == key,
                    Node::Link(_) => self.resolve(path).is_ok_and(|file| file == key),
                })
                .filter_map(|(path, _)| path.parent().map(Path::to_owned))
                .filter(|home| home.starts_with("/sim/log"))
                .collect();
            self.inodes[key].duty.homes.extend(homes);
        }
    }

    fn follow(&mut self, key: Key) {
        let inode = &mut self.inodes[key];
        let duty = &mut inode.duty;
        if duty.is_finished() {
            duty.ragged = inode.tail < inode.content.len();
            duty.parts.push(inode.content[inode.tail..].to_vec());
        }
        if duty.phase != Phase::Followed {
            duty.seen = inode.epoch;
        }
        duty.phase = Phase::Followed;
    }

    /// A file without a descriptor that has no name any more where it was is gone for the agent.
    fn let_go(&mut self) {
        let matched = self.matches(true);
        for key in 0..self.inodes.len() {
            let duty = &self.inodes[key].duty;
            if duty.rests && duty.possible && !matched.contains(&key) && !self.is_at_home(key) {
                self.forget(key);
            }
        }
    }

    fn is_at_home(&self, key: Key) -> bool {
        let homes: BTreeSet<&Path> = self.homes(key).collect();
        let mut wanted = self.inodes[key].duty.homes.iter();
        wanted.all(|home| homes.contains(home.as_path()))
    }

    /// The agent may have forgotten a file: it owes nothing of it, and may send it again.
    fn forget(&mut self, key: Key) {
        let inode = &mut self.inodes[key];
        inode.duty.phase = Phase::Finished;
        inode.duty.possible = false;
        inode.duty.owed = 0;
        inode.duty.known = None;
        inode.duty.durable = 0;
        for id in &inode.lines {
            self.oracle.excuse(*id);
        }
    }

    /// The agent has had a round: it may have closed what has been quiet for long.
    pub(super) fn had_round(&mut self, before: &View) {
        self.see_matches();
        self.see_homes();
        let (now, crowded) = (self.now, self.crowded);
        for key in self.matches(false) {
            self.inodes[key].duty.possible = true;
        }
        for (key, seen) in before.0.iter().enumerate() {
            // Whether it had a writer may have been asked before or after that changed.
            let waits = [seen.written, self.is_written(key)].map(wait);
            let inode = &mut self.inodes[key];
            let duty = &mut inode.duty;
            duty.possible |= seen.matched;
            duty.rests |= crowded || now - duty.changed >= REST_AFTER;
            let since = now - duty.matched.max(duty.changed);
            let quiet = waits
                .into_iter()
                .flatten()
                .min()
                .is_some_and(|wait| since >= wait);
            if duty.possible && !duty.is_finished() && quiet {
                let owed = duty.phase == Phase::Followed && inode.epoch == seen.epoch;
                duty.owed = if owed { seen.lines } else { 0 };
                duty.phase = Phase::Finished;
            }
        }
        self.let_go();
    }

    /// The agent has looked at everything that could be read, and must have read it.
    pub(super) fn looked(&mut self, before: &View) {
        for (key, seen) in before.0.iter().enumerate() {
            if self.inodes[key].epoch != seen.epoch || !seen.readable || self.inodes[key].broken {
                continue;
            }
            let duty = &mut self.inodes[key].duty;
            duty.seen = seen.epoch;
            duty.rests = self.crowded || self.now - duty.changed >= REST_AFTER;
            // It may have been let go of in the middle of the look.
            let mut owed = if duty.phase == Phase::Followed {
                seen.owed
            } else {
                seen.owed.min(duty.owed)
            };
            if seen.matched && !self.disturbed {
                self.follow(key);
                owed = seen.lines;
                // What is found is committed before its lines are sent, if the disk takes it.
                if !seen.possible && !self.state.full {
                    self.inodes[key].duty.known = Some(seen.epoch);
                }
            }
            for id in self.inodes[key].lines.iter().take(owed) {
                self.oracle.hold(*id);
            }
        }
    }

    /// Everything that the agent knew when it committed is durable.
    pub(super) fn committed(&mut self) {
        for inode in &mut self.inodes {
            let duty = &mut inode.duty;
            if duty.phase == Phase::Followed {
                duty.known = Some(duty.seen);
            }
            let rest = inode.lines.iter().skip(duty.durable);
            duty.durable += rest.take_while(|id| self.oracle.passes(**id)).count();
        }
    }

    /// The agent is gone, and with it what was not durable.
    pub(super) fn crashed(&mut self) {
        self.oracle.crashed();
        for inode in &mut self.inodes {
            if inode.duty.phase == Phase::Followed {
                inode.duty.phase = Phase::Apart;
            }
            inode.duty.owed = 0;
            for id in inode.lines.iter().skip(inode.duty.durable) {
                self.oracle.reset(*id);
            }
        }
    }

    /// Whether a text may be a part of a line whose file may be finished.
    pub(super) fn is_part(&self, text: &[u8]) -> bool {
        let text = text.strip_prefix(CONTINUED).unwrap_or(text);
        let holds = |whole: &[u8]| memchr::memmem::find(whole, text).is_some();
        self.inodes.iter().any(|inode| {
            let duty = &inode.duty;
            let tail = inode.content.get(inode.tail..).unwrap_or_default();
            duty.parts.iter().any(|part| holds(part))
                || ((duty.is_finished() || duty.ragged) && holds(tail))
        })
    }
}
