//! One CloudTrail record → [`Activity`], and who made the call.
//!
//! Only what makes a record usable is asked for: its id, time, operation and service. Everything
//! else may be missing, null or of a later version; the whole record is kept for the rules.
//! Source: AWS CloudTrail user guide, "CloudTrail record contents" and "userIdentity element".

use jiff::Timestamp;
use plimsoll_core::clock::UnixMillis;
use serde_json::Value;

use super::Reason;
use crate::signal::{Activity, Principal};

/// An event id is a GUID of 36 characters. A longer one than this is none, and is not remembered.
/// Source: AWS CloudTrail user guide, "CloudTrail record contents".
const EVENT_ID_BYTES_MAX: usize = 128;

/// Reads a record.
///
/// # Errors
/// When it lacks what makes it usable, with a sentence for people.
pub fn read(record: Value) -> Result<Activity, (Reason, String)> {
    let usable = |id: &String| id.len() <= EVENT_ID_BYTES_MAX;
    let event_id = text(&record, &["eventID"]).filter(usable).ok_or((
        Reason::NoEventId,
        "the record has no usable eventID, so copies of it could not be told apart".to_owned(),
    ))?;
    let written = text(&record, &["eventTime"]);
    let time = written.as_deref().and_then(moment).ok_or_else(|| {
        let found = written.as_deref().unwrap_or("nothing");
        let what = format!("event {event_id} has {found} as eventTime");
        (Reason::NoEventTime, what)
    })?;
    let (Some(name), Some(source)) = (
        text(&record, &["eventName"]),
        text(&record, &["eventSource"]),
    ) else {
        let what = format!("event {event_id} has no eventName or no eventSource");
        return Err((Reason::NoEventName, what));
    };
    Ok(Activity {
        time,
        name,
        source,
        region: text(&record, &["awsRegion"]).unwrap_or_default(),
        account: text(&record, &["recipientAccountId"])
            .or_else(|| text(&record, &["userIdentity", "accountId"])),
        principal: principal(&record),
        source_ip: text(&record, &["sourceIPAddress"]),
        user_agent: text(&record, &["userAgent"]),
        error_code: text(&record, &["errorCode"]).or_else(|| failed_login(&record)),
        read_only: is_read_only(&record),
        event_id,
        record,
    })
}

/// Why signing in failed. Such events say so in `errorMessage` and have no `errorCode`.
/// Source: AWS CloudTrail user guide, "AWS Management Console sign-in events".
fn failed_login(record: &Value) -> Option<String> {
    let result = text(record, &["responseElements", "ConsoleLogin"])?;
    let failed = || text(record, &["errorMessage"]).unwrap_or_else(|| "Failure".to_owned());
    (result == "Failure").then(failed)
}

/// A time as AWS writes it: RFC 3339.
#[must_use]
pub fn moment(written: &str) -> Option<UnixMillis> {
    let time: Timestamp = written.parse().ok()?;
    Some(UnixMillis(time.as_millisecond()))
}

/// The text at a path of member names. Empty text counts as none.
#[must_use]
pub fn text(value: &Value, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(value, |value, name| value.get(name))?;
    match found {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether the call only reads. Older records do not say so; then the name does.
fn is_read_only(record: &Value) -> bool {
    record
        .get("readOnly")
        .and_then(Value::as_bool)
        .unwrap_or_else(|| {
            let name = record.get("eventName").and_then(Value::as_str);
            ["Get", "List", "Describe", "Head", "Lookup"]
                .iter()
                .any(|verb| name.is_some_and(|name| name.starts_with(verb)))
        })
}

/// Who made the call, under an ARN that is the same in every session.
fn principal(record: &Value) -> Principal {
    let identity = record.get("userIdentity").unwrap_or(&Value::Null);
    let kind = text(identity, &["type"]).unwrap_or_else(|| "Unknown".to_owned());
    let issuer = |name| text(identity, &["sessionContext", "sessionIssuer", name]);
    let own_arn = text(identity, &["arn"]);
    let account = text(identity, &["accountId"]);
    let arn = match kind.as_str() {
        "Root" => own_arn
            .filter(|arn| arn.ends_with(":root"))
            .or_else(|| account.map(|account| format!("arn:aws:iam::{account}:root"))),
        _ => issuer("arn").or_else(|| own_arn.map(|arn| role_of_session(&arn).unwrap_or(arn))),
    };
    let session = text(identity, &["principalId"])
        .and_then(|id| id.split_once(':').map(|(_, session)| session.to_owned()));
    let name = match (issuer("userName"), session) {
        _ if kind == "Root" => Some("root".to_owned()),
        (Some(role), Some(session)) => Some(format!("{role}/{session}")),
        (Some(role), None) => Some(role),
        (None, _) => text(identity, &["userName"])
            .or_else(|| text(identity, &["invokedBy"]))
            .or_else(|| text(identity, &["principalId"])),
    };
    Principal {
        kind,
        arn,
        name,
        access_key: text(identity, &["accessKeyId"]),
    }
}

/// `arn:aws:sts::1:assumed-role/R/session` → `arn:aws:iam::1:role/R`. Roles with a path lose it in
/// the session's ARN, which is why the issuer's own ARN is preferred where the record has one.
fn role_of_session(arn: &str) -> Option<String> {
    let (head, session) = arn.split_once(":assumed-role/")?;
    let (role, _) = session.split_once('/')?;
    let partition_and_account = head.strip_prefix("arn:")?;
    let (partition, account) = partition_and_account.split_once(":sts::")?;
    Some(format!("arn:{partition}:iam::{account}:role/{role}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record() -> Value {
        json!({
            "eventID": "e-1", "eventTime": "2026-11-24T12:00:00Z",
            "eventName": "StopLogging", "eventSource": "cloudtrail.amazonaws.com",
            "awsRegion": "eu-west-1", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a",
                             "userName": "a", "accessKeyId": "AKIAEXAMPLE"},
            "futureField": {"x": [1]}
        })
    }

    #[test]
    fn a_record_is_read_and_kept_whole() {
        let activity = read(record()).unwrap();
        assert_eq!(activity.time.to_string(), "2026-11-24T12:00:00.000Z");
        assert_eq!(activity.account.as_deref(), Some("111122223333"));
        assert_eq!(
            activity.principal.access_key.as_deref(),
            Some("AKIAEXAMPLE")
        );
        assert!(!activity.read_only);
        assert_eq!(activity.record["futureField"]["x"][0], 1);
    }

    #[test]
    fn a_record_without_what_makes_it_usable_is_refused_by_reason() {
        let check = |field: &str, value: Value, reason| {
            let mut record = record();
            record[field] = value;
            assert_eq!(read(record).unwrap_err().0, reason, "{field}");
        };
        check("eventID", Value::Null, Reason::NoEventId);
        check("eventID", json!(""), Reason::NoEventId);
        check("eventID", json!("x".repeat(1 << 20)), Reason::NoEventId);
        check("eventTime", Value::Null, Reason::NoEventTime);
        check("eventTime", json!("yesterday"), Reason::NoEventTime);
        check("eventName", json!(["x"]), Reason::NoEventName);
        check("eventSource", Value::Null, Reason::NoEventName);
        assert_eq!(read(json!("text")).unwrap_err().0, Reason::NoEventId);
        assert_eq!(read(json!([1])).unwrap_err().0, Reason::NoEventId);
    }

    #[test]
    fn a_login_that_failed_is_a_call_that_failed() {
        let mut login = record();
        login["responseElements"] = json!({"ConsoleLogin": "Failure"});
        login["errorMessage"] = json!("Failed authentication");
        let failed = read(login.clone()).unwrap().error_code;
        assert_eq!(failed.as_deref(), Some("Failed authentication"));
        login["responseElements"] = json!({"ConsoleLogin": "Success"});
        assert_eq!(read(login).unwrap().error_code, None);
    }

    #[test]
    fn a_principal_has_the_same_arn_in_every_session() {
        let check = |identity: Value, arn: Option<&str>, name: Option<&str>| {
            let mut record = record();
            record["userIdentity"] = identity;
            let principal = read(record).unwrap().principal;
            assert_eq!(
                (principal.arn.as_deref(), principal.name.as_deref()),
                (arn, name)
            );
        };
        check(
            json!({"type": "AssumedRole", "principalId": "AROA:alice",
                   "arn": "arn:aws:sts::1:assumed-role/Admin/alice",
                   "sessionContext": {"sessionIssuer":
                       {"arn": "arn:aws:iam::1:role/team/Admin", "userName": "Admin"}}}),
            Some("arn:aws:iam::1:role/team/Admin"),
            Some("Admin/alice"),
        );
        check(
            json!({"type": "AssumedRole", "arn": "arn:aws-cn:sts::1:assumed-role/Admin/alice"}),
            Some("arn:aws-cn:iam::1:role/Admin"),
            None,
        );
        check(
            json!({"type": "Root", "accountId": "1", "principalId": "1"}),
            Some("arn:aws:iam::1:root"),
            Some("root"),
        );
        check(
            json!({"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}),
            None,
            Some("autoscaling.amazonaws.com"),
        );
        check(Value::Null, None, None);
    }

    #[test]
    fn an_old_record_that_does_not_say_so_is_read_only_by_its_name() {
        for (name, read_only) in [("DescribeInstances", true), ("RunInstances", false)] {
            let mut record = record();
            record["eventName"] = json!(name);
            assert_eq!(read(record).unwrap().read_only, read_only, "{name}");
        }
    }
}
