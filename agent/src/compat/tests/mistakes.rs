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

#[test]
fn what_its_schema_refuses_is_refused_with_its_place() {
    let list = "/logs/logs_collected/files/collect_list/0";
    let file = |entry: &str| {
        format!(
            "{{\"logs\": {{\"logs_collected\": {{\"files\": {{\"collect_list\": [\n{entry}]}}}}}}}}"
        )
    };
    let plugins = "/metrics/metrics_collected";
    let plugin = |entry: &str| format!("{{\"metrics\": {{\"metrics_collected\": {{\n{entry}}}}}}}");
    let many: Vec<String> = (0..31).map(|n| format!("\"d{n}\": \"v\"")).collect();
    let many = many.join(", ");
    for (json, line, pointer, told) in [
        (
            file(r#"{"file_path": "/a", "datetime_format": "%Y"}"#),
            2,
            format!("{list}/datetime_format"),
            "unknown key, expected one of: file_path",
        ),
        (
            file(r#"{"file_path": "/a", "timestamp_formt": "%Y"}"#),
            2,
            format!("{list}/timestamp_formt"),
            "did you mean `timestamp_format`?",
        ),
        (
            file(r#"{"log_group_name": "g"}"#),
            2,
            list.to_owned(),
            "found no file_path",
        ),
        (
            file(r#"{"file_path": "/a", "retention_in_days": 8}"#),
            2,
            format!("{list}/retention_in_days"),
            "found 8, expected one of: -1, 1, 3",
        ),
        (
            file(r#"{"file_path": "/a", "timezone": "Europe"}"#),
            2,
            format!("{list}/timezone"),
            "expected one of: Local, LOCAL, UTC",
        ),
        (
            file(r#"{"file_path": "/a", "filters": [{"type": "include", "expression": "("}]}"#),
            2,
            format!("{list}/filters/0/expression"),
            "unclosed group",
        ),
        (
            plugin(r#""cpu": {"resources": ["*"]}"#),
            2,
            format!("{plugins}/cpu"),
            "found no measurement",
        ),
        (
            plugin(r#""cpu": {"measurement": ["usage_idel"]}"#),
            2,
            format!("{plugins}/cpu/measurement/0"),
            "did you mean `usage_idle`?",
        ),
        (
            plugin(r#""cpu": {"measurement": ["usage_idle"], "resources": ["cpu0"]}"#),
            2,
            format!("{plugins}/cpu/resources"),
            "found \"cpu0\"",
        ),
        (
            plugin(&format!(
                r#""mem": {{"measurement": ["used"], "append_dimensions": {{{many}}}}}"#
            )),
            2,
            format!("{plugins}/mem/append_dimensions"),
            "found 31 of them, expected at most 30",
        ),
        (
            plugin(r#""procstat": [{"measurement": ["cpu_usage"]}]"#),
            2,
            format!("{plugins}/procstat/0"),
            "expected one of: pid_file, exe, pattern",
        ),
        (
            plugin(r#""procstat": [{"exe": "a", "measurement": [{"name": "cpu_usage"}]}]"#),
            2,
            format!("{plugins}/procstat/0/measurement/0"),
            "found an object, expected a text",
        ),
        (
            plugin(r#""statsd": {"adress": ":8125"}"#),
            2,
            format!("{plugins}/statsd/adress"),
            "unknown key, expected one of: service_address",
        ),
        (
            plugin(r#""mem": {"measurement": ["used"], "metrics_collection_interval": 0}"#),
            2,
            format!("{plugins}/mem/metrics_collection_interval"),
            "found 0, expected a whole number, 1 to 172800",
        ),
        (
            "{\"metrics\": {}}".to_owned(),
            1,
            "/metrics".to_owned(),
            "found no metrics_collected",
        ),
        (
            "{\"logs\":\n {}}".to_owned(),
            1,
            "/logs".to_owned(),
            "found no logs_collected",
        ),
        ("[]".to_owned(), 1, String::new(), "expected an object"),
        ("{".to_owned(), 1, String::new(), "not JSON"),
    ] {
        refused(&json, line, &pointer, told);
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
