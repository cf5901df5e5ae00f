//! Rules and the lines that they are about.

use super::*;
use crate::derive::json::Json;
use crate::derive::redact::Kind;

const TIME: UnixMillis = UnixMillis(1_800_000_000_000);

fn one(pattern: Option<&str>, value: Option<Place>, how: How) -> One {
    One {
        pattern: pattern.map(|pattern| Regex::new(pattern).unwrap()),
        conditions: Vec::new(),
        value,
        how,
        metric: metric("m", Unit::None, None),
        dimensions: Vec::new(),
        labels: Vec::new(),
    }
}

/// What lines come to, and how many had no good value.
fn told(one: One, fields: &[&str], lines: &[&str]) -> (Vec<(String, f64)>, u64) {
    let json = (!fields.is_empty()).then(|| Json {
        fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        ..Json::default()
    });
    let rules = Measures {
        rules: vec![Rule::One(Box::new(one))],
        json,
    };
    let redactor = Redactor::new(vec![Kind::Emails], Vec::new()).unwrap();
    let mut measured = Measured::default();
    let bad = lines.iter().map(|line| {
        let redactor = Some(&redactor);
        rules
            .measure(line.as_bytes(), TIME, redactor, &mut measured)
            .value
    });
    let bad = bad.sum();
    (measured.told(), bad)
}

fn values(told: &[(String, f64)]) -> Vec<f64> {
    told.iter().map(|(_, value)| *value).collect()
}

#[test]
fn a_pattern_counts_lines_or_tells_a_value_and_dimensions() {
    let lines = ["a 1.5 ms", "b 2e3 ms", "c x ms", "nothing"];
    let (counted, bad) = told(one(Some(" ms$"), None, How::Sum), &[], &lines);
    assert_eq!((values(&counted), bad), (vec![1.0; 3], 0));
    let mut timed = one(
        Some("^(.) (.+) ms$"),
        Some(Place::Group(2)),
        How::Distribution,
    );
    timed.dimensions = vec![(Arc::from("Who"), Place::Group(1))];
    timed.labels = vec![(Arc::from("Service"), Arc::from("shop"))];
    let (told, bad) = told(timed, &[], &lines);
    let expected = [
        ("m Service=shop Who=a", 1.5),
        ("m Service=shop Who=b", 2000.0),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(bad, 1, "a match without a number is told");
}

#[test]
fn fields_of_json_are_conditions_values_and_dimensions() {
    let lines = [
        r#"{"level":"ERROR","code":"E1","took":12}"#,
        r#"{"level":"INFO","code":"E1","took":1}"#,
        r#"{"level":"ERROR","took":"3.5"}"#,
        r#"{"level":"ERROR","took":{}}"#,
        r#"{"level":"ERROR"}"#,
        "ERROR",
    ];
    let mut rule = one(None, Some(Place::Field("took".to_owned())), How::Last);
    rule.conditions = vec![("level".to_owned(), "ERROR".to_owned())];
    rule.dimensions = vec![(Arc::from("code"), Place::Field("code".to_owned()))];
    let (told, bad) = told(rule, &["level", "code", "took"], &lines);
    let expected = [("m code=E1", 12.0), ("m code=unknown", 3.5)];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value)));
    assert_eq!(
        bad, 1,
        "a field that is not there is not meant, one that is no number is"
    );
}

#[test]
fn no_value_makes_a_wrong_number() {
    for bad in ["NaN", "inf", "1e999", "-1", "1,5", "", "0x10"] {
        let rule = one(Some("^v=(.*)$"), Some(Place::Group(1)), How::Sum);
        let line = format!("v={bad}");
        assert_eq!(told(rule, &[], &[&line]), (Vec::new(), 1), "{bad}");
    }
}

#[test]
fn a_dimension_tells_nothing_that_is_redacted() {
    let mut rule = one(Some("user=(.*)$"), None, How::Sum);
    rule.dimensions = vec![(Arc::from("User"), Place::Group(1))];
    let (told, _) = told(rule, &[], &["user=anna@example.com"]);
    assert_eq!(told[0].0, "m User=[redacted:email]");
}
