//! One transaction for each unit, and a window that looks back as far as it must.

use plimsoll_core::clock::ManualClock;

use super::*;
use crate::finding::{Entity, Evidence, Finding, Severity, SourceKind, stable_id};
use crate::incident::Status;
use crate::state::Letter;

const DAY: Duration = Duration::from_hours(24);
const START: UnixMillis = UnixMillis(1_795_500_000_000);

fn finding(rule: &str, day: u32, entity: &str) -> Finding {
    let time = START + DAY * day;
    Finding {
        id: stable_id([rule, entity, &day.to_string()]),
        rule: rule.to_owned(),
        title: rule.to_owned(),
        severity: Severity::High,
        kind: Kind::Security,
        time_first: time,
        time_last: time,
        entities: [Entity::AccessKey(entity.to_owned())].into(),
        account: None,
        region: None,
        summary: String::new(),
        evidence: vec![Evidence {
            time,
            what: rule.to_owned(),
            source: SourceKind::CloudTrail,
            reference: String::new(),
        }],
        usd_per_day: None,
        next_steps: Vec::new(),
        source: SourceKind::CloudTrail,
        sample: false,
    }
}

/// Stores findings and absorbs them, as a unit does.
fn take(state: &State, findings: &[Finding]) -> Vec<Incident> {
    let done: Result<Vec<Incident>, StateError> = state.transaction(|tx| {
        for finding in findings {
            tx.store_finding(finding)?;
        }
        absorb(tx, findings, START)
    });
    done.unwrap()
}

#[test]
fn a_chain_of_days_is_one_incident_however_far_back_it_began() {
    let state = State::open_in_memory().unwrap();
    let chain: Vec<Finding> = (0..30).map(|day| finding("r", day, "key")).collect();
    let first = take(&state, &chain[..1]).remove(0);
    take(&state, &chain[1..29]);
    let last = take(&state, &chain[29..]).remove(0);
    assert_eq!(last.id, first.id);
    assert_eq!(last.findings.len(), 30, "nothing fell out of the window");
    assert_eq!(last.time_first, START);
}

#[test]
fn what_is_not_concerned_is_not_touched() {
    let state = State::open_in_memory().unwrap();
    let other = take(&state, &[finding("other", 0, "another")]).remove(0);
    take(&state, &[finding("r", 0, "key")]);
    let changed = take(&state, &[finding("r", 1, "key")]);
    assert_eq!(changed.len(), 1);
    let stored = state
        .transaction(|tx| tx.incident(&other.id))
        .unwrap()
        .unwrap();
    assert_eq!(stored, other);
}

#[test]
fn what_comes_back_after_it_was_closed_may_be_told_again() {
    let state = State::open_in_memory().unwrap();
    let mut seen = finding("r", 0, "key");
    let incident = take(&state, &[seen.clone()]).remove(0);
    let letter = Letter {
        incident: incident.id.clone(),
        severity: Severity::High,
        topic: "topic".to_owned(),
        revision: 1,
        json: String::new(),
    };
    let post = || -> bool {
        let posted: Result<bool, StateError> = state.transaction(|tx| {
            let posted = tx.post(&letter, START)?;
            if let Some(waiting) = tx.next_letter(START)? {
                tx.letter_sent(waiting.number, START)?;
            }
            Ok(posted)
        });
        posted.unwrap()
    };
    assert!(post() && !post());
    let closed = close_quiet(&incident, Duration::ZERO, START).unwrap();
    state.transaction(|tx| tx.store_incident(&closed)).unwrap();
    seen.time_last = START + DAY * 30;
    assert_eq!(take(&state, &[seen]).remove(0).id, incident.id);
    assert!(post(), "a month later it is news");
}

#[test]
fn findings_that_part_leave_the_id_with_the_one_that_began() {
    let state = State::open_in_memory().unwrap();
    let begun = finding("a", 0, "key");
    let mut joined = finding("b", 0, "key");
    let both = take(&state, &[begun, joined.clone()]).remove(0);
    joined.entities = [Entity::AccessKey("another".to_owned())].into();
    let changed = take(&state, &[joined]);
    assert_eq!(changed.len(), 2, "{changed:#?}");
    let open: Vec<&Incident> = changed
        .iter()
        .filter(|i| i.status == Status::Open)
        .collect();
    assert_eq!(open.len(), 2);
    assert!(open.iter().any(|incident| incident.id == both.id));
}

#[tokio::test(start_paused = true)]
async fn an_incident_is_closed_after_the_quiet_period() {
    let state = Arc::new(State::open_in_memory().unwrap());
    let incident = take(&state, &[finding("r", 0, "key")]).remove(0);
    let clock = Arc::new(ManualClock::at(START + DAY));
    let (announce, _announced) = mpsc::channel(1);
    let decisions = Decisions {
        detectors: Detectors::default(),
        notify: NotifyConfig::default(),
        quiet_period: DAY,
    };
    let health = Arc::default();
    let pipeline = Pipeline::new(Arc::clone(&state), decisions, health, clock, announce);
    pipeline.close_quiet().await.unwrap();
    let stored = state
        .transaction(|tx| tx.incident(&incident.id))
        .unwrap()
        .unwrap();
    assert_eq!(stored.status, Status::Closed);
    assert!(
        state
            .transaction(|tx: &Tx<'_>| tx.open_incidents())
            .unwrap()
            .is_empty()
    );
}
