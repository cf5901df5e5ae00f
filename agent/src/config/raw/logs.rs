//! The sections `[logs]` and `[[logs.file]]`.

use std::time::Duration;

use plimsoll_core::config::{Field, Section};

use super::super::{Check, FileTemplate, LogsTemplate, StartPosition};
use super::destination::{Destination, same_settings};
use super::{is_absolute, journald, shaping};
use crate::glob::PathGlob;

const MIB: u64 = 1 << 20;
/// Two whole batches: one that fills while one is under way.
const IN_FLIGHT_MIN: u64 = 2 * MIB;
const IN_FLIGHT_MAX: u64 = 1 << 30;
pub(crate) const IN_FLIGHT: u32 = 16 << 20;
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(5);
pub(crate) const PUTS_IN_FLIGHT: usize = 4;
pub(crate) const RESCAN_INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const DEAD_LETTER: u64 = 16 * MIB;
const PUTS_IN_FLIGHT_MAX: u64 = 64;

pub(super) const STARTS: [(&str, StartPosition); 2] = [
    ("beginning", StartPosition::Beginning),
    ("end", StartPosition::End),
];

/// Reads the section; `None` when there is no file to follow.
pub(super) fn read(root: &mut Section<'_>, checks: &mut Vec<Check>) -> Option<LogsTemplate> {
    let mut section = root.take_section("logs")?;
    let seconds = Duration::from_secs;
    let mut logs = LogsTemplate {
        files: Vec::new(),
        journald: Vec::new(),
        in_flight_bytes_max: section
            .take_size("in_flight", IN_FLIGHT_MIN..=IN_FLIGHT_MAX)
            .and_then(|bytes| u32::try_from(bytes).ok())
            .unwrap_or(IN_FLIGHT),
        flush_interval: section
            .take_duration("flush_interval", Duration::from_millis(100)..=seconds(60))
            .unwrap_or(FLUSH_INTERVAL),
        puts_in_flight_max: section
            .take_integer("puts_in_flight", 1..=PUTS_IN_FLIGHT_MAX)
            .and_then(|puts| usize::try_from(puts).ok())
            .unwrap_or(PUTS_IN_FLIGHT),
        rescan_interval: section
            .take_duration("rescan_interval", seconds(1)..=seconds(3600))
            .unwrap_or(RESCAN_INTERVAL),
        dead_letter_bytes_max: section
            .take_size("dead_letter", MIB..=IN_FLIGHT_MAX)
            .unwrap_or(DEAD_LETTER),
        cloudwatch_agent_state: None,
    };
    if let Some(directory) = section.take_name("cloudwatch_agent_state")
        && is_absolute(&section, &directory)
    {
        logs.cloudwatch_agent_state = Some(directory.value.into());
    }
    let files = section.take_sections("file");
    let journald = section.take_sections("journald");
    if section
        .keys()
        .all(|key| !matches!(key, "file" | "journald"))
    {
        section.report_missing(
            "file",
            "expected at least one [[logs.file]] or [[logs.journald]]",
        );
    }
    for mut file in files {
        if let Some(template) = file_target(&mut file, checks) {
            same_settings(&file, logs.groups(), (&template.group, &template.settings));
            logs.files.push(template);
        }
        file.finish();
    }
    for mut target in journald {
        if let Some(template) = journald::target(&mut target, &logs) {
            same_settings(
                &target,
                logs.groups(),
                (&template.group, &template.settings),
            );
            logs.journald.push(template);
        }
        target.finish();
    }
    section.finish();
    (!logs.files.is_empty() || !logs.journald.is_empty()).then_some(logs)
}

/// A section that follows nothing and has every other key at its default.
pub(super) fn defaults() -> LogsTemplate {
    LogsTemplate {
        files: Vec::new(),
        journald: Vec::new(),
        in_flight_bytes_max: IN_FLIGHT,
        flush_interval: FLUSH_INTERVAL,
        puts_in_flight_max: PUTS_IN_FLIGHT,
        rescan_interval: RESCAN_INTERVAL,
        dead_letter_bytes_max: DEAD_LETTER,
        cloudwatch_agent_state: None,
    }
}

/// One `[[logs.file]]`. Every key is read even when an early one is wrong.
fn file_target(file: &mut Section<'_>, checks: &mut Vec<Check>) -> Option<FileTemplate> {
    let include = globs(file, "path");
    if include.is_empty() && file.keys().all(|key| key != "path") {
        file.report_missing(
            "path",
            "expected a path or a glob such as \"/var/log/*.log\"",
        );
    }
    let exclude = globs(file, "exclude");
    for path in &include {
        let excluded = exclude.iter().map(|glob| glob.value.clone()).collect();
        let place = file.problem_at(path, "", "");
        checks.push(Check::readable(path.value.clone(), excluded, place));
    }
    let exclude_names = shaping::patterns(file, "exclude_names");
    let start = file.take_choice("start", &STARTS).unwrap_or_default();
    let refiner = shaping::read(file);
    let destination = if refiner.unshipped {
        Destination::take_unused(file)
    } else {
        Destination::take(file)
    };
    let framing = super::framing::read(file);
    let values = |globs: Vec<Field<String>>| globs.into_iter().map(|glob| glob.value).collect();
    if include.is_empty() {
        return None;
    }
    let destination = destination?;
    Some(FileTemplate {
        include: values(include),
        exclude: values(exclude),
        exclude_names,
        start,
        group: destination.group,
        settings: destination.settings,
        stream: destination.stream,
        refiner: Some(refiner),
        framing,
    })
}

/// Globs that can be read: absolute, or to be left out wherever a name fits.
fn globs(file: &mut Section<'_>, key: &'static str) -> Vec<Field<String>> {
    let mut globs = file.take_string_or_list(key);
    if globs.is_empty() && key == "path" && file.keys().any(|known| known == key) {
        file.report(
            key,
            "found no path",
            "expected at least one path or glob",
            None,
        );
    }
    globs.retain(|glob| {
        let name_alone = key == "exclude" && !glob.value.contains('/');
        if !name_alone && !is_absolute(file, glob) {
            return false;
        }
        match PathGlob::new(&glob.value) {
            Ok(_) => true,
            Err(error) => {
                let found = format!("found \"{}\": {error}", glob.value);
                let expected = "expected a glob with *, ?, [...], {a,b} or **";
                file.reject(glob, &found, expected);
                false
            }
        }
    });
    globs
}
