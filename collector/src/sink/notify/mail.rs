//! The text for people: short, plain, in the order of the questions one asks at night.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use plimsoll_aws::limits;
use plimsoll_core::clock::UnixMillis;

use super::{certainty, shout};
use crate::finding::Kind;
use crate::incident::Incident;

/// Lines of the timeline in a mail: the first and the last of them.
const TIMELINE_LINES: usize = 10;
/// Names of each sort in a mail.
const NAMES: usize = 5;

/// The subject: ASCII without control characters, at most 99. Source: Amazon SNS API reference,
/// Publish.
pub(super) fn subject(incident: &Incident) -> String {
    let sample = if incident.sample { "SAMPLE " } else { "" };
    let text = format!(
        "[{sample}{}] {} {}",
        shout(incident.severity),
        incident.id,
        incident.title
    );
    let plain = text.chars().map(|c| match c {
        ' '..='~' => c,
        c if c.is_whitespace() => ' ',
        _ => '?',
    });
    let cut: String = plain.take(limits::notify::SUBJECT_CHARS_MAX).collect();
    cut.trim_end().to_owned()
}

/// The mail.
pub(super) fn body(incident: &Incident) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    write(&mut text, incident).ok();
    text
}

fn write(text: &mut String, incident: &Incident) -> std::fmt::Result {
    let kind = match incident.kind {
        Kind::Security => "security",
        Kind::Cost => "cost",
    };
    let severity = incident.severity;
    writeln!(text, "{}", incident.title)?;
    writeln!(
        text,
        "Incident {}, revision {}, {severity} {kind} incident",
        incident.id, incident.revision
    )?;
    writeln!(text)?;
    if !incident.summary.is_empty() {
        writeln!(text, "{}\n", incident.summary)?;
    }
    let span = span(incident.time_first, incident.time_last);
    field(text, "When", &span)?;
    field(text, "Where", &place(incident))?;
    field(text, "Who", &who(incident))?;
    field(text, "On what", &some(&incident.resources))?;
    field(text, "Includes", &some(&incident.includes))?;
    field(text, "How sure", &certainty(incident))?;
    field(text, "At risk", &money(incident))?;
    writeln!(text, "\nWhat happened (UTC)")?;
    timeline(text, incident)?;
    if !incident.next_steps.is_empty() {
        writeln!(text, "\nNext steps")?;
        for (number, step) in (1..).zip(&incident.next_steps) {
            writeln!(text, "  {number}. {step}")?;
        }
    }
    Ok(())
}

fn field(text: &mut String, name: &str, value: &str) -> std::fmt::Result {
    if value.is_empty() {
        return Ok(());
    }
    writeln!(text, "{name:<9} {value}")
}

fn place(incident: &Incident) -> String {
    let accounts = some(&incident.accounts);
    let regions = some(&incident.regions);
    let accounts = if accounts.is_empty() {
        accounts
    } else {
        format!("account {accounts}")
    };
    join(&[accounts, regions])
}

fn who(incident: &Incident) -> String {
    let keys = some(&incident.access_keys);
    let keys = if keys.is_empty() {
        keys
    } else {
        format!("access key {keys}")
    };
    let addresses = some(&incident.addresses);
    let addresses = if addresses.is_empty() {
        addresses
    } else {
        format!("from {addresses}")
    };
    join(&[some(&incident.principals), keys, addresses])
}

/// What it burns a day, and what that comes to in a day and in 30 days.
fn money(incident: &Incident) -> String {
    match incident.usd_per_day {
        None => String::new(),
        Some(usd) => format!(
            "US$ {usd:.2} in 24 hours, US$ {:.2} in 30 days, by estimate",
            usd * 30.0
        ),
    }
}

fn timeline(text: &mut String, incident: &Incident) -> std::fmt::Result {
    let lines = &incident.timeline;
    let half = TIMELINE_LINES / 2;
    let left_out = if lines.len() > TIMELINE_LINES {
        lines.len() - TIMELINE_LINES + incident.timeline_omitted
    } else {
        incident.timeline_omitted
    };
    for (index, line) in lines.iter().enumerate() {
        if lines.len() > TIMELINE_LINES && index >= half && index < lines.len() - half {
            if index == half {
                writeln!(text, "  ... {left_out} more")?;
            }
            continue;
        }
        writeln!(text, "  {}  {}", moment(line.time), line.what)?;
    }
    Ok(())
}

/// `2026-11-24 12:46:00`.
fn moment(time: UnixMillis) -> String {
    let text = time.to_string();
    let seconds = text.split('.').next().unwrap_or_default();
    seconds.replace('T', " ")
}

fn span(first: UnixMillis, last: UnixMillis) -> String {
    if first == last {
        format!("{} UTC", moment(first))
    } else {
        format!("{} to {} UTC", moment(first), moment(last))
    }
}

/// The first few, and how many more.
fn some(names: &BTreeSet<String>) -> String {
    let mut text = names
        .iter()
        .take(NAMES)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMES {
        write!(text, " and {} more", names.len() - NAMES).ok();
    }
    text
}

fn join(parts: &[String]) -> String {
    let parts: Vec<&str> = parts
        .iter()
        .map(String::as_str)
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}
