//! The list of alarms, written out.

use std::collections::BTreeMap;

use plimsoll_core::catalog::{
    COST_ANOMALIES_OPEN, COST_AT_RISK, CPU_USAGE_ACTIVE, DISK_USED_PERCENT, INCIDENTS_OPEN,
    MEM_USED_PERCENT, Metric, NOTIFICATIONS_WAITING, RULES_LOADED, SOURCE_AGE,
};

use super::{Alarm, Comparison, Missing, PREFIX, Statistic, threshold};
use crate::dimension::{AUTO_SCALING_GROUP, PATH, SEVERITY, SOURCE};
use crate::inventory::Inventory;

/// The alarms of the fleet that `inventory` describes, those of the collector first, then group by
/// group.
#[must_use]
pub fn alarms(inventory: &Inventory) -> Vec<Alarm> {
    let inventory = inventory.in_order();
    let mut all = vec![
        incidents(
            "critical",
            "someone is in the account or a safeguard is off.",
        ),
        incidents("high", "it may become critical within hours."),
        cost_anomaly(),
        cost_at_risk(),
        notifications_waiting(),
        collector_silent(),
    ];
    if inventory
        .sources
        .iter()
        .any(|source| source == "cloudtrail")
    {
        all.push(trail_quiet());
    }
    for group in &inventory.auto_scaling_groups {
        all.push(group_silent(group));
        all.push(group_cpu(group));
        all.push(group_memory(group));
        let disks = inventory.paths.iter();
        all.extend(disks.map(|path| group_disk(group, path)));
    }
    all
}

/// An alarm that goes off at the first bad minute and is within bounds without data. The cases
/// below say only where they differ.
fn base(name: &str, metric: &'static Metric, dimensions: &[(&str, &str)]) -> Alarm {
    let dimensions = dimensions
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Alarm {
        name: format!("{PREFIX}{name}"),
        description: String::new(),
        metric,
        dimensions: dimensions.collect::<BTreeMap<_, _>>(),
        statistic: Statistic::Maximum,
        period_seconds: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        comparison: Comparison::AtLeast,
        threshold: 1.0,
        missing: Missing::NotBreaching,
    }
}

/// The same alarm, but only after `minutes` bad minutes in a row.
fn lasting(minutes: u32, alarm: Alarm) -> Alarm {
    Alarm {
        evaluation_periods: minutes,
        datapoints_to_alarm: minutes,
        ..alarm
    }
}

/// An alarm on a series of which nothing has come for a quarter of an hour. Whoever puts it leaves
/// missing data unknown until the series has come once: what never spoke has not fallen silent.
fn silence(name: &str, metric: &'static Metric, dimensions: &[(&str, &str)]) -> Alarm {
    Alarm {
        statistic: Statistic::SampleCount,
        period_seconds: 300,
        evaluation_periods: 3,
        datapoints_to_alarm: 3,
        comparison: Comparison::LessThan,
        missing: Missing::Breaching,
        ..base(name, metric, dimensions)
    }
}

/// A description in the form that [`crate::lint::alarms`] asks for.
fn describe(what: &str, why: &str, next: &str, missing: Missing) -> String {
    let missing = match missing {
        Missing::Breaching => {
            "breaching from the first data on, because silence is the fault; unknown before it."
        }
        Missing::NotBreaching => "within bounds; plimsoll-collector-silent watches for silence.",
        Missing::Unknown => "unknown; the group's alarm on silence tells of it.",
    };
    format!("What: {what} Why: {why} Next: {next} Missing data: {missing}")
}

fn incidents(severity: &str, why: &str) -> Alarm {
    Alarm {
        description: describe(
            &format!("at least one security incident of severity {severity} is open."),
            why,
            "open the newest notification; it names who, where, and the first steps.",
            Missing::NotBreaching,
        ),
        ..base(
            &format!("incidents-{severity}"),
            &INCIDENTS_OPEN,
            &[(SEVERITY, severity)],
        )
    }
}

fn cost_anomaly() -> Alarm {
    Alarm {
        description: describe(
            "a service costs more than its past explains.",
            "the bill grows every hour until someone stops the cause.",
            "read the incident; it names the service, the days, and who is involved.",
            Missing::NotBreaching,
        ),
        ..base("cost-anomaly", &COST_ANOMALIES_OPEN, &[])
    }
}

fn cost_at_risk() -> Alarm {
    Alarm {
        description: describe(
            &format!(
                "open incidents burn at least US${} a day by estimate.",
                threshold::RISK_USD_PER_DAY
            ),
            "it is money that nobody decided to spend.",
            "stop what the dearest open incident names, then find out who started it.",
            Missing::NotBreaching,
        ),
        threshold: threshold::RISK_USD_PER_DAY,
        ..base("cost-at-risk", &COST_AT_RISK, &[])
    }
}

fn notifications_waiting() -> Alarm {
    let alarm = Alarm {
        description: describe(
            "notifications have waited for 15 minutes and SNS has not taken them.",
            "people do not hear of incidents.",
            "look for \"notification\" in the collector's log; mostly the topic or the permission \
             sns:Publish is missing.",
            Missing::NotBreaching,
        ),
        ..base("notifications-waiting", &NOTIFICATIONS_WAITING, &[])
    };
    lasting(15, alarm)
}

fn collector_silent() -> Alarm {
    Alarm {
        description: describe(
            "the collector has sent nothing for 15 minutes.",
            "no incident, cost jump or dashboard is up to date while it is silent.",
            "on its host: systemctl status plimsoll-collector, then its log.",
            Missing::Breaching,
        ),
        ..silence("collector-silent", &RULES_LOADED, &[])
    }
}

fn trail_quiet() -> Alarm {
    let alarm = Alarm {
        description: describe(
            "CloudTrail has delivered nothing for an hour.",
            "what happens in the account is not seen; attacks begin by stopping the trail.",
            "check that the trail is logging, then its bucket, its queue and the collector's log.",
            Missing::NotBreaching,
        ),
        comparison: Comparison::GreaterThan,
        threshold: threshold::TRAIL_QUIET_SECONDS,
        ..base("cloudtrail-quiet", &SOURCE_AGE, &[(SOURCE, "cloudtrail")])
    };
    lasting(3, alarm)
}

fn group_silent(group: &str) -> Alarm {
    Alarm {
        description: describe(
            &format!("no agent of group {group} has sent anything for 15 minutes."),
            "the group has no instance, or none that can be seen; its other alarms are blind.",
            "compare desired capacity with instances in service; on one of them: \
             systemctl status plimsoll-agent.",
            Missing::Breaching,
        ),
        ..silence(
            &format!("{group}-silent"),
            &MEM_USED_PERCENT,
            &[(AUTO_SCALING_GROUP, group)],
        )
    }
}

fn group_cpu(group: &str) -> Alarm {
    let alarm = Alarm {
        description: describe(
            &format!(
                "group {group} was on average over {} % busy for 15 minutes.",
                threshold::CPU_PERCENT
            ),
            "scaling out has not helped: the group is at its maximum or cannot launch.",
            "look at capacity on the dashboard; raise the maximum, or find what is new.",
            Missing::Unknown,
        ),
        statistic: Statistic::Average,
        comparison: Comparison::GreaterThan,
        threshold: threshold::CPU_PERCENT,
        missing: Missing::Unknown,
        ..base(
            &format!("{group}-cpu"),
            &CPU_USAGE_ACTIVE,
            &[(AUTO_SCALING_GROUP, group)],
        )
    };
    lasting(15, alarm)
}

fn group_memory(group: &str) -> Alarm {
    let alarm = Alarm {
        description: describe(
            &format!(
                "an instance of group {group} had over {} % of its memory in use for 5 minutes.",
                threshold::MEMORY_PERCENT
            ),
            "the kernel kills a process when memory runs out.",
            "find the instance on the dashboard, then the process; replace it if it leaks.",
            Missing::Unknown,
        ),
        comparison: Comparison::GreaterThan,
        threshold: threshold::MEMORY_PERCENT,
        missing: Missing::Unknown,
        ..base(
            &format!("{group}-memory"),
            &MEM_USED_PERCENT,
            &[(AUTO_SCALING_GROUP, group)],
        )
    };
    lasting(5, alarm)
}

fn group_disk(group: &str, path: &str) -> Alarm {
    let alarm = Alarm {
        description: describe(
            &format!(
                "{path} of an instance of group {group} is over {} % full.",
                threshold::DISK_PERCENT
            ),
            "writes fail when it is full, those of the application and of its logs alike.",
            "find the instance on the dashboard, then what grows; enlarge it or clean up.",
            Missing::Unknown,
        ),
        comparison: Comparison::GreaterThan,
        threshold: threshold::DISK_PERCENT,
        missing: Missing::Unknown,
        ..base(
            &format!("{group}-disk{}", name_of(path)),
            &DISK_USED_PERCENT,
            &[(AUTO_SCALING_GROUP, group), (PATH, path)],
        )
    };
    lasting(5, alarm)
}

/// A mount point as the end of an alarm's name: nothing for `/`, `-var-lib` for `/var/lib`.
fn name_of(path: &str) -> String {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.fold(String::new(), |name, part| format!("{name}-{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_follow_the_inventory_and_pass_the_linter() {
        let mut inventory = Inventory {
            region: "eu-west-1".to_owned(),
            ..Inventory::default()
        };
        assert_eq!(alarms(&inventory).len(), 6);
        inventory.sources = vec!["cloudtrail".to_owned()];
        inventory.auto_scaling_groups = vec!["web".to_owned(), "api".to_owned()];
        inventory.paths = vec!["/".to_owned(), "/var/lib".to_owned()];
        let all = alarms(&inventory);
        assert_eq!(all.len(), 7 + 2 * 5);
        assert!(
            all.iter()
                .any(|alarm| alarm.name == "plimsoll-web-disk-var-lib")
        );
        assert_eq!(crate::lint::alarms(&all), Vec::new());
    }
}
