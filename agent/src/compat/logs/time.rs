//! `timestamp_format`: the pattern that a stamp of this format fits, for `{timestamp_format}` in
//! `multi_line_start_pattern`.
//!
//! Source: the amazon-cloudwatch-agent's `internal/util/timestamp` and, before it,
//! `ruleTimestampFormat.go`. Names of months and days may have any length here.

/// What stands for each part of a format.
const PARTS: [(char, &str); 24] = [
    ('B', "[A-Za-z]{3,9}"),
    ('b', r"\w{3}"),
    ('h', r"\w{3}"),
    ('m', r"\d{2}"),
    ('A', "[A-Za-z]{6,9}"),
    ('a', r"\w{3}"),
    ('d', r"\d{2}"),
    ('e', r"[ \d]\d"),
    ('H', r"\d{2}"),
    ('I', r"\d{2}"),
    ('k', r"[ \d]\d"),
    ('l', r"[ \d]\d"),
    ('M', r"\d{2}"),
    ('S', r"\d{2}"),
    ('Y', r"\d{4}"),
    ('y', r"\d{2}"),
    ('p', r"\w{2}"),
    ('Z', r"\w{3}"),
    ('z', r"(?:Z|[+-]\d{2}:?\d{2})"),
    ('f', r"\d{1,9}"),
    ('s', r"\d{9,11}"),
    ('F', r"\d{4}-\d{2}-\d{2}"),
    ('T', r"\d{2}:\d{2}:\d{2}"),
    ('%', "%"),
];

/// The pattern of a stamp.
pub(super) fn pattern(format: &str) -> String {
    let mut written = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            written.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            continue;
        }
        let mut part = chars.next();
        let short = part == Some('-');
        if short {
            part = chars.next();
        }
        let known = PARTS.into_iter().find(|(letter, _)| Some(*letter) == part);
        match known {
            Some(_) if short => written.push_str(r"\s?\d{1,2}"),
            Some((_, pattern)) => written.push_str(pattern),
            None => written.extend(std::iter::once('%').chain(part)),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_of_the_format_fits_its_pattern() {
        for (format, stamp, other) in [
            (
                "%Y-%m-%d %H:%M:%S,%f",
                "2026-11-24 10:00:00,123",
                "2026-11-24T10:00:00",
            ),
            (
                "%d/%b/%Y:%H:%M:%S %z",
                "24/Nov/2026:10:00:00 +0100",
                "24/11/2026:10:00",
            ),
            ("[%b %-d %H:%M:%S]", "[Nov  4 10:00:00]", "b Nov 4"),
            ("%B %d %Y", "September 04 2026", "9 04 2026"),
        ] {
            let regex = regex::Regex::new(&pattern(format)).unwrap();
            assert!(regex.is_match(stamp), "{format}");
            assert!(!regex.is_match(other), "{format}");
        }
    }
}
