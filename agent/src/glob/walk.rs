//! Looks through directories for what fits many patterns at once.
//!
//! All patterns are followed from the root together, so every directory is listed at most once
//! however many patterns lead into it, and only where a match can be: names that are written out
//! are not searched for. A directory that cannot be read hides nothing else. Nothing is opened and
//! no file is asked about: its name and kind come with the listing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Part;
use crate::fs::{Kind, LogFs, Stat};

/// Directories below each other that are entered at most. A path of Linux has 4,096 bytes
/// (`PATH_MAX`), so what is deeper can hardly be opened by name.
const DEPTH_MAX: usize = 128;
/// Names that one search looks at, at most: about a second of work. A pattern that reaches further
/// is one that nobody meant, such as `/**`.
pub(crate) const NAMES_MAX: usize = 1_000_000;

/// A pattern and whose it is.
#[derive(Debug)]
pub(crate) struct Route {
    /// Its owner's number; the lowest of those that want a path gets it.
    pub(crate) owner: usize,
    /// What lies between its slashes.
    pub(crate) parts: Vec<Part>,
}

/// What a directory is looked into for, which is what it is worth being told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Interest {
    /// Names that come and go: only directories further down hold files.
    Names,
    /// Files that fit, and what is written to them.
    Files,
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Paths with the owner they belong to, each path once, in any order. They are files or links.
    pub(crate) files: Vec<(usize, PathBuf)>,
    /// Directories that could not be looked through, with why. [`io::ErrorKind::QuotaExceeded`]
    /// says that a bound of the search was reached.
    pub(crate) unreadable: Vec<(PathBuf, io::Error)>,
}

/// A pattern, and up to which of its parts a path fits it.
type State = (usize, usize);

/// Searches.
///
/// `enter` is told each directory before it is listed, so that one who watches it misses nothing;
/// `wants` may refuse a path to an owner.
pub(crate) fn walk<F: LogFs>(
    fs: &F,
    routes: &[Route],
    wants: &dyn Fn(usize, &Path) -> bool,
    enter: &mut dyn FnMut(&Path, &Stat, Interest),
) -> Found {
    let mut walk = Walk {
        fs,
        routes,
        wants,
        enter,
        found: Found::default(),
        real: VecDeque::new(),
        linked: VecDeque::new(),
        been: HashSet::new(),
        names: 0,
    };
    let states = (0..routes.len()).map(|route| (route, 0)).collect();
    walk.real.push_back(Place::at(PathBuf::from("/"), states));
    // Links come last: what they lead to is then known by its own name, if it has one here.
    while let Some(place) = walk.real.pop_front().or_else(|| walk.linked.pop_front()) {
        walk.visit(place);
    }
    walk.found
}

struct Walk<'a, F> {
    fs: &'a F,
    routes: &'a [Route],
    wants: &'a dyn Fn(usize, &Path) -> bool,
    enter: &'a mut dyn FnMut(&Path, &Stat, Interest),
    found: Found,
    real: VecDeque<Place>,
    linked: VecDeque<Place>,
    /// Directories, by device and inode, that were looked through for a `**`.
    been: HashSet<(u64, u64, State)>,
    names: usize,
}

/// A directory to visit.
struct Place {
    path: PathBuf,
    states: Vec<State>,
    /// Whether a link that was found by searching leads here, or to one of its parents.
    linked: bool,
    /// Whether its name was seen, rather than only written in a pattern.
    seen: bool,
    depth: usize,
}

impl Place {
    fn at(path: PathBuf, states: Vec<State>) -> Self {
        Self {
            path,
            states,
            linked: false,
            seen: false,
            depth: 0,
        }
    }
}

impl<'a, F: LogFs> Walk<'a, F> {
    fn visit(&mut self, mut place: Place) {
        let stat = match self.stat(&place) {
            Ok(stat) => stat,
            Err(error) => return self.cannot(place, error),
        };
        if stat.kind != Kind::Directory {
            return;
        }
        if place.depth > DEPTH_MAX || self.names >= NAMES_MAX {
            let error = io::Error::new(
                io::ErrorKind::QuotaExceeded,
                format!(
                    "a search ends after {DEPTH_MAX} directories below each other and {NAMES_MAX} names"
                ),
            );
            return self.cannot(place, error);
        }
        self.expand(&mut place, &stat);
        let searched = |state: &State| !matches!(self.part(*state), Some(Part::Name(_)) | None);
        if place.states.iter().any(searched) {
            self.search(&place, &stat);
        } else {
            self.follow_names(&place, &stat);
        }
    }

    /// A directory whose name is only written in a pattern may not be there yet: then the one that
    /// it would appear in is told, and asked once more in case it has appeared before that.
    fn stat(&mut self, place: &Place) -> io::Result<Stat> {
        let stat = self.fs.stat(&place.path);
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        if place.seen || !stat.as_ref().is_err_and(missing) {
            return stat;
        }
        let Some(parent) = place.path.parent() else {
            return stat;
        };
        (self.enter)(parent, &self.fs.stat(parent)?, Interest::Names);
        self.fs.stat(&place.path)
    }

    /// Notes a directory that cannot be looked through, unless there simply is none.
    fn cannot(&mut self, place: Place, error: io::Error) {
        // A link to itself that was found by searching is no directory.
        let itself = place.linked && Errno::from_io_error(&error) == Some(Errno::LOOP);
        if !is_missing(&error) && !itself {
            self.found.unreadable.push((place.path, error));
        }
    }

    /// Adds what `**` also means here: no directory at all. Where a link leads to a directory that
    /// a `**` has been to, it ends; so links that form a loop do.
    fn expand(&mut self, place: &mut Place, stat: &Stat) {
        let (device, inode) = (stat.identity.device, stat.identity.inode);
        let (mut index, linked) = (0, place.linked);
        while let Some(state) = place.states.get(index).copied() {
            if self.part(state) == Some(&Part::Directories) {
                let new = self.been.insert((device, inode, state));
                if !new && linked {
                    place.states.swap_remove(index);
                    continue;
                }
                let after = (state.0, state.1 + 1);
                if !place.states.contains(&after) {
                    place.states.push(after);
                }
            }
            index += 1;
        }
    }

    /// Goes on to names that are written out, without a look at any other.
    fn follow_names(&mut self, place: &Place, stat: &Stat) {
        let mut children: HashMap<&[u8], Vec<State>> = HashMap::new();
        for state in &place.states {
            if let Some(Part::Name(name)) = self.part(*state) {
                children.entry(name).or_default().push(*state);
            }
        }
        let ends = place.states.iter().any(|state| self.is_last(*state));
        if ends {
            (self.enter)(&place.path, stat, Interest::Files);
        }
        for (name, states) in children {
            let path = place.path.join(OsStr::from_bytes(name));
            if states.iter().any(|state| self.is_last(*state)) && self.is_file(&path) {
                self.take(&path, &states);
            }
            let next = self.next(&states);
            if !next.is_empty() {
                self.real_or_linked(place, path, next, place.linked, false);
            }
        }
    }

    /// Whether there is a file, or something that cannot be asked what it is.
    fn is_file(&self, path: &Path) -> bool {
        match self.fs.stat(path) {
            Ok(stat) => stat.kind == Kind::File,
            Err(error) => !is_missing(&error),
        }
    }

    /// Lists a directory and goes on to what fits.
    fn search(&mut self, place: &Place, stat: &Stat) {
        let ends = place.states.iter().any(|state| self.is_last(*state));
        let interest = if ends {
            Interest::Files
        } else {
            Interest::Names
        };
        (self.enter)(&place.path, stat, interest);
        let fs = self.fs;
        let mut fitting = Vec::new();
        let listed = fs.each_name(&place.path, &mut |name, _, kind| {
            self.names += 1;
            fitting.clear();
            let fits = |state: &State| {
                let part = self.part(*state);
                part.is_some_and(|part| part.matches(name.as_bytes()))
            };
            fitting.extend(place.states.iter().copied().filter(fits));
            if !fitting.is_empty() {
                self.named(place, name, kind, &fitting);
            }
            self.names < NAMES_MAX
        });
        if let Err(error) = listed {
            self.found.unreadable.push((place.path.clone(), error));
        } else if self.names >= NAMES_MAX {
            let error = format!("a search ends after {NAMES_MAX} names");
            let error = io::Error::new(io::ErrorKind::QuotaExceeded, error);
            self.found.unreadable.push((place.path.clone(), error));
        }
    }

    /// A name was seen that fits.
    fn named(&mut self, place: &Place, name: &OsStr, kind: Kind, states: &[State]) {
        let file = matches!(kind, Kind::File | Kind::Link);
        if file && states.iter().any(|state| self.is_last(*state)) {
            self.take(&place.path.join(name), states);
        }
        let next = self.next(states);
        if matches!(kind, Kind::Directory | Kind::Link) && !next.is_empty() {
            let linked = place.linked || kind == Kind::Link;
            self.real_or_linked(place, place.path.join(name), next, linked, true);
        }
    }

    fn real_or_linked(
        &mut self,
        place: &Place,
        path: PathBuf,
        states: Vec<State>,
        linked: bool,
        seen: bool,
    ) {
        let child = Place {
            path,
            states,
            linked,
            seen,
            depth: place.depth + 1,
        };
        if linked {
            self.linked.push_back(child);
        } else {
            self.real.push_back(child);
        }
    }

    /// A path fits to the end: it belongs to the first owner that wants it.
    fn take(&mut self, path: &Path, states: &[State]) {
        let ended = states.iter().filter(|state| self.is_last(**state));
        let owners = ended.filter_map(|state| self.routes.get(state.0).map(|route| route.owner));
        let owner = owners.filter(|owner| (self.wants)(*owner, path)).min();
        if let Some(owner) = owner {
            self.found.files.push((owner, path.to_owned()));
        }
    }

    /// What a directory whose name fits `states` is looked into for.
    fn next(&self, states: &[State]) -> Vec<State> {
        let ahead = states.iter().filter(|state| !self.is_last(**state));
        ahead
            .map(|state| match self.part(*state) {
                Some(Part::Directories) => *state,
                _ => (state.0, state.1 + 1),
            })
            .collect()
    }

    fn part(&self, state: State) -> Option<&'a Part> {
        self.routes.get(state.0)?.parts.get(state.1)
    }

    fn is_last(&self, state: State) -> bool {
        self.routes
            .get(state.0)
            .is_some_and(|route| state.1 + 1 == route.parts.len())
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests;
