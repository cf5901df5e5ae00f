//! What is added, what is changed, what is left alone.

use std::collections::BTreeSet;

use plimsoll_aws::testing::{FakeAlarms, throttled, unavailable};
use plimsoll_aws::{AlarmState, AlarmsApi as _};
use plimsoll_core::clock::UnixMillis;
use plimsoll_dashboards::{Inventory, Mark};

use super::*;
use crate::config::PlanConfig;

fn config() -> PlanConfig {
    PlanConfig {
        apply: true,
        alarms: true,
        dashboard: Some("plimsoll-fleet".to_owned()),
        alarm_topic_arn: Some("arn:aws:sns:eu-west-1:111122223333:alarms".to_owned()),
        ..PlanConfig::default()
    }
}

fn inventory() -> Inventory {
    Inventory {
        region: "eu-west-1".to_owned(),
        account: Some("111122223333".to_owned()),
        auto_scaling_groups: vec!["web".to_owned()],
        paths: vec!["/".to_owned()],
        ..Inventory::default()
    }
}

fn wanted() -> Desired {
    desired(&config(), &inventory()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_empty_account_gets_everything_once_and_then_nothing() {
    let api = FakeAlarms::default();
    let keeper = Keeper::new(api.clone());
    let plan = keeper.plan(&wanted()).await.unwrap();
    assert_eq!(plan.changes.len(), wanted().alarms.len() + 1);
    let text = plan.to_string();
    assert!(
        text.contains(
            "+ alarm plimsoll-incidents-critical: Maximum of Plimsoll/Security incidents_open \
             severity=critical >= 1 for 1 of 1 periods of 60 s"
        ),
        "{text}"
    );
    assert!(api.writes().is_empty(), "a plan changes nothing");
    let start = tokio::time::Instant::now();
    keeper.apply(&plan).await.unwrap();
    let count = u32::try_from(api.writes().len()).unwrap();
    let least = std::time::Duration::from_secs(1) / 3 * (count - 1);
    assert!(start.elapsed() >= least, "at most three calls a second");
    let again = keeper.plan(&wanted()).await.unwrap();
    assert!(again.is_empty(), "{again}");
    assert_eq!(again.right, wanted().alarms.len() + 1);
    let alarm = &api.alarms()["plimsoll-web-memory"].alarm;
    assert_eq!(alarm.tags["managed-by"], "plimsoll");
    assert_eq!(
        alarm.alarm_actions,
        ["arn:aws:sns:eu-west-1:111122223333:alarms"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_alarm_on_silence_waits_for_its_series_before_missing_data_breaches() {
    let api = FakeAlarms::default();
    let keeper = Keeper::new(api.clone());
    let missing = |name: &str| api.alarms()[name].alarm.treat_missing_data.clone();
    let keep = async || {
        let plan = keeper.plan(&wanted()).await.unwrap();
        keeper.apply(&plan).await.unwrap();
        plan
    };
    keep().await;
    for name in ["plimsoll-collector-silent", "plimsoll-web-silent"] {
        assert_eq!(missing(name), "missing", "{name} calls nobody at the start");
    }
    assert_eq!(missing("plimsoll-incidents-critical"), "notBreaching");
    api.set_state("plimsoll-collector-silent", AlarmState::Ok, "data");
    let plan = keep().await;
    assert_eq!(plan.changes.len(), 1, "{plan}");
    assert_eq!(missing("plimsoll-collector-silent"), "breaching");
    assert_eq!(missing("plimsoll-web-silent"), "missing", "no agent yet");
    // A collector that starts while the fleet is silent leaves the alarm armed.
    api.set_state("plimsoll-collector-silent", AlarmState::Alarm, "silence");
    assert!(keep().await.is_empty());
    let mut other = api.alarms()["plimsoll-collector-silent"].alarm.clone();
    other.metric = "another".to_owned();
    api.put_alarm(&other).await.unwrap();
    keep().await;
    assert_eq!(missing("plimsoll-collector-silent"), "missing", "anew");
}

#[test]
fn only_what_differs_is_changed_and_shown() {
    let wanted = wanted();
    let mut actual = Actual {
        alarms: wanted.alarms.clone(),
        fed: BTreeSet::new(),
        dashboard: wanted
            .dashboard
            .clone()
            .map(|(_, body)| body.replace("Hosts", "Machines")),
    };
    actual.alarms[0].threshold = 7.0;
    actual.alarms[0].tags.clear();
    let plan = difference(&wanted, &actual);
    assert_eq!(plan.changes.len(), 2);
    let text = plan.to_string();
    assert!(
        text.contains(&format!(
            "~ alarm {}\n    threshold: 7 -> ",
            wanted.alarms[0].name
        )),
        "{text}"
    );
    assert!(
        text.contains("~ dashboard plimsoll-fleet\n    widget "),
        "{text}"
    );
    assert!(text.contains("0 to add, 2 to change"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_plimsoll_did_not_make_is_never_touched() {
    let api = FakeAlarms::default();
    let mut foreign = wanted().alarms[0].clone();
    foreign.description = "made by hand".to_owned();
    foreign.threshold = 99.0;
    api.put_alarm(&foreign).await.unwrap();
    api.put_dashboard("plimsoll-fleet", r#"{"widgets":[]}"#)
        .await
        .unwrap();
    let keeper = Keeper::new(api.clone());
    let plan = keeper.plan(&wanted()).await.unwrap();
    keeper.apply(&plan).await.unwrap();
    assert_eq!(api.alarms()[&foreign.name].alarm, foreign);
    assert_eq!(api.dashboards()["plimsoll-fleet"], r#"{"widgets":[]}"#);
    assert_eq!(plan.taken.len(), 2);
    assert!(plan.to_string().contains("was not made by Plimsoll"));
}

#[test]
fn what_is_no_longer_wanted_is_shown_and_not_deleted() {
    let actual = Actual {
        alarms: wanted().alarms,
        ..Actual::default()
    };
    let fewer = desired(
        &config(),
        &Inventory {
            auto_scaling_groups: Vec::new(),
            ..inventory()
        },
    );
    let plan = difference(&fewer.unwrap(), &actual);
    assert!(
        plan.left_over
            .contains(&"alarm plimsoll-web-memory".to_owned()),
        "{plan}"
    );
    assert!(
        plan.changes
            .iter()
            .all(|change| matches!(change, Change::AddDashboard { .. }))
    );
}

#[test]
fn events_on_the_dashboard_count_only_for_the_one_who_knows_them() {
    let mut with_mark = inventory();
    with_mark.marks.push(Mark {
        time: UnixMillis(0),
        label: "INC-000001 x".to_owned(),
    });
    let put = desired(&config(), &with_mark).unwrap();
    let actual = Actual {
        alarms: put.alarms.clone(),
        fed: BTreeSet::new(),
        dashboard: put.dashboard.map(|(_, body)| body),
    };
    let mut wanted = wanted();
    assert!(difference(&wanted, &actual).is_empty());
    wanted.compare_events = true;
    let plan = difference(&wanted, &actual);
    assert_eq!(plan.changes.len(), 1);
    let text = plan.to_string();
    assert!(
        text.contains("metric \"Processor by group\": other annotations -> ours"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_failed_change_is_told_and_does_not_stop_the_others() {
    let api = FakeAlarms::default();
    let keeper = Keeper::new(api.clone());
    let plan = keeper.plan(&wanted()).await.unwrap();
    api.answer(Err(throttled("PutMetricAlarm")));
    let failed = keeper.apply(&plan).await.unwrap_err();
    assert!(
        failed.to_string().contains(&wanted().alarms[0].name),
        "{failed}"
    );
    assert_eq!(api.writes().len(), plan.changes.len() - 1);
    api.answer(Err(unavailable("PutMetricAlarm")));
    let rest = keeper.plan(&wanted()).await.unwrap();
    assert_eq!(rest.changes.len(), 1, "the next comparison makes up for it");
}

#[test]
fn every_description_fits_with_the_longest_runbook() {
    let config = PlanConfig {
        runbook_url: Some(format!("https://{}", "x".repeat(392))),
        ..config()
    };
    for alarm in desired(&config, &inventory()).unwrap().alarms {
        assert!(
            alarm.description.chars().count() <= plimsoll_aws::limits::alarms::DESCRIPTION_MAX,
            "{}",
            alarm.name
        );
    }
}
