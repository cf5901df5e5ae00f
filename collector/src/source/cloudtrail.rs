//! A text full of CloudTrail records → activities.
//!
//! The text may be a file as CloudTrail writes it (`{"Records":[…]}`), one record, a list, or one
//! record a line. Digest files, which sign the log files, hold no records and are passed over;
//! so are Insights events, which describe rates of calls and no call.

use serde_json::Value;

use super::json::{Piece, Pieces, sample};
use super::{Closed, Gather, Problem, Reason, activity};
use crate::signal::Signal;

/// A record of more bytes as JSON is refused. CloudTrail's own limit is 256 KB, and what arrives
/// through other roads stays under SQS's limit of 1 MiB.
/// Source: AWS CloudTrail user guide, quotas; Amazon SQS quotas.
pub const RECORD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Keys under which a file holds its list of records.
const LIST_KEYS: &[&str] = &["Records"];

/// Whether a path or key is of a tree that holds no records.
/// Source: AWS CloudTrail user guide, "CloudTrail log file integrity validation".
#[must_use]
pub fn holds_no_records(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "CloudTrail-Digest" | "CloudTrail-Insight"))
}

/// Reads every record of `text` into `gather`.
///
/// # Errors
/// When the pipeline has ended.
pub fn read(text: &str, origin: &str, gather: &mut Gather<'_>) -> Result<(), Closed> {
    for piece in Pieces::new(text, LIST_KEYS) {
        match parse(&piece, RECORD_BYTES_MAX) {
            Ok(record) => take(record, &piece, origin, gather)?,
            Err((reason, detail)) => gather.problem(problem(origin, &piece, reason, detail))?,
        }
    }
    Ok(())
}

/// Reads one record that is JSON already.
fn take(
    record: Value,
    piece: &Piece<'_>,
    origin: &str,
    gather: &mut Gather<'_>,
) -> Result<(), Closed> {
    if record.get("digestStartTime").is_some() {
        gather.skip("digest");
        return Ok(());
    }
    if record.get("eventCategory").and_then(Value::as_str) == Some("Insight") {
        gather.skip("insight");
        return Ok(());
    }
    match activity::read(record) {
        Ok(activity) => {
            let bytes = piece.value.map_or(0, str::len);
            gather.signal(Signal::Activity(Box::new(activity)), bytes)
        }
        Err((reason, detail)) => gather.problem(problem(origin, piece, reason, detail)),
    }
}

/// Parses a piece that is at most `bytes_max` long.
///
/// # Errors
/// Why there is no value, with a sentence for people.
pub(super) fn parse(piece: &Piece<'_>, bytes_max: usize) -> Result<Value, (Reason, String)> {
    let text = piece.value.map_err(|broken| {
        let what = match broken.reason {
            Reason::TruncatedJson => "the text ends inside this value",
            _ => "this is not JSON",
        };
        (broken.reason, what.to_owned())
    })?;
    if text.len() > bytes_max {
        let what = format!("{} bytes, at most {bytes_max} are read", text.len());
        return Err((Reason::TooLarge, what));
    }
    serde_json::from_str(text).map_err(|error| (Reason::BrokenJson, error.to_string()))
}

/// What is wrong with a piece, with its place.
pub(super) fn problem(origin: &str, piece: &Piece<'_>, reason: Reason, detail: String) -> Problem {
    let text = piece.value.unwrap_or_else(|broken| broken.sample);
    Problem {
        reason,
        origin: origin.to_owned(),
        place: format!("record {}, byte {}", piece.index + 1, piece.byte),
        detail,
        sample: sample(text).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::support::gathered;
    use super::*;

    fn record(id: &str) -> String {
        serde_json::json!({
            "eventID": id, "eventTime": "2026-11-24T12:00:00Z", "eventName": "X",
            "eventSource": "ec2.amazonaws.com", "awsRegion": "eu-west-1"
        })
        .to_string()
    }

    #[track_caller]
    fn check(text: &str, ids: &[&str], reasons: &[Reason]) {
        let unit = gathered(|gather| read(text, "file", gather));
        let found: Vec<&str> = unit
            .signals
            .iter()
            .map(|signal| match signal {
                Signal::Activity(activity) => activity.event_id.as_str(),
                _ => "not an activity",
            })
            .collect();
        let why: Vec<Reason> = unit.problems.iter().map(|problem| problem.reason).collect();
        assert_eq!(
            (found.as_slice(), why.as_slice()),
            (ids, reasons),
            "{text:.200}"
        );
    }

    #[test]
    fn bad_records_are_counted_by_reason_and_lose_no_other() {
        let (a, b) = (record("a"), record("b"));
        let deep = format!("{{\"x\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let big = record("c").replace("\"X\"", &format!("\"{}\"", "X".repeat(RECORD_BYTES_MAX)));
        for (bad, reason) in [
            ("{}", Reason::NoEventId),
            (r#"{"eventID":"x"}"#, Reason::NoEventTime),
            (r#"{"eventID":"x" "y"}"#, Reason::BrokenJson),
            (r#"{"eventID":"\ud800"}"#, Reason::BrokenJson),
            (deep.as_str(), Reason::BrokenJson),
            (big.as_str(), Reason::TooLarge),
        ] {
            let lines = format!("{a}\n{bad}\n{b}");
            let list = format!("{{\"Records\":[\n{a},\n{bad},\n{b}]}}");
            check(&lines, &["a", "b"], &[reason]);
            check(&list, &["a", "b"], &[reason]);
        }
        check(
            &format!("{{\"Records\":[{a},{{\"ev"),
            &["a"],
            &[Reason::TruncatedJson],
        );
    }

    #[test]
    fn an_event_of_a_mebibyte_is_read() {
        let large = record("a").replace("\"X\"", &format!("\"{}\"", "X".repeat(1 << 20)));
        check(&large, &["a"], &[]);
    }

    #[test]
    fn digests_and_insights_are_passed_over_and_counted() {
        let text = r#"{"digestStartTime":"x","logFiles":[{"hashValue":"y"}]}
            {"eventCategory":"Insight","eventID":"i"}"#;
        let unit = gathered(|gather| read(text, "file", gather));
        assert_eq!(unit.skipped.get("digest"), Some(&1));
        assert_eq!(unit.skipped.get("insight"), Some(&1));
        assert!(unit.signals.is_empty() && unit.problems.is_empty());
        assert!(holds_no_records(
            "AWSLogs/1/CloudTrail-Digest/eu-west-1/x.json.gz"
        ));
        assert!(!holds_no_records(
            "AWSLogs/1/CloudTrail/eu-west-1/x.json.gz"
        ));
    }
}
