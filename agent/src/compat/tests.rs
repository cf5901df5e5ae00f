//! What of the amazon-cloudwatch-agent's configuration becomes what of ours.

use super::*;

/// Translates one document on 2026-11-24 with STAGE=prod.
fn translated(json: &str) -> Result<Translation, Problems> {
    let environment = |name: &str| (name == "STAGE").then(|| "prod".to_owned());
    let part = Part {
        name: "a.json".to_owned(),
        text: json.to_owned(),
    };
    translate(&[part], &environment, "2026-11-24")
}

/// The lines of our configuration without comments and empty ones.
fn lines(translation: &Translation) -> Vec<&str> {
    let lines = translation.toml.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.collect()
}

/// Checks that all these lines are in what a document becomes, and how many warnings there are.
fn check(json: &str, expected: &[&str], warnings: usize) {
    let translation = translated(json).unwrap_or_else(|problems| panic!("{problems}"));
    let written = lines(&translation);
    for line in expected {
        assert!(written.contains(line), "{line} is not in {written:#?}");
    }
    let told: Vec<String> = translation
        .report
        .warnings()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), warnings, "{told:#?}");
}

#[test]
fn without_resources_and_total_no_cpu_is_measured_as_there() {
    let json = r#"{"metrics": {"metrics_collected": {
        "cpu": {"measurement": ["usage_idle"], "totalcpu": false},
        "mem": {"measurement": ["used_percent"]}}}}"#;
    check(
        json,
        &[
            r#"scrapers = ["memory"]"#,
            r#"namespace = "CWAgent""#,
            r#"dimensions = [["host"]]"#,
            r#"measurements = ["mem_used_percent"]"#,
        ],
        1,
    );
}
