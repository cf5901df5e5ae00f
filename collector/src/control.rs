//! How the running collector is asked: `status` over a Unix socket of this machine (see
//! [`plimsoll_ops::socket`]). Nothing here changes anything.
//!
//! Fields of the answer are added, never renamed: scripts read them.

mod verdict;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_core::clock::{Clock, SystemClock, UnixMillis};
use plimsoll_core::logging::recent;
use plimsoll_ops::protocol::{self, error, gather, object};
use plimsoll_ops::socket::{Answering, Connection, open, serve};
use plimsoll_ops::status::{self, Configured, tally, time};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::SERVICE;
use crate::config::Config;
use crate::health::{Health, Pulse};
use crate::state::{State, StateError, Tx};

/// All that may be asked.
const KNOWN: [&str; 1] = ["status"];
/// How long the state may take to be looked at: it waits for the transaction under way.
const LOOK_WAIT: Duration = Duration::from_secs(5);

/// What questions are answered from.
#[derive(Debug)]
pub(crate) struct Control {
    health: Arc<Health>,
    state: Arc<State>,
    started: UnixMillis,
    begun: Instant,
    region: String,
    configured: Mutex<Configured>,
    looking: Arc<Semaphore>,
}

/// What the state holds.
#[derive(Clone, Copy, Debug, Default)]
struct Stored {
    incidents_open: u64,
    notifications_waiting: u64,
    kept_aside: u64,
    bytes: u64,
}

impl Control {
    /// Begins with the configuration that is in force at the start.
    pub(crate) fn new(
        config: &Config,
        region: &str,
        health: &Arc<Health>,
        state: &Arc<State>,
    ) -> Arc<Self> {
        Arc::new(Self {
            health: Arc::clone(health),
            state: Arc::clone(state),
            started: SystemClock.now(),
            begun: Instant::now(),
            region: region.to_owned(),
            configured: Mutex::new(Configured::with(config.file.clone())),
            looking: Arc::new(Semaphore::new(1)),
        })
    }

    /// Answers questions from now on, until the task is aborted. A collector that cannot be asked
    /// works all the same.
    pub(crate) async fn start(self: &Arc<Self>, config: &Config) -> Option<JoinHandle<()>> {
        let runtime = std::env::var("RUNTIME_DIRECTORY").unwrap_or_default();
        let socket = &config.control_socket;
        let path = socket.path(&SERVICE, &runtime, config.state_dir())?;
        match open(&path).await {
            Ok(door) => Some(tokio::spawn(serve(Arc::clone(self), door))),
            Err(error) => {
                log::warn!("this collector cannot be asked how it is: {error}");
                None
            }
        }
    }

    /// Another configuration is in force.
    pub(crate) fn reloaded(&self, config: &Config) {
        self.configured().reloaded(config.file.clone());
    }

    /// A new configuration was refused; the one before is in force.
    pub(crate) fn refused(&self, mistakes: &[String]) {
        self.configured().refused(mistakes);
    }

    fn configured(&self) -> MutexGuard<'_, Configured> {
        self.configured
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What `systemctl status` shows.
    pub(crate) fn in_a_line(&self) -> String {
        let pulses = self.health.pulses();
        let failing: Vec<&str> = pulses
            .iter()
            .filter(|pulse| pulse.beat().failing.is_some())
            .map(|pulse| pulse.kind)
            .collect();
        let failing = if failing.is_empty() {
            "all answer".to_owned()
        } else {
            format!("{} cannot be had", failing.join(", "))
        };
        format!(
            "{} signals read, {} findings, {} notifications sent; {failing}",
            self.health.signals_read.total(),
            self.health.findings.total(),
            self.health.notifications_sent.value()
        )
    }

    /// The answer to `status`.
    async fn tell(&self) -> Value {
        let stored = timeout(LOOK_WAIT, self.look()).await.ok().flatten();
        let now = SystemClock.now();
        let recent = recent();
        let configured = self.configured().clone();
        let pulses = self.health.pulses();
        let mut why: Vec<String> = configured.reason().into_iter().collect();
        why.extend(verdict::reasons(&pulses, stored.is_some(), now));
        why.extend(status::errors(&recent, now));
        let mut fields = status::head(&SERVICE, why, self.started, self.begun.elapsed());
        fields.extend([
            ("configuration", configured.told(Vec::new())),
            ("region", self.region.as_str().into()),
            ("recent", status::recent(&recent)),
            ("sources", self.sources(&pulses)),
            ("stored", stored.map(Stored::told).into()),
        ]);
        fields.extend(self.counters());
        gather(fields)
    }

    /// Looks at the state for one question at a time: one that hangs holds one thread, however often
    /// it is asked.
    async fn look(&self) -> Option<Stored> {
        let permit = Arc::clone(&self.looking).acquire_owned().await.ok()?;
        let look = move |tx: &Tx<'_>| {
            let _permit = permit;
            look(tx)
        };
        self.state.run(look).await.ok()
    }

    fn sources(&self, pulses: &[Arc<Pulse>]) -> Value {
        let signals = self.health.last_signal();
        let told = pulses.iter().map(|pulse| {
            let beat = pulse.beat();
            let signal = signals.iter().find(|(kind, _)| *kind == pulse.kind);
            let (since, why) = beat.failing.unzip();
            object([
                ("kind", pulse.kind.into()),
                ("source", pulse.place.as_str().into()),
                ("worked", beat.worked.map(time).into()),
                ("failing_since", since.map(time).into()),
                ("failures", beat.failures.into()),
                ("why", why.into()),
                ("last_signal", signal.map(|(_, at)| time(*at)).into()),
            ])
        });
        told.collect::<Vec<_>>().into()
    }

    fn counters(&self) -> [(&'static str, Value); 7] {
        let health = &self.health;
        let cost = health.cost();
        let cost = cost.map(|cost| {
            object([
                ("daily_usd", cost.daily.into()),
                ("expected_usd", cost.expected.into()),
            ])
        });
        [
            ("signals_read", tally(&health.signals_read)),
            ("signals_rejected", tally(&health.signals_rejected)),
            ("findings", tally(&health.findings)),
            ("rules", health.rules_loaded.value().into()),
            (
                "notifications_sent",
                health.notifications_sent.value().into(),
            ),
            ("calls_failed", tally(&health.calls_failed)),
            ("cost", cost.into()),
        ]
    }
}

impl Stored {
    fn told(self) -> Value {
        object([
            ("incidents_open", self.incidents_open.into()),
            ("notifications_waiting", self.notifications_waiting.into()),
            ("kept_aside", self.kept_aside.into()),
            ("bytes", self.bytes.into()),
        ])
    }
}

fn look(tx: &Tx<'_>) -> Result<Stored, StateError> {
    Ok(Stored {
        incidents_open: tx.incidents_open()?,
        notifications_waiting: tx.letters_waiting()?,
        kept_aside: tx.kept_aside()?,
        bytes: tx.bytes()?,
    })
}

impl Answering for Control {
    async fn respond(self: Arc<Self>, connection: &Connection, asked: &[u8]) -> io::Result<()> {
        let answer = match protocol::read(asked) {
            Ok((request, _)) if request == "status" => self.tell().await,
            Ok((request, _)) => error(&protocol::unknown(&request, &KNOWN)),
            Err(why) => error(&why),
        };
        connection.answer(&answer).await
    }
}
