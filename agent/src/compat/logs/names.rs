//! Names of log groups and streams: their placeholders become ours.
//!
//! The amazon-cloudwatch-agent fills them in once, when it starts; a word in braces that it does
//! not know stays. Ours may not hold braces at all, so they are taken off.

use super::super::report::{At, Notes};

/// Theirs and ours. Source: the amazon-cloudwatch-agent's
/// `translator/translate/util/placeholderUtil.go`.
const PLACEHOLDERS: [(&str, &str); 7] = [
    ("instance_id", "{instance_id}"),
    ("hostname", "{hostname}"),
    ("local_hostname", "{hostname}"),
    ("ip_address", "{ip_address}"),
    ("aws_region", "{region}"),
    ("account_id", "{account_id}"),
    ("date", "{date}"),
];

/// What a name is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Group,
    Stream,
    /// Of the journal, whose stream is one for all days.
    JournalStream,
}

/// Translates a name. `day` is that of the start, such as `2026-11-24`.
pub(super) fn translate(name: &str, kind: Kind, day: &str, at: &At, notes: &Notes) -> String {
    let mut written = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('{') {
        written.push_str(&before.replace('}', ""));
        let Some((word, behind)) = after.split_once('}') else {
            notes.changed(at, "the brace without an end is left out");
            rest = after;
            continue;
        };
        rest = behind;
        if let Some(variable) = written.strip_suffix('$') {
            written = variable.to_owned();
            let how = format!("{word} is not set, so its name stands for it");
            notes.changed(at, &how);
            written.push_str(word);
            continue;
        }
        written.push_str(&placeholder(word, kind, day, at, notes));
    }
    written.push_str(&rest.replace('}', ""));
    written
}

fn placeholder(word: &str, kind: Kind, day: &str, at: &At, notes: &Notes) -> String {
    let known = PLACEHOLDERS.into_iter().find(|(theirs, _)| *theirs == word);
    match (known, kind) {
        (None, _) => {
            let how = format!("{{{word}}} is no placeholder there either; its braces are left out");
            notes.changed(at, &how);
            word.to_owned()
        }
        (Some(("date", _)), Kind::Group | Kind::JournalStream) => {
            let how = "{date} is the day on which this was read; the name does not change later";
            notes.changed(at, how);
            day.to_owned()
        }
        (Some(("date", ours)), Kind::Stream) => {
            let how = "{date} is the day of each event here; there it is that of the agent's start";
            notes.changed(at, how);
            ours.to_owned()
        }
        (Some(("local_hostname", ours)), _) => {
            let how = "{local_hostname} is what the system calls the host";
            notes.changed(at, how);
            ours.to_owned()
        }
        (Some((_, ours)), _) => ours.to_owned(),
    }
}

/// What groups may not hold becomes an underscore. Source: the amazon-cloudwatch-agent's
/// `plugins/inputs/logfile/logfile.go`, which does the same with paths.
pub(super) fn group_of_path(path: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '#');
    path.chars()
        .map(|c| if good(c) { c } else { '_' })
        .collect()
}

/// The part of a path before the last dot of its last name. Source: `fileconfig.go`, there.
pub(super) fn without_extension(path: &str) -> &str {
    let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
    match path.rfind('.') {
        Some(dot) if dot >= name_at => path.get(..dot).unwrap_or(path),
        _ => path,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::json::Place;
    use super::*;

    #[test]
    fn placeholders_become_ours_and_what_is_none_loses_its_braces() {
        let at = At {
            pointer: String::new(),
            place: Place {
                file: "a".into(),
                line: 1,
                column: 1,
            },
        };
        for (name, kind, written) in [
            ("plain", Kind::Group, "plain"),
            (
                "a/{aws_region}/{instance_id}",
                Kind::Group,
                "a/{region}/{instance_id}",
            ),
            ("{date}", Kind::Group, "2026-11-24"),
            ("{date}", Kind::Stream, "{date}"),
            (
                "{local_hostname}-{ip_address}",
                Kind::Stream,
                "{hostname}-{ip_address}",
            ),
            ("a{foo}b{", Kind::Stream, "afoob"),
            ("a${STAGE}", Kind::Stream, "aSTAGE"),
        ] {
            let found = translate(name, kind, "2026-11-24", &at, &Notes::default());
            assert_eq!(found, written, "{name}");
        }
    }

    #[test]
    fn a_group_without_a_name_is_called_after_the_path() {
        for (path, name) in [
            ("/tmp/TestLogFile.log.2017-07-11-14", "/tmp/TestLogFile.log"),
            ("/var/log/messages", "/var/log/messages"),
            ("/etc/conf.d/log", "/etc/conf.d/log"),
        ] {
            assert_eq!(without_extension(path), name);
        }
        assert_eq!(group_of_path("/a/b c*.log"), "/a/b_c_.log");
    }
}
