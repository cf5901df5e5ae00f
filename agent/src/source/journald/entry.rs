//! From the fields of an entry to the text and the time of an event. Pure.
//!
//! Only what is needed is kept of an entry: it may carry a core dump.

use plimsoll_core::clock::UnixMillis;
use plimsoll_core::json::escape_lossy;

use crate::config::{JournalFormat, JournaldTarget};
use crate::derive::filter::{Filter, compile};

/// A field is cut off here, counted. More than ten of the longest events; the memory of one entry
/// is bounded by it, and journald itself takes fields of up to 768 MiB.
pub(crate) const FIELD_BYTES_MAX: usize = 16 << 20;
/// When the program sent the message, in microseconds since the epoch; from the kernel, so it can
/// be trusted.
const SOURCE_TIME: &str = "_SOURCE_REALTIME_TIMESTAMP";
const MESSAGE: &str = "MESSAGE";
const IDENTIFIER: &str = "SYSLOG_IDENTIFIER";
const UNIT: &str = "_SYSTEMD_UNIT";
/// What else the format of syslog looks at.
const SYSLOG: [&str; 5] = [MESSAGE, IDENTIFIER, "_COMM", "_PID", "SYSLOG_PID"];
/// The agent's own name and unit. What it says about its work would otherwise make more work.
const OWN_IDENTIFIER: &str = "plimsoll-agent";
const OWN_UNIT: &str = "plimsoll-agent.service";

/// What is kept of an entry.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    /// In the order of the entry.
    fields: Vec<(String, Vec<u8>)>,
    /// Fields that were cut off.
    pub(crate) cut: u64,
}

impl Entry {
    fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let same = self.fields.iter().filter(move |(other, _)| other == name);
        same.map(|(_, value)| value.as_slice())
    }

    /// The time of the event: when the program sent the message, or if that is not known, when
    /// journald received it.
    pub(crate) fn time(&self, received_us: u64) -> UnixMillis {
        let sent = self.first(SOURCE_TIME).and_then(|text| {
            let micros: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
            (micros > 0).then_some(micros)
        });
        let millis = sent.unwrap_or(received_us) / 1000;
        UnixMillis(i64::try_from(millis).unwrap_or(i64::MAX))
    }
}

/// What a target wants of entries.
#[derive(Debug)]
pub(crate) struct Wanted {
    format: JournalFormat,
    names: Vec<String>,
    every_name: bool,
    with_own: bool,
    filter: Filter,
}

impl Wanted {
    /// What `target` wants.
    pub(crate) fn new(target: &JournaldTarget) -> Self {
        let selection = &target.selection;
        let asked =
            |field: &str, value: &str| selection.matches.contains(&format!("{field}={value}"));
        let with_own = selection.units.iter().any(|unit| unit == OWN_UNIT)
            || selection
                .identifiers
                .iter()
                .any(|name| name == OWN_IDENTIFIER)
            || asked(UNIT, OWN_UNIT)
            || asked(IDENTIFIER, OWN_IDENTIFIER);
        let format = target.format.clone();
        let mut names: Vec<String> = match &format {
            JournalFormat::Message => vec![MESSAGE.to_owned()],
            JournalFormat::Syslog => SYSLOG.map(str::to_owned).to_vec(),
            JournalFormat::Json(fields) => fields.clone(),
        };
        let every_name = names.is_empty();
        names.extend([SOURCE_TIME, UNIT, IDENTIFIER].map(str::to_owned));
        Self {
            format,
            names,
            every_name,
            with_own,
            filter: Filter {
                include: compile(&selection.include_lines).ok().flatten(),
                exclude: compile(&selection.exclude_lines).ok().flatten(),
                ..Filter::default()
            },
        }
    }

    /// Whether an event of this text is sent.
    pub(crate) fn admits(&self, text: &[u8]) -> bool {
        self.filter.admits(text)
    }

    /// Keeps a field, `NAME=value`, if it is needed.
    pub(crate) fn keep(&self, entry: &mut Entry, field: &[u8]) {
        let Some(equals) = memchr::memchr(b'=', field) else {
            return;
        };
        let (name, value) = field.split_at(equals);
        let needed = self.every_name || self.names.iter().any(|known| known.as_bytes() == name);
        let (Ok(name), Some(value)) = (std::str::from_utf8(name), value.get(1..)) else {
            return;
        };
        if !needed {
            return;
        }
        let kept = value.get(..FIELD_BYTES_MAX).unwrap_or(value);
        entry.cut += u64::from(kept.len() < value.len());
        entry.fields.push((name.to_owned(), kept.to_vec()));
    }

    /// Whether the entry is the agent's own and was not asked for.
    pub(crate) fn leaves_out(&self, entry: &Entry) -> bool {
        !self.with_own
            && (entry.first(UNIT) == Some(OWN_UNIT.as_bytes())
                || entry.first(IDENTIFIER) == Some(OWN_IDENTIFIER.as_bytes()))
    }

    /// Appends what the entry says to `text`: nothing if it has no message.
    pub(crate) fn write(&self, entry: &Entry, text: &mut Vec<u8>) {
        match &self.format {
            JournalFormat::Message => text.extend_from_slice(message(entry)),
            JournalFormat::Syslog => syslog(entry, text),
            JournalFormat::Json(names) => json(entry, names, text),
        }
    }
}

fn message(entry: &Entry) -> &[u8] {
    let mut message = entry.first(MESSAGE).unwrap_or(&[]);
    while let Some(shorter) = message.strip_suffix(b"\n") {
        message = shorter;
    }
    message
}

/// As journald itself writes an entry for people, without time and host.
fn syslog(entry: &Entry, text: &mut Vec<u8>) {
    let message = message(entry);
    if message.is_empty() {
        return;
    }
    let name = entry.first(IDENTIFIER).or(entry.first("_COMM"));
    text.extend_from_slice(name.unwrap_or(b"unknown"));
    if let Some(pid) = entry.first("_PID").or(entry.first("SYSLOG_PID")) {
        text.push(b'[');
        text.extend_from_slice(pid);
        text.push(b']');
    }
    text.extend_from_slice(b": ");
    text.extend_from_slice(message);
}

/// An object of strings; a name that comes several times is a list.
fn json(entry: &Entry, names: &[String], text: &mut Vec<u8>) {
    let listed = names.iter().map(String::as_str);
    let found = entry.fields.iter().map(|(name, _)| name.as_str());
    if names.is_empty() {
        object(entry, found, text);
    } else {
        object(entry, listed, text);
    }
}

fn object<'n>(entry: &Entry, names: impl Iterator<Item = &'n str>, text: &mut Vec<u8>) {
    let start = text.len();
    let mut written: Vec<&str> = Vec::new();
    for name in names {
        let count = entry.all(name).count();
        if count == 0 || written.contains(&name) {
            continue;
        }
        text.push(if written.is_empty() { b'{' } else { b',' });
        written.push(name);
        string(name.as_bytes(), text);
        text.push(b':');
        if count > 1 {
            text.push(b'[');
        }
        for (index, value) in entry.all(name).enumerate() {
            if index > 0 {
                text.push(b',');
            }
            string(value, text);
        }
        if count > 1 {
            text.push(b']');
        }
    }
    if text.len() > start {
        text.push(b'}');
    }
}

fn string(value: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    escape_lossy(text, value);
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::JournalSelection;

    fn target(format: JournalFormat) -> JournaldTarget {
        JournaldTarget {
            format,
            ..JournaldTarget::default()
        }
    }

    fn entry(wanted: &Wanted, fields: &[&[u8]]) -> Entry {
        let mut entry = Entry::default();
        for field in fields {
            wanted.keep(&mut entry, field);
        }
        entry
    }

    #[test]
    fn an_entry_is_written_as_its_format_says() {
        let check = |format: JournalFormat, fields: &[&[u8]], text: &[u8]| {
            let wanted = Wanted::new(&target(format));
            let mut written = Vec::new();
            wanted.write(&entry(&wanted, fields), &mut written);
            assert_eq!(
                String::from_utf8_lossy(&written),
                String::from_utf8_lossy(text)
            );
        };
        let full: [&[u8]; 6] = [
            b"_TRANSPORT=syslog",
            b"MESSAGE=two\nlines = \"one\" event\n",
            b"TAG=a",
            b"SYSLOG_IDENTIFIER=sshd",
            b"TAG=b",
            b"_PID=7",
        ];
        check(JournalFormat::Message, &full, b"two\nlines = \"one\" event");
        check(JournalFormat::Message, &[b"MESSAGE=\xff\0"], b"\xff\0");
        check(JournalFormat::Message, &[b"PRIORITY=1", b"no field"], b"");
        check(
            JournalFormat::Syslog,
            &full,
            b"sshd[7]: two\nlines = \"one\" event",
        );
        check(
            JournalFormat::Syslog,
            &[b"_COMM=cron", b"MESSAGE=x"],
            b"cron: x",
        );
        check(JournalFormat::Syslog, &[b"MESSAGE=x"], b"unknown: x");
        check(JournalFormat::Syslog, &[b"_COMM=cron"], b"");
        let names = ["_PID", "TAG", "ABSENT"].map(str::to_owned).to_vec();
        check(
            JournalFormat::Json(names.clone()),
            &full,
            br#"{"_PID":"7","TAG":["a","b"]}"#,
        );
        check(JournalFormat::Json(names), &[b"MESSAGE=x"], b"");
        check(
            JournalFormat::Json(Vec::new()),
            &full,
            br#"{"_TRANSPORT":"syslog","MESSAGE":"two\nlines = \"one\" event\n","TAG":["a","b"],"SYSLOG_IDENTIFIER":"sshd","_PID":"7"}"#,
        );
        check(
            JournalFormat::Json(Vec::new()),
            &[b"MESSAGE=\xffx"],
            "{\"MESSAGE\":\"\u{fffd}x\"}".as_bytes(),
        );
    }

    #[test]
    fn the_time_is_when_the_program_sent_it_or_when_it_was_received() {
        let wanted = Wanted::new(&target(JournalFormat::Message));
        let time = |field: &[u8]| entry(&wanted, &[field]).time(9_000_000).0;
        assert_eq!(time(b"_SOURCE_REALTIME_TIMESTAMP=5000999"), 5000);
        assert_eq!(time(b"_SOURCE_REALTIME_TIMESTAMP=soon"), 9000);
        assert_eq!(time(b"_SOURCE_REALTIME_TIMESTAMP=0"), 9000);
        assert_eq!(time(b"MESSAGE=x"), 9000);
    }

    #[test]
    fn the_agents_own_entries_are_left_out_unless_they_are_asked_for_by_name() {
        let by_unit = |selection: JournalSelection| {
            let target = JournaldTarget {
                selection,
                ..JournaldTarget::default()
            };
            let wanted = Wanted::new(&target);
            let own = |field: &[u8]| wanted.leaves_out(&entry(&wanted, &[field, b"MESSAGE=x"]));
            assert!(!own(b"_SYSTEMD_UNIT=ssh.service"));
            assert_eq!(
                own(b"_SYSTEMD_UNIT=plimsoll-agent.service"),
                own(b"SYSLOG_IDENTIFIER=plimsoll-agent")
            );
            own(b"SYSLOG_IDENTIFIER=plimsoll-agent")
        };
        assert!(by_unit(JournalSelection::default()));
        assert!(!by_unit(JournalSelection {
            units: vec![OWN_UNIT.to_owned()],
            ..JournalSelection::default()
        }));
        assert!(!by_unit(JournalSelection {
            matches: vec![format!("{IDENTIFIER}={OWN_IDENTIFIER}")],
            ..JournalSelection::default()
        }));
    }

    #[test]
    fn a_field_that_is_too_long_is_cut_off_and_counted() {
        let wanted = Wanted::new(&target(JournalFormat::Message));
        let long = [b"MESSAGE=".to_vec(), vec![b'x'; FIELD_BYTES_MAX + 1]].concat();
        let cut = entry(&wanted, &[&long, b"MESSAGE=y"]);
        assert_eq!((cut.cut, message(&cut).len()), (1, FIELD_BYTES_MAX));
    }
}
