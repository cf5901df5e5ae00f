//! Asks file systems how full they are, without ever waiting for a dead one.
//!
//! `statvfs` on a network mount whose server is gone blocks in the kernel and cannot be cancelled.
//! So the asking is done on a thread of the runtime's blocking pool. A mount that does not answer in
//! time is put aside until its call returns; the mounts behind it are asked on the next thread. At
//! most [`STUCK_MAX`] threads can hang at once, and the end of the program does not wait for them.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::disk::Space;
use super::snapshot::HostRoot;

/// Threads that may hang at once. Beyond it, every mount that is left counts as dead for the tick.
pub(crate) const STUCK_MAX: usize = 3;
/// How long one mount may take. A local file system answers in microseconds, a healthy network
/// file system in milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// How a mount point is asked; a parameter so that a test can have a dead one.
type Ask = dyn Fn(&Path) -> io::Result<Space> + Send + Sync;

/// The mounts that answered, and those that did not.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Mount point and space, in the order of asking.
    pub(crate) spaces: Vec<(Arc<str>, Space)>,
    /// Mounts that were refused or are gone, with the reason.
    pub(crate) failed: Vec<(Arc<str>, io::Error)>,
    /// Mounts that do not answer.
    pub(crate) dead: Vec<Arc<str>>,
}

/// Remembers which mounts hang.
pub(crate) struct Probe {
    root: HostRoot,
    ask: Arc<Ask>,
    stuck: Stuck,
}

type Stuck = Arc<Mutex<BTreeSet<Arc<str>>>>;

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe")
            .field("root", &self.root)
            .field("stuck", &self.stuck)
            .finish_non_exhaustive()
    }
}

impl Probe {
    pub(crate) fn new(root: HostRoot) -> Self {
        Self {
            root,
            ask: Arc::new(statvfs),
            stuck: Stuck::default(),
        }
    }

    /// Asks every mount point once. Takes at most [`STUCK_MAX`] times [`PATIENCE`].
    pub(crate) async fn ask(&self, points: &[Arc<str>]) -> Answers {
        let mut answers = Answers::default();
        let mut rest: Vec<Arc<str>> = Vec::with_capacity(points.len());
        for point in points {
            if lock(&self.stuck).contains(point) {
                answers.dead.push(Arc::clone(point));
            } else {
                rest.push(Arc::clone(point));
            }
        }
        while !rest.is_empty() {
            if lock(&self.stuck).len() >= STUCK_MAX {
                answers.dead.append(&mut rest);
                break;
            }
            let answered = self.round(&rest, &mut answers).await;
            rest.drain(..answered.min(rest.len()));
            if !rest.is_empty() {
                answers.dead.push(rest.remove(0));
            }
        }
        answers
    }

    /// Asks `points` in order on one thread until one hangs, and says how many answered.
    async fn round(&self, points: &[Arc<str>], answers: &mut Answers) -> usize {
        let (sender, mut receiver) = mpsc::channel(points.len());
        self.spawn(points.to_vec(), sender);
        let mut answered = 0;
        while answered < points.len() {
            let Ok(Some((point, answer))) = timeout(PATIENCE, receiver.recv()).await else {
                break;
            };
            answers.push(point, answer);
            answered += 1;
        }
        // The thread sends under the same lock, so the mount that hangs is known for certain.
        let mut stuck = lock(&self.stuck);
        receiver.close();
        while let Ok((point, answer)) = receiver.try_recv() {
            answers.push(point, answer);
            answered += 1;
        }
        stuck.extend(points.get(answered).cloned());
        answered
    }

    fn spawn(&self, points: Vec<Arc<str>>, sender: mpsc::Sender<(Arc<str>, io::Result<Space>)>) {
        let (root, ask, stuck) = (
            self.root.clone(),
            Arc::clone(&self.ask),
            Arc::clone(&self.stuck),
        );
        let work = move || {
            for point in points {
                let answer = ask(&root.path(&point));
                let mut stuck = lock(&stuck);
                if sender.try_send((Arc::clone(&point), answer)).is_err() {
                    // Nobody waits any more: the mount lives again.
                    stuck.remove(&point);
                    return;
                }
            }
        };
        drop(tokio::task::spawn_blocking(work));
    }
}

impl Answers {
    fn push(&mut self, point: Arc<str>, answer: io::Result<Space>) {
        match answer {
            Ok(space) => self.spaces.push((point, space)),
            Err(error) => self.failed.push((point, error)),
        }
    }
}

fn statvfs(path: &Path) -> io::Result<Space> {
    let space = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    Ok(Space {
        total: bytes(space.f_blocks),
        used: bytes(space.f_blocks.saturating_sub(space.f_bfree)),
        free: bytes(space.f_bavail),
        inodes_total: space.f_files,
        inodes_free: space.f_ffree,
    })
}

fn lock(stuck: &Stuck) -> MutexGuard<'_, BTreeSet<Arc<str>>> {
    stuck.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    const SPACE: Space = Space {
        total: 100,
        used: 60,
        free: 40,
        inodes_total: 10,
        inodes_free: 5,
    };

    /// A probe whose mounts `/dead...` hang until the sender is dropped.
    fn probe_with_dead_mounts(hang: Receiver<()>) -> Probe {
        let hang = Mutex::new(hang);
        let ask = move |path: &Path| {
            if path.to_string_lossy().contains("dead") {
                hang.lock().unwrap().recv().ok();
            }
            Ok(SPACE)
        };
        Probe {
            ask: Arc::new(ask),
            ..Probe::new(HostRoot::default())
        }
    }

    fn points(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[tokio::test]
    async fn a_dead_mount_costs_its_own_answer_only_and_lives_again_later() {
        let (revive, hang) = channel();
        let probe = probe_with_dead_mounts(hang);
        let all = points(&["/a", "/dead", "/b"]);
        for _ in 0..2 {
            let answers = probe.ask(&all).await;
            let answered: Vec<&str> = answers.spaces.iter().map(|(point, _)| &**point).collect();
            assert_eq!(answered, ["/a", "/b"]);
            assert_eq!(answers.dead, points(&["/dead"]));
        }
        drop(revive);
        while !lock(&probe.stuck).is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(probe.ask(&all).await.spaces.len(), 3);
    }

    #[tokio::test]
    async fn threads_that_hang_are_bounded() {
        let (revive, hang) = channel();
        let probe = probe_with_dead_mounts(hang);
        let all = points(&["/dead1", "/dead2", "/dead3", "/dead4", "/alive"]);
        let answers = probe.ask(&all).await;
        assert_eq!(lock(&probe.stuck).len(), STUCK_MAX);
        assert_eq!(answers.dead.len(), all.len());
        drop(revive);
    }

    #[tokio::test]
    async fn a_real_file_system_has_a_size_and_a_missing_one_an_error() {
        let probe = Probe::new(HostRoot::default());
        let answers = probe.ask(&points(&["/", "/does/not/exist"])).await;
        let (_, space) = &answers.spaces[0];
        assert!(space.total >= space.used && space.total > 0);
        assert!(space.inodes_total >= space.inodes_free);
        assert_eq!(answers.failed.len(), 1);
    }
}
