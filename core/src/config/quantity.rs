//! Durations and sizes as people write them: `90s`, `1h30m`, `64KiB`, `1MB`.

use std::time::Duration;

/// Reads a duration: a run of number and unit pairs, units `ms`, `s`, `m`, `h`, `d`.
///
/// # Errors
/// What was expected, as one phrase.
pub fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "expected a duration such as \"500ms\", \"10s\", \"5m\" or \"1h30m\"";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(EXPECTED);
    }
    let mut total_millis: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or(EXPECTED)?;
        let unit_end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(EXPECTED),
        };
        let part = number.checked_mul(millis).ok_or(EXPECTED)?;
        total_millis = total_millis.checked_add(part).ok_or(EXPECTED)?;
        rest = next;
    }
    Ok(Duration::from_millis(total_millis))
}

/// Reads a size in bytes: a whole number and a unit `B`, `KB`, `MB`, `GB` (powers of 1000) or
/// `KiB`, `MiB`, `GiB` (powers of 1024).
///
/// # Errors
/// What was expected, as one phrase.
pub fn parse_size(text: &str) -> Result<u64, &'static str> {
    const EXPECTED: &str = "expected a size such as \"512KiB\", \"16MiB\" or \"1GB\"";
    let (number, unit) = leading_number(text.trim()).ok_or(EXPECTED)?;
    let factor: u64 = match unit.trim() {
        "B" => 1,
        "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(EXPECTED),
    };
    number.checked_mul(factor).ok_or(EXPECTED)
}

/// Splits `12abc` into 12 and `abc`; `None` without a leading digit or on overflow.
fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_written_by_people() {
        let cases = [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("1h30m", Some(5_400_000)),
            ("2d", Some(172_800_000)),
            ("", None),
            ("10", None),
            ("s", None),
            ("-5s", None),
            ("1.5s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ];
        for (text, millis) in cases {
            assert_eq!(
                parse_duration(text).ok(),
                millis.map(Duration::from_millis),
                "{text}"
            );
        }
    }

    #[test]
    fn sizes_know_both_families_of_units() {
        let cases = [
            ("1B", Some(1)),
            ("1KB", Some(1000)),
            ("1KiB", Some(1024)),
            ("16MiB", Some(16 << 20)),
            ("1 GB", Some(1_000_000_000)),
            ("16", None),
            ("16mb", None),
            ("", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text).ok(), bytes, "{text}");
        }
    }
}
