//! The central service: source → detect → incident → sink.
//!
//! Sources hand over what they read; one pipeline turns each unit into findings, incidents and
//! notifications to send, in one transaction of the [`state`]; sinks send what the state holds. This
//! file puts them together, waits for a signal, and lets them drain: only sources are told to
//! stop, and everything behind them ends when its input does.

pub mod backtest;
pub mod calls;
pub mod cli;
pub mod config;
mod control;
pub mod detect;
mod doctor;
pub mod finding;
pub mod health;
pub mod incident;
pub mod intake;
pub mod investigate;
pub mod pipeline;
pub mod plan;
pub mod policy;
mod reload;
pub mod signal;
pub mod sink;
pub mod source;
mod start;
pub mod state;

use std::future::Future;
use std::io;
use std::sync::Arc;

use plimsoll_aws::{Clients, ConnectError};
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::logging::message;
use plimsoll_core::shutdown;
use plimsoll_ops::{Service, systemd};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinError;

use calls::Calls;
use config::Config;
use control::Control;
use health::Health;
use reload::Reloader;
use start::{Parts, Running};
use state::{State, StateError, Tx};

/// What operators see of the collector.
pub const SERVICE: Service = Service {
    program: "plimsoll-collector",
    word: "collector",
    socket: "collector.sock",
    runtime_directory: "/run/plimsoll-collector",
    group: "plimsoll-collector",
    config: config::DEFAULT_PATH,
    version: env!("CARGO_PKG_VERSION"),
};

/// How to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// End when everything that is there now was read and told.
    pub once: bool,
}

/// Why the collector did not run, or not to its proper end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A setting of `[aws]` does not work here.
    #[error("AWS cannot be called: {0}")]
    Connect(#[from] ConnectError),
    /// The state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The process may not handle signals.
    #[error("signals cannot be handled: {0}")]
    Signals(#[from] io::Error),
    /// A source cannot go on.
    #[error("a source ended: {0}")]
    Source(#[from] source::directory::Ended),
    /// Alarms or the dashboard are not as they should be.
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    /// A part ended that should not have.
    #[error("a part ended by itself, which is a defect of the collector: {0}")]
    Lost(#[from] JoinError),
    /// Notifications are written down and could not be sent.
    #[error("{0} notifications could not be sent; they are kept, and sent by the next run")]
    Untold(u64),
}

/// Runs until SIGTERM or SIGINT, or once. SIGHUP has the configuration read again.
///
/// # Errors
/// See [`RunError`]. What was read and not stored is read again by the next run.
pub async fn run(config: Config, options: RunOptions) -> Result<(), RunError> {
    let mut hangup = signal(SignalKind::hangup())?;
    let clients = Clients::connect(&config.aws).await?;
    // One place is enough: a reload that waits reads what the next would read.
    let (ask, asked) = mpsc::channel(1);
    let asking = tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            ask.try_send(()).ok();
        }
    });
    let orders = Orders {
        stop: shutdown::termination(),
        reload: asked,
    };
    let clock = Arc::new(SystemClock);
    let ended = run_with(config, &clients, clock, options, orders).await;
    asking.abort();
    ended.map(drop)
}

/// What a run hears from outside.
#[derive(Debug)]
pub struct Orders<S> {
    /// Completes when it is to end, with the reason.
    pub stop: S,
    /// Says that the configuration is to be read again. A closed one never does.
    pub reload: mpsc::Receiver<()>,
}

/// [`run`] in a world of the caller's choice; gives what was counted.
///
/// # Errors
/// See [`RunError`].
pub async fn run_with<C: Calls>(
    config: Config,
    calls: &C,
    clock: Arc<dyn Clock>,
    options: RunOptions,
    orders: Orders<impl Future<Output = io::Result<&'static str>>>,
) -> Result<Arc<Health>, RunError> {
    let parts = Parts {
        state: Arc::new(State::open(&config.state)?),
        health: Arc::new(Health::default()),
        clock,
    };
    let control = Control::new(&config, calls.region(), &parts.health, &parts.state);
    let answering = if options.once {
        None
    } else {
        control.start(&config).await
    };
    let running = Running::start(&config, calls, &parts, options);
    log::info!(
        message_id = message::COLLECTOR_STARTED.id,
        rules = config.detectors.rules.rules().len(), region = calls.region();
        "the collector is up"
    );
    let told = Arc::clone(&control);
    let alive = systemd::alive(move || told.in_a_line());
    systemd::ready();
    let reloader = Reloader::new(config, &parts, &control);
    let ended = follow(running, reloader, calls, options, orders).await;
    for task in answering.into_iter().chain(alive) {
        task.abort();
        // Whoever opens the state next must find it free. That it was aborted is no news.
        task.await.ok();
    }
    ended?;
    if options.once {
        let left = parts.state.run(|tx: &Tx<'_>| tx.letters_waiting()).await?;
        if left > 0 {
            return Err(RunError::Untold(left));
        }
    }
    Ok(parts.health)
}

/// Waits for a reason to end, then drains. Meanwhile a new configuration takes the place of the old.
async fn follow<C: Calls>(
    mut running: Running,
    mut reloader: Reloader<'_>,
    calls: &C,
    options: RunOptions,
    orders: Orders<impl Future<Output = io::Result<&'static str>>>,
) -> Result<(), RunError> {
    let Orders { stop, mut reload } = orders;
    // One future for the whole wait: a signal that comes during a reload is not missed.
    let mut stop = std::pin::pin!(stop);
    let ended = loop {
        tokio::select! {
            signal = &mut stop => {
                break signal.map(|signal| log::info!("{signal}: draining")).map_err(RunError::from);
            }
            ended = running.ended(options) => break ended,
            Some(()) = reload.recv() => running = reloader.reload(running, calls, options).await?,
        }
    };
    systemd::stopping();
    let drained = running.drain(options).await;
    ended.and(drained)
}

#[cfg(test)]
mod tests;
