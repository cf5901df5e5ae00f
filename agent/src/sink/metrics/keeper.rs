//! The sink's hands on the spool: off the runtime, and there or not.
//!
//! A spool that cannot be used is told once and tried again whenever something is to be kept; until
//! then the sink keeps what it can in memory.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::batch::metrics::MetricBatch;
use crate::health::Health;
use crate::sink::metrics::queue::{Stored, Waiting};
use crate::spool::{RecordId, Spool, SpoolFs, State, Taken};

/// Where the spool is and how large it may become.
#[derive(Clone, Debug)]
pub(crate) struct SpoolSettings {
    /// Its directory, for this agent alone.
    pub(crate) directory: PathBuf,
    /// All its files together.
    pub(crate) bytes_max: u64,
}

/// The spool, or none.
#[derive(Debug)]
pub(crate) struct Keeper<F: SpoolFs> {
    shared: Option<Arc<Shared<F>>>,
    told: bool,
}

#[derive(Debug)]
struct Shared<F: SpoolFs> {
    fs: F,
    settings: SpoolSettings,
    health: Arc<Health>,
    /// `None` as long as it could not be opened.
    spool: Mutex<Option<Spool<F>>>,
    has_waiting: AtomicBool,
}

impl<F: SpoolFs> Keeper<F> {
    /// A keeper that has opened nothing yet; without settings it keeps nothing.
    pub(crate) fn new(fs: F, settings: Option<SpoolSettings>, health: Arc<Health>) -> Self {
        let shared = settings.map(|settings| {
            Arc::new(Shared {
                fs,
                settings,
                health,
                spool: Mutex::new(None),
                has_waiting: AtomicBool::new(false),
            })
        });
        Self {
            shared,
            told: false,
        }
    }

    /// Whether there is anything to take.
    pub(super) fn has_waiting(&self) -> bool {
        let shared = self.shared.as_ref();
        shared.is_some_and(|shared| shared.has_waiting.load(Ordering::Relaxed))
    }

    /// Reads what an earlier run left.
    pub(super) async fn open(&mut self) {
        let opened = self.with(|_| ()).await;
        self.tell(opened.err());
    }

    /// Keeps batches on disk and gives back, in their order, those that it cannot keep.
    pub(super) async fn keep(&mut self, all: Vec<Waiting>) -> Vec<Waiting> {
        if all.is_empty() || self.shared.is_none() {
            return all;
        }
        // Shared, so that they are not lost if the disk cannot be reached at all.
        let hold = Arc::new(Mutex::new(all));
        let theirs = Arc::clone(&hold);
        let kept = self
            .with(move |spool| {
                let mut all = theirs.lock().unwrap_or_else(PoisonError::into_inner);
                let (left, error) = keep(spool, std::mem::take(&mut *all));
                *all = left;
                error
            })
            .await;
        self.tell(kept.unwrap_or_else(Some));
        let mut left = hold.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *left)
    }

    /// Writes a fresh batch down, which stays in the caller's hands; `None` if it cannot be written.
    pub(super) async fn write(
        &mut self,
        batch: &Arc<MetricBatch>,
        state: State,
    ) -> Option<RecordId> {
        self.shared.as_ref()?;
        let batch = Arc::clone(batch);
        let written = self.with(move |spool| spool.append(&batch, state)).await;
        match written.and_then(|written| written) {
            Ok(id) => {
                self.tell(None);
                Some(id)
            }
            Err(error) => {
                self.tell(Some(error));
                None
            }
        }
    }

    /// Takes out what fills a call, of at most so many batches.
    pub(super) async fn take(&mut self, most: usize) -> io::Result<Vec<Taken>> {
        self.with(move |spool| spool.take(most)).await?
    }

    /// Tells the disk that a call begins.
    pub(super) async fn try_now(&mut self, ids: &[RecordId]) -> io::Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.to_vec();
        self.with(move |spool| {
            let told = spool.try_now(&ids);
            if told.is_err() {
                spool.restore(&ids);
            }
            told
        })
        .await?
    }

    /// Ends records.
    pub(super) async fn done(&mut self, ids: &[RecordId]) {
        if !ids.is_empty() {
            let ids = ids.to_vec();
            let done = self.with(move |spool| spool.done(&ids)).await;
            self.tell(done.err());
        }
    }

    /// Works on the spool where it may block.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool<F>) -> T + Send + 'static,
    ) -> io::Result<T> {
        let Some(shared) = self.shared.clone() else {
            return Err(io::Error::from(io::ErrorKind::Unsupported));
        };
        let work = tokio::task::spawn_blocking(move || shared.with(work));
        work.await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn tell(&mut self, error: Option<io::Error>) {
        let Some(shared) = &self.shared else {
            return;
        };
        let was_told = std::mem::replace(&mut self.told, error.is_some());
        match error {
            Some(error) => {
                shared.health.problems.add("spool_unwritable", 1);
                if !was_told {
                    log::error!(
                        directory:? = shared.settings.directory;
                        "metrics that cannot be sent cannot be kept on disk, only in memory: {error}"
                    );
                }
            }
            None if was_told => log::info!("metrics that cannot be sent are kept on disk again"),
            None => {}
        }
    }
}

impl<F: SpoolFs> Shared<F> {
    fn with<T>(&self, work: impl FnOnce(&mut Spool<F>) -> T) -> io::Result<T> {
        let mut guard = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            let SpoolSettings {
                directory,
                bytes_max,
            } = &self.settings;
            let health = Arc::clone(&self.health);
            let opened = Spool::open(self.fs.clone(), directory, *bytes_max, health)?;
            if !opened.is_empty() {
                log::info!(datums = opened.datums(); "metrics of an earlier time wait to be sent");
            }
            *guard = Some(opened);
        }
        let Some(spool) = guard.as_mut() else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        let result = work(spool);
        self.has_waiting.store(!spool.is_empty(), Ordering::Relaxed);
        Ok(result)
    }
}

/// Keeps what can be kept; the last error tells why the others cannot.
fn keep<F: SpoolFs>(spool: &mut Spool<F>, all: Vec<Waiting>) -> (Vec<Waiting>, Option<io::Error>) {
    let (mut left, mut why) = (Vec::new(), None);
    for waiting in all {
        if let Stored::Whole(ids) = &waiting.stored {
            spool.restore(ids);
            continue;
        }
        // First the new record, then the end of the old ones: an end in between leaves the old ones
        // in doubt, which repeats nothing that is added up.
        match spool.append(&waiting.batch, State::Pending) {
            Ok(id) => {
                spool.restore(&[id]);
                spool.done(waiting.stored.ids());
            }
            Err(error) => {
                left.push(waiting);
                why = Some(error);
            }
        }
    }
    (left, why)
}
