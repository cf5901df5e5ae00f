//! Whether a Region is new to an account.
//!
//! Without a list of the Regions in use, the account is watched first: for [`Regions::learning`]
//! from its earliest change on no Region counts as new, because every one would. After that a
//! Region is new for [`Regions::new_for`] from the first change that was made in it, so that all
//! launches of one wave are seen and not just the first. Both are times of events, not of their
//! arrival: feeding recorded history teaches as well as waiting does. What arrives late can still show that a
//! Region was in use; what was told by then stays told. With a list
//! ([`Regions::home`]) there is nothing to learn: what is not on it is new.
//!
//! Only changes count as use. Reading (`Describe…`) is what an intruder does in every Region first,
//! and the console does it by itself; calls that failed used nothing; events of services and of
//! global services say nothing about the Region they are booked in.

use std::collections::BTreeSet;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::Novelty;
use crate::signal::Activity;

/// Services whose events are all booked in one Region, whatever Region they concern.
/// Source: AWS CloudTrail user guide, "Global service events".
const GLOBAL_SERVICES: [&str; 8] = [
    "iam.amazonaws.com",
    "sts.amazonaws.com",
    "signin.amazonaws.com",
    "cloudfront.amazonaws.com",
    "route53.amazonaws.com",
    "organizations.amazonaws.com",
    "support.amazonaws.com",
    "health.amazonaws.com",
];

/// What counts as a new Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions {
    /// Regions in use. With any in here, no other has to be learned.
    pub home: BTreeSet<String>,
    /// How long an account is watched before a Region can be new. Default: 7 days, so that every
    /// weekday was seen.
    pub learning: Duration,
    /// How long a Region stays new. Default: 24 hours.
    pub new_for: Duration,
}

impl Default for Regions {
    fn default() -> Self {
        Self {
            home: BTreeSet::new(),
            learning: Duration::from_hours(7 * 24),
            new_for: Duration::from_hours(24),
        }
    }
}

/// Whether an activity shows that its Region is in use.
#[must_use]
pub fn is_use(activity: &Activity) -> bool {
    !activity.read_only
        && activity.error_code.is_none()
        && !activity.region.is_empty()
        && activity.principal.kind != "AWSService"
        && !GLOBAL_SERVICES.contains(&activity.source.as_str())
}

impl Regions {
    /// What is new about an activity. `account_since` is when the account was first seen and
    /// `region_since` when its Region was first used; both include this activity.
    #[must_use]
    pub fn novelty(
        &self,
        activity: &Activity,
        account_since: UnixMillis,
        region_since: UnixMillis,
    ) -> Novelty {
        let new_region = if self.home.is_empty() {
            activity.time.since(account_since) >= self.learning
                && activity.time.since(region_since) < self.new_for
        } else {
            !self.home.contains(&activity.region)
        };
        Novelty { new_region }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::activity;
    use serde_json::json;

    const HOUR: i64 = 3_600_000;

    fn launch() -> serde_json::Value {
        json!({"eventID": "e", "eventTime": "2026-11-24T12:00:00Z", "eventName": "RunInstances",
               "eventSource": "ec2.amazonaws.com", "awsRegion": "eu-north-1", "readOnly": false,
               "userIdentity": {"type": "IAMUser"}})
    }

    #[test]
    fn a_region_is_new_for_a_day_once_the_account_is_known() {
        let activity = activity::read(launch()).unwrap();
        let before = |hours: i64| UnixMillis(activity.time.0 - hours * HOUR);
        let regions = Regions::default();
        for (account, region, new) in [
            (0, 0, false),
            (7 * 24 - 1, 0, false),
            (7 * 24, 0, true),
            (400, 23, true),
            (400, 24, false),
            (400, 400, false),
        ] {
            let found = regions.novelty(&activity, before(account), before(region));
            assert_eq!(found.new_region, new, "{account} h, {region} h");
        }
    }

    #[test]
    fn with_a_list_of_regions_there_is_nothing_to_learn() {
        let activity = activity::read(launch()).unwrap();
        let with = |home: &str| Regions {
            home: BTreeSet::from([home.to_owned()]),
            ..Regions::default()
        };
        let now = activity.time;
        assert!(with("eu-west-1").novelty(&activity, now, now).new_region);
        assert!(!with("eu-north-1").novelty(&activity, now, now).new_region);
    }

    #[test]
    fn only_a_change_that_worked_in_a_regional_service_is_use() {
        let check = |field: &str, value: serde_json::Value, expected: bool| {
            let mut record = launch();
            record[field] = value;
            let activity = activity::read(record).unwrap();
            assert_eq!(is_use(&activity), expected, "{field}");
        };
        check("x", json!(1), true);
        check("readOnly", json!(true), false);
        check("errorCode", json!("Client.UnauthorizedOperation"), false);
        check("eventSource", json!("iam.amazonaws.com"), false);
        check("userIdentity", json!({"type": "AWSService"}), false);
        check("awsRegion", json!(null), false);
    }
}
