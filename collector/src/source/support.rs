//! What the tests of the sources share: records, and pipelines that store or break.

use std::sync::{Arc, Mutex};

use plimsoll_core::clock::{Clock, ManualClock, UnixMillis};
use serde_json::{Value, json};

use super::{Closed, Gather, Outlet, UNIT_PROBLEMS_MAX, UNIT_SIGNALS_MAX, Unit, pipeline};
use crate::detect::{Detectors, RuleSet};
use crate::intake::{TakenIn, take_in};
use crate::state::{State, StateError};

/// 24 November 2026, noon.
pub(crate) const NOON: UnixMillis = UnixMillis(1_795_521_600_000);

/// A record on which the rule for stopped trails holds.
pub(crate) fn stop(id: &str) -> Value {
    json!({
        "eventID": id, "eventTime": "2026-11-24T11:59:00Z", "eventName": "StopLogging",
        "eventSource": "cloudtrail.amazonaws.com", "awsRegion": "eu-west-1",
        "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/eve"}
    })
}

/// A GuardDuty finding in one of its versions.
pub(crate) fn mining(updated: &str) -> Value {
    json!({
        "id": "f1", "arn": "arn:f1", "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
        "severity": 8, "title": "T", "accountId": "111122223333", "region": "eu-west-1",
        "updatedAt": updated
    })
}

/// The detectors with the rules that are built in.
pub(crate) fn detectors() -> Detectors {
    Detectors {
        rules: RuleSet::few(),
        ..Detectors::default()
    }
}

/// What a pipeline took in, unit by unit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<TakenIn>>>);

impl Told {
    /// How many findings were told.
    pub(crate) fn findings(&self) -> usize {
        self.units().iter().map(|unit| unit.findings.len()).sum()
    }

    /// The reasons of everything that was rejected.
    pub(crate) fn rejected(&self) -> Vec<&'static str> {
        self.units()
            .iter()
            .flat_map(|unit| unit.rejected.keys().copied().collect::<Vec<_>>())
            .collect()
    }

    pub(crate) fn units(&self) -> Vec<TakenIn> {
        self.0.lock().unwrap().clone()
    }
}

/// A pipeline that stores everything it is handed.
pub(crate) fn storing(state: &Arc<State>, clock: &Arc<ManualClock>) -> (Outlet, Told) {
    let (outlet, mut deliveries) = pipeline();
    let told = Told::default();
    let (state, clock, into) = (Arc::clone(state), Arc::clone(clock), told.clone());
    tokio::spawn(async move {
        let detectors = Arc::new(detectors());
        while let Some(mut delivery) = deliveries.recv().await {
            let (unit, now) = (std::mem::take(&mut delivery.unit), clock.now());
            let detectors = Arc::clone(&detectors);
            let taken = state
                .run::<_, StateError, _>(move |tx| take_in(tx, &unit, &detectors, now))
                .await
                .unwrap();
            into.0.lock().unwrap().push(taken);
            delivery.stored();
        }
    });
    (outlet, told)
}

/// A pipeline that breaks with the first unit it is handed, before anything is stored.
pub(crate) fn breaking() -> Outlet {
    let (outlet, mut deliveries) = pipeline();
    tokio::spawn(async move { drop(deliveries.recv().await) });
    outlet
}

/// Everything that `read` gathers, as one unit.
pub(crate) fn gathered(read: impl FnOnce(&mut Gather<'_>) -> Result<(), Closed>) -> Unit {
    let (outlet, mut deliveries) = pipeline();
    let sink = std::thread::spawn(move || {
        let mut all = Unit::default();
        while let Some(delivery) = deliveries.blocking_recv() {
            let unit = &delivery.unit;
            assert!(unit.signals.len() <= UNIT_SIGNALS_MAX);
            assert!(unit.problems.len() <= UNIT_PROBLEMS_MAX);
            all.signals.extend(unit.signals.iter().cloned());
            all.problems.extend(unit.problems.iter().cloned());
            all.progress.extend(unit.progress.iter().cloned());
            for (reason, count) in &unit.skipped {
                *all.skipped.entry(reason).or_default() += count;
            }
            delivery.stored();
        }
        all
    });
    let mut gather = Gather::new(&outlet);
    read(&mut gather).unwrap();
    gather.flush().unwrap();
    drop(outlet);
    sink.join().unwrap()
}
