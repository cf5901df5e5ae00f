//! Signals for Auto Scaling, and what an instance does before it leaves.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::catalog::Unit;

use super::Template;
use crate::scraper::Selection;
use crate::signal::expression::Expression;

/// `[signals]` and all `[[signal]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalsConfig {
    /// The time between two samples: 1 to 60 whole seconds, of which a minute is a multiple.
    pub interval: Duration,
    /// Where they are told.
    pub namespace: String,
    /// The group's name; `None` is that of the instance's tag.
    pub group: Option<String>,
    /// What of the host can be measured for them, in which style; its intervals do not matter.
    pub selection: Selection,
    /// How long a gauge counts as known after it was told last.
    pub stale_after: Duration,
    /// The signals, so ordered that each stands after those that it names.
    pub signals: Vec<SignalConfig>,
}

/// One `[[signal]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalConfig {
    /// The metric's name.
    pub name: Arc<str>,
    /// Its unit.
    pub unit: Unit,
    /// As it is written.
    pub text: String,
    /// What it is.
    pub(crate) expression: Expression,
    /// The value at which the group is as large as it should be, for advice.
    pub target: Option<f64>,
    /// How long the signal is withheld after the instance started, and after each time that its
    /// application has begun to answer.
    pub warm_up: Duration,
    /// What must answer for the signal to be told; all of them.
    pub health: Vec<Probe>,
}

/// A question to the application.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Probe {
    /// What is asked.
    pub kind: ProbeKind,
    /// The time between two questions.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many answers in a row must be bad before it counts as not answering. One good answer
    /// ends that.
    pub failures: u32,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    /// `GET` of a plain `http://` URL with an IP address or `localhost`; any status from 200 to 399
    /// is good.
    Http {
        /// Where is connected to.
        address: SocketAddr,
        /// What is sent as `Host`.
        host: String,
        /// The path with its query.
        path: String,
    },
    /// A connection that is taken.
    Tcp(SocketAddr),
    /// A file that exists.
    File(PathBuf),
    /// A unit of systemd that is active.
    Unit(String),
}

/// `[lifecycle]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleConfig {
    /// Whether instance metadata is watched at all.
    pub watch: bool,
    /// Where events are told besides the agent's own log.
    pub events: Option<EventStream>,
    /// The hook of the group for instances that end; `None` completes none.
    pub termination_hook: Option<String>,
    /// The hook of the group for instances that begin, completed after the first delivery.
    pub launch_hook: Option<String>,
    /// The time between two heartbeats while the instance drains.
    pub heartbeat: Duration,
    /// How long everything may take after a scale-in: commands, drain and the completion.
    pub drain_timeout: Duration,
    /// How much of the time that a notice leaves is kept free at its end.
    pub margin: Duration,
    /// Whether a rebalance recommendation begins the drain; else it is only told.
    pub drain_on_rebalance: bool,
    /// What is run, in this order, before the drain.
    pub commands: Vec<LifecycleCommand>,
}

/// Where events of the instance's life are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventStream {
    /// The log group.
    pub group: Template,
    /// The log stream.
    pub stream: Template,
}

/// A command of the user that is run before the drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleCommand {
    /// The program and its arguments; no shell.
    pub command: Vec<String>,
    /// How long it may take before it is killed.
    pub timeout: Duration,
}
