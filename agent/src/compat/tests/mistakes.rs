//! What the amazon-cloudwatch-agent does not start with.

use super::*;

/// Checks the only mistake of a document: where it is, and what is told.
fn refused(json: &str, line: usize, pointer: &str, told: &str) {
    let problems = translated(&[json]).map_or_else(|problems| problems.0, |_| Vec::new());
    let [problem] = &problems[..] else {
        panic!("{json}: {problems:#?}");
    };
    let (file, found) = (problem.file.as_str(), problem.to_string());
    assert_eq!((file, problem.line), ("0.json", line), "{found}");
    assert_eq!(problem.key, pointer, "{found}");
    assert!(found.contains(told), "{found}");
}

/// The same for an entry of `collect_list` on line 2.
fn refused_file(entry: &str, pointer: &str, told: &str) {
    let list = "/logs/logs_collected/files/collect_list/0";
    let json = format!(
        "{{\"logs\": {{\"logs_collected\": {{\"files\": {{\"collect_list\": [\n{entry}]}}}}}}}}"
    );
    refused(&json, 2, &format!("{list}{pointer}"), told);
}

/// The same for a plugin on line 2.
fn refused_plugin(entry: &str, pointer: &str, told: &str) {
    let json = format!("{{\"metrics\": {{\"metrics_collected\": {{\n{entry}}}}}}}");
    let pointer = format!("/metrics/metrics_collected{pointer}");
    refused(&json, 2, &pointer, told);
}

#[test]
fn files_that_its_schema_refuses_are_refused_with_their_place() {
    for (entry, pointer, told) in [
        (
            r#"{"file_path": "/a", "datetime_format": "%Y"}"#,
            "/datetime_format",
            "unknown key, expected one of: file_path",
        ),
        (
            r#"{"file_path": "/a", "timestamp_formt": "%Y"}"#,
            "/timestamp_formt",
            "did you mean `timestamp_format`?",
        ),
        (r#"{"log_group_name": "g"}"#, "", "found no file_path"),
        (
            r#"{"file_path": "/a", "retention_in_days": 8}"#,
            "/retention_in_days",
            "found 8, expected one of: -1, 1, 3",
        ),
        (
            r#"{"file_path": "/a", "timezone": "Europe"}"#,
            "/timezone",
            "expected one of: Local, LOCAL, UTC",
        ),
        (
            r#"{"file_path": "/a", "filters": [{"type": "include", "expression": "("}]}"#,
            "/filters/0/expression",
            "unclosed group",
        ),
    ] {
        refused_file(entry, pointer, told);
    }
}

#[test]
fn plugins_that_its_schema_refuses_are_refused_with_their_place() {
    for (entry, pointer, told) in [
        (
            r#""cpu": {"resources": ["*"]}"#,
            "/cpu",
            "found no measurement",
        ),
        (
            r#""cpu": {"measurement": ["usage_idel"]}"#,
            "/cpu/measurement/0",
            "did you mean `usage_idle`?",
        ),
        (
            r#""cpu": {"measurement": ["usage_idle"], "resources": ["cpu0"]}"#,
            "/cpu/resources",
            "found \"cpu0\"",
        ),
        (
            r#""procstat": [{"measurement": ["cpu_usage"]}]"#,
            "/procstat/0",
            "expected one of: pid_file, exe, pattern",
        ),
        (
            r#""procstat": [{"exe": "a", "measurement": [{"name": "cpu_usage"}]}]"#,
            "/procstat/0/measurement/0",
            "found an object, expected a text",
        ),
        (
            r#""statsd": {"adress": ":8125"}"#,
            "/statsd/adress",
            "unknown key, expected one of: service_address",
        ),
        (
            r#""mem": {"measurement": ["used"], "metrics_collection_interval": 0}"#,
            "/mem/metrics_collection_interval",
            "found 0, expected a whole number, 1 to 172800",
        ),
    ] {
        refused_plugin(entry, pointer, told);
    }
    let many: Vec<String> = (0..31).map(|n| format!("\"d{n}\": \"v\"")).collect();
    let many = many.join(", ");
    let entry = format!(r#""mem": {{"measurement": ["used"], "append_dimensions": {{{many}}}}}"#);
    let told = "found 31 of them, expected at most 30";
    refused_plugin(&entry, "/mem/append_dimensions", told);
}

#[test]
fn sections_without_what_they_are_for_are_refused() {
    for (json, pointer, told) in [
        (
            "{\"metrics\": {}}",
            "/metrics",
            "found no metrics_collected",
        ),
        ("{\"logs\":\n {}}", "/logs", "found no logs_collected"),
        ("[]", "", "expected an object"),
        ("{", "", "not JSON"),
    ] {
        refused(json, 1, pointer, told);
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let json = "{\"metrics\": {\"metrics_collected\": {\"cpu\": {}},\n \"x\": 1}}";
    let problems = translated(&[json]).unwrap_err().0;
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [1, 2]);
}

#[test]
fn a_file_of_the_directory_that_is_no_json_is_told_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    assert_eq!(read(directory.path()).unwrap()[0].name, DEFAULT_NAME);
    let memory = r#"{"metrics": {"metrics_collected": {"mem": {"measurement": ["used"]}}}}"#;
    write("b.json", memory);
    write("default.tmp", "no JSON");
    write("otel.yaml", "no JSON");
    assert!(load(directory.path()).is_ok());
    write("file_a", "no JSON");
    let problems = load(directory.path()).unwrap_err().0;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].file.ends_with("/file_a"), "{problems:?}");
}
