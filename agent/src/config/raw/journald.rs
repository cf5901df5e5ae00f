//! The section `[[logs.journald]]`.

use plimsoll_core::config::{Field, Section};

use super::super::{
    Boot, JournalFormat, JournalSelection, JournaldTemplate, LogsTemplate, Placeholder,
    StartPosition,
};
use super::destination::Destination;
use super::logs::STARTS;
use super::shaping;

/// Each has a handle with a change notification of its own, and the kernel gives a user 128 of
/// those by default (`fs.inotify.max_user_instances`).
const TARGETS_MAX: usize = 32;
/// Source: systemd's manual, `JOURNAL_FIELDS`: names of fields have at most 64 characters.
const FIELD_CHARS_MAX: usize = 64;
/// What an object holds unless `fields` says otherwise: what people ask for, at a price that does
/// not multiply that of the message.
pub(crate) const FIELDS: [&str; 6] = [
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "_PID",
    "_SYSTEMD_UNIT",
    "_HOSTNAME",
];

const BOOTS: [(&str, Boot); 2] = [("all", Boot::All), ("current", Boot::Current)];
/// Source: syslog(3), and the numbers of `PRIORITY` in systemd's manual. `error` and `warn` are
/// what people write for `err` and `warning`.
const PRIORITIES: [(&str, u8); 10] = [
    ("emerg", 0),
    ("alert", 1),
    ("crit", 2),
    ("err", 3),
    ("error", 3),
    ("warning", 4),
    ("warn", 4),
    ("notice", 5),
    ("info", 6),
    ("debug", 7),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Message,
    Syslog,
    Json,
}

const FORMATS: [(&str, Format); 3] = [
    ("message", Format::Message),
    ("syslog", Format::Syslog),
    ("json", Format::Json),
];

/// One `[[logs.journald]]`. Every key is read even when an early one is wrong.
pub(super) fn target(
    section: &mut Section<'_>,
    earlier: &LogsTemplate,
) -> Option<JournaldTemplate> {
    let selection = JournalSelection {
        units: units(section),
        identifiers: values(section.take_string_or_list("identifiers")),
        priority: priority(section),
        matches: matches(section),
        boot: section.take_choice("boot", &BOOTS).unwrap_or_default(),
        kernel: section.take_bool("kernel"),
        include_lines: shaping::pattern_texts(section, "include_lines"),
        exclude_lines: shaping::pattern_texts(section, "exclude_lines"),
    };
    let start: StartPosition = section.take_choice("start", &STARTS).unwrap_or_default();
    let format = format(section);
    let destination = Destination::take(section)?;
    for (placeholder, word) in [
        (Placeholder::FileName, "{file_name}"),
        (Placeholder::FilePath, "{file_path}"),
        (Placeholder::Date, "{date}"),
    ] {
        if destination.stream.holds(&placeholder) {
            let expected = "expected one stream for all entries, which come from no file";
            section.report("stream", &format!("found {word}"), expected, None);
            return None;
        }
    }
    if earlier.journald.len() >= TARGETS_MAX {
        let expected = format!("expected at most {TARGETS_MAX} sections");
        section.report("group", "found one section too many", &expected, None);
        return None;
    }
    let same = |other: &&JournaldTemplate| {
        (&other.group, &other.stream) == (&destination.group, &destination.stream)
    };
    let ordinal = earlier.journald.iter().filter(same).count();
    Some(JournaldTemplate {
        key: key(&destination, ordinal),
        selection,
        format,
        start,
        group: destination.group,
        settings: destination.settings,
        stream: destination.stream,
    })
}

/// Names a target by its destination as it is written, so that neither a change of the selection
/// nor a placeholder that is not known for once loses its position.
fn key(destination: &Destination, ordinal: usize) -> u64 {
    let text = format!("{}\n{ordinal}", destination.written);
    let crc = u64::from(crc32fast::hash(text.as_bytes()));
    (crc << 32) | (text.len() as u64 & 0xffff_ffff)
}

/// Units, a service if they have no suffix, as systemctl takes them.
fn units(section: &mut Section<'_>) -> Vec<String> {
    let mut units = section.take_string_or_list("units");
    units.retain(|unit| {
        let wrong = unit.value.is_empty() || unit.value.contains(['*', '?', '[', '/', ' ', '=']);
        if wrong {
            let expected = "expected the name of a unit such as \"nginx.service\", without a glob";
            section.reject(unit, &format!("found \"{}\"", unit.value), expected);
        }
        !wrong
    });
    let with_suffix = |unit: String| {
        if unit.contains('.') {
            unit
        } else {
            unit + ".service"
        }
    };
    values(units).into_iter().map(with_suffix).collect()
}

fn priority(section: &mut Section<'_>) -> Option<u8> {
    if section.holds_integer("priority") {
        let level = section.take_integer("priority", 0..=7)?;
        return u8::try_from(level).ok();
    }
    section.take_choice("priority", &PRIORITIES)
}

fn matches(section: &mut Section<'_>) -> Vec<String> {
    let mut matches = section.take_string_or_list("matches");
    matches.retain(|term| {
        let right = term
            .value
            .split_once('=')
            .is_some_and(|(name, _)| is_field(name));
        if !right {
            let expected = "expected FIELD=value such as \"_COMM=sshd\"";
            section.reject(term, &format!("found \"{}\"", term.value), expected);
        }
        right
    });
    values(matches)
}

fn format(section: &mut Section<'_>) -> JournalFormat {
    let format = section.take_choice("format", &FORMATS);
    let mut fields = section.take_string_or_list("fields");
    if !fields.is_empty() && format != Some(Format::Json) {
        let expected = "expected format = \"json\" beside it";
        section.report(
            "fields",
            "found fields for a format without them",
            expected,
            None,
        );
    }
    let all = fields.iter().any(|field| field.value == "*");
    fields.retain(|field| {
        let right = field.value == "*" || is_field(&field.value);
        if !right {
            let expected =
                "expected the name of a field such as \"_SYSTEMD_UNIT\", or \"*\" for all";
            section.reject(field, &format!("found \"{}\"", field.value), expected);
        }
        right
    });
    match format.unwrap_or(Format::Message) {
        Format::Message => JournalFormat::Message,
        Format::Syslog => JournalFormat::Syslog,
        Format::Json if all => JournalFormat::Json(Vec::new()),
        Format::Json if fields.is_empty() => {
            JournalFormat::Json(FIELDS.map(str::to_owned).to_vec())
        }
        Format::Json => JournalFormat::Json(values(fields)),
    }
}

/// Source: systemd's manual, `sd_journal_print`: upper-case letters, digits and underscores, not
/// starting with a digit. Two underscores begin what is no field but an address of the entry.
fn is_field(name: &str) -> bool {
    (1..=FIELD_CHARS_MAX).contains(&name.len())
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.starts_with("__")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn values(fields: Vec<Field<String>>) -> Vec<String> {
    fields.into_iter().map(|field| field.value).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::{Config, LogsConfig};
    use super::*;

    fn target(text: &str) -> Result<JournaldTemplate, String> {
        let text = format!("[[logs.journald]]\ngroup = \"g\"\n{text}\n");
        let config = Config::from_text("agent.toml", &text).map_err(|error| error.to_string())?;
        Ok(config.logs.unwrap().journald.remove(0))
    }

    #[test]
    fn mistakes_about_the_journal_are_told_with_place_and_remedy() {
        let check = |text: &str, told: &str| {
            let error = target(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        };
        check(
            "units = \"web-*\"",
            "agent.toml:3:9: logs.journald[0].units",
        );
        check("matches = \"sshd\"", "expected FIELD=value");
        check("matches = \"_comm=sshd\"", "expected FIELD=value");
        check("matches = \"__CURSOR=1\"", "expected FIELD=value");
        check("priority = \"warnin\"", "did you mean `warning`");
        check("priority = 8", "from 0 to 7");
        check("boot = \"last\"", "all, current");
        check("fields = \"MESSAGE\"", "format = \"json\"");
        check("format = \"json\"\nfields = \"message\"", "_SYSTEMD_UNIT");
        check("stream = \"{file_name}\"", "come from no file");
        check("path = \"/a\"", "unknown key");
    }

    #[test]
    fn a_full_section_is_read_as_it_was_meant() {
        let text = "include_lines = \"a\"\nexclude_lines = [\"b\"]\nunits = [\"nginx\", \"ssh.socket\"]\nidentifiers = \"sudo\"\npriority = 4\n\
                    matches = [\"_COMM=a=b\"]\nboot = \"current\"\nkernel = false\n\
                    start = \"beginning\"\nformat = \"json\"\nfields = [\"MESSAGE\", \"*\"]";
        let read = target(text).unwrap();
        let expected = JournalSelection {
            units: vec!["nginx.service".to_owned(), "ssh.socket".to_owned()],
            identifiers: vec!["sudo".to_owned()],
            priority: Some(4),
            matches: vec!["_COMM=a=b".to_owned()],
            boot: Boot::Current,
            kernel: Some(false),
            include_lines: vec!["a".to_owned()],
            exclude_lines: vec!["b".to_owned()],
        };
        assert_eq!(read.selection, expected);
        assert_eq!(read.start, StartPosition::Beginning);
        assert_eq!(read.format, JournalFormat::Json(Vec::new()));
        let few = target("format = \"json\"").unwrap().format;
        assert_eq!(few, JournalFormat::Json(FIELDS.map(str::to_owned).to_vec()));
        let named = target("priority = \"err\"\nformat = \"syslog\"").unwrap();
        assert_eq!(
            (named.selection.priority, named.format),
            (Some(3), JournalFormat::Syslog)
        );
    }

    #[test]
    fn a_position_belongs_to_a_destination_whatever_is_selected_and_whatever_names_are_filled_in() {
        let text = "[[logs.journald]]\ngroup = \"g\"\nunits = \"a\"\n\
                    [[logs.journald]]\ngroup = \"g\"\nunits = \"b\"\n\
                    [[logs.journald]]\ngroup = \"h\"\n";
        let keys = |text: &str| -> Vec<u64> {
            let logs = Config::from_text("agent.toml", text).unwrap().logs.unwrap();
            let logs: LogsConfig = logs.fill(|_| None);
            logs.journald.iter().map(|target| target.key).collect()
        };
        let first = keys(text);
        assert!(first[0] != first[1] && first[1] != first[2]);
        assert_eq!(first, keys(&text.replace("\"b\"", "\"c\"")));
    }
}
