//! Looking for a lost file in what it may have been compressed to.
//!
//! A log that is rotated is often compressed, and the original deleted. If that happened before
//! its last lines were read, they are only in the archive: the one whose content begins as the
//! file did and has the same bytes before our position. What is compressed otherwise than by gzip
//! is found by its name and told; its content cannot be read here.

use std::collections::VecDeque;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::checkpoint::{Resumed, directory};
use crate::fs::archive::Damage;
use crate::fs::{Kind, LogFs};
use crate::source::file::identity::guard_holds;

/// Archives that are looked into for one lost file. A directory rarely holds more of one log;
/// beyond it the oldest of those that could be it come first.
const CANDIDATES_MAX: usize = 64;
/// What a time of writing may lose when an archive takes over that of its original: some tools
/// keep whole seconds.
const TIME_SLACK: i128 = 1_000_000_000;
/// The name's end of what can be read.
const READABLE: &[u8] = b".gz";
/// How compressed files begin, by the end of their name. Sources: RFC 1952, RFC 8878, the formats
/// of xz, bzip2, LZ4 frames and compress(1).
const COMPRESSED: [(&[u8], &[u8]); 6] = [
    (READABLE, b"\x1f\x8b"),
    (b".zst", b"\x28\xb5\x2f\xfd"),
    (b".xz", b"\xfd7zXZ\0"),
    (b".bz2", b"BZh"),
    (b".lz4", b"\x04\x22\x4d\x18"),
    (b".Z", b"\x1f\x9d"),
];

/// A search for one lost file.
#[derive(Debug)]
pub(crate) struct Search<F: LogFs> {
    /// The target that it belongs to.
    pub(crate) target: usize,
    /// What is known of it.
    pub(crate) lost: Resumed,
    /// Whether nothing is to be said if it is nowhere.
    pub(crate) quiet: bool,
    waiting: VecDeque<PathBuf>,
    current: Option<Candidate<F>>,
    /// Where it may be, in a form that cannot be read, and why.
    unread: Option<(PathBuf, String)>,
}

#[derive(Debug)]
struct Candidate<F: LogFs> {
    path: PathBuf,
    file: F::File,
    damage: Damage,
    /// Whether its content is known to begin as the lost file did.
    begins_so: bool,
}

/// What a step came to.
#[derive(Debug)]
pub(crate) enum Step<F: LogFs> {
    /// There is more to do.
    Searching,
    /// It is in this archive.
    Found {
        /// The archive, read as its content.
        file: F::File,
        /// Where it is.
        path: PathBuf,
        /// What will be found wrong with it.
        damage: Damage,
    },
    /// It is in none that can be read.
    Nowhere {
        /// One that may hold it and cannot be read, and why.
        unread: Option<(PathBuf, String)>,
    },
}

impl<F: LogFs> Search<F> {
    /// Begins to search the directory that the file was in.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn new(fs: &F, target: usize, lost: Resumed) -> io::Result<Self> {
        let entry = &lost.entry;
        let own = entry.path.file_name().unwrap_or_default().as_bytes();
        let names = match fs.list(&directory(entry)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            other => other?,
        };
        let (mut readable, mut unread) = (Vec::new(), None);
        for name in names.into_iter().filter(|name| name.kind == Kind::File) {
            let bytes = name.path.file_name().unwrap_or_default().as_bytes();
            let Some(end) = compression(bytes) else {
                continue;
            };
            let Ok(stat) = fs.stat(&name.path) else {
                continue;
            };
            let written = stat.shape.written;
            let could_be = match entry.identity.born {
                Some(born) => written + TIME_SLACK >= i128::from(born),
                // Without anything to compare, any archive would do.
                None => entry.guard.len > 0,
            };
            let alike = bytes.starts_with(own);
            if could_be && end == READABLE {
                readable.push((!alike, written, name.path));
            } else if could_be && alike {
                let why = "it is compressed by other means than gzip".to_owned();
                unread.get_or_insert((name.path, why));
            }
        }
        readable.sort_unstable();
        let waiting = readable.into_iter().map(|(_, _, path)| path);
        Ok(Self {
            target,
            waiting: waiting.take(CANDIDATES_MAX).collect(),
            current: None,
            unread,
            quiet: false,
            lost,
        })
    }

    /// Whether there is nothing to look into and nothing to tell.
    pub(crate) fn is_vain(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none() && self.unread.is_none()
    }

    /// Looks on, for at most as long as an archive is read without a result.
    pub(crate) fn step(&mut self, fs: &F) -> Step<F> {
        let Some(mut candidate) = self.next(fs) else {
            return Step::Nowhere {
                unread: self.unread.take(),
            };
        };
        match self.holds(fs, &mut candidate) {
            Ok(true) => {
                return Step::Found {
                    file: candidate.file,
                    path: candidate.path,
                    damage: candidate.damage,
                };
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.current = Some(candidate);
            }
            Ok(false) | Err(_) => {
                // One that begins as the lost file did and is damaged before the place is it.
                if let Some(damage) = candidate.damage.get()
                    && (candidate.begins_so || self.is_named_like(&candidate.path))
                {
                    self.unread
                        .get_or_insert_with(|| (candidate.path, damage.clone()));
                }
            }
        }
        Step::Searching
    }

    /// The archive under way, or the next one that can be opened.
    fn next(&mut self, fs: &F) -> Option<Candidate<F>> {
        if let Some(current) = self.current.take() {
            return Some(current);
        }
        while let Some(path) = self.waiting.pop_front() {
            match fs.open_archive(&path) {
                Ok(Some((file, _, damage))) => {
                    return Some(Candidate {
                        path,
                        file,
                        damage,
                        begins_so: false,
                    });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    if self.is_named_like(&path) {
                        self.unread.get_or_insert((path, error.to_string()));
                    }
                }
            }
        }
        None
    }

    fn holds(&self, fs: &F, candidate: &mut Candidate<F>) -> io::Result<bool> {
        let entry = &self.lost.entry;
        if !candidate.begins_so {
            if !entry.head.holds(fs, &candidate.file)? {
                return Ok(false);
            }
            candidate.begins_so = entry.head.len > 0;
        }
        guard_holds(fs, &candidate.file, entry.offset, entry.guard)
    }

    fn is_named_like(&self, path: &Path) -> bool {
        let name = |path: &Path| path.file_name().map(|name| name.as_bytes().to_vec());
        let own = name(&self.lost.entry.path).unwrap_or_default();
        name(path).is_some_and(|name| name.starts_with(&own))
    }
}

/// How a file of this name is compressed, as the end of the name says.
fn compression(name: &[u8]) -> Option<&'static [u8]> {
    let known = COMPRESSED.iter().map(|(end, _)| *end);
    known.into_iter().find(|end| name.ends_with(end))
}

/// Whether the file at `path` is compressed, by its name and its first bytes.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_compressed<F: LogFs>(fs: &F, path: &Path) -> io::Result<bool> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let Some(end) = compression(name) else {
        return Ok(false);
    };
    let Some((file, _)) = fs.open(path)? else {
        return Ok(false);
    };
    let mut bytes = Vec::with_capacity(16);
    fs.read_at(&file, &mut bytes, 0)?;
    let mut known = COMPRESSED.iter().filter(|(own, _)| *own == end);
    Ok(known.any(|(_, begin)| bytes.starts_with(begin)))
}
