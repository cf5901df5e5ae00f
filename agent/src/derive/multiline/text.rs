//! What a line of text looks like, for those who look for traces.

use memchr::memmem;

const LEVELS: [&[u8]; 12] = [
    b"TRACE",
    b"DEBUG",
    b"INFO",
    b"NOTICE",
    b"WARN",
    b"WARNING",
    b"ERROR",
    b"ERR",
    b"FATAL",
    b"CRITICAL",
    b"CRIT",
    b"SEVERE",
];
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// How far into a line its time stamp may stand.
const STAMP_BYTES: usize = 24;

/// Whether there is nothing to see.
pub(super) fn blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

/// Whether it begins with a space or a tab, and goes on.
pub(super) fn indented(line: &[u8]) -> bool {
    matches!(line.first(), Some(b' ' | b'\t')) && !blank(line)
}

pub(super) fn contains(line: &[u8], part: &[u8]) -> bool {
    memmem::find(line, part).is_some()
}

/// Whether a line looks like the beginning of a log record: a time stamp, a level, a syslog
/// priority, or JSON.
pub(super) fn record_like(line: &[u8]) -> bool {
    match line.first() {
        Some(b'{' | b'[') => true,
        Some(b'<') => line.get(1).is_some_and(u8::is_ascii_digit),
        Some(b'0'..=b'9') => stamped(line),
        Some(b'A'..=b'Z') => {
            month(line)
                || LEVELS.iter().any(|level| {
                    let after = line.strip_prefix(*level);
                    after.is_some_and(|rest| !rest.first().is_some_and(u8::is_ascii_alphanumeric))
                })
        }
        _ => false,
    }
}

fn month(line: &[u8]) -> bool {
    let rest = MONTHS.iter().find_map(|month| line.strip_prefix(*month));
    matches!(rest, Some([b' ', b' ' | b'0'..=b'9', ..]))
}

/// Whether a time of day or a date stands at the beginning, or a count of seconds.
fn stamped(line: &[u8]) -> bool {
    let head = line.get(..STAMP_BYTES).unwrap_or(line);
    let pair = |window: &[u8]| match window {
        [a, b, between, c, d] => {
            matches!(between, b':' | b'-' | b'/' | b'.')
                && [a, b, c, d].iter().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    };
    let digits = head.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits >= 10 || head.windows(5).any(pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_record_is_told_from_other_text() {
        for line in [
            "2026-11-24T10:00:00Z up",
            "10:00:01.123 INFO up",
            "[main] up",
            "{\"a\":1}",
            "<13>Nov",
            "Nov 24 10:00:00 host",
            "Nov  4 10:00:00 host",
            "INFO up",
            "ERROR:root:x",
            "1700000000 x",
            "2026/11/24 x",
            "24.11.2026 x",
        ] {
            assert!(record_like(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "up",
            "INFORMATION",
            "3 validation errors",
            "  INFO",
            "Mayday",
            "ValueError: x",
            "12",
        ] {
            assert!(!record_like(line.as_bytes()), "{line}");
        }
    }
}
