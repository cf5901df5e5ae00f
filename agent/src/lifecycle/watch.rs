//! Asks instance metadata what is about to happen to the instance.
//!
//! Each question stands alone: one that is not answered keeps what was known of it, is counted and
//! told once, and the others go on. Nothing is asked any more where metadata is turned off, and
//! once a minute where it is absent. Nothing is decided here: what was seen is handed on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::imds::{Imds, ImdsError};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::notice::{self, Kind, Notice};
use crate::health::Health;

/// How the instance was bought: `spot` can be interrupted, others cannot.
pub(super) const LIFE_CYCLE: &str = "/latest/meta-data/instance-life-cycle";
/// What Spot does to the instance and when; absent until it is known. Source: EC2 user guide, "Spot
/// Instance interruption notices".
pub(super) const SPOT: &str = "/latest/meta-data/spot/instance-action";
/// Whether Spot may take the instance back soon. Source: EC2 user guide, "EC2 instance rebalance
/// recommendations".
pub(super) const REBALANCE: &str = "/latest/meta-data/events/recommendations/rebalance";
/// What Auto Scaling wants the instance to become; absent outside a group. Source: EC2 Auto Scaling
/// user guide, "Retrieve the target lifecycle state through instance metadata".
pub(super) const TARGET: &str = "/latest/meta-data/autoscaling/target-lifecycle-state";
/// Work that EC2 has planned. Source: EC2 user guide, "Scheduled events for your instances".
pub(super) const MAINTENANCE: &str = "/latest/meta-data/events/maintenance/scheduled";
/// How often is asked. Source: EC2 user guide, which recommends every five seconds for notices.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// How often is asked where nothing has answered yet.
const ABSENT_INTERVAL: Duration = Duration::from_mins(1);
/// How often planned work is asked for: it is announced days or hours before.
const MAINTENANCE_INTERVAL: Duration = Duration::from_mins(5);

/// Instance metadata, or what stands for it in a test.
pub(crate) trait Metadata: Send + Sync + 'static {
    /// What stands at a path, `None` if nothing does.
    fn find(
        &self,
        path: &'static str,
    ) -> impl Future<Output = Result<Option<String>, ImdsError>> + Send;
}

impl Metadata for Imds {
    async fn find(&self, path: &'static str) -> Result<Option<String>, ImdsError> {
        Self::find(self, path).await
    }
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A notice that was not seen before.
    Notice(Notice),
    /// A notice is no longer there.
    TakenBack(Kind),
}

/// Watches until metadata turns out to be turned off, or nobody listens any more.
pub(crate) async fn watch(metadata: impl Metadata, seen: mpsc::Sender<Seen>, health: Arc<Health>) {
    let mut watch = Watch::new(health);
    loop {
        let wait = match watch.look(&metadata).await {
            Ok(()) => INTERVAL,
            Err(ImdsError::Disabled { .. }) => return,
            Err(_) => ABSENT_INTERVAL,
        };
        for seen_now in watch.news.drain(..) {
            if seen.send(seen_now).await.is_err() {
                return;
            }
        }
        sleep(wait).await;
    }
}

/// One question and what was answered last.
#[derive(Debug)]
struct Question {
    path: &'static str,
    kind: Kind,
    read: fn(&str) -> Option<Notice>,
    told: Option<Notice>,
    /// The text that was not understood last, so that it is counted once.
    odd: Option<String>,
}

impl Question {
    fn new(path: &'static str, kind: Kind, read: fn(&str) -> Option<Notice>) -> Self {
        Self {
            path,
            kind,
            read,
            told: None,
            odd: None,
        }
    }

    /// What is new in an answer.
    fn hear(&mut self, text: Option<&str>, health: &Health) -> Option<Seen> {
        let notice = text.and_then(self.read);
        let is_odd = match (&notice, text) {
            (Some(notice), _) => !notice.understood,
            (None, Some(text)) => self.kind == Kind::ScaleIn && !notice::is_state(text),
            (None, None) => false,
        };
        let odd = text.filter(|_| is_odd).map(str::to_owned);
        if odd.is_some() && odd != self.odd {
            health.problems.add("imds_not_understood", 1);
            log::warn!(path = self.path; "instance metadata says something that is not documented");
        }
        self.odd = odd;
        if notice == self.told {
            return None;
        }
        self.told.clone_from(&notice);
        Some(notice.map_or(Seen::TakenBack(self.kind), Seen::Notice))
    }
}

/// What is known so far.
#[derive(Debug)]
struct Watch {
    /// Whether the instance can be interrupted by Spot; `None` until it is known, and then taken
    /// for possible.
    is_spot: Option<bool>,
    spot: [Question; 2],
    target: Question,
    maintenance: Question,
    maintenance_due: Instant,
    /// Whether it was told that metadata does not answer.
    complained: bool,
    news: Vec<Seen>,
    health: Arc<Health>,
}

impl Watch {
    fn new(health: Arc<Health>) -> Self {
        Self {
            is_spot: None,
            spot: [
                Question::new(SPOT, Kind::Spot, |text| Some(notice::spot(text))),
                Question::new(REBALANCE, Kind::Rebalance, |text| {
                    Some(notice::rebalance(text))
                }),
            ],
            target: Question::new(TARGET, Kind::ScaleIn, notice::target),
            maintenance: Question::new(MAINTENANCE, Kind::Maintenance, notice::maintenance),
            maintenance_due: Instant::now(),
            complained: false,
            news: Vec::new(),
            health,
        }
    }

    /// Asks what is due. What is new is in `news`, also after an error.
    async fn look(&mut self, metadata: &impl Metadata) -> Result<(), ImdsError> {
        let mut answered = true;
        if self.is_spot.is_none() {
            match metadata.find(LIFE_CYCLE).await {
                Ok(bought) => {
                    self.is_spot = Some(bought.is_none_or(|bought| bought.trim() == "spot"));
                }
                Err(error) => answered &= passes(error, &self.health, &mut self.complained)?,
            }
        }
        let maintenance_is_due = Instant::now() >= self.maintenance_due;
        if maintenance_is_due {
            self.maintenance_due = Instant::now() + MAINTENANCE_INTERVAL;
        }
        let spot = self.spot.iter_mut().filter(|_| self.is_spot != Some(false));
        let maintenance = Some(&mut self.maintenance).filter(|_| maintenance_is_due);
        for question in spot.chain([&mut self.target]).chain(maintenance) {
            match metadata.find(question.path).await {
                Ok(text) => self
                    .news
                    .extend(question.hear(text.as_deref(), &self.health)),
                Err(error) => answered &= passes(error, &self.health, &mut self.complained)?,
            }
        }
        if answered {
            self.complained = false;
        }
        Ok(())
    }
}

/// Counts an error that passes, and tells the first. Gives `false`, or the error if it means that
/// there is no metadata.
fn passes(error: ImdsError, health: &Health, complained: &mut bool) -> Result<bool, ImdsError> {
    if matches!(error, ImdsError::Absent { .. } | ImdsError::Disabled { .. }) {
        return Err(error);
    }
    health.problems.add("imds_unavailable", 1);
    if !std::mem::replace(complained, true) {
        log::warn!(
            "{error}; it is asked again every {} seconds",
            INTERVAL.as_secs()
        );
    }
    Ok(false)
}

#[cfg(test)]
pub(super) mod tests;
