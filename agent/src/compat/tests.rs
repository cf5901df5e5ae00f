//! What of the amazon-cloudwatch-agent's configuration becomes what of ours.

mod keys;
mod mistakes;

use super::*;

/// Translates documents, `0.json` and so on, on 2026-11-24 with STAGE=prod.
fn translated(documents: &[&str]) -> Result<Translation, Problems> {
    let environment = |name: &str| (name == "STAGE").then(|| "prod".to_owned());
    let parts = documents.iter().enumerate().map(|(index, text)| Part {
        name: format!("{index}.json"),
        text: (*text).to_owned(),
    });
    translate(&parts.collect::<Vec<_>>(), &environment, "2026-11-24")
}

/// Checks that all these lines are in what a document becomes, and the warnings by their pointers.
fn check(json: &str, expected: &[&str], warnings: &[&str]) {
    let translation = translated(&[json]).unwrap_or_else(|problems| panic!("{problems}"));
    let written: Vec<&str> = translation.toml.lines().collect();
    for line in expected {
        assert!(written.contains(line), "{line} is not in {written:#?}");
    }
    let told = translation.report.warnings();
    let told: Vec<&str> = told.map(|entry| entry.pointer.as_str()).collect();
    assert_eq!(told, warnings);
}

/// The same for plugins of the section `metrics`.
fn check_plugins(plugins: &str, expected: &[&str], warnings: &[&str]) {
    let json = format!(r#"{{"metrics": {{"metrics_collected": {{{plugins}}}}}}}"#);
    let warnings: Vec<String> = warnings
        .iter()
        .map(|name| format!("/metrics/metrics_collected/{name}"))
        .collect();
    let warnings: Vec<&str> = warnings.iter().map(String::as_str).collect();
    check(&json, expected, &warnings);
}

/// The same for one entry of `logs.logs_collected.files.collect_list`.
fn check_file(entry: &str, expected: &[&str], warnings: &[&str]) {
    let json =
        format!(r#"{{"logs": {{"logs_collected": {{"files": {{"collect_list": [{entry}]}}}}}}}}"#);
    let warnings: Vec<String> = warnings
        .iter()
        .map(|name| format!("/logs/logs_collected/files/collect_list/0/{name}"))
        .collect();
    let warnings: Vec<&str> = warnings.iter().map(String::as_str).collect();
    check(&json, expected, &warnings);
}

#[test]
fn the_built_in_configuration_measures_memory_and_disks_of_the_instance() {
    let translation = translate(&[Part::built_in()], &|_| None, "2026-11-24").unwrap();
    assert_eq!(translation.report.warnings().count(), 0);
    let written = &translation.toml;
    for line in [
        r#"namespace = "CWAgent""#,
        r#"dimensions = [["AutoScalingGroupName?", "ImageId", "InstanceId", "InstanceType"]]"#,
        r#"scrapers = ["memory", "disk"]"#,
        r#"measurements = ["disk_used_percent"]"#,
        r#"ignore_types = ["autofs"]"#,
    ] {
        assert!(written.contains(line), "{line} is not in {written}");
    }
    let config = translation.config("default").unwrap();
    assert!(config.metrics.is_some() && config.logs.is_none());
}

#[test]
fn without_resources_and_total_no_cpu_is_measured_as_there() {
    let others = r#""mem": {"measurement": ["used_percent"]}"#;
    let none = format!(r#""cpu": {{"measurement": ["usage_idle"], "totalcpu": false}}, {others}"#);
    check_plugins(
        &none,
        &[r#"scrapers = ["memory"]"#, r#"dimensions = [["host"]]"#],
        &["cpu/totalcpu"],
    );
    let cores = none.replace("\"totalcpu\"", r#""resources": ["*"], "totalcpu""#);
    check_plugins(
        &cores,
        &[
            r#"scrapers = ["cpu", "memory"]"#,
            "per_core = true",
            "total = false",
        ],
        &[],
    );
}

#[test]
fn measurements_are_known_with_and_without_their_prefix_and_changed_by_rules() {
    check_plugins(
        r#""cpu": {"measurement": ["cpu_usage_idle", {"name": "usage_user", "rename": "U", "unit": "Count"}, "usage_idle"],
            "drop_original_metrics": ["U", "cpu_usage_idle"]},
           "diskio": {"measurement": ["reads", "diskio_ebs_total_read_ops"], "resources": ["*"]},
           "net": {"measurement": ["bytes_sent"]}"#,
        &[
            r#"measurements = ["cpu_usage_idle", "cpu_usage_user"]"#,
            r#"match = ["cpu_usage_user"]"#,
            r#"rename = "U""#,
            r#"unit = "Count""#,
            r#"match = ["cpu_usage_user", "cpu_usage_idle"]"#,
            "drop_original = true",
            "[metrics.nvme]",
            r#"measurements = ["diskio_ebs_total_read_ops"]"#,
            r#"scrapers = ["cpu", "nvme", "diskio", "net"]"#,
            r#"exclude = ["lo"]"#,
        ],
        &[],
    );
}

#[test]
fn only_dimensions_of_the_instance_are_appended_to_all_metrics_and_any_to_a_plugin() {
    check(
        r#"{"metrics": {"append_dimensions": {"InstanceId": "${aws:InstanceId}", "Team": "web",
              "ImageId": "${!aws:ImageId}"},
            "aggregation_dimensions": [["InstanceId"], [], ["InstanceId"]],
            "metrics_collected": {"mem": {"measurement": ["used"],
              "append_dimensions": {"Team": "${STAGE}", "Group": "${aws:AutoScalingGroupName}"}}}}}"#,
        &[
            r#"dimensions = [["InstanceId"]]"#,
            r#"aggregation_dimensions = [["InstanceId"], []]"#,
            r#"append_dimensions = { Team = "prod", Group = "{asg}" }"#,
        ],
        &[
            "/metrics/append_dimensions/Team",
            "/metrics/append_dimensions/ImageId",
        ],
    );
}

#[test]
fn intervals_and_the_times_of_calls_are_those_that_are_written() {
    check(
        r#"{"agent": {"metrics_collection_interval": 10, "omit_hostname": true},
            "metrics": {"metrics_collected": {"mem": {"measurement": ["used"], "metrics_collection_interval": 7200},
              "statsd": {"service_address": ":8125", "metrics_aggregation_interval": 0}}}}"#,
        &[
            r#"interval = "10s""#,
            r#"flush_interval = "60s""#,
            r#"interval = "3600s""#,
            "dimensions = [[]]",
            r#"address = "0.0.0.0:8125""#,
        ],
        &[
            "/metrics/metrics_collected/mem/metrics_collection_interval",
            "/metrics/metrics_collected/statsd/metrics_aggregation_interval",
        ],
    );
}

#[test]
fn lines_that_begin_with_white_space_belong_to_the_one_before_unless_told_otherwise() {
    let entry = r#"{"file_path": "/var/log/app.log", "log_stream_name": "{hostname}""#;
    check_file(
        &format!("{entry}}}"),
        &[
            r#"path = "/var/log/app.log""#,
            r#"group = "/var/log/app""#,
            r#"stream = "{hostname}""#,
            r#"start = "beginning""#,
            r"multi_line = { start = '^\S' }",
            r#"cloudwatch_agent_state = "/opt/aws/amazon-cloudwatch-agent/logs/state""#,
        ],
        &[],
    );
    let stamped =
        r#""timestamp_format": "[%H:%M]", "multi_line_start_pattern": "{timestamp_format}""#;
    check_file(
        &format!("{entry}, {stamped}}}"),
        &[
            r"multi_line = { start = '\[\d{2}:\d{2}\]' }",
            r#"timestamp = "[%H:%M]""#,
        ],
        &[],
    );
    check_file(
        &format!(r#"{entry}, "multi_line_start_pattern": "{{timestamp_format}}"}}"#),
        &[r"multi_line = { start = '^\S' }"],
        &["multi_line_start_pattern"],
    );
}

#[test]
fn all_files_of_a_glob_are_read_and_each_has_a_stream_if_so_wanted() {
    let entry = r#"{"file_path": "/var/log/**.log", "log_group_name": "g-{aws_region}""#;
    let compressed = r#"exclude = ["*.tar", "*.zst", "*.gz", "*.zip", "*.bz2", "*.rar"]"#;
    check_file(
        &format!("{entry}}}"),
        &[
            compressed,
            r#"group = "g-{region}""#,
            r#"stream = "{instance_id}""#,
        ],
        &["file_path"],
    );
    check_file(
        &format!(r#"{entry}, "publish_multi_logs": true, "log_stream_name": "s-{{date}}"}}"#),
        &[compressed, r#"stream = "s-{date}_{file_path}""#],
        &["log_stream_name"],
    );
    check_file(
        r#"{"file_path": "/var/log/*.log"}"#,
        &[r#"group = "/var/log/_""#],
        &["file_path"],
    );
}

#[test]
fn all_filters_must_agree_and_names_are_left_out_by_pattern() {
    check_file(
        r#"{"file_path": "/a", "blacklist": "^x{", "filters": [{"type": "include", "expression": "E"},
            {"type": "include", "expression": "W"}, {"type": "exclude", "expression": "{\"h"}]}"#,
        &[
            r"exclude_names = '^x\{'",
            r#"require_lines = ["E", "W"]"#,
            r#"exclude_lines = ['\{"h']"#,
        ],
        &[],
    );
}

#[test]
fn a_group_is_kept_for_the_longest_time_that_any_file_names() {
    let json = r#"{"logs": {"logs_collected": {"files": {"collect_list": [
        {"file_path": "/a", "log_group_name": "g", "retention_in_days": 7, "log_group_class": "INFREQUENT_ACCESS"},
        {"file_path": "/b", "log_group_name": "g", "retention_in_days": 30},
        {"file_path": "/c", "log_group_name": "g", "retention_in_days": -1}, {"file_path": "/a"}]}}}}"#;
    let translation = translated(&[json]).unwrap();
    let lines = |line: &str| translation.toml.lines().filter(|l| *l == line).count();
    assert_eq!(lines("retention_days = 30"), 3);
    assert_eq!(lines("class = \"INFREQUENT_ACCESS\""), 3);
    assert_eq!(lines("[[logs.file]]"), 3, "a file is read once");
    let told: Vec<_> = translation
        .report
        .warnings()
        .map(|entry| entry.pointer.rsplit_once("list/").unwrap().1)
        .collect();
    assert_eq!(told, ["0/retention_in_days", "3/file_path"]);
}

#[test]
fn the_journal_is_read_from_info_on_with_a_section_for_each_object_of_matches() {
    let json = r#"{"logs": {"logs_collected": {"journald": {"collect_list": [
        {"log_group_name": "a", "units": ["sshd"]},
        {"log_group_name": "b", "priority": "3", "matches": [{"_UID": "0", "_COMM": "x"}, {"_UID": "1"}]},
        {"log_group_name": "c", "matches": [{"_UID": "0"}, {"_UID": "1"}]}]}}}}"#;
    let translation = translated(&[json]).unwrap();
    for line in [
        r#"priority = "info""#,
        r#"priority = "err""#,
        r#"matches = ["_UID=0", "_COMM=x"]"#,
        r#"matches = ["_UID=1"]"#,
        r#"matches = ["_UID=0", "_UID=1"]"#,
    ] {
        assert!(translation.toml.contains(line), "{line}");
    }
    let config = translation.config("0.json").unwrap();
    assert_eq!(config.logs.unwrap().journald.len(), 4);
    assert!(config.metrics.is_none(), "nothing is measured unasked");
}

#[test]
fn what_only_we_refuse_is_told_where_it_was_written() {
    let json = "{\"logs\": {\"logs_collected\": {\"files\": {\"collect_list\": [\n\
                {\"file_path\": \"/a\",\n \"log_group_name\": \"a group\"}]}}}}";
    let problems = translated(&[json]).unwrap().config("x").unwrap_err();
    let [problem] = &problems.0[..] else {
        panic!("{problems}");
    };
    let place = (problem.file.as_str(), problem.line, problem.column);
    assert_eq!(place, ("0.json", 3, 2), "{problem}");
    let key = "/logs/logs_collected/files/collect_list/0/log_group_name";
    assert!(problem.key.starts_with(key), "{problem}");
}

#[test]
fn the_role_of_the_agent_holds_where_a_section_names_none_and_endpoints_get_their_scheme() {
    let json = r#"{"agent": {"credentials": {"role_arn": "arn:aws:iam::123456789012:role/a"}},
        "metrics": {"endpoint_override": "vpce.example", "credentials": {"role_arn": "none_at_all_of_them"},
            "metrics_collected": {"mem": {"measurement": ["used"]}}}}"#;
    check(
        json,
        &[
            r#"role_arn = "arn:aws:iam::123456789012:role/a""#,
            r#"monitoring = "https://vpce.example""#,
        ],
        &["/metrics/credentials/role_arn"],
    );
}

#[test]
fn two_roles_are_refused_for_two_sections_and_one_is_taken() {
    let json = |logs: &str| {
        format!(
            r#"{{"metrics": {{"credentials": {{"role_arn": "arn:aws:iam::123456789012:role/m"}},
                "metrics_collected": {{"mem": {{"measurement": ["used"]}}}}}},
              "logs": {{"credentials": {{"role_arn": "arn:aws:iam::123456789012:role/{logs}"}},
                "logs_collected": {{"files": {{"collect_list": [{{"file_path": "/a"}}]}}}}}}}}"#
        )
    };
    let role = r#"role_arn = "arn:aws:iam::123456789012:role/m""#;
    check(&json("m"), &[role], &[]);
    let problems = translated(&[&json("l")]).unwrap_err();
    assert!(
        problems.to_string().contains("run two services"),
        "{problems}"
    );
}
