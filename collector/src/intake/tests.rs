//! What a unit leaves behind.

use super::*;
use crate::source::activity;
use crate::source::support::{NOON, detectors, stop};
use crate::source::{Problem, Reason};
use crate::state::State;
use serde_json::{Value, json};

fn unit(records: &[Value]) -> Unit {
    let signals = records
        .iter()
        .map(|record| Signal::Activity(Box::new(activity::read(record.clone()).unwrap())));
    Unit {
        signals: signals.collect(),
        ..Unit::default()
    }
}

fn call(id: &str, time: &str, name: &str, region: &str) -> Value {
    json!({
        "eventID": id, "eventTime": time, "eventName": name, "readOnly": false,
        "eventSource": "ec2.amazonaws.com", "awsRegion": region,
        "recipientAccountId": "111122223333", "userIdentity": {"type": "IAMUser"},
        "requestParameters": {"instanceType": "p3.2xlarge"}
    })
}

fn titles(state: &State, unit: &Unit) -> Vec<String> {
    let taken = state
        .transaction(|tx| take_in(tx, unit, &detectors(), NOON))
        .unwrap();
    let titles = taken.findings.into_iter().map(|finding| finding.title);
    titles.collect()
}

#[test]
fn an_event_counts_once_in_one_unit_and_over_many() {
    let state = State::open_in_memory().unwrap();
    let both = unit(&[stop("a"), stop("a")]);
    let taken = state
        .transaction(|tx| take_in(tx, &both, &detectors(), NOON))
        .unwrap();
    assert_eq!((taken.findings.len(), taken.repeated), (1, 1));
    assert_eq!(taken.read.get("cloudtrail"), Some(&1));
    assert_eq!(titles(&state, &both), [""; 0]);
}

#[test]
fn what_a_transaction_did_not_keep_is_told_the_next_time() {
    let state = State::open_in_memory().unwrap();
    let failed: Result<(), StateError> = state.transaction(|tx| {
        take_in(tx, &unit(&[stop("a")]), &detectors(), NOON)?;
        Err(StateError::Interrupted)
    });
    assert!(failed.is_err());
    assert_eq!(titles(&state, &unit(&[stop("a")])).len(), 1);
}

#[test]
fn a_launch_in_a_new_region_is_told_once_the_account_is_known() {
    let state = State::open_in_memory().unwrap();
    let first = call("1", "2026-11-01T00:00:00Z", "CreateVolume", "eu-west-1");
    let too_early = call("2", "2026-11-03T00:00:00Z", "RunInstances", "us-west-2");
    let usual = call("3", "2026-11-20T00:00:00Z", "RunInstances", "eu-west-1");
    let new = call("4", "2026-11-20T00:00:00Z", "RunInstances", "eu-north-1");
    let again = call("5", "2026-11-20T20:00:00Z", "RunInstances", "eu-north-1");
    let later = call("6", "2026-11-22T00:00:00Z", "RunInstances", "eu-north-1");
    // Out of order in the file: the order of events counts.
    let told = titles(&state, &unit(&[new, first, too_early, usual]));
    assert_eq!(told, ["Large instances were launched in a new Region"]);
    assert_eq!(titles(&state, &unit(&[again])).len(), 1, "of the same wave");
    assert_eq!(titles(&state, &unit(&[later])), [""; 0]);
}

#[test]
fn a_launch_that_failed_is_judged_and_teaches_nothing() {
    let state = State::open_in_memory().unwrap();
    let first = call("1", "2026-11-01T00:00:00Z", "CreateVolume", "eu-west-1");
    let failed = |id: &str, time: &str| {
        let mut failed = call(id, time, "RunInstances", "eu-north-1");
        failed["errorCode"] = json!("Client.VcpuLimitExceeded");
        failed
    };
    let told = titles(&state, &unit(&[first, failed("2", "2026-11-20T00:00:00Z")]));
    assert_eq!(told.len(), 1);
    assert_eq!(
        titles(&state, &unit(&[failed("3", "2026-11-24T00:00:00Z")])).len(),
        1
    );
}

#[test]
fn problems_are_kept_aside_and_counted() {
    let state = State::open_in_memory().unwrap();
    let problem = Problem {
        reason: Reason::BrokenJson,
        origin: "file".to_owned(),
        place: "record 1, byte 0".to_owned(),
        detail: "d".to_owned(),
        sample: "s".to_owned(),
    };
    let unit = Unit {
        problems: vec![problem.clone(), problem],
        ..Unit::default()
    };
    let taken = state
        .transaction(|tx| take_in(tx, &unit, &detectors(), NOON))
        .unwrap();
    assert_eq!(taken.rejected.get("broken_json"), Some(&2));
    let kept = state.transaction(|tx| tx.quarantined(9)).unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].reason, "broken_json");
}
