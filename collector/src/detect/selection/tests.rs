//! What holds for which events.

use super::*;
use serde_json::json;

fn selection(yaml: &str) -> Result<Selection, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let selection = Selection::parse(&Node::parse("f", yaml).unwrap(), &mut wrong);
    if wrong.is_empty() {
        Ok(selection)
    } else {
        Err(wrong)
    }
}

#[track_caller]
fn check(yaml: &str, expected: bool) {
    let record = json!({
        "name": "StopLogging", "n": 22, "text": "22", "yes": true, "nothing": null,
        "ip": "10.1.2.3", "ip6": "2001:db8::1", "bad_ip": "06.237.252.245",
        "object": {"inner": {"deep": "VALUE"}}, "list": [{"v": "a"}, {"v": "b"}],
        "star": "a*b", "path": "C:\\x", "empty": [],
        "time": "2026-11-24T18:30:05Z", "other": "stoplogging", "part": "Logging",
        "command": "tool.exe \u{2013}enc Y3VybCBodHRwOi8vZXhhbXBsZQ==", "lines": "one\ntwo"
    });
    let event = Event {
        record: &record,
        member: None,
    };
    assert_eq!(selection(yaml).unwrap().holds(event), expected, "{yaml}");
}

#[test]
fn fields_compare_as_sigma_says() {
    for (yaml, expected) in [
        ("name: stoplogging", true),
        ("name|cased: stoplogging", false),
        ("name: Stop", false),
        ("name: Stop*", true),
        ("name: S?opLogging", true),
        ("name: [StartLogging, StopLogging]", true),
        ("name|contains: plog", true),
        ("name|contains|all: [stop, logging]", true),
        ("name|contains|all: [stop, start]", false),
        ("name|startswith: stop", true),
        ("name|endswith: ging", true),
        ("name|endswith: gin", false),
        ("name|re: '^Stop(Logging|X)$'", true),
        ("name|re: '^stop'", false),
        ("{name: StopLogging, n: 22}", true),
        ("{name: StopLogging, n: 23}", false),
        ("[{name: X}, {n: 22}]", true),
        ("star: 'a\\*b'", true),
        ("star|contains: 'a\\*'", true),
        ("name: 'a\\*b'", false),
        ("path: 'c:\\x'", true),
    ] {
        check(yaml, expected);
    }
}

#[test]
fn values_that_are_no_text_compare_too() {
    for (yaml, expected) in [
        ("n: 22", true),
        ("n: '22'", true),
        ("text: 22", true),
        ("yes: true", true),
        ("yes: false", false),
        ("nothing: null", true),
        ("absent: null", true),
        ("empty: null", true),
        ("name: null", false),
        ("nothing|exists: true", true),
        ("absent|exists: false", true),
        ("name|exists: false", false),
        ("n|gt: 21", true),
        ("n|gt: 22", false),
        ("n|gte: 22", true),
        ("text|lt: 23", true),
        ("n|lte: 21.5", false),
        ("name|gt: 1", false),
        ("object.inner.deep: value", true),
        ("object|contains: '\"deep\":\"value\"'", true),
        ("list.v: b", true),
        ("list.v|contains|all: [a, b]", true),
        ("ip|cidr: 10.0.0.0/8", true),
        ("ip|cidr: [192.168.0.0/16, 10.1.2.3/32]", true),
        ("ip|cidr: 10.0.0.0/16", false),
        ("ip|cidr: 0.0.0.0/0", true),
        ("ip6|cidr: 2001:db8::/32", true),
        ("ip6|cidr: 0.0.0.0/0", false),
        ("bad_ip|cidr: 0.0.0.0/0", false),
    ] {
        check(yaml, expected);
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_line_and_key() {
    for (yaml, line, key, part) in [
        ("a: 1\nname|windsh: x", 2, "name|windsh", "contains, "),
        ("name|expand: '%x%'", 1, "name|expand", "refused"),
        ("name|wide: x", 1, "name|wide", "base64"),
        ("name|i: x", 1, "name|i", "behind `re`"),
        ("n|fieldref|gt: text", 1, "n|fieldref|gt", "texts"),
        ("n|hour|contains: 1", 1, "n|hour|contains", "number"),
        (
            "name|contains|startswith: x",
            1,
            "name|contains|startswith",
            "together",
        ),
        ("name|re:\n  - '('", 2, "name|re", "regular expression"),
        ("ip|cidr: 10.0.0.0/33", 1, "ip|cidr", "10.0.0.0/33"),
        ("ip|cidr: ten", 1, "ip|cidr", "network"),
        ("a|exists: maybe", 1, "a|exists", "true or false"),
        ("a|gt: many", 1, "a|gt", "number"),
        ("a: []", 1, "a", "empty list"),
        ("a: {b: c}", 1, "a", "must be text"),
        ("{'|all': x, a: b}", 1, "|all", "map of their own"),
    ] {
        let wrong = selection(yaml).unwrap_err();
        let (found_line, found_key, what) = &wrong[0];
        assert_eq!(
            (*found_line, found_key.as_str()),
            (line, key),
            "{yaml}: {what}"
        );
        assert!(what.contains(part), "{yaml}: {what}");
    }
}

#[test]
fn every_modifier_of_the_specification_does_what_it_says() {
    for (yaml, expected) in [
        ("name|neq: StartLogging", true),
        ("name|neq: StopLogging", false),
        ("absent|neq: x", true),
        ("name|neq: [StopLogging, x]", false),
        ("name|re|i: '^stop'", true),
        ("lines|re: '^two$'", false),
        ("lines|re|m: '^two$'", true),
        ("lines|re: 'one.two'", false),
        ("lines|re|s: 'one.two'", true),
        ("name|fieldref: other", true),
        ("name|fieldref|cased: other", false),
        ("name|fieldref: text", false),
        ("name|fieldref: absent", false),
        ("name|fieldref|endswith: part", true),
        ("name|fieldref|startswith: part", false),
        ("name|neq|fieldref: text", true),
        ("time|hour: 18", true),
        ("time|hour|gte: 19", false),
        ("time|minute|lt: 31", true),
        ("time|day: 24", true),
        ("time|week: 48", true),
        ("time|month: 11", true),
        ("time|year|gt: 2025", true),
        ("name|hour: 18", false),
        ("command|contains|windash: ' -enc '", true),
        ("command|contains|windash: ' /enc '", true),
        ("command|contains: ' -enc '", false),
        ("command|contains|windash: ' -x '", false),
        ("command|base64offset|contains: 'url http'", true),
        ("command|base64offset|contains: 'wget'", false),
        ("command|contains|base64: 'curl http://example'", true),
        ("command|base64: 'curl http://example'", false),
    ] {
        check(yaml, expected);
    }
}

#[test]
fn words_are_looked_for_in_the_whole_record() {
    for (yaml, expected) in [
        ("[keyword, stoplogging]", true),
        ("[keyword]", false),
        ("StopLogging", true),
        ("'|all': [stop, deep]", true),
        ("'|all': [stop, keyword]", false),
        ("'|re': 'Stop[A-Z]'", true),
        ("'|re': 'stop[A-Z]'", false),
        ("[22]", true),
        ("[St?p*ging]", true),
    ] {
        check(yaml, expected);
    }
    let needs_field = selection("'|exists': [true]").unwrap_err();
    assert!(
        needs_field[0].2.contains("needs a field"),
        "{needs_field:?}"
    );
}
