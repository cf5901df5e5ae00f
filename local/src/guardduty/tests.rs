//! Findings: criteria, order, pages, files, samples.

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

fn finding(number: i64) -> Value {
    let json = serde_json::json!({
        "id": format!("{number:032x}"), "severity": (number % 9) + 1, "accountId": "123456789012",
        "type": if number % 2 == 0 { "Recon:EC2/PortProbeUnprotectedPort" } else { "Policy:S3/X" },
        "updatedAt": UnixMillis(NOW.0 - number * 1000).to_string(),
        "service": {"archived": number % 5 == 0, "count": 1},
        "resource": {"resourceType": "Instance", "s3BucketDetails": [{"name": "b"}]},
    });
    serde_json::from_value(json).expect("a value")
}

fn guardduty() -> GuardDuty {
    let mut guardduty = GuardDuty::new("123456789012", "us-east-1", NOW);
    (0..120).for_each(|number| guardduty.add(finding(number)));
    guardduty
}

fn call(guardduty: &mut GuardDuty, operation: &str, json: &str) -> Answer {
    let mut input: Value = serde_json::from_str(json).expect("valid test input");
    if let Value::Map(members) = &mut input {
        members.push(("detectorId".to_owned(), guardduty.detector().into()));
    }
    guardduty.call(&Call {
        operation: operation.to_owned(),
        input,
        now: NOW,
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    })
}

fn ids(answer: &Value) -> Vec<i64> {
    let ids = answer.member("findingIds").items();
    ids.iter()
        .map(|id| i64::from_str_radix(id.text().expect("text"), 16).expect("hexadecimal"))
        .collect()
}

#[test]
fn pages_of_fifty_end_with_an_empty_token() {
    let mut guardduty = guardduty();
    let (mut found, mut token) = (Vec::new(), String::new());
    for page in 1.. {
        let json = format!(r#"{{"nextToken":"{token}"}}"#);
        let answer = call(&mut guardduty, "ListFindings", &json).expect("valid");
        found.extend(ids(&answer));
        token = answer
            .member("nextToken")
            .text()
            .expect("always there")
            .to_owned();
        if token.is_empty() {
            assert_eq!(page, 3);
            break;
        }
    }
    assert_eq!(found, (0..120).collect::<Vec<_>>());
}

#[test]
fn criteria_select_by_every_operator() {
    let recent = NOW.0 - 10_000;
    for (criterion, expected) in [
        (r#"{"severity":{"greaterThanOrEqual":9}}"#.to_owned(), 13),
        (r#"{"severity":{"gt":8}}"#.to_owned(), 13),
        (r#"{"severity":{"eq":["9","8"]}}"#.to_owned(), 26),
        (r#"{"severity":{"lessThan":2}}"#.to_owned(), 14),
        (r#"{"type":{"equals":["Policy:S3/X"]}}"#.to_owned(), 60),
        (r#"{"type":{"notEquals":["Policy:S3/X"]}}"#.to_owned(), 60),
        (r#"{"service.archived":{"eq":["true"]}}"#.to_owned(), 24),
        (
            r#"{"service.archived":{"eq":["false"]},"type":{"eq":["Policy:S3/X"]}}"#.to_owned(),
            48,
        ),
        (
            r#"{"resource.s3BucketDetails.name":{"eq":["b"]}}"#.to_owned(),
            120,
        ),
        (format!(r#"{{"updatedAt":{{"gte":{recent}}}}}"#), 11),
        (
            format!(
                r#"{{"updatedAt":{{"lte":{recent},"gt":{}}}}}"#,
                recent - 5000
            ),
            5,
        ),
        (r#"{"nowhere":{"eq":["x"]}}"#.to_owned(), 0),
    ] {
        let mut guardduty = guardduty();
        let (mut count, mut token) = (0, String::new());
        loop {
            let json = format!(
                r#"{{"findingCriteria":{{"criterion":{criterion}}},"nextToken":"{token}"}}"#
            );
            let answer = call(&mut guardduty, "ListFindings", &json).expect("valid");
            count += ids(&answer).len();
            answer
                .member("nextToken")
                .text()
                .unwrap_or_default()
                .clone_into(&mut token);
            if token.is_empty() {
                break;
            }
        }
        assert_eq!(count, expected, "{criterion}");
    }
}

#[test]
fn findings_are_sorted_by_number_and_by_time() {
    let mut guardduty = guardduty();
    for (sort, first) in [
        (r#"{"attributeName":"updatedAt","orderBy":"ASC"}"#, 119),
        (r#"{"attributeName":"updatedAt","orderBy":"DESC"}"#, 0),
        (r#"{"attributeName":"severity","orderBy":"DESC"}"#, 8),
    ] {
        let json = format!(r#"{{"sortCriteria":{sort},"maxResults":1}}"#);
        let answer = call(&mut guardduty, "ListFindings", &json).expect("valid");
        assert_eq!(ids(&answer), [first], "{sort}");
    }
}

#[test]
fn bad_requests_are_refused() {
    let many: Vec<String> = (0..51).map(|number| format!("\"{number}\"")).collect();
    for (operation, json) in [
        ("ListFindings", r#"{"maxResults":51}"#.to_owned()),
        ("ListFindings", r#"{"nextToken":"x"}"#.to_owned()),
        (
            "ListFindings",
            r#"{"findingCriteria":{"criterion":{"severity":{"like":1}}}}"#.to_owned(),
        ),
        (
            "ListFindings",
            r#"{"sortCriteria":{"attributeName":"id","orderBy":"UP"}}"#.to_owned(),
        ),
        ("GetFindings", r#"{"findingIds":[]}"#.to_owned()),
        (
            "GetFindings",
            format!(r#"{{"findingIds":[{}]}}"#, many.join(",")),
        ),
        (
            "CreateSampleFindings",
            r#"{"findingTypes":["Nonsense"]}"#.to_owned(),
        ),
    ] {
        let refused = call(&mut guardduty(), operation, &json).expect_err(&json);
        assert_eq!(refused.shape, "BadRequestException", "{json}");
    }
    let mut guardduty = guardduty();
    guardduty.detector = "other".to_owned();
    let call = Call {
        operation: "ListFindings".to_owned(),
        input: Value::map([("detectorId", "x".into())]),
        now: NOW,
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    };
    assert!(
        guardduty
            .call(&call)
            .expect_err("foreign")
            .message
            .contains("not owned")
    );
}

#[test]
fn a_finding_can_be_read_archived_and_repeated() {
    let mut guardduty = guardduty();
    let id = format!("{:032x}", 3);
    let json = format!(r#"{{"findingIds":["{id}"]}}"#);
    call(&mut guardduty, "ArchiveFindings", &json).expect("valid");
    let answer = call(&mut guardduty, "GetFindings", &json).expect("valid");
    let found = &answer.member("findings").items()[0];
    assert_eq!(
        found.member("service").member("archived").boolean(),
        Some(true)
    );
    guardduty.add(finding(3));
    assert_eq!(guardduty.findings().len(), 120);
}

#[test]
fn samples_are_marked_and_made_once() {
    let mut guardduty = GuardDuty::new("123456789012", "us-east-1", NOW);
    for _ in 0..2 {
        call(&mut guardduty, "CreateSampleFindings", "{}").expect("valid");
    }
    assert_eq!(guardduty.findings().len(), 5);
    let title = |finding: &&Value| {
        finding
            .member("title")
            .text()
            .is_some_and(|title| title.starts_with("[SAMPLE] "))
    };
    assert!(guardduty.findings().iter().all(title));
}

#[test]
fn files_are_read_in_every_shape_and_bad_ones_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    let json = |number| serde_json::to_string(&finding(number)).expect("JSON");
    write("1.json", json(1));
    write(
        "2.json",
        format!(r#"{{"source":"aws.guardduty","detail":{}}}"#, json(2)),
    );
    write(
        "3.json",
        format!(
            r#"{{"Findings":[{{"Id":"x","Type":"T","Severity":5,"UpdatedAt":"2026-01-01T00:00:00Z","Service":{{"Archived":false}}}},{}]}}"#,
            json(3)
        ),
    );
    write("notes.txt", "not read".to_owned());
    let mut guardduty = GuardDuty::new("123456789012", "us-east-1", NOW);
    assert_eq!(guardduty.add_path(folder.path()).expect("readable"), 4);
    let lowered = guardduty.findings()[2];
    assert_eq!(
        lowered.member("service").member("archived").boolean(),
        Some(false)
    );
    write("4.json", r#"[{"id":"x"}]"#.to_owned());
    let error = guardduty
        .add_path(folder.path())
        .expect_err("incomplete")
        .to_string();
    assert!(error.ends_with("4.json: finding 1 has no type"), "{error}");
}
