//! Positions on a disk that becomes full.

use super::*;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use crate::config::Persistence;

/// The machine's file system, until it is full: then only what was reserved can be written.
#[derive(Clone, Debug, Default)]
struct FullFs {
    full: Arc<AtomicBool>,
    reserved: Arc<AtomicU64>,
    open: Arc<AtomicU64>,
}

/// A file that counts how many of its kind are open.
#[derive(Debug)]
struct Counted(std::fs::File, Arc<AtomicU64>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

impl FullFs {
    fn takes(&self, bytes: u64) -> io::Result<()> {
        let full = self.full.load(Ordering::Relaxed);
        let enough = |reserved: u64| match reserved.checked_sub(bytes) {
            None if !full => Some(0),
            left => left,
        };
        let reserved = self
            .reserved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, enough);
        if full && reserved.is_err() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn fill(&self) {
        self.full.store(true, Ordering::Relaxed);
        self.reserved.store(0, Ordering::Relaxed);
    }

    fn free(&self) {
        self.full.store(false, Ordering::Relaxed);
    }
}

impl StateFs for FullFs {
    type File = Counted;
    type Lock = std::fs::File;

    fn lock(&self, path: &Path) -> io::Result<Option<Self::Lock>> {
        HostFs.lock(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        StateFs::read(&HostFs, path)
    }

    fn create(&self, path: &Path) -> io::Result<Counted> {
        self.open.fetch_add(1, Ordering::Relaxed);
        HostFs
            .create(path)
            .map(|file| Counted(file, Arc::clone(&self.open)))
    }

    fn append(&self, file: &mut Counted, bytes: &[u8]) -> io::Result<()> {
        self.takes(bytes.len() as u64)?;
        HostFs.append(&mut file.0, bytes)
    }

    fn reserve(&self, _file: &Counted, bytes: u64) -> io::Result<()> {
        self.takes(0)?;
        if self.full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.reserved.store(bytes, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self, file: &Counted) -> io::Result<()> {
        HostFs.sync(&file.0)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        HostFs.rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        HostFs.sync_directory(directory)
    }
}

struct Kept {
    directory: tempfile::TempDir,
    fs: FullFs,
    ledger: Arc<Ledger>,
    health: Arc<Health>,
}

impl Kept {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            fs: FullFs::default(),
            ledger: Arc::new(Ledger::new(Snapshot::default())),
            health: Arc::default(),
        }
    }

    fn persistence(&self) -> Persistence {
        Persistence::Directory(self.directory.path().to_owned())
    }

    fn committer(&self) -> Committer<FullFs> {
        let (store, _) = Store::open(self.fs.clone(), &self.persistence()).unwrap();
        Committer::new(Arc::clone(&self.ledger), store, Arc::clone(&self.health))
    }

    fn start(&self, target: u64) {
        self.ledger.start(target);
    }

    /// What a restart would know.
    fn targets(&self) -> Vec<u64> {
        let persistence = Persistence::ReadOnly(self.directory.path().to_owned());
        let (store, bad) = Store::open(HostFs, &persistence).unwrap();
        assert_eq!(bad, 0);
        store.snapshot().targets.iter().copied().collect()
    }

    fn failed(&self) -> u64 {
        self.health.problems.total()
    }
}

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_and_tried_again_without_news_or_a_restart_until_there_is_room() {
    let kept = Kept::new();
    let task = tokio::spawn(kept.committer().run());
    kept.start(1);
    until(|| kept.targets() == [1]).await;
    kept.fs.fill();
    kept.start(2);
    until(|| kept.failed() >= 3).await;
    assert_eq!(kept.targets(), [1]);
    assert_eq!(
        kept.fs.open.load(Ordering::Relaxed),
        0,
        "no descriptor is held"
    );
    assert_eq!(kept.health.problems.snapshot()[0].0, "checkpoint_write");
    kept.fs.free();
    until(|| kept.targets() == [1, 2]).await;
    let failed = kept.failed();
    kept.start(3);
    until(|| kept.targets() == [1, 2, 3]).await;
    assert_eq!(kept.failed(), failed);
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn room_that_was_reserved_takes_the_next_commits_on_a_full_disk() {
    let kept = Kept::new();
    let committer = kept.committer();
    // What was reserved at first is used up, and reserved anew.
    for target in 1000..6000 {
        kept.start(target);
    }
    assert!(committer.commit().await);
    kept.fs.full.store(true, Ordering::Relaxed);
    for target in 0..1000 {
        kept.start(target);
        assert!(committer.commit().await, "{target}");
    }
    assert_eq!(kept.targets().len(), 6000);
}

#[tokio::test(start_paused = true)]
async fn an_agent_starts_on_a_full_disk_and_its_positions_follow() {
    let kept = Kept::new();
    drop(kept.committer());
    kept.fs.fill();
    let task = tokio::spawn(kept.committer().run());
    kept.start(1);
    until(|| kept.failed() > 0).await;
    kept.fs.free();
    until(|| kept.targets() == [1]).await;
    task.abort();
}

#[test]
fn a_directory_that_cannot_be_used_at_all_is_an_error_at_the_start() {
    let kept = Kept::new();
    std::fs::create_dir(kept.directory.path().join("positions.new")).unwrap();
    let refused = Store::open(HostFs, &kept.persistence()).unwrap_err();
    assert!(matches!(refused, StoreError::Unusable(..)), "{refused}");
}
