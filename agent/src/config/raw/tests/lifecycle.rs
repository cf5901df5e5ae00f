//! `[lifecycle]`.

use super::{FILE, check};
use crate::config::{Config, Depth, run_checks};
use crate::lifecycle::EVENTS_FILE;

#[test]
fn mistakes_about_the_life_of_the_instance_are_told_with_place_and_remedy() {
    let seventeen = format!("commands = [{}]", "{ command = [\"/a\"] }, ".repeat(17));
    check(
        &format!("{FILE}[lifecycle]\n"),
        &[
            (
                "termination_hook = \"a b\"",
                ":5:20: lifecycle.termination_hook: found \"a b\"",
            ),
            ("launch_hook = \"\"", "lifecycle.launch_hook"),
            ("log_stream = \"a\"", "found a stream without a group"),
            ("log_group = \"a:b\"", "lifecycle.log_group: found ':'"),
            ("rebalance = \"drian\"", "did you mean `drain`?"),
            ("heartbeat = \"0s\"", "lifecycle.heartbeat"),
            ("drain_timeout = \"3h\"", "lifecycle.drain_timeout"),
            ("margin = \"2m\"", "lifecycle.margin"),
            ("watch = 1", "lifecycle.watch"),
            (
                "commands = [{ command = [\"leave\"] }]",
                "lifecycle.commands[0].command",
            ),
            ("commands = [{ timeout = \"1s\" }]", "command: missing"),
            (&seventeen, "found 17 commands"),
            ("comands = []", "did you mean `commands`?"),
        ],
    );
}

#[test]
fn events_are_a_file_that_is_followed_first_also_where_there_is_no_other() {
    let text = "[agent]\nstate_dir = \"/state\"\n[lifecycle]\nlog_group = \"g\"\n";
    let same = format!("{text}{FILE}retention_days = 30\n");
    for (text, files) in [(text, 1), (same.as_str(), 2)] {
        let logs = Config::from_text("agent.toml", text).unwrap().logs.unwrap();
        assert_eq!(logs.files.len(), files);
        assert_eq!(logs.files[0].include, [format!("/state/{EVENTS_FILE}")]);
        let settings = logs.files.iter().map(|file| &file.settings);
        assert!(
            settings
                .clone()
                .all(|one| *one == logs.files[files - 1].settings)
        );
    }
}

#[test]
fn a_command_that_cannot_be_run_is_told_by_validate_alone() {
    let text = |program: &str| {
        format!("{FILE}[lifecycle]\ncommands = [{{ command = [\"{program}\"] }}]\n")
    };
    for (program, problems) in [("/bin/sh", 0), ("/nonexistent", 1), ("/etc", 1)] {
        let config = Config::from_text("agent.toml", &text(program)).unwrap();
        let told = |depth| {
            let findings = run_checks(&config.checks, depth);
            let of_commands = |problem: &&_| format!("{problem:?}").contains("lifecycle");
            findings.problems.iter().filter(of_commands).count()
        };
        assert_eq!(told(Depth::Validate), problems, "{program}");
        assert_eq!(told(Depth::DryRun), 0, "{program}");
    }
}
