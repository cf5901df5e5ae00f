//! Finds where each JSON value of a text begins and ends, before anything is parsed.
//!
//! CloudTrail, GuardDuty and Cost Explorer write the same things as one object, as a list, as a
//! list under a key (`Records`), or as one object a line. Cutting the text first means that a
//! broken record loses itself and not its neighbours, that a text which ends early gives what came
//! before, and that a size can be refused before it is parsed. This module builds no values and
//! copies no text.

use super::Reason;

/// Bytes of unreadable text that are kept as a sample.
pub const SAMPLE_BYTES_MAX: usize = 512;
/// Brackets inside brackets. `serde_json` refuses more than 128.
const DEPTH_MAX: usize = 128;

/// A part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// A whole value, or why there is none.
    pub value: Result<&'a str, Broken<'a>>,
    /// How many pieces came before.
    pub index: usize,
    /// Where it begins, in bytes from the beginning of the text.
    pub byte: usize,
}

/// A part of the text that is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken<'a> {
    /// Why.
    pub reason: Reason,
    /// Its beginning.
    pub sample: &'a str,
}

/// The pieces of a text. Ends at the end of the text, always.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    text: &'a str,
    at: usize,
    index: usize,
    list_keys: &'static [&'static str],
    /// Inside a list whose members are the pieces.
    list: Option<Enclosing>,
}

/// What the list of pieces stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Enclosing {
    Nothing,
    Object,
}

/// Why the end of a value was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoEnd {
    /// The text ends first.
    Truncated,
    /// What stands here cannot be part of JSON.
    Broken,
}

impl<'a> Pieces<'a> {
    /// Cuts `text`. The list under one of `list_keys` in an object at the top stands for that
    /// object.
    #[must_use]
    pub fn new(text: &'a str, list_keys: &'static [&'static str]) -> Self {
        Self {
            text: text.trim_start_matches('\u{feff}'),
            at: 0,
            index: 0,
            list_keys,
            list: None,
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn piece(&mut self, value: Result<&'a str, Broken<'a>>, byte: usize) -> Piece<'a> {
        let index = self.index;
        self.index += 1;
        Piece { value, index, byte }
    }

    /// Reports what starts at `from` as broken and goes on at `next`.
    fn broken(&mut self, reason: Reason, from: usize, next: usize) -> Piece<'a> {
        self.at = next.max(from + 1);
        let sample = sample(self.text.get(from..).unwrap_or_default());
        self.piece(Err(Broken { reason, sample }), from)
    }

    /// The next member of the list, or what is wrong with it.
    fn member(&mut self, enclosing: Enclosing) -> Option<Piece<'a>> {
        self.at = skip(self.text, self.at, |byte| is_space(byte) || byte == b',');
        let from = self.at;
        match self.byte() {
            None => {
                self.list = None;
                Some(self.broken(Reason::TruncatedJson, from, from))
            }
            Some(b']') => {
                self.list = None;
                self.at += 1;
                if enclosing == Enclosing::Object {
                    let rest = end_of_brackets(self.text, self.at, vec![b'}']);
                    self.at = rest.unwrap_or(self.text.len());
                }
                None
            }
            Some(0) => Some(self.zeros(from)),
            Some(_) => Some(self.whole(from)),
        }
    }

    /// A run of NUL bytes, as a file has that was allocated before it was written. What follows on
    /// the same line is whole.
    fn zeros(&mut self, from: usize) -> Piece<'a> {
        let next = skip(self.text, from, |byte| byte == 0);
        self.broken(Reason::BrokenJson, from, next)
    }

    /// The value that starts at `from`.
    fn whole(&mut self, from: usize) -> Piece<'a> {
        match end_of_value(self.text, from) {
            Ok(end) => {
                self.at = end;
                let value = self.text.get(from..end).unwrap_or_default();
                self.piece(Ok(value), from)
            }
            Err(no_end) => {
                let reason = match no_end {
                    NoEnd::Truncated => Reason::TruncatedJson,
                    NoEnd::Broken => Reason::BrokenJson,
                };
                let next = self.next_line_with_object(from);
                if next >= self.text.len() {
                    self.list = None;
                }
                self.broken(reason, from, next)
            }
        }
    }

    /// Where to go on after something broken: the next line that starts with `{`, not indented
    /// further than the broken value was.
    fn next_line_with_object(&self, from: usize) -> usize {
        let bytes = self.text.as_bytes();
        let line_start = bytes
            .get(..from)
            .and_then(|before| before.iter().rposition(|byte| *byte == b'\n'))
            .map_or(0, |newline| newline + 1);
        let indent = from - line_start;
        let mut at = from;
        loop {
            at = skip(self.text, at, |byte| byte != b'\n');
            if at >= bytes.len() {
                return bytes.len();
            }
            at += 1;
            let start = skip(self.text, at, |byte| byte == b' ' || byte == b'\t');
            if start - at <= indent && bytes.get(start) == Some(&b'{') {
                return start;
            }
        }
    }

    /// Where the list under one of the keys begins, if the object at `self.at` has one.
    fn list_in_object(&self) -> Option<usize> {
        let mut at = self.at + 1;
        loop {
            at = skip(self.text, at, |byte| is_space(byte) || byte == b',');
            let key_end = end_of_string(self.text, at).ok()?;
            let key = self.text.get(at + 1..key_end - 1)?;
            at = skip(self.text, key_end, |byte| is_space(byte) || byte == b':');
            let is_list = self.text.as_bytes().get(at) == Some(&b'[');
            if is_list && self.list_keys.contains(&key) {
                return Some(at);
            }
            at = end_of_value(self.text, at).ok()?;
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            if let Some(enclosing) = self.list {
                if let Some(piece) = self.member(enclosing) {
                    return Some(piece);
                }
                continue;
            }
            self.at = skip(self.text, self.at, is_space);
            let from = self.at;
            match self.byte()? {
                b'[' => {
                    self.list = Some(Enclosing::Nothing);
                    self.at += 1;
                }
                b'{' => {
                    if let Some(list) = self.list_in_object() {
                        self.list = Some(Enclosing::Object);
                        self.at = list + 1;
                    } else {
                        return Some(self.whole(from));
                    }
                }
                0 => return Some(self.zeros(from)),
                _ => {
                    let next = self.next_line_with_object(from);
                    return Some(self.broken(Reason::BrokenJson, from, next));
                }
            }
        }
    }
}

/// The beginning of a text, at most [`SAMPLE_BYTES_MAX`] bytes.
#[must_use]
pub fn sample(text: &str) -> &str {
    let mut end = text.len().min(SAMPLE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The first place from `at` on where `skipped` does not hold, or the end of the text.
fn skip(text: &str, at: usize, skipped: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    rest.iter()
        .position(|byte| !skipped(*byte))
        .map_or(text.len(), |offset| at + offset)
}

/// The place after the value that starts at `at`.
fn end_of_value(text: &str, at: usize) -> Result<usize, NoEnd> {
    match text.as_bytes().get(at) {
        None => Err(NoEnd::Truncated),
        Some(b'{') => end_of_brackets(text, at + 1, vec![b'}']),
        Some(b'[') => end_of_brackets(text, at + 1, vec![b']']),
        Some(b'"') => end_of_string(text, at),
        Some(_) => {
            let delimiter = |byte| is_space(byte) || matches!(byte, b',' | b']' | b'}');
            let end = skip(text, at, |byte| !delimiter(byte));
            if end == at {
                Err(NoEnd::Broken)
            } else {
                Ok(end)
            }
        }
    }
}

/// The place after the bracket that closes the last of `open`, which holds the closing brackets
/// still to come, innermost last.
fn end_of_brackets(text: &str, at: usize, mut open: Vec<u8>) -> Result<usize, NoEnd> {
    let bytes = text.as_bytes();
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(text, at)?;
                continue;
            }
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => {
                if open.pop() != Some(*byte) {
                    return Err(NoEnd::Broken);
                }
                if open.is_empty() {
                    return Ok(at + 1);
                }
            }
            _ => {}
        }
        if open.len() > DEPTH_MAX {
            return Err(NoEnd::Broken);
        }
        at += 1;
    }
    Err(NoEnd::Truncated)
}

/// The place after the string that starts at `at`. A string does not reach over the end of a line.
fn end_of_string(text: &str, at: usize) -> Result<usize, NoEnd> {
    let bytes = text.as_bytes();
    if bytes.get(at) != Some(&b'"') {
        return Err(NoEnd::Broken);
    }
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' => at += 2,
            b'\n' => return Err(NoEnd::Broken),
            _ => at += 1,
        }
    }
    Err(NoEnd::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[Result<&str, Reason>]) {
        let found: Vec<_> = Pieces::new(text, &["Records"])
            .map(|piece| piece.value.map_err(|broken| broken.reason))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_shape_gives_its_records() {
        let both = [Ok(r#"{"a":1}"#), Ok(r#"{"b":[2,"}"]}"#)];
        check(r#"{"Records":[{"a":1},{"b":[2,"}"]}]}"#, &both);
        check(
            r#"{"x":{"Records":[]},"Records": [ {"a":1} , {"b":[2,"}"]}], "y":[1]} "#,
            &both,
        );
        check(r#"[{"a":1},{"b":[2,"}"]}]"#, &both);
        check("{\"a\":1}\n{\"b\":[2,\"}\"]}\n", &both);
        check("\u{feff}{\"a\":1}\r\n\r\n{\"b\":[2,\"}\"]}", &both);
        check(
            "{\"Records\":[{\"a\":1}]}\n{\"Records\":[{\"b\":[2,\"}\"]}]}",
            &both,
        );
        check(r#"{"a":1}"#, &[Ok(r#"{"a":1}"#)]);
        check(r#"{"Records":[]}"#, &[]);
        check("", &[]);
        check(" \n", &[]);
    }

    #[test]
    fn a_broken_part_loses_itself_only() {
        let (good, cut, bad) = (
            Ok(r#"{"a":1}"#),
            Err(Reason::TruncatedJson),
            Err(Reason::BrokenJson),
        );
        check(r#"{"Records":[{"a":1},{"b":"#, &[good, cut]);
        check(r#"{"Records":[{"a":1},"#, &[good, cut]);
        check(r#"[{"a":1}"#, &[good, cut]);
        check("not json\n{\"a\":1}", &[bad, good]);
        check("{\"b\":\"\n{\"a\":1}", &[bad, good]);
        check("{\"b\":[}\n{\"a\":1}", &[bad, good]);
        check("{\"b\":{\n{\"a\":1}\n{\"a\":1}", &[cut, good, good]);
        check("{\"a\":1}\0\0\0", &[good, bad]);
        check("\0\0{\"a\":1}\n\0{\"a\":1}", &[bad, good, bad, good]);
        check("[\0{\"a\":1},\0 {\"a\":1}]", &[bad, good, bad, good]);
        check("[\n  {\"b\":]},\n  {\"a\":1}\n]", &[bad, good]);
        check("{\n  \"Records\": [\n    {\n      \"b\": {\n", &[cut]);
    }

    #[test]
    fn brackets_without_end_are_refused_at_the_depth_that_the_parser_refuses() {
        let deep = "[".repeat(100_000);
        let text = format!("{{\"a\":{deep}\n{{\"a\":1}}");
        check(&text, &[Err(Reason::BrokenJson), Ok(r#"{"a":1}"#)]);
    }

    #[test]
    fn a_sample_ends_between_characters() {
        let text = "ä".repeat(SAMPLE_BYTES_MAX);
        assert_eq!(sample(&text).len(), SAMPLE_BYTES_MAX);
        assert_eq!(sample(&format!("x{text}")).len(), SAMPLE_BYTES_MAX - 1);
    }

    proptest! {
        #[test]
        fn any_text_comes_to_an_end(text in "[\\[\\]{},:\"\\\\a1 \n]{0,80}") {
            let pieces = Pieces::new(&text, &["a"]).count();
            prop_assert!(pieces <= text.len() + 1);
        }

        #[test]
        fn what_is_written_as_lines_is_read_back(values in proptest::collection::vec(".{0,20}", 0..8)) {
            let records: Vec<String> = values
                .iter()
                .map(|value| serde_json::json!({ "v": value, "w": [value] }).to_string())
                .collect();
            for text in [records.join("\n"), format!("[{}]", records.join(", "))] {
                let found: Vec<&str> = Pieces::new(&text, &["Records"])
                    .filter_map(|piece| piece.value.ok())
                    .collect();
                prop_assert_eq!(&found, &records);
            }
        }
    }
}
