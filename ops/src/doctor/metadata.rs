//! Instance metadata, and the clock against its.

use std::fs;
use std::path::Path;

use plimsoll_aws::Settings;
use plimsoll_aws::imds::{Identity, Imds, ImdsError};
use plimsoll_core::clock::{Clock, SystemClock, UnixMillis};

use super::Report;

/// Says "Amazon EC2" on an instance. Source: EC2 user guide, "Detect whether a host is an EC2
/// instance".
const VENDOR: &str = "sys/class/dmi/id/sys_vendor";
/// AWS's own variable that turns instance metadata off.
const VARIABLE: &str = "AWS_EC2_METADATA_DISABLED";
/// How far the clock may be off before AWS refuses signatures. Source: IAM user guide, "Signature
/// Version 4 request elements": five minutes.
const SKEW_MAX_MS: u64 = 300_000;
/// From this on something is wrong with the clock.
const SKEW_ODD_MS: u64 = 10_000;

/// Asks who this instance is. `root` is `/` but in tests.
pub async fn instance(settings: &Settings, root: &Path, report: &mut Report) -> Option<Identity> {
    let imds = Imds::new(settings);
    match imds.identity().await {
        Ok(identity) => {
            let tags = if identity.tags_shown {
                "shown"
            } else {
                "not shown"
            };
            report.fine(
                "imds",
                format!(
                    "version 2 answers: {}, {} in {}; tags are {tags}",
                    identity.instance_id, identity.instance_type, identity.availability_zone
                ),
            );
            difference(&imds, report).await;
            Some(identity)
        }
        Err(error) => {
            judge(&error, is_instance(root), report);
            None
        }
    }
}

fn is_instance(root: &Path) -> bool {
    fs::read_to_string(root.join(VENDOR)).is_ok_and(|vendor| vendor.trim() == "Amazon EC2")
}

fn judge(error: &ImdsError, is_instance: bool, report: &mut Report) {
    let options = "`aws ec2 modify-instance-metadata-options --instance-id INSTANCE";
    match error {
        ImdsError::Absent { .. } if !is_instance => {
            report.skip("imds", format!("this is no EC2 instance: {error}"));
        }
        ImdsError::Absent { .. } => report.fail(
            "imds",
            format!("{error}; inside a container the answer may need one hop more"),
            format!("{options} --http-put-response-hop-limit 2`, or the host's network for the container"),
        ),
        ImdsError::Disabled { why } if why.contains(VARIABLE) => report.warn(
            "imds",
            error.to_string(),
            format!("take {VARIABLE} out of the service's environment, unless it is meant"),
        ),
        ImdsError::Disabled { .. } => report.fail(
            "imds",
            error.to_string(),
            format!("{options} --http-endpoint enabled --http-tokens required`"),
        ),
        ImdsError::NotFound { .. } | ImdsError::Unavailable { .. } => report.warn(
            "imds",
            error.to_string(),
            "ask again; if it lasts, look for what else asks metadata often: its rate is limited",
        ),
    }
}

async fn difference(imds: &Imds, report: &mut Report) {
    match imds.date().await {
        Ok(Some(told)) => judge_clock(SystemClock.now(), told, report),
        Ok(None) | Err(_) => report.skip("clock", "instance metadata does not tell the time"),
    }
}

fn judge_clock(ours: UnixMillis, theirs: UnixMillis, report: &mut Report) {
    let skew = ours.0.abs_diff(theirs.0);
    let found = format!("{skew} ms from the clock of instance metadata");
    let remedy = "correct it: `chronyc makestep`, or `timedatectl set-ntp true`";
    if skew >= SKEW_MAX_MS {
        report.fail(
            "clock",
            format!("{found}: AWS refuses such signatures"),
            remedy,
        );
    } else if skew >= SKEW_ODD_MS {
        report.warn("clock", found, remedy);
    } else {
        report.fine("clock", found);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn metadata_that_does_not_answer_is_a_failure_on_an_instance_only() {
        let absent = ImdsError::Absent {
            why: "it did not answer in time".to_owned(),
        };
        let disabled = ImdsError::Disabled {
            why: "the instance refuses it (HTTP 403)".to_owned(),
        };
        let cases = [
            (&absent, false, Verdict::Skipped, ""),
            (&absent, true, Verdict::Failure, "hop-limit 2"),
            (&disabled, true, Verdict::Failure, "--http-endpoint enabled"),
        ];
        for (error, is_instance, verdict, remedy) in cases {
            let mut report = Report::default();
            judge(error, is_instance, &mut report);
            let found = report.0.pop().unwrap();
            assert_eq!(found.verdict, verdict);
            assert!(found.remedy.unwrap_or_default().contains(remedy));
        }
    }

    #[test]
    fn a_clock_that_is_minutes_off_is_a_failure() {
        let now = UnixMillis(1_795_500_000_000);
        for (off, verdict) in [
            (900, Verdict::Fine),
            (-20_000, Verdict::Warning),
            (301_000, Verdict::Failure),
            (-301_000, Verdict::Failure),
        ] {
            let mut report = Report::default();
            judge_clock(UnixMillis(now.0 + off), now, &mut report);
            assert_eq!(report.0[0].verdict, verdict, "{off}");
        }
    }
}
