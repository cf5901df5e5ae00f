//! `[lifecycle]`.

use std::path::Path;
use std::time::Duration;

use plimsoll_aws::LogGroup;
use plimsoll_core::config::{Field, Section};

use super::super::{
    Check, EventStream, FileTemplate, Framing, LifecycleCommand, LifecycleConfig, LogsTemplate,
    StartPosition, Template,
};
use super::destination::{group_name, stream_name};
use super::is_absolute;
use crate::lifecycle::EVENTS_FILE;

/// Time for one more call before a hook of 30 seconds, the shortest, ends.
/// Source: EC2 Auto Scaling API reference, `PutLifecycleHook`, `HeartbeatTimeout`.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long everything may take after a scale-in.
const DRAIN_TIMEOUT: Duration = Duration::from_mins(5);
/// What is kept free of the time that a notice leaves.
const MARGIN: Duration = Duration::from_secs(5);
/// How long a command may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// More than this is a script.
const COMMANDS_MAX: usize = 16;
/// The longest name of a hook. Source: EC2 Auto Scaling API reference, `PutLifecycleHook`.
const HOOK_CHARS_MAX: usize = 255;
/// What a rebalance recommendation does.
const REBALANCE: [(&str, bool); 2] = [("tell", false), ("drain", true)];

/// Reads it.
pub(super) fn read(root: &mut Section<'_>, checks: &mut Vec<Check>) -> LifecycleConfig {
    let mut config = LifecycleConfig {
        watch: true,
        events: None,
        termination_hook: None,
        launch_hook: None,
        heartbeat: HEARTBEAT,
        drain_timeout: DRAIN_TIMEOUT,
        margin: MARGIN,
        drain_on_rebalance: false,
        commands: Vec::new(),
    };
    let Some(mut section) = root.take_section("lifecycle") else {
        return config;
    };
    let seconds = Duration::from_secs;
    config.watch = section.take_bool("watch").unwrap_or(true);
    config.events = events(&mut section);
    config.termination_hook = hook(&mut section, "termination_hook");
    config.launch_hook = hook(&mut section, "launch_hook");
    if let Some(heartbeat) = section.take_duration("heartbeat", seconds(1)..=seconds(3600)) {
        config.heartbeat = heartbeat;
    }
    if let Some(timeout) = section.take_duration("drain_timeout", seconds(5)..=seconds(7200)) {
        config.drain_timeout = timeout;
    }
    if let Some(margin) = section.take_duration("margin", Duration::ZERO..=seconds(60)) {
        config.margin = margin;
    }
    if let Some(drain) = section.take_choice("rebalance", &REBALANCE) {
        config.drain_on_rebalance = drain;
    }
    config.commands = commands(&mut section, checks);
    section.finish();
    config
}

/// The file of events as a target of the road of logs. A group that is named elsewhere has the
/// settings that it has there.
pub(super) fn events_file(
    events: &EventStream,
    state_dir: &Path,
    logs: Option<&LogsTemplate>,
) -> FileTemplate {
    let named = logs.and_then(|logs| logs.groups().find(|(group, _)| **group == events.group));
    FileTemplate {
        include: vec![state_dir.join(EVENTS_FILE).display().to_string()],
        exclude: Vec::new(),
        exclude_names: None,
        start: StartPosition::Beginning,
        group: events.group.clone(),
        settings: named.map_or_else(LogGroup::default, |(_, settings)| settings.clone()),
        stream: events.stream.clone(),
        refiner: None,
        framing: Framing::default(),
    }
}

fn events(section: &mut Section<'_>) -> Option<EventStream> {
    let group = section.take_name("log_group");
    let stream = section.take_name("log_stream");
    if let (None, Some(stream)) = (&group, &stream)
        && section.keys().all(|key| key != "log_group")
    {
        let expected = "expected log_group as well";
        section.reject(stream, "found a stream without a group", expected);
    }
    let stream = match &stream {
        Some(stream) => stream_name(section, stream),
        None => Template::parse("{instance_id}").ok(),
    };
    Some(EventStream {
        group: group_name(section, &group?)?,
        stream: stream?,
    })
}

/// Source: EC2 Auto Scaling API reference, `PutLifecycleHook`, `LifecycleHookName`.
fn hook(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    let name = section.take_name(key)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    if name.value.chars().all(fits) && name.value.chars().count() <= HOOK_CHARS_MAX {
        return Some(name.value);
    }
    let expected = "expected up to 255 letters, digits and - _ /";
    section.reject(&name, &format!("found \"{}\"", name.value), expected);
    None
}

fn commands(section: &mut Section<'_>, checks: &mut Vec<Check>) -> Vec<LifecycleCommand> {
    let written = section.take_sections("commands");
    if written.len() > COMMANDS_MAX {
        let found = format!("found {} commands", written.len());
        section.report("commands", &found, "expected at most 16", None);
    }
    let mut commands = Vec::new();
    for mut one in written {
        let words: Vec<Field<String>> = one.take_strings("command");
        let timeout =
            one.take_duration("timeout", Duration::from_secs(1)..=Duration::from_mins(10));
        match words.first() {
            Some(program) if is_absolute(&one, program) => {
                let place = one.problem_at(program, "", "");
                checks.push(Check::program(program.value.as_str().into(), place));
                commands.push(LifecycleCommand {
                    command: words.into_iter().map(|word| word.value).collect(),
                    timeout: timeout.unwrap_or(TIMEOUT),
                });
            }
            Some(_) => {}
            None => one.report_missing(
                "command",
                "expected a program with its arguments such as [\"/usr/local/bin/leave\", \"now\"]",
            ),
        }
        one.finish();
    }
    commands
}
