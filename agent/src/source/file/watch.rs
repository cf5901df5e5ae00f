//! Being told that something changed, instead of asking.
//!
//! Directories are watched, not files: one watch serves all files in it, and names that appear are
//! seen as well. What comes is a hint. It may be late, merged, or lost when the kernel's queue is
//! full; the periodic sweep is what correctness rests on. Directories that cannot be watched, or
//! whose file system gives no notice of changes, are [polled](poll).
//!
//! The descriptor is only read once per round, so that a thousand writes between two rounds cost a
//! few merged events and one wake-up.

mod moves;
mod poll;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use tokio::time::Instant;

use crate::fs::{LogFs, Stat};
use crate::glob::walk::Interest;
use crate::source::file::identity::Identity;
use moves::Moves;
use poll::Poll;

/// Directories that are watched at most. The kernel's own default is 8,192 per user or more, and
/// other programs need some; directories beyond are polled.
const WATCHES_MAX: usize = 4096;
/// Room for events of one read: about a hundred with usual names.
const EVENTS_BYTES: usize = 4096;

/// Watched directories.
#[derive(Debug)]
pub(crate) struct Watch {
    /// What events come from; without it all directories are polled.
    descriptor: Option<Arc<OwnedFd>>,
    directories: HashMap<PathBuf, Watched>,
    /// Paths by watch: several may lead to one directory, which the kernel watches once.
    paths: HashMap<i32, Vec<PathBuf>>,
    moves: Moves,
    poll: Poll,
    /// Counts scans, to know which directories the last one did not enter.
    scan: u64,
    failed: Option<(PathBuf, Errno)>,
}

/// A directory that the last scan entered.
#[derive(Debug)]
struct Watched {
    identity: Identity,
    interest: Interest,
    watch: Option<i32>,
    /// Whether its file system gives no notice of changes.
    unseen: bool,
    scan: u64,
}

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// This file was written to.
    Written(PathBuf),
    /// This name appeared, went away, or now means another file.
    Renamed(PathBuf),
    /// A file got another name.
    Moved {
        /// The name that it had.
        from: PathBuf,
        /// The name that it has.
        to: PathBuf,
    },
    /// The names in this directory changed, or it is gone.
    Directory(PathBuf),
    /// Events were lost: anything may have changed.
    Everything,
}

impl Watch {
    /// A watch on nothing yet. Without notifications, which the kernel may refuse (a limit per
    /// user), everything is polled; the reason is given.
    pub(crate) fn new(now: Instant) -> (Self, Option<std::io::Error>) {
        let made = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC);
        let error = made.as_ref().err().map(|error| (*error).into());
        let watch = Self {
            descriptor: made.ok().map(Arc::new),
            directories: HashMap::new(),
            paths: HashMap::new(),
            moves: Moves::default(),
            poll: Poll::new(now),
            scan: 0,
            failed: None,
        };
        (watch, error)
    }

    /// A watch that no notification reaches.
    #[cfg(test)]
    pub(crate) fn deaf(now: Instant) -> Self {
        let (watch, _) = Self::new(now);
        Self {
            descriptor: None,
            ..watch
        }
    }

    /// What becomes readable when there are hints.
    pub(crate) fn descriptor(&self) -> Option<Arc<OwnedFd>> {
        self.descriptor.clone()
    }

    /// Watches a directory that a scan is about to list: whatever appears in it from now on is
    /// either listed or told.
    pub(crate) fn enter<F: LogFs>(&mut self, fs: &F, path: &Path, stat: &Stat, interest: Interest) {
        let scan = self.scan;
        let same = |known: &Watched| known.identity == stat.identity;
        let unseen = match self.directories.get_mut(path) {
            Some(known) if same(known) => {
                known.scan = scan;
                if known.watch.is_some() && known.interest >= interest {
                    return;
                }
                known.unseen
            }
            _ => {
                // Another directory of this name; the watch stays with the one that had it.
                self.leave(path);
                let unseen = fs.changes_unseen(path);
                if unseen {
                    log::info!(
                        "{} is on a file system that tells of no changes and is polled",
                        path.display()
                    );
                }
                unseen
            }
        };
        let watch = self.add(path, interest);
        let watched = Watched {
            identity: stat.identity,
            interest,
            watch,
            unseen,
            scan,
        };
        self.directories.insert(path.to_owned(), watched);
    }

    /// Ends a scan that found `files`: directories that it did not enter are watched no longer.
    /// Gives the first that could not be watched, if any, with what to do about it.
    pub(crate) fn finish<F: LogFs>(
        &mut self,
        fs: &F,
        files: &[(usize, PathBuf)],
    ) -> Option<(PathBuf, String)> {
        let scan = self.scan;
        self.scan += 1;
        let left = |known: &Watched| known.scan != scan;
        let old: Vec<PathBuf> = self
            .directories
            .iter()
            .filter(|(_, known)| left(known))
            .map(|(path, _)| path.clone())
            .collect();
        for path in old {
            self.leave(&path);
        }
        let polled = |path: &Path| {
            let known = self.directories.get(path);
            known.is_some_and(|known| known.unseen || known.watch.is_none())
        };
        let directories = self.directories.keys().filter(|path| polled(path));
        let files = files.iter().map(|(_, path)| path);
        let files = files.filter(|path| path.parent().is_some_and(polled));
        self.poll.set(fs, directories.chain(files));
        self.failed.take().map(|(path, error)| (path, told(error)))
    }

    fn leave(&mut self, path: &Path) {
        let Some(watch) = self.directories.remove(path).and_then(|known| known.watch) else {
            return;
        };
        let Some(paths) = self.paths.get_mut(&watch) else {
            return;
        };
        paths.retain(|other| other != path);
        if paths.is_empty()
            && let Some(descriptor) = &self.descriptor
        {
            self.paths.remove(&watch);
            // It fails if the directory is gone, and then the watch is gone as well.
            inotify::remove_watch(descriptor, watch).ok();
        }
    }

    fn add(&mut self, path: &Path, interest: Interest) -> Option<i32> {
        let descriptor = self.descriptor.as_ref()?;
        if self.paths.len() >= WATCHES_MAX {
            self.failed.get_or_insert((path.to_owned(), Errno::NOSPC));
            return None;
        }
        match inotify::add_watch(descriptor, path, wanted(interest)) {
            Ok(watch) => {
                let paths = self.paths.entry(watch).or_default();
                if !paths.iter().any(|known| known == path) {
                    paths.push(path.to_owned());
                }
                Some(watch)
            }
            // It went away between two looks.
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(error) => {
                self.failed.get_or_insert((path.to_owned(), error));
                None
            }
        }
    }

    /// Passes on all hints that wait.
    pub(crate) fn drain(&mut self, mut tell: impl FnMut(Hint)) {
        let Some(descriptor) = self.descriptor.clone() else {
            return;
        };
        let mut space = [MaybeUninit::uninit(); EVENTS_BYTES];
        let mut events = inotify::Reader::new(&*descriptor, &mut space);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                // Nothing waits; any other failure is left to the sweep.
                Err(_) => break,
            };
            let kind = event.events();
            if kind.contains(ReadFlags::QUEUE_OVERFLOW) {
                tell(Hint::Everything);
                continue;
            }
            if kind.intersects(ReadFlags::IGNORED | ReadFlags::MOVE_SELF) {
                self.gone(event.wd(), kind, &mut tell);
                continue;
            }
            let (Some(directories), Some(name)) = (self.paths.get(&event.wd()), event.file_name())
            else {
                continue;
            };
            let name = OsStr::from_bytes(name.to_bytes());
            for directory in directories {
                let path = directory.join(name);
                if kind.contains(ReadFlags::MODIFY) {
                    tell(Hint::Written(path));
                } else if kind.contains(ReadFlags::MOVED_FROM) {
                    self.moves.from(event.cookie(), path);
                } else if kind.contains(ReadFlags::MOVED_TO) {
                    self.moves.to(event.cookie(), path);
                } else {
                    tell(Hint::Renamed(path));
                }
            }
        }
        self.moves.drain(tell);
    }

    /// A directory has another name, or its watch ended with it.
    fn gone(&mut self, watch: i32, kind: ReadFlags, tell: &mut impl FnMut(Hint)) {
        let ended = kind.contains(ReadFlags::IGNORED);
        let paths = if ended {
            self.paths.remove(&watch)
        } else {
            self.paths.get(&watch).cloned()
        };
        for path in paths.unwrap_or_default() {
            if ended {
                self.directories.remove(&path);
            }
            tell(Hint::Directory(path));
        }
    }

    /// Asks about what no notification comes for, if that is due.
    pub(crate) fn poll<F: LogFs>(&mut self, fs: &F, now: Instant, tell: impl FnMut(Hint)) {
        self.poll.ask(fs, now, tell);
    }

    /// When to poll again, if anything is polled.
    pub(crate) fn poll_due(&self) -> Option<Instant> {
        self.poll.due()
    }
}

/// What to be told of. Several paths may lead to one directory, so flags are only ever added.
fn wanted(interest: Interest) -> WatchFlags {
    let names = WatchFlags::CREATE
        | WatchFlags::MOVED_FROM
        | WatchFlags::MOVED_TO
        | WatchFlags::DELETE
        | WatchFlags::MOVE_SELF
        | WatchFlags::ONLYDIR
        | WatchFlags::MASK_ADD;
    match interest {
        Interest::Names => names,
        Interest::Files => names | WatchFlags::MODIFY,
    }
}

/// Why a directory is not watched. Source of the setting: inotify(7).
fn told(error: Errno) -> String {
    if error == Errno::NOSPC {
        let setting = "sysctl -w fs.inotify.max_user_watches=65536";
        return format!("there are too many watches; `{setting}` allows more");
    }
    std::io::Error::from(error).to_string()
}

#[cfg(test)]
mod tests;
