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
pub mod detect;
pub mod finding;
pub mod health;
pub mod incident;
pub mod intake;
pub mod pipeline;
pub mod plan;
pub mod signal;
pub mod sink;
pub mod source;
mod start;
pub mod state;
mod systemd;

use std::future::Future;
use std::io;
use std::sync::Arc;

use plimsoll_aws::{Clients, ConnectError};
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::shutdown;
use tokio::task::JoinError;

use calls::Calls;
use config::Config;
use health::Health;
use start::{Parts, Running};
use state::{State, StateError, Tx};

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

/// Runs until SIGTERM or SIGINT, or once.
///
/// # Errors
/// See [`RunError`]. What was read and not stored is read again by the next run.
pub async fn run(config: Config, options: RunOptions) -> Result<(), RunError> {
    let clients = Clients::connect(&config.aws).await?;
    let stop = shutdown::termination();
    let clock = Arc::new(SystemClock);
    run_with(config, &clients, clock, options, stop)
        .await
        .map(drop)
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
    stop: impl Future<Output = io::Result<&'static str>>,
) -> Result<Arc<Health>, RunError> {
    let parts = Parts {
        state: Arc::new(State::open(&config.state)?),
        health: Arc::new(Health::default()),
        clock,
    };
    let mut running = Running::start(&config, calls, &parts, options);
    log::info!(
        rules = config.detectors.rules.rules().len(), region = calls.region();
        "the collector is up"
    );
    systemd::ready();
    let ended = tokio::select! {
        signal = stop => signal.map(|signal| log::info!("{signal}: draining")).map_err(RunError::from),
        ended = running.ended(options) => ended,
    };
    systemd::stopping();
    let drained = running.drain(options).await;
    ended.and(drained)?;
    if options.once {
        let left = parts.state.run(|tx: &Tx<'_>| tx.letters_waiting()).await?;
        if left > 0 {
            return Err(RunError::Untold(left));
        }
    }
    Ok(parts.health)
}

#[cfg(test)]
mod tests;
