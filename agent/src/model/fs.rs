//! The world as the agent sees it: the file system of the model.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::world::{DIRECTORIES, Key, Node, World};
use crate::fs::{Kind, LogFs, Name, Stat, StateFs};
use crate::source::file::identity::{Identity, Shape};

/// The device of everything.
const DEVICE: u64 = 1;

/// A file system in memory. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct SimFs(Arc<Mutex<World>>);

/// An open log file. While it is, its inode number is not used again.
#[derive(Debug)]
pub(super) struct SimFile {
    key: Key,
    _held: Arc<()>,
}

impl SimFs {
    pub(super) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// Everything outside the agent.
    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The world at a call of the agent: something may happen before it is answered. Nothing is
    /// truncated in the middle of a file's read, which no program could notice.
    fn called(&self, reading: bool) -> MutexGuard<'_, World> {
        let mut world = self.world();
        if let Some((left, action)) = world.pending.take() {
            if left > 0 || (reading && action.destroys()) {
                world.pending = Some((left.saturating_sub(1), action));
            } else {
                world.apply(&action);
                world.disturbed = true;
            }
        }
        world
    }
}

impl World {
    fn stat(&self, key: Key, opened: bool) -> Stat {
        let inode = &self.inodes[key];
        Stat {
            identity: Identity {
                device: DEVICE,
                inode: inode.number,
                born: self.kernel.births.then_some(inode.born),
                // As on a host, it is not asked for where the birth is known from the name.
                handle: (self.kernel.handles && (opened || !self.kernel.births))
                    .then_some(inode.born),
            },
            shape: Shape {
                size: inode.content.len() as u64,
                written: inode.written,
                unlinked: self.is_unlinked(key),
            },
            kind: Kind::File,
        }
    }

    fn stat_directory(&self, path: &Path) -> Option<Stat> {
        let inode = DIRECTORIES
            .iter()
            .position(|known| path == Path::new(known));
        inode.map(|inode| Stat {
            identity: Identity {
                device: DEVICE,
                inode: inode as u64,
                born: None,
                handle: None,
            },
            shape: Shape {
                size: 0,
                written: i128::from(self.shifts),
                unlinked: false,
            },
            kind: Kind::Directory,
        })
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Name>> {
        if self.is_denied(directory) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let names = self.names.iter().map(|(path, node)| match node {
            Node::File(key) => (path.clone(), self.inodes[*key].number, Kind::File),
            Node::Link(_) => (path.clone(), 1, Kind::Link),
        });
        let directories = DIRECTORIES
            .iter()
            .map(|path| (PathBuf::from(path), 2, Kind::Directory));
        let all = names.chain(directories);
        Ok(all
            .filter(|(path, ..)| path.parent() == Some(directory))
            .map(|(path, inode, kind)| Name { path, inode, kind })
            .collect())
    }
}

impl LogFs for SimFs {
    type File = SimFile;

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let world = self.called(false);
        if path.parent().is_some_and(|parent| world.is_denied(parent)) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        if let Some(stat) = world.stat_directory(path) {
            return Ok(stat);
        }
        Ok(world.stat(world.resolve(path)?, false))
    }

    fn open(&self, path: &Path) -> io::Result<Option<(SimFile, Stat)>> {
        let world = self.called(false);
        let key = world.resolve(path)?;
        let denied = path.parent().is_some_and(|parent| world.is_denied(parent));
        if denied || world.inodes[key].broken {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let held = Arc::clone(&world.inodes[key].held);
        Ok(Some((SimFile { key, _held: held }, world.stat(key, true))))
    }

    fn stat_open(&self, file: &SimFile) -> io::Result<Stat> {
        let mut stat = self.called(false).stat(file.key, false);
        stat.identity.handle = None;
        Ok(stat)
    }

    fn read_at(&self, file: &SimFile, bytes: &mut Vec<u8>, at: u64) -> io::Result<usize> {
        let mut world = self.called(true);
        if world.inodes[file.key].broken {
            return Err(io::Error::other("input/output error"));
        }
        let room = bytes.capacity() - bytes.len();
        let partial = world.rng.u8(..8) == 0;
        let room = if partial {
            world.rng.usize(..=room).max(1)
        } else {
            room
        };
        let content = &world.inodes[file.key].content;
        let start = usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
        let end = content.len().min(start + room);
        bytes.extend_from_slice(&content[start..end]);
        Ok(end - start)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Name>> {
        self.called(false).list(directory)
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let world = self.called(false);
        world.resolve(path)?;
        Ok(match world.names.get(path) {
            Some(Node::Link(to)) => to.clone(),
            _ => path.to_owned(),
        })
    }

    fn is_written(&self, file: &SimFile) -> Option<bool> {
        self.called(false).is_written(file.key)
    }
}

impl StateFs for SimFs {
    type File = usize;
    type Lock = Arc<()>;

    fn lock(&self, _: &Path) -> io::Result<Option<Arc<()>>> {
        Ok(self.world().state.lock())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.world().state.read(path)
    }

    fn create(&self, path: &Path) -> io::Result<usize> {
        Ok(self.world().state.create(path))
    }

    fn append(&self, file: &mut usize, bytes: &[u8]) -> io::Result<()> {
        self.world().state.append(*file, bytes)
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        self.world().state.sync(*file);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.world().state.rename(from, to)
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        self.world().state.sync_directory();
        Ok(())
    }
}
