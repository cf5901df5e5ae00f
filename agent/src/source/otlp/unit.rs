//! Units of UCUM, in which OpenTelemetry writes them, as those of CloudWatch.
//! Source: OpenTelemetry semantic conventions, "Instrument Units"; CloudWatch API reference,
//! `MetricDatum`, `Unit`.

use plimsoll_core::catalog::Unit;

/// Cases of UCUM. Binary prefixes such as `KiBy` are not there: CloudWatch does not say which
/// kilobyte it means.
const UNITS: [(&str, Unit); 25] = [
    ("s", Unit::Seconds),
    ("ms", Unit::Milliseconds),
    ("us", Unit::Microseconds),
    ("By", Unit::Bytes),
    ("kBy", Unit::Kilobytes),
    ("MBy", Unit::Megabytes),
    ("GBy", Unit::Gigabytes),
    ("TBy", Unit::Terabytes),
    ("bit", Unit::Bits),
    ("kbit", Unit::Kilobits),
    ("Mbit", Unit::Megabits),
    ("Gbit", Unit::Gigabits),
    ("Tbit", Unit::Terabits),
    ("%", Unit::Percent),
    ("By/s", Unit::BytesPerSecond),
    ("kBy/s", Unit::KilobytesPerSecond),
    ("MBy/s", Unit::MegabytesPerSecond),
    ("GBy/s", Unit::GigabytesPerSecond),
    ("TBy/s", Unit::TerabytesPerSecond),
    ("bit/s", Unit::BitsPerSecond),
    ("kbit/s", Unit::KilobitsPerSecond),
    ("Mbit/s", Unit::MegabitsPerSecond),
    ("Gbit/s", Unit::GigabitsPerSecond),
    ("Tbit/s", Unit::TerabitsPerSecond),
    ("1/s", Unit::CountPerSecond),
];

/// The unit of CloudWatch, [`Unit::None`] if it has none such. What stands in braces says what is
/// counted.
pub(crate) fn unit(ucum: &str) -> Unit {
    if let Some(counted) = ucum.strip_prefix('{') {
        return match counted.split_once('}') {
            Some((_, "")) => Unit::Count,
            Some((_, "/s")) => Unit::CountPerSecond,
            _ => Unit::None,
        };
    }
    let known = UNITS.iter().find(|(word, _)| *word == ucum);
    known.map_or(Unit::None, |(_, unit)| *unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_that_cloudwatch_has_are_found() {
        for (ucum, expected) in [
            ("ms", Unit::Milliseconds),
            ("By", Unit::Bytes),
            ("{request}", Unit::Count),
            ("{packet}/s", Unit::CountPerSecond),
            ("{x}By", Unit::None),
            ("KiBy", Unit::None),
            ("1", Unit::None),
            ("", Unit::None),
            ("{", Unit::None),
        ] {
            assert_eq!(unit(ucum), expected, "{ucum}");
        }
    }
}
