//! Being told that something changed, instead of asking.
//!
//! Directories are watched, not files: one watch serves all files in it, and names that appear are
//! seen as well. What comes is a hint. It may be late, merged, or lost when the kernel's queue is
//! full, and network file systems send none; the periodic sweep is what correctness rests on.
//!
//! The descriptor is only read once per round, so that a thousand writes between two rounds cost a
//! few merged events and one wake-up.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;

/// Directories that are watched at most. The kernel's own default is 8,192 per user or more, and
/// other programs need some; directories beyond are swept.
pub(crate) const WATCHES_MAX: usize = 1024;
/// Room for events of one read: about a hundred with usual names.
const EVENTS_BYTES: usize = 4096;

/// Watched directories.
#[derive(Debug)]
pub(crate) struct Watch {
    descriptor: Arc<OwnedFd>,
    watches: HashMap<PathBuf, i32>,
    directories: HashMap<i32, PathBuf>,
}

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// This file was written to.
    Written(PathBuf),
    /// This name appeared, went away, or now means another file.
    Renamed(PathBuf),
    /// Events were lost: anything may have changed.
    Everything,
}

impl Watch {
    /// A watch on nothing yet.
    ///
    /// # Errors
    /// When the kernel gives no inotify descriptor (a limit per user).
    pub(crate) fn new() -> std::io::Result<Self> {
        let descriptor = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        Ok(Self {
            descriptor: Arc::new(descriptor),
            watches: HashMap::new(),
            directories: HashMap::new(),
        })
    }

    /// What becomes readable when there are hints.
    pub(crate) fn descriptor(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.descriptor)
    }

    /// Watches exactly `directories`. Gives the first failure, if any; the others are watched.
    pub(crate) fn set(&mut self, directories: &[PathBuf]) -> Option<(PathBuf, std::io::Error)> {
        self.watches.retain(|path, watch| {
            let keep = directories.contains(path);
            if !keep {
                self.directories.remove(watch);
                // It fails if the directory is gone, and then the watch is gone as well.
                inotify::remove_watch(&self.descriptor, *watch).ok();
            }
            keep
        });
        let mut failed = None;
        for directory in directories.iter().take(WATCHES_MAX) {
            if self.watches.contains_key(directory) {
                continue;
            }
            match self.add(directory) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => {
                    failed.get_or_insert((directory.clone(), error.into()));
                }
            }
        }
        failed
    }

    fn add(&mut self, directory: &Path) -> Result<(), Errno> {
        let wanted = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::ONLYDIR;
        let watch = inotify::add_watch(&self.descriptor, directory, wanted)?;
        self.watches.insert(directory.to_owned(), watch);
        self.directories.insert(watch, directory.to_owned());
        Ok(())
    }

    /// Passes on all hints that wait.
    pub(crate) fn drain(&mut self, mut tell: impl FnMut(Hint)) {
        let descriptor = Arc::clone(&self.descriptor);
        let mut space = [MaybeUninit::uninit(); EVENTS_BYTES];
        let mut events = inotify::Reader::new(&*descriptor, &mut space);
        loop {
            let event = match events.next() {
                Ok(event) => event,
                Err(Errno::INTR) => continue,
                // Nothing waits; any other failure is left to the sweep.
                Err(_) => return,
            };
            let kind = event.events();
            if kind.contains(ReadFlags::QUEUE_OVERFLOW) {
                tell(Hint::Everything);
                continue;
            }
            if kind.contains(ReadFlags::IGNORED) {
                if let Some(path) = self.directories.remove(&event.wd()) {
                    self.watches.remove(&path);
                    tell(Hint::Renamed(path));
                }
                continue;
            }
            let Some(directory) = self.directories.get(&event.wd()) else {
                continue;
            };
            let Some(name) = event.file_name() else {
                continue;
            };
            let path = directory.join(OsStr::from_bytes(name.to_bytes()));
            tell(if kind.contains(ReadFlags::MODIFY) {
                Hint::Written(path)
            } else {
                Hint::Renamed(path)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_renames_and_new_names_in_a_watched_directory_are_told() {
        let directory = tempfile::tempdir().unwrap();
        let (old, new) = (directory.path().join("a"), directory.path().join("b"));
        let mut watch = Watch::new().unwrap();
        assert!(watch.set(&[directory.path().to_owned()]).is_none());
        std::fs::write(&old, "x").unwrap();
        std::fs::rename(&old, &new).unwrap();
        let mut hints = Vec::new();
        watch.drain(|hint| hints.push(hint));
        assert!(hints.contains(&Hint::Written(old.clone())));
        assert!(hints.contains(&Hint::Renamed(old)) && hints.contains(&Hint::Renamed(new)));

        watch.set(&[]);
        watch.drain(|_| {});
        std::fs::write(directory.path().join("c"), "x").unwrap();
        watch.drain(|hint| panic!("{hint:?} although nothing is watched"));
    }

    #[test]
    fn a_directory_that_does_not_exist_yet_is_no_failure() {
        let mut watch = Watch::new().unwrap();
        assert!(
            watch
                .set(&[PathBuf::from("/nonexistent-directory")])
                .is_none()
        );
    }
}
