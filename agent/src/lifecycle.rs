//! The life of the instance: what is about to happen to it, and what is done before it goes.
//!
//! Instance metadata tells of an interruption by Spot and of a scale-in before they happen, systemd
//! of a shutdown. From then on signals are withheld and nothing is held back; the user's commands
//! run, everything is handed over, and the lifecycle hook is completed ([`leave`]). A notice that
//! is taken back ends that. The agent itself goes on until SIGTERM: lines that are still written
//! are still delivered. Nothing here stops a road.

mod command;
mod event;
mod hook;
mod launch;
mod leave;
mod notice;
mod watch;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::ScalingApi;
use plimsoll_core::clock::Clock;
use plimsoll_core::shutdown::Announcer;
use tokio::sync::{mpsc, oneshot, watch as latest};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::barrier::Barriers;
use crate::config::LifecycleConfig;
use crate::health::Health;
use crate::identity::Host;
use crate::signal::Gate;
use event::Events;
use leave::{Leaving, Terms};
use notice::{Kind, Notice};
use watch::Seen;

pub(crate) use event::{FILE as EVENTS_FILE, FILES as EVENTS_FILES};
pub(crate) use watch::Metadata;

/// Notices that may wait; there are four kinds.
const NOTICES_MAX: usize = 8;
/// Why signals are withheld meanwhile.
const WITHHELD: &str = "draining";
/// The directory that exists if systemd runs the system. Source: `sd_booted(3)`.
const SYSTEMD: &str = "/run/systemd/system";
/// Asks systemd whether the system goes down. Source: systemctl(1), `is-system-running`.
const STATE_OF_SYSTEM: [&str; 2] = ["systemctl", "is-system-running"];
/// How long the answer may take.
const STATE_PATIENCE: Duration = Duration::from_secs(1);

/// What the life of the instance touches.
pub(crate) struct Given<A> {
    pub(crate) config: LifecycleConfig,
    pub(crate) api: Arc<A>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
    pub(crate) known: latest::Receiver<Host>,
    pub(crate) gate: Gate,
    pub(crate) barriers: Barriers,
    pub(crate) announcer: Announcer,
    pub(crate) state_dir: PathBuf,
    /// Whether commands are run, hooks completed and events written. A dry run does none of it.
    pub(crate) acts: bool,
}

/// The same, as all parts share it.
struct World<A> {
    config: LifecycleConfig,
    api: Arc<A>,
    health: Arc<Health>,
    known: latest::Receiver<Host>,
    gate: Gate,
    barriers: Barriers,
    announcer: Announcer,
    events: Events,
    acts: bool,
}

/// Where the end of the agent is announced.
#[derive(Clone, Debug)]
pub(crate) struct Departure(mpsc::Sender<Asked>);

/// The agent ends within this time; what must be done before is done when it is answered.
#[derive(Debug)]
struct Asked {
    within: Duration,
    answer: oneshot::Sender<()>,
}

impl Departure {
    /// Does what must be done before the agent ends: nothing for a mere restart.
    pub(crate) async fn leave(&self, within: Duration) {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Asked { within, answer }).await.is_ok() {
            // A dropped answer comes from a life that has ended, which has nothing left to do.
            tokio::time::timeout(within, answered).await.ok();
        }
    }

    /// A departure that asks nobody.
    #[cfg(test)]
    pub(crate) fn unattended() -> Self {
        Self(mpsc::channel(1).0)
    }
}

/// Watches over the instance in `tasks`.
pub(crate) fn start<A: ScalingApi>(
    given: Given<A>,
    metadata: impl Metadata,
    tasks: &mut JoinSet<()>,
) -> Departure {
    let (departure, asked) = mpsc::channel(1);
    let (notices, seen) = mpsc::channel(NOTICES_MAX);
    if given.config.watch {
        tasks.spawn(watch::watch(metadata, notices, Arc::clone(&given.health)));
    }
    let state_dir = given.state_dir.clone();
    let life = Life::new(given);
    tasks.spawn(launch::complete(Arc::clone(&life.world), state_dir));
    tasks.spawn(life.run(seen, asked));
    Departure(departure)
}

/// What is known of the instance's end.
struct Life<A> {
    world: Arc<World<A>>,
    /// Notices that are in force and end the instance.
    pending: BTreeSet<Kind>,
    /// The departure under way, and how its terms are changed.
    leaving: JoinSet<()>,
    terms: Option<latest::Sender<Terms>>,
    /// Whether the user's commands have run for the notices in force.
    prepared: bool,
    /// Who waits for the departure to end.
    waiting: Vec<oneshot::Sender<()>>,
}

impl<A: ScalingApi> Life<A> {
    fn new(given: Given<A>) -> Self {
        let path = events_path(&given);
        let events = Events {
            path,
            clock: given.clock,
            health: Arc::clone(&given.health),
        };
        let world = World {
            config: given.config,
            api: given.api,
            health: given.health,
            known: given.known,
            gate: given.gate,
            barriers: given.barriers,
            announcer: given.announcer,
            events,
            acts: given.acts,
        };
        Self {
            world: Arc::new(world),
            pending: BTreeSet::new(),
            leaving: JoinSet::new(),
            terms: None,
            prepared: false,
            waiting: Vec::new(),
        }
    }

    async fn run(mut self, mut seen: mpsc::Receiver<Seen>, mut asked: mpsc::Receiver<Asked>) {
        loop {
            tokio::select! {
                Some(seen) = seen.recv() => self.hear(seen).await,
                Some(asked) = asked.recv() => self.depart(asked).await,
                Some(ended) = self.leaving.join_next() => {
                    if let Err(error) = ended && !error.is_cancelled() {
                        log::error!("leaving ended with an error: {error}");
                    }
                    self.waiting.clear();
                }
                else => return,
            }
        }
    }

    async fn hear(&mut self, seen: Seen) {
        match seen {
            Seen::Notice(notice) => {
                self.world
                    .health
                    .lifecycle_notices
                    .add(notice.kind.as_str(), 1);
                let ends = match notice.kind {
                    Kind::Rebalance => self.world.config.drain_on_rebalance,
                    Kind::Maintenance => false,
                    Kind::Spot | Kind::ScaleIn | Kind::Shutdown => true,
                };
                if ends {
                    let left = self.world.config.drain_timeout;
                    self.end(&notice, left).await;
                } else {
                    self.world
                        .tell("notice", notice.kind, None, &notice.detail)
                        .await;
                }
            }
            Seen::TakenBack(kind) => {
                let detail = "the notice is taken back";
                self.world.tell("taken_back", kind, None, detail).await;
                if self.pending.remove(&kind) && self.pending.is_empty() {
                    self.leaving.abort_all();
                    self.terms = None;
                    self.prepared = false;
                    self.world.gate.open();
                }
            }
        }
    }

    /// The instance ends: begins the departure, or brings the end of the one under way nearer.
    async fn end(&mut self, notice: &Notice, otherwise: Duration) {
        let now = self.world.events.clock.now();
        let left = notice.remaining(now, otherwise);
        let begun = Instant::now();
        let new = Terms {
            kind: notice.kind,
            begun,
            until: begun + left,
            deadline: now + left,
            waits: notice.kind == Kind::ScaleIn,
        };
        self.pending.insert(notice.kind);
        self.world.gate.close(WITHHELD);
        self.world.announcer.hurry();
        self.world
            .tell("notice", notice.kind, Some(&new), &notice.detail)
            .await;
        match &self.terms {
            Some(terms) if !self.leaving.is_empty() => terms.send_modify(|terms| {
                if new.until < terms.until {
                    (terms.until, terms.deadline) = (new.until, new.deadline);
                }
                terms.waits |= new.waits;
            }),
            _ => {
                let (sender, terms) = latest::channel(new);
                self.terms = Some(sender);
                let leaving = Leaving {
                    world: Arc::clone(&self.world),
                    terms,
                    commands: !std::mem::replace(&mut self.prepared, true),
                    steps: Vec::new(),
                };
                self.leaving.spawn(leaving.run());
            }
        }
    }

    /// The agent ends. If that is because the system goes down, or a notice is in force, the
    /// instance leaves; a restart of the agent is none.
    async fn depart(&mut self, asked: Asked) {
        let begun = Instant::now();
        if self.pending.is_empty() && !goes_down().await {
            return;
        }
        let within = asked.within.saturating_sub(begun.elapsed());
        let detail = "the agent was asked to end";
        let notice = Notice::of(Kind::Shutdown, detail);
        self.world
            .health
            .lifecycle_notices
            .add(notice.kind.as_str(), 1);
        self.end(&notice, within).await;
        self.waiting.push(asked.answer);
    }
}

/// Where events are written, if they are told anywhere.
fn events_path<A>(given: &Given<A>) -> Option<PathBuf> {
    let told = given.config.events.is_some() && given.acts;
    told.then(|| given.state_dir.join(EVENTS_FILE))
}

/// Whether the system goes down. Where systemd does not say so in time, it does not.
async fn goes_down() -> bool {
    if !Path::new(SYSTEMD).is_dir() {
        return false;
    }
    let command = STATE_OF_SYSTEM.map(str::to_owned);
    let asked = command::run(&command, &[], Instant::now() + STATE_PATIENCE).await;
    asked.output.trim() == "stopping"
}

#[cfg(test)]
mod tests;
