//! A format of time stamps as users write it, as a list of what is expected one after the other.
//!
//! The directives are those of strftime: all that the amazon-cloudwatch-agent knows, and the ones
//! that its users ask for. A format is compiled once, when the configuration is read; a mistake in
//! it is told there and never later.

/// One thing that is expected in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// This byte.
    Byte(u8),
    /// White space, one character or more.
    Space,
    /// `T`, `t` or a space, between date and time of RFC 3339.
    DateEnd,
    /// Four digits.
    Year,
    /// Two digits: 69 to 99 are of the 20th century, the others of the 21st, as POSIX has it.
    ShortYear,
    /// A number that may have a space before it instead of a zero.
    Number(Unit),
    /// The English name of a month, full or three letters, in any case.
    MonthName,
    /// The English name of a day of the week, full or three letters; not used otherwise.
    WeekdayName,
    /// `AM` or `PM`, in any case.
    HalfDay,
    /// One to nine digits after the decimal sign, the rest of them ignored.
    Fraction,
    /// `.` or `,` with digits, or nothing.
    MaybeFraction,
    /// `Z`, `+hh`, `+hhmm` or `+hh:mm`.
    Offset,
    /// The same, or nothing.
    MaybeOffset,
    /// The abbreviation of a zone, or an offset.
    ZoneName,
    /// A number of seconds or of a smaller unit since 1970.
    Epoch(EpochUnit),
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// 1 to 12.
    Month,
    /// 1 to 31.
    Day,
    /// 1 to 366.
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 1 to 12, with [`Item::HalfDay`].
    HalfDayHour,
    /// 0 to 59.
    Minute,
    /// 0 to 60; a leap second counts as the one before it.
    Second,
}

/// What a number since 1970 counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EpochUnit {
    /// Told by the size of the number.
    Auto,
    /// A power of ten below a second: 0, 3, 6 or 9.
    Digits(u32),
}

/// A compiled format. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) items: Vec<Item>,
    /// Whether it tells the day, and the year too.
    pub(crate) has_day: bool,
    pub(crate) has_year: bool,
}

/// Why a text is no format. Each reads on after `found "…": `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFormat {
    /// There is no such directive.
    #[error("{0} is not known")]
    Unknown(String),
    /// The text ends within a directive.
    #[error("it ends after %")]
    Unfinished,
    /// Neither date nor time can be told from it.
    #[error("it holds no time of day")]
    NoTime,
    /// A day of no month, or a month of no day.
    #[error("month and day belong together")]
    HalfDate,
    /// A year and no day.
    #[error("a year needs a month and a day")]
    YearAlone,
}

/// What is known, for the message about a mistake.
pub(crate) const KNOWN: &str = "expected \"rfc3339\", \"epoch\", \"epoch_s\", \"epoch_ms\", \"epoch_us\", \"epoch_ns\", or a format of \
%Y %y %m %B %b %h %d %e %j %A %a %H %k %I %l %M %S %f %.f %p %Z %z %s %F %D %T %R %%, each number \
also with - as in %-d";

/// Formats that have a name.
const NAMED: [(&str, &[Item]); 6] = [
    ("rfc3339", RFC_3339),
    (
        "epoch",
        &[Item::Epoch(EpochUnit::Auto), Item::MaybeFraction],
    ),
    (
        "epoch_s",
        &[Item::Epoch(EpochUnit::Digits(0)), Item::MaybeFraction],
    ),
    ("epoch_ms", &[Item::Epoch(EpochUnit::Digits(3))]),
    ("epoch_us", &[Item::Epoch(EpochUnit::Digits(6))]),
    ("epoch_ns", &[Item::Epoch(EpochUnit::Digits(9))]),
];
/// Source: RFC 3339, section 5.6; the comma and the missing offset are those of ISO 8601.
const RFC_3339: &[Item] = &[
    Item::Year,
    Item::Byte(b'-'),
    Item::Number(Unit::Month),
    Item::Byte(b'-'),
    Item::Number(Unit::Day),
    Item::DateEnd,
    Item::Number(Unit::Hour),
    Item::Byte(b':'),
    Item::Number(Unit::Minute),
    Item::Byte(b':'),
    Item::Number(Unit::Second),
    Item::MaybeFraction,
    Item::MaybeOffset,
];
const ISO_DATE: &[Item] = &[
    Item::Year,
    Item::Byte(b'-'),
    Item::Number(Unit::Month),
    Item::Byte(b'-'),
    Item::Number(Unit::Day),
];
const US_DATE: &[Item] = &[
    Item::Number(Unit::Month),
    Item::Byte(b'/'),
    Item::Number(Unit::Day),
    Item::Byte(b'/'),
    Item::ShortYear,
];
const TIME: &[Item] = &[
    Item::Number(Unit::Hour),
    Item::Byte(b':'),
    Item::Number(Unit::Minute),
    Item::Byte(b':'),
    Item::Number(Unit::Second),
];
const SHORT_TIME: &[Item] = &[
    Item::Number(Unit::Hour),
    Item::Byte(b':'),
    Item::Number(Unit::Minute),
];

impl Format {
    /// Compiles a named format or one of directives.
    ///
    /// # Errors
    /// See [`BadFormat`].
    pub(crate) fn parse(text: &str) -> Result<Self, BadFormat> {
        let named = NAMED.iter().find(|(name, _)| *name == text);
        let items = match named {
            Some((_, items)) => items.to_vec(),
            None => directives(text)?,
        };
        let has = |wanted: &[Item]| items.iter().any(|item| wanted.contains(item));
        let epoch = items.iter().any(|item| matches!(item, Item::Epoch(_)));
        let month = has(&[Item::Number(Unit::Month), Item::MonthName]);
        let day = has(&[Item::Number(Unit::Day)]);
        let has_day = epoch || day || has(&[Item::Number(Unit::DayOfYear)]);
        let has_year = epoch || has(&[Item::Year, Item::ShortYear]);
        if month != day {
            return Err(BadFormat::HalfDate);
        }
        if has_year && !has_day {
            return Err(BadFormat::YearAlone);
        }
        if !epoch && !has(&[Item::Number(Unit::Hour), Item::Number(Unit::HalfDayHour)]) {
            return Err(BadFormat::NoTime);
        }
        Ok(Self {
            items,
            has_day,
            has_year,
        })
    }
}

fn directives(text: &str) -> Result<Vec<Item>, BadFormat> {
    let mut items = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            if c.is_whitespace() {
                if items.last() != Some(&Item::Space) {
                    items.push(Item::Space);
                }
                continue;
            }
            let mut bytes = [0; 4];
            items.extend(c.encode_utf8(&mut bytes).bytes().map(Item::Byte));
            continue;
        }
        let mut directive = String::new();
        // Padding (`-`, `_`, `0`), a colon and a width say how to print; reading takes any.
        let letter = loop {
            match rest.next() {
                Some(flag @ ('-' | '_' | '0' | ':' | '.' | '3' | '6' | '9')) => {
                    directive.push(flag);
                }
                Some(letter) => break letter,
                None => return Err(BadFormat::Unfinished),
            }
        };
        directive.push(letter);
        let found = one(&directive, letter).ok_or(BadFormat::Unknown(format!("%{directive}")))?;
        items.extend_from_slice(found);
    }
    Ok(items)
}

/// The items of a directive, `%` left out.
fn one(directive: &str, letter: char) -> Option<&'static [Item]> {
    let plain = match directive {
        "3f" | "6f" | "9f" | "f" => return Some(&[Item::Fraction]),
        ".f" | ".3f" | ".6f" | ".9f" => return Some(&[Item::MaybeFraction]),
        "z" | ":z" => return Some(&[Item::Offset]),
        _ => directive.trim_start_matches(['-', '_', '0']),
    };
    if plain.len() != 1 {
        return None;
    }
    Some(match letter {
        'Y' => &[Item::Year],
        'y' => &[Item::ShortYear],
        'm' => &[Item::Number(Unit::Month)],
        'B' | 'b' | 'h' => &[Item::MonthName],
        'd' | 'e' => &[Item::Number(Unit::Day)],
        'j' => &[Item::Number(Unit::DayOfYear)],
        'A' | 'a' => &[Item::WeekdayName],
        'H' | 'k' => &[Item::Number(Unit::Hour)],
        'I' | 'l' => &[Item::Number(Unit::HalfDayHour)],
        'M' => &[Item::Number(Unit::Minute)],
        'S' => &[Item::Number(Unit::Second)],
        'p' | 'P' => &[Item::HalfDay],
        'Z' => &[Item::ZoneName],
        's' => &[Item::Epoch(EpochUnit::Digits(0))],
        'F' => ISO_DATE,
        'D' => US_DATE,
        'T' => TIME,
        'R' => SHORT_TIME,
        '%' => &[Item::Byte(b'%')],
        't' | 'n' => &[Item::Space],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_directive_of_the_amazon_cloudwatch_agent_is_known() {
        // Source: CloudWatch user guide, `timestamp_format`.
        for directive in [
            "%y", "%m", "%B", "%b", "%-m", "%d", "%-d", "%A", "%a", "%H", "%I", "%-I", "%M", "%-M",
            "%S", "%-S", "%p", "%Z", "%z", "%f", "%Y",
        ] {
            assert!(directives(directive).is_ok(), "{directive}");
        }
    }

    #[test]
    fn what_is_no_format_is_told() {
        for (text, why) in [
            ("%H:%Q", "%Q is not known"),
            ("%H:%-", "it ends after %"),
            ("%Y-%m-%d", "it holds no time of day"),
            ("%d %H:%M", "month and day belong together"),
            ("%Y %H:%M", "a year needs a month and a day"),
            ("ISO", "it holds no time of day"),
            ("", "it holds no time of day"),
            ("%H:%3M", "%3M is not known"),
        ] {
            assert_eq!(Format::parse(text).unwrap_err().to_string(), why, "{text}");
        }
    }
}
