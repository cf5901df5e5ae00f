//! Region, credentials, and what to do about each error of AWS.

use std::time::Duration;

use plimsoll_aws::{Clients, Error, Settings};
use plimsoll_core::clock::{Clock, SystemClock};
use plimsoll_core::error::chain;

use super::Report;

/// Credentials that end sooner are worth a word; those of an instance are renewed before.
const EXPIRES_SOON: Duration = Duration::from_mins(5);

/// The clients, if there is a Region to call and somebody to call as.
pub async fn connect(settings: &Settings, report: &mut Report) -> Option<Clients> {
    match Clients::connect(settings).await {
        Ok(clients) => {
            report.fine("region", format!("calls go to {}", clients.region()));
            credentials(&clients, report).await.then_some(clients)
        }
        Err(error) => {
            report.fail(
                "region",
                chain(&error),
                "set `aws.region`, or AWS_REGION for the service",
            );
            None
        }
    }
}

async fn credentials(clients: &Clients, report: &mut Report) -> bool {
    match clients.credentials().await {
        Err(error) => {
            report.fail("credentials", error.to_string(), remedy(&error));
            false
        }
        Ok(found) => {
            let now = SystemClock.now();
            let left = found.expires.map(|at| at.since(now));
            let source = found.source;
            match left {
                Some(left) if left < EXPIRES_SOON => report.warn(
                    "credentials",
                    format!("from {source}, which end in {} s", left.as_secs()),
                    "renew them, unless whoever gives them does",
                ),
                Some(left) => {
                    let minutes = left.as_secs() / 60;
                    report.fine(
                        "credentials",
                        format!("from {source}, valid for {minutes} minutes"),
                    );
                }
                None => report.fine("credentials", format!("from {source}, without an end")),
            }
            true
        }
    }
}

/// A call has failed.
pub fn has_failed(check: &str, error: &Error, report: &mut Report) {
    match error {
        Error::Throttled { .. } => report.warn(check, error.to_string(), remedy(error)),
        _ => report.fail(check, error.to_string(), remedy(error)),
    }
}

/// What to do about a call that failed.
fn remedy(error: &Error) -> String {
    match error {
        Error::Denied { why, .. } if why.contains("no credentials") => {
            "give the instance a profile with the role of docs/permissions.md, or set `aws.profile`"
                .to_owned()
        }
        Error::Denied { action, .. } => {
            format!("allow {action} to the role of this host; see docs/permissions.md")
        }
        Error::Throttled { .. } => "ask again; if it lasts, ask for a higher quota".to_owned(),
        Error::Unavailable { why, .. } | Error::Unreachable { why, .. } => {
            by_network(why).to_owned()
        }
        Error::NotFound { .. } | Error::Rejected { .. } => {
            "correct what the configuration names".to_owned()
        }
    }
}

/// The remedy by the words of the network's errors.
fn by_network(why: &str) -> &'static str {
    let why = why.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["lookup", "dns", "resolve"]) {
        "the name has no address: look at /etc/resolv.conf, `aws.region`, and the VPC's DNS settings"
    } else if says(&["certificate", "tls", "handshake"]) {
        "TLS fails: set `aws.ca_bundle` if a proxy looks into it, or install ca-certificates"
    } else if says(&["proxy", "tunnel"]) {
        "the proxy does not let it through: look at `aws.proxy` and `aws.no_proxy`"
    } else {
        "nothing answers: allow TCP 443 in security group and route, add a VPC endpoint for the \
         service, or set `aws.proxy`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_own_remedy() {
        let unreachable = |why: &str| Error::Unreachable {
            call: "PutLogEvents",
            why: why.to_owned(),
        };
        let denied = |why: &str| Error::Denied {
            call: "PutLogEvents",
            action: "logs:PutLogEvents",
            why: why.to_owned(),
        };
        let cases = [
            (
                unreachable("dns error: failed to lookup address information"),
                "resolv.conf",
            ),
            (
                unreachable("invalid peer certificate: UnknownIssuer"),
                "aws.ca_bundle",
            ),
            (unreachable("tunnel error: unsuccessful"), "aws.proxy"),
            (
                unreachable("Connection refused (os error 111)"),
                "VPC endpoint",
            ),
            (denied("no credentials: none found"), "profile"),
            (denied("User is not authorized"), "allow logs:PutLogEvents"),
        ];
        for (error, expected) in cases {
            assert!(
                remedy(&error).contains(expected),
                "{error}: {}",
                remedy(&error)
            );
        }
    }
}
