//! How the running agent is asked: `status`, `top` and `tap` over a Unix socket of this machine.
//!
//! Files are looked at in a thread of its own. Nothing here changes anything.

mod answer;
mod request;
mod sources;
mod status;
mod verdict;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_core::clock::{Clock, SystemClock, UnixMillis};
use plimsoll_ops::socket::{open, serve};
use plimsoll_ops::status::Configured;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub(crate) use sources::journals;

use crate::SERVICE;
use crate::checkpoint::Ledger;
use crate::config::{AgentConfig, Config};
use crate::health::Health;
use crate::identity::Host;

/// Answers questions from now on, in `aside`. An agent that cannot be asked ships all the same.
pub(crate) async fn start(control: &Arc<Control>, config: &AgentConfig, aside: &mut JoinSet<()>) {
    let runtime = std::env::var("RUNTIME_DIRECTORY").unwrap_or_default();
    let Some(path) = config
        .control_socket
        .path(&SERVICE, &runtime, &config.state_dir)
    else {
        return;
    };
    match open(&path).await {
        Ok(door) => drop(aside.spawn(serve(Arc::clone(control), door))),
        Err(error) => {
            control.health.problems.add("control_unavailable", 1);
            log::warn!("this agent cannot be asked how it is: {error}");
        }
    }
}

/// What questions are answered from. Its parts tell it what changes; it reads the rest where it is.
#[derive(Debug)]
pub(crate) struct Control {
    health: Arc<Health>,
    known: watch::Receiver<Host>,
    started: UnixMillis,
    begun: Instant,
    told: Mutex<Told>,
    /// Files are looked at for one question at a time.
    looking: Arc<Semaphore>,
}

/// What is in force.
#[derive(Clone, Debug, Default)]
struct Told {
    configured: Configured,
    state_dir: PathBuf,
    spool_bytes_max: u64,
    dead_letter_bytes_max: u64,
    receivers: Vec<sources::Receiver>,
    signals: Vec<Arc<str>>,
    ledger: Option<Arc<Ledger>>,
    journals: Vec<sources::Journal>,
}

impl Control {
    /// Begins with the configuration that is in force at the start.
    pub(crate) fn new(
        config: &Config,
        health: &Arc<Health>,
        known: watch::Receiver<Host>,
    ) -> Arc<Self> {
        let control = Self {
            health: Arc::clone(health),
            known,
            started: SystemClock.now(),
            begun: Instant::now(),
            told: Mutex::default(),
            looking: Arc::new(Semaphore::new(1)),
        };
        control.told().state_dir.clone_from(&config.agent.state_dir);
        control.told().configured = Configured::with(config.file.clone());
        control.note(config);
        Arc::new(control)
    }

    /// Another configuration is in force.
    pub(crate) fn reloaded(&self, config: &Config) {
        self.told().configured.reloaded(config.file.clone());
        self.note(config);
    }

    /// A new configuration was refused; the one before is in force.
    pub(crate) fn refused(&self, mistakes: &[String]) {
        self.told().configured.refused(mistakes);
    }

    /// The road of logs has begun.
    pub(crate) fn follows(&self, journals: Vec<sources::Journal>, ledger: Arc<Ledger>) {
        let mut told = self.told();
        told.ledger = Some(ledger);
        told.journals = journals;
    }

    fn note(&self, config: &Config) {
        let mut told = self.told();
        let metrics = config.metrics.as_ref();
        told.spool_bytes_max = metrics.map_or(0, |metrics| metrics.spool_bytes_max);
        told.receivers = metrics.map_or_else(Vec::new, sources::receivers);
        let logs = config.logs.as_ref();
        told.dead_letter_bytes_max = logs.map_or(0, |logs| logs.dead_letter_bytes_max);
        let signals = config.signals.iter().flat_map(|signals| &signals.signals);
        told.signals = signals.map(|signal| Arc::clone(&signal.name)).collect();
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
