//! Writes our configuration, and remembers which key of the other each line comes from.
//!
//! Every key has a line of its own, so that a mistake in a line can be told where the user wrote
//! it.

use super::report::At;

/// A value of TOML.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Toml {
    Text(String),
    Number(i64),
    Bool(bool),
    List(Vec<Toml>),
    Table(Vec<(String, Toml)>),
}

impl From<&str> for Toml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Toml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Toml {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Toml {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Toml {
    fn from(values: Vec<T>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }
}

/// One table: `[agent]`, or one of several `[[logs.file]]`.
#[derive(Clone, Debug)]
pub(super) struct Table {
    header: String,
    from: Option<At>,
    keys: Vec<(String, Toml, Option<At>)>,
}

impl Table {
    /// `[name]`
    pub(super) fn named(name: &str) -> Self {
        Self::with_header(format!("[{name}]"))
    }

    /// `[[name]]`
    pub(super) fn item(name: &str) -> Self {
        Self::with_header(format!("[[{name}]]"))
    }

    fn with_header(header: String) -> Self {
        Self {
            header,
            from: None,
            keys: Vec::new(),
        }
    }

    /// The key of the other configuration that the table comes from.
    pub(super) fn from(mut self, at: &At) -> Self {
        self.from = Some(at.clone());
        self
    }

    /// Writes a key that comes from another.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Toml>, at: &At) {
        let (key, value) = (key.to_owned(), value.into());
        self.keys.push((key, value, Some(at.clone())));
    }

    /// Writes a key that has no other: a default that differs.
    pub(super) fn add(&mut self, key: &str, value: impl Into<Toml>) {
        self.keys.push((key.to_owned(), value.into(), None));
    }

    /// The same keys under another name.
    pub(super) fn renamed(mut self, name: &str) -> Self {
        self.header = format!("[{name}]");
        self
    }

    /// Whether this is `[name]`.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.header == format!("[{name}]")
    }

    /// Leaves out all keys but these.
    pub(super) fn keep(&mut self, names: &[&str]) {
        self.keys
            .retain(|(key, _, _)| names.contains(&key.as_str()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A text of TOML, and where each line comes from.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) text: String,
    /// By line, from 0.
    pub(super) from: Vec<Option<At>>,
}

impl Text {
    /// Writes the tables one after the other. An empty one that stands for itself is left out.
    pub(super) fn write(tables: &[Table]) -> Self {
        let mut written = Self::default();
        for table in tables {
            let from = table.from.as_ref();
            written.line("", None);
            if let Some(at) = from {
                written.line(&format!("# {}: {}", at.place, at.pointer), None);
            }
            written.line(&table.header, from);
            for (key, value, at) in &table.keys {
                let line = format!("{} = {}", name(key), value_text(value));
                written.line(&line, at.as_ref().or(from));
            }
        }
        written
    }

    fn line(&mut self, line: &str, from: Option<&At>) {
        // Control characters cannot break a line: names of files may hold them.
        self.text.push_str(&line.replace(char::is_control, " "));
        self.text.push('\n');
        self.from.push(from.cloned());
    }
}

/// A key, in quotes unless it is a bare one. Source: TOML 1.0, Keys.
fn name(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !key.is_empty() && key.chars().all(bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

fn value_text(value: &Toml) -> String {
    match value {
        Toml::Text(text) => quoted(text),
        Toml::Number(number) => number.to_string(),
        Toml::Bool(value) => value.to_string(),
        Toml::List(values) => {
            let values: Vec<String> = values.iter().map(value_text).collect();
            format!("[{}]", values.join(", "))
        }
        Toml::Table(members) if members.is_empty() => "{}".to_owned(),
        Toml::Table(members) => {
            let members = members.iter();
            let members =
                members.map(|(key, value)| format!("{} = {}", name(key), value_text(value)));
            let members: Vec<String> = members.collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

/// A string; patterns stay readable. Source: TOML 1.0, String.
fn quoted(text: &str) -> String {
    let literal = text.contains(['\\', '"']) && !text.contains('\'');
    if literal && !text.chars().any(char::is_control) {
        return format!("'{text}'");
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            c if c.is_control() => quoted.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::super::json::Place;
    use super::*;

    #[test]
    fn each_line_knows_the_key_it_comes_from() {
        let at = |line, pointer: &str| At {
            pointer: pointer.to_owned(),
            place: Place {
                file: "a.json".into(),
                line,
                column: 1,
            },
        };
        let mut table = Table::item("logs.file").from(&at(3, "/logs"));
        table.set("path", "/var/log/a", &at(4, "/logs/file_path"));
        table.add("tags", Toml::Table(vec![("a b".to_owned(), 1.into())]));
        let written = Text::write(&[table]);
        let expected = "\n# a.json:3: /logs\n[[logs.file]]\npath = \"/var/log/a\"\n\
                        tags = { \"a b\" = 1 }\n";
        assert_eq!(written.text, expected);
        let lines: Vec<usize> = written
            .from
            .iter()
            .map(|at| at.as_ref().map_or(0, |at| at.place.line))
            .collect();
        assert_eq!(lines, [0, 0, 3, 4, 3]);
    }

    #[test]
    fn strings_are_written_so_that_they_are_read_as_they_were() {
        for (text, written) in [
            ("plain", "\"plain\""),
            (r"^\d{4}", r"'^\d{4}'"),
            ("a\"b", "'a\"b'"),
            ("it's \\ \"x\"", r#""it's \\ \"x\"""#),
            ("a\nb\u{7f}", "\"a\\u000Ab\\u007F\""),
        ] {
            assert_eq!(quoted(text), written, "{text:?}");
        }
    }
}
