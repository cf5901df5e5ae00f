//! A text full of GuardDuty findings → findings.
//!
//! The text may be one finding, a list, one a line (as GuardDuty exports them to S3), the answer
//! of GetFindings, or EventBridge's envelope around a finding. EventBridge and S3 write
//! `camelCase`, the API `PascalCase`; both are read.
//! Source: Amazon GuardDuty user guide, "Findings format"; API reference, `Finding`.

use serde_json::{Map, Value};

use super::activity::{moment, text};
use super::cloudtrail::{parse, problem};
use super::json::Pieces;
use super::{Closed, Gather, Reason};
use crate::signal::{GuardDutyFinding, Signal};

/// A finding of more bytes as JSON is refused. EventBridge takes less than 1 MB.
/// Source: Amazon EventBridge quotas, 2026.
pub const FINDING_BYTES_MAX: usize = 2 * 1024 * 1024;

/// An id or ARN of more bytes is none: AWS's ARNs stay below. It is remembered for 90 days.
const ARN_BYTES_MAX: usize = 1024;

/// Keys under which an answer holds its list of findings.
const LIST_KEYS: &[&str] = &["Findings", "findings"];

/// Reads every finding of `text` into `gather`.
///
/// # Errors
/// When the pipeline has ended.
pub fn read(text: &str, origin: &str, gather: &mut Gather<'_>) -> Result<(), Closed> {
    for piece in Pieces::new(text, LIST_KEYS) {
        let bytes = piece.value.map_or(0, str::len);
        match parse(&piece, FINDING_BYTES_MAX).and_then(finding) {
            Ok(finding) => gather.signal(Signal::Finding(Box::new(finding)), bytes)?,
            Err((reason, detail)) => gather.problem(problem(origin, &piece, reason, detail))?,
        }
    }
    Ok(())
}

/// Reads one finding, in EventBridge's envelope or without.
///
/// # Errors
/// When it lacks what makes it usable, with a sentence for people.
pub fn finding(value: Value) -> Result<GuardDutyFinding, (Reason, String)> {
    let detail = in_camel_case(without_envelope(value));
    let lacks = |what: &str| {
        let id = text(&detail, &["id"]).unwrap_or_else(|| "without id".to_owned());
        (
            Reason::IncompleteFinding,
            format!("finding {id} has no usable {what}"),
        )
    };
    let need = |name: &str| text(&detail, &[name]).ok_or_else(|| lacks(name));
    let time = |path: &[&str]| text(&detail, path).as_deref().and_then(moment);
    let short = |found: &String| found.len() <= ARN_BYTES_MAX;
    let id = Some(need("id")?).filter(short).ok_or_else(|| lacks("id"))?;
    let kind = need("type")?;
    let severity = detail
        .get("severity")
        .and_then(Value::as_f64)
        .ok_or_else(|| lacks("severity"))?;
    let updated = time(&["updatedAt"]).ok_or_else(|| lacks("updatedAt"))?;
    let first_seen = time(&["service", "eventFirstSeen"])
        .or_else(|| time(&["createdAt"]))
        .unwrap_or(updated);
    let last_seen = time(&["service", "eventLastSeen"]).unwrap_or(updated);
    let account = text(&detail, &["accountId"]);
    let region = text(&detail, &["region"]);
    let service = |name| detail.get("service").and_then(|service| service.get(name));
    Ok(GuardDutyFinding {
        arn: text(&detail, &["arn"])
            .filter(short)
            .unwrap_or_else(|| stand_in_arn(account.as_deref(), region.as_deref(), &id)),
        title: text(&detail, &["title"]).unwrap_or_else(|| kind.clone()),
        description: text(&detail, &["description"]).unwrap_or_default(),
        count: service("count").and_then(Value::as_u64).unwrap_or(1),
        archived: service("archived").and_then(Value::as_bool) == Some(true),
        sample: is_sample(&detail),
        id,
        kind,
        severity,
        account,
        region,
        updated,
        first_seen: first_seen.min(last_seen),
        last_seen: last_seen.max(first_seen),
        detail,
    })
}

/// What identifies a finding that came without its ARN.
fn stand_in_arn(account: Option<&str>, region: Option<&str>, id: &str) -> String {
    format!(
        "guardduty:{}:{}:{id}",
        account.unwrap_or_default(),
        region.unwrap_or_default()
    )
}

/// Whether somebody made the finding to try the alarm out. The mark is a boolean or, in exports, a
/// text of JSON. Source: Amazon GuardDuty user guide, "Sample findings".
fn is_sample(detail: &Value) -> bool {
    let info = detail.pointer("/service/additionalInfo");
    let direct = info.and_then(|info| info.get("sample"));
    let inside = info
        .and_then(|info| info.get("value"))
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let in_text = inside.as_ref().and_then(|value| value.get("sample"));
    [direct, in_text]
        .into_iter()
        .flatten()
        .any(|sample| sample.as_bool() == Some(true) || sample.as_str() == Some("true"))
}

fn without_envelope(mut value: Value) -> Value {
    let is_event = value.get("detail-type").is_some();
    match value.get_mut("detail") {
        Some(detail) if is_event => detail.take(),
        _ => value,
    }
}

/// Makes `Id` into `id` at every level, if the finding is in the API's spelling.
fn in_camel_case(value: Value) -> Value {
    if value.get("id").is_some() || value.get("Id").is_none() {
        return value;
    }
    lower_first_letters(value)
}

/// The depth is bounded by the parser.
fn lower_first_letters(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(lower_first_letters).collect(),
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| (lower_first(&name), lower_first_letters(value)))
                .collect::<Map<_, _>>(),
        ),
        other => other,
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::support::gathered;
    use super::*;
    use serde_json::json;

    fn example() -> Value {
        json!({
            "id": "f1", "arn": "arn:f1", "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
            "severity": 8, "title": "T", "description": "D", "accountId": "111122223333",
            "region": "eu-west-1", "createdAt": "2026-11-24T10:00:00.000Z",
            "updatedAt": "2026-11-24T11:00:00.000Z",
            "service": {"count": 3, "archived": false,
                        "eventFirstSeen": "2026-11-24T09:00:00Z",
                        "eventLastSeen": "2026-11-24T10:59:00Z"}
        })
    }

    fn in_pascal_case(value: Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| {
                        let mut letters = name.chars();
                        let first = letters.next().unwrap().to_ascii_uppercase();
                        let upper: String = [first].into_iter().chain(letters).collect();
                        (upper, in_pascal_case(value))
                    })
                    .collect(),
            ),
            other => other,
        }
    }

    #[test]
    fn every_shape_gives_the_same_finding() {
        let expected = finding(example()).unwrap();
        assert_eq!(expected.count, 3);
        assert_eq!(expected.first_seen, moment("2026-11-24T09:00:00Z").unwrap());
        let envelope = json!({"source": "aws.guardduty", "detail-type": "GuardDuty Finding",
                              "detail": example()});
        for text in [
            example().to_string(),
            format!("[{}]", example()),
            format!("{envelope}\n"),
            json!({"Findings": [in_pascal_case(example())]}).to_string(),
        ] {
            let unit = gathered(|gather| read(&text, "file", gather));
            let signal = Signal::Finding(Box::new(expected.clone()));
            assert_eq!(unit.signals, [signal], "{text}");
        }
    }

    #[test]
    fn a_finding_that_cannot_be_used_is_counted_and_loses_no_other() {
        for field in ["id", "type", "severity", "updatedAt"] {
            let mut bad = example();
            bad[field] = json!("");
            let text = format!("{bad}\n{}", example());
            let unit = gathered(|gather| read(&text, "file", gather));
            assert_eq!(unit.signals.len(), 1, "{field}");
            assert_eq!(unit.problems[0].reason, Reason::IncompleteFinding);
            assert!(unit.problems[0].detail.contains(field));
        }
    }

    #[test]
    fn samples_are_marked_in_both_ways_that_guardduty_writes() {
        assert!(!finding(example()).unwrap().sample);
        for info in [
            json!({"sample": true}),
            json!({"type": "default", "value": "{\"sample\":true}"}),
        ] {
            let mut sample = example();
            sample["service"]["additionalInfo"] = info;
            assert!(finding(sample).unwrap().sample);
        }
    }
}
