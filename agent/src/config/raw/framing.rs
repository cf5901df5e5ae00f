//! The keys of `[[logs.file]]` that say what its text is like: `encoding`, `multi_line` and
//! `rate_limit`.

use std::time::Duration;

use encoding_rs::{Encoding, REPLACEMENT, UTF_8, UTF_16LE};
use plimsoll_core::config::{Field, Section};
use regex::bytes::Regex;

use super::super::{Framing, Mode, Modes, MultiLine, Rule, TextEncoding};

const MODES: [(&str, Mode); 7] = [
    ("java", Mode::Java),
    ("python", Mode::Python),
    ("go", Mode::Go),
    ("node", Mode::Node),
    ("dotnet", Mode::DotNet),
    ("rust", Mode::Rust),
    ("indent", Mode::Indent),
];
/// A line of the usual length still fits.
const BYTES_MIN: u64 = 1024;
const LINES_MAX: u64 = 1_000_000;
const RATE_MIN: u64 = 1024;
const RATE_MAX: u64 = 1 << 30;
/// Labels to suggest for one that is not known: the names of the Encoding Standard
/// (<https://encoding.spec.whatwg.org/#names-and-labels>) and what its encodings are often called.
/// All other labels of the standard are taken, too.
const LABELS: [&str; 54] = [
    "utf-8",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "ascii",
    "us-ascii",
    "latin1",
    "latin-1",
    "ibm866",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-8-i",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "x-mac-cyrillic",
    "gbk",
    "gb2312",
    "gb18030",
    "big5",
    "euc-jp",
    "iso-2022-jp",
    "shift_jis",
    "sjis",
    "ms_kanji",
    "windows-31j",
    "euc-kr",
    "ks_c_5601-1987",
    "korean",
    "x-user-defined",
    "unicode",
    "utf8",
];

/// Reads the keys.
pub(super) fn read(file: &mut Section<'_>) -> Framing {
    Framing {
        encoding: encoding(file),
        multi_line: multi_line(file),
        rate_limit: file.take_size("rate_limit", RATE_MIN..=RATE_MAX),
    }
}

fn encoding(file: &mut Section<'_>) -> TextEncoding {
    let Some(label) = file.take_name("encoding") else {
        return TextEncoding::default();
    };
    let wanted = label.value.trim().to_ascii_lowercase();
    let standard = if wanted == "latin-1" {
        "latin1"
    } else {
        &wanted
    };
    match Encoding::for_label(standard.as_bytes()) {
        Some(encoding) if encoding == UTF_8 => TextEncoding::Utf8,
        Some(encoding) if encoding == UTF_16LE && wanted != "utf-16le" => TextEncoding::Utf16,
        Some(encoding) if encoding != REPLACEMENT => TextEncoding::Other(encoding),
        _ => {
            let found = format!("found \"{}\"", label.value);
            let expected = "expected a label of the Encoding Standard such as \"utf-8\", \
                            \"utf-16\", \"iso-8859-1\", \"windows-1252\" or \"shift_jis\"";
            file.reject_near(&label, &found, expected, &wanted, LABELS.into_iter());
            TextEncoding::default()
        }
    }
}

/// `multi_line` is one mode, a list of modes, or a table.
fn multi_line(file: &mut Section<'_>) -> Option<MultiLine> {
    if !file.holds_table("multi_line") {
        let names = file.take_string_or_list("multi_line");
        return modes(file, names).map(MultiLine::new);
    }
    let mut section = file.take_section("multi_line")?;
    let names = section.take_string_or_list("mode");
    let by_mode = modes(&section, names);
    let start = pattern(&mut section, "start").map(Rule::Start);
    let continuation = pattern(&mut section, "continuation").map(Rule::Continuation);
    let told = ["mode", "start", "continuation"];
    let told = told
        .into_iter()
        .filter(|key| section.keys().any(|known| known == *key));
    match told.count() {
        0 => section.report_missing("start", "expected one of: start, continuation, mode"),
        1 => {}
        _ => {
            let expected = "expected only one of: start, continuation, mode";
            section.report("start", "found several rules", expected, None);
        }
    }
    let rule = by_mode.or(start).or(continuation);
    let multi_line = rule.map(|rule| bounds(&mut section, MultiLine::new(rule)));
    if multi_line.is_none() {
        // The bounds are looked at even so: all mistakes are told at once.
        bounds(&mut section, MultiLine::new(Rule::Modes(Modes::default())));
    }
    section.finish();
    multi_line
}

fn bounds(section: &mut Section<'_>, multi_line: MultiLine) -> MultiLine {
    let timeout = Duration::from_millis(100)..=Duration::from_mins(10);
    MultiLine {
        bytes_max: section
            .take_size("max_bytes", BYTES_MIN..=MultiLine::BYTES_MAX as u64)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(multi_line.bytes_max),
        lines_max: section
            .take_integer("max_lines", 2..=LINES_MAX)
            .and_then(|lines| usize::try_from(lines).ok())
            .unwrap_or(multi_line.lines_max),
        timeout: section
            .take_duration("timeout", timeout)
            .unwrap_or(multi_line.timeout),
        ..multi_line
    }
}

fn modes(section: &Section<'_>, names: Vec<Field<String>>) -> Option<Rule> {
    let mut modes = Modes::default();
    for name in names {
        if let Some((_, mode)) = MODES.iter().find(|(word, _)| *word == name.value) {
            modes = modes.with(*mode);
            continue;
        }
        let words = || MODES.iter().map(|(word, _)| *word);
        let expected = format!(
            "expected one of: {}",
            words().collect::<Vec<_>>().join(", ")
        );
        let found = format!("found \"{}\"", name.value);
        section.reject_near(&name, &found, &expected, &name.value, words());
    }
    (modes != Modes::default()).then_some(Rule::Modes(modes))
}

fn pattern(section: &mut Section<'_>, key: &'static str) -> Option<Regex> {
    let pattern = section.take_name(key)?;
    match Regex::new(&pattern.value) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let error = error.to_string();
            let why = error.lines().last().unwrap_or("not a pattern").trim();
            let found = format!("found \"{}\": {why}", pattern.value);
            section.reject(&pattern, &found, "expected a regular expression");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Framing};

    fn parsed(lines: &str) -> Result<Framing, String> {
        let text = format!("[[logs.file]]\npath = \"/a\"\ngroup = \"g\"\n{lines}\n");
        match Config::from_text("agent.toml", &text) {
            Ok(config) => Ok(config.logs.unwrap().files[0].framing.clone()),
            Err(problems) => {
                let told: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
                Err(told.join("\n"))
            }
        }
    }

    #[test]
    fn every_label_of_the_standard_is_taken_and_mistakes_are_told_with_the_nearest() {
        let check = |label: &str, encoding: TextEncoding| {
            let framing = parsed(&format!("encoding = \"{label}\"")).unwrap();
            assert_eq!(framing.encoding, encoding, "{label}");
        };
        check("UTF-8", TextEncoding::Utf8);
        check("utf-16", TextEncoding::Utf16);
        check("utf-16le", TextEncoding::Other(UTF_16LE));
        check("utf-16BE", TextEncoding::Other(encoding_rs::UTF_16BE));
        check("latin-1", TextEncoding::Other(encoding_rs::WINDOWS_1252));
        check("Shift_JIS", TextEncoding::Other(encoding_rs::SHIFT_JIS));
        check("csisolatin2", TextEncoding::Other(encoding_rs::ISO_8859_2));
        let known =
            |label: &&str| **label == *"latin-1" || Encoding::for_label(label.as_bytes()).is_some();
        assert!(LABELS.iter().all(known), "what is suggested is taken");
        for (label, told) in [
            ("shift-jiss", "did you mean `shift_jis`?"),
            ("windows-125", "did you mean `windows-125"),
            ("hz-gb-2312", "expected a label of the Encoding Standard"),
            ("", "found an empty string"),
        ] {
            let error = parsed(&format!("encoding = \"{label}\"")).unwrap_err();
            assert!(
                error.contains("agent.toml:4:12: logs.file[0].encoding: ") && error.contains(told),
                "{error}"
            );
        }
    }

    #[test]
    fn multi_line_is_a_mode_a_list_or_a_table_with_bounds() {
        let rule = |lines: &str| parsed(lines).unwrap().multi_line.unwrap();
        for lines in ["multi_line = \"java\"", "multi_line.mode = [\"java\"]"] {
            let Rule::Modes(modes) = rule(lines).rule else {
                panic!("{lines}");
            };
            assert!(modes.has(Mode::Java) && !modes.has(Mode::Go));
        }
        let bounded = rule(
            "multi_line.start = '^\\d'\nmulti_line.max_bytes = \"2KiB\"\n\
             multi_line.max_lines = 7\nmulti_line.timeout = \"1s\"",
        );
        assert!(matches!(&bounded.rule, Rule::Start(start) if start.is_match(b"1")));
        let bounds = (bounded.bytes_max, bounded.lines_max, bounded.timeout);
        assert_eq!(bounds, (2048, 7, Duration::from_secs(1)));
        assert!(matches!(
            rule("multi_line.continuation = '^ '").rule,
            Rule::Continuation(_)
        ));
        assert!(parsed("").unwrap().multi_line.is_none());
        for (lines, told) in [
            (
                "multi_line = \"jaba\"",
                "4:14: logs.file[0].multi_line: found \"jaba\"",
            ),
            ("multi_line = [\"jaba\"]", "did you mean `java`?"),
            (
                "multi_line.start = '('",
                "4:20: logs.file[0].multi_line.start: found \"(\": error: unclosed group",
            ),
            (
                "multi_line.timeout = \"1s\"",
                "expected one of: start, continuation, mode",
            ),
            (
                "multi_line.start = 'a'\nmulti_line.mode = \"go\"",
                "found several rules",
            ),
            (
                "multi_line.start = 'a'\nmulti_line.max_bytes = \"2MiB\"",
                "expected 1024 to 1048550",
            ),
            ("multi_line.begin = 'a'", "unknown key"),
            ("rate_limit = \"1\"", "logs.file[0].rate_limit: found"),
        ] {
            let error = parsed(lines).unwrap_err();
            assert!(error.contains(told), "{lines}: {error}");
        }
    }
}
