//! The middle of the collector: one unit in, one transaction, and the word that it is stored.
//!
//! In one transaction: what the unit means ([`crate::intake`]), which incidents it changes, and
//! what is to be told of them. The source hears that the unit is stored after that, and only then.

mod absorb;

pub(crate) use absorb::absorb;

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::{Clock, UnixMillis};
use tokio::sync::mpsc;

use crate::config::NotifyConfig;
use crate::detect::{Detectors, cost};
use crate::finding::Kind;
use crate::health::{Cost, Health};
use crate::incident::{Incident, Status, close_quiet};
use crate::intake::{TakenIn, take_in};
use crate::signal::{CostHistory, Signal};
use crate::sink::notify;
use crate::source::{Delivery, Unit};
use crate::state::{State, StateError, Tx};

/// How often to look for incidents that have gone quiet.
const CLOSE_INTERVAL: Duration = Duration::from_mins(1);

/// Handles units one after the other. It owns no data: everything is in the state.
#[derive(Debug)]
pub struct Pipeline {
    state: Arc<State>,
    rules: Arc<Decisions>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    announce: mpsc::Sender<()>,
}

/// What decides, fixed for the life of the process.
#[derive(Debug)]
pub struct Decisions {
    /// The detectors.
    pub detectors: Detectors,
    /// Whom to tell of what.
    pub notify: NotifyConfig,
    /// After how long without news an incident is closed.
    pub quiet_period: Duration,
}

/// What one unit came to.
#[derive(Debug, Default)]
struct Done {
    taken: TakenIn,
    incidents: Vec<Incident>,
    posted: u64,
    cost: Option<Cost>,
}

impl Pipeline {
    /// A pipeline into `state`. It sends through `announce` whenever a notification was written
    /// down, and never waits there.
    #[must_use]
    pub fn new(
        state: Arc<State>,
        decisions: Decisions,
        health: Arc<Health>,
        clock: Arc<dyn Clock>,
        announce: mpsc::Sender<()>,
    ) -> Self {
        Self {
            state,
            rules: Arc::new(decisions),
            health,
            clock,
            announce,
        }
    }

    /// Handles what comes until every source is gone. A unit that cannot be stored ends the
    /// pipeline: the state is broken, and reading on would lose what follows.
    ///
    /// # Errors
    /// When the state cannot be used.
    pub async fn run(self, mut units: mpsc::Receiver<Delivery>) -> Result<(), StateError> {
        if let Some(cost) = self.state.run(last_cost).await? {
            self.health.set_cost(cost);
        }
        let mut ticks = tokio::time::interval(CLOSE_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                delivery = units.recv() => match delivery {
                    Some(delivery) => self.handle(delivery).await?,
                    None => return Ok(()),
                },
                _ = ticks.tick() => self.close_quiet().await?,
            }
        }
    }

    async fn handle(&self, mut delivery: Delivery) -> Result<(), StateError> {
        let now = self.clock.now();
        let decisions = Arc::clone(&self.rules);
        let unit = std::mem::take(&mut delivery.unit);
        let done = self
            .state
            .run(move |tx| handle(tx, &unit, &decisions, now))
            .await?;
        delivery.stored();
        self.count(&done, now);
        if done.posted > 0 {
            // A full channel means that the notifier is told already.
            self.announce.try_send(()).ok();
        }
        Ok(())
    }

    fn count(&self, done: &Done, now: UnixMillis) {
        for (source, count) in &done.taken.read {
            self.health.read(source, *count, now);
        }
        for (reason, count) in &done.taken.rejected {
            if self.health.signals_rejected.add(reason, *count) {
                log::warn!(reason; "input could not be read and was kept aside; its kind is counted from here on");
            }
        }
        for finding in &done.taken.findings {
            if finding.kind == Kind::Security {
                self.health.findings.add(finding.severity.as_str(), 1);
            }
            log::info!(finding:% = finding.id, severity:% = finding.severity; "{}", finding.title);
        }
        for incident in &done.incidents {
            match &incident.status {
                Status::Merged { into } => {
                    log::info!(incident:% = incident.id; "the incident turned out to be part of {into}");
                }
                Status::Open | Status::Closed => log::info!(
                    incident:% = incident.id, revision = incident.revision,
                    severity:% = incident.severity; "{}", incident.title
                ),
            }
        }
        if let Some(cost) = done.cost {
            self.health.set_cost(cost);
        }
    }

    async fn close_quiet(&self) -> Result<(), StateError> {
        let (now, quiet) = (self.clock.now(), self.rules.quiet_period);
        let closed = self
            .state
            .run(move |tx| {
                let mut closed = Vec::new();
                for incident in tx.open_incidents()? {
                    if let Some(over) = close_quiet(&incident, quiet, now) {
                        tx.store_incident(&over)?;
                        closed.push(over.id);
                    }
                }
                tx.forget_incidents()?;
                Ok::<_, StateError>(closed)
            })
            .await?;
        for incident in closed {
            log::info!(incident:% = incident; "nothing new came for the quiet period; the incident is closed");
        }
        Ok(())
    }
}

/// Everything that one unit comes to, in one transaction.
fn handle(
    tx: &Tx<'_>,
    unit: &Unit,
    decisions: &Decisions,
    now: UnixMillis,
) -> Result<Done, StateError> {
    let taken = take_in(tx, unit, &decisions.detectors, now)?;
    let incidents = absorb(tx, &taken.findings, now)?;
    let mut posted = 0;
    for incident in &incidents {
        if matches!(incident.status, Status::Merged { .. }) {
            tx.withdraw(&incident.id, None, now)?;
        }
        for letter in notify::letters(incident, &decisions.notify)? {
            posted += u64::from(tx.post(&letter, now)?);
        }
    }
    let cost = unit
        .signals
        .iter()
        .any(|signal| matches!(signal, Signal::Cost(_)))
        .then(|| last_cost(tx))
        .transpose()?
        .flatten();
    Ok(Done {
        taken,
        incidents,
        posted,
        cost,
    })
}

/// The cost of the last day that is known.
fn last_cost(tx: &Tx<'_>) -> Result<Option<Cost>, StateError> {
    let history = CostHistory {
        account: None,
        days: tx.cost()?,
    };
    Ok(cost::last_day(&history).map(|day| Cost {
        daily: day.usd,
        expected: day.expected,
    }))
}

#[cfg(test)]
mod tests;
