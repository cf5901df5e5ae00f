//! Lines of the Prometheus text format 0.0.4 and of OpenMetrics 1.0.
//!
//! Pure: one line in, what it says out. What belongs together is put together by
//! [`super::family`]. Exemplars and time stamps are understood and not used: what is scraped is
//! told with the time of the scrape.
//! Source: Prometheus documentation, "Exposition formats"; OpenMetrics 1.0 (RFC draft), "ABNF".

use std::borrow::Cow;

/// Labels of one series. Prometheus itself has no bound; CloudWatch takes 30.
const LABELS_MAX: usize = 64;

/// What a line says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line<'l> {
    /// A comment, a help text, or nothing.
    Nothing,
    /// The type of the family that follows.
    Type(&'l str, Kind),
    /// The unit of the family.
    Unit(&'l str, &'l str),
    /// One value.
    Point(Point<'l>),
    /// The end of an OpenMetrics exposition.
    End,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Grows, and begins anew when the target does.
    Counter,
    /// How things are; also what has no type, and the states of a state set.
    #[default]
    Gauge,
    /// Counts of values up to a bound.
    Histogram,
    /// Quantiles that the target has worked out.
    Summary,
    /// Says something in its labels, and nothing in its value.
    Info,
    /// Not known, or not told: a histogram of how things are.
    Other,
}

/// One value of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point<'l> {
    /// The name with its suffix.
    pub(crate) name: Cow<'l, str>,
    /// The labels in their order.
    pub(crate) labels: Vec<(Cow<'l, str>, Cow<'l, str>)>,
    /// The value, which may be anything.
    pub(crate) value: f64,
}

/// Reads one line without its end.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn line(text: &str) -> Result<Line<'_>, &'static str> {
    let text = text.trim_matches(is_blank);
    if text.is_empty() {
        return Ok(Line::Nothing);
    }
    match text.strip_prefix('#') {
        Some(comment) => remark(comment),
        None => point(text).map(Line::Point),
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r')
}

/// What follows a number sign.
fn remark(text: &str) -> Result<Line<'_>, &'static str> {
    let text = text.trim_start_matches(is_blank);
    let (word, rest) = split_word(text);
    match word {
        "EOF" if rest.is_empty() => Ok(Line::End),
        "TYPE" | "UNIT" => {
            let (name, rest) = if rest.starts_with('"') {
                let (name, rest) = quoted(rest)?;
                // A name with an escape is no name that a point of ours can have in this form.
                let Cow::Borrowed(name) = name else {
                    return Ok(Line::Nothing);
                };
                (name, rest.trim_start_matches(is_blank))
            } else {
                split_word(rest)
            };
            if name.is_empty() || (word == "TYPE" && rest.is_empty()) {
                return Err("a family without a name or a type");
            }
            Ok(if word == "TYPE" {
                Line::Type(name, kind(rest))
            } else {
                Line::Unit(name, rest)
            })
        }
        _ => Ok(Line::Nothing),
    }
}

fn kind(word: &str) -> Kind {
    match word {
        "counter" => Kind::Counter,
        "gauge" | "untyped" | "unknown" | "stateset" => Kind::Gauge,
        "histogram" => Kind::Histogram,
        "summary" => Kind::Summary,
        "info" => Kind::Info,
        _ => Kind::Other,
    }
}

fn split_word(text: &str) -> (&str, &str) {
    match text.split_once(is_blank) {
        Some((word, rest)) => (word, rest.trim_start_matches(is_blank)),
        None => (text, ""),
    }
}

fn point(text: &str) -> Result<Point<'_>, &'static str> {
    let name_ends = text.find(|c: char| c == '{' || is_blank(c));
    let (name, rest) = text
        .split_at_checked(name_ends.unwrap_or(text.len()))
        .unwrap_or((text, ""));
    let mut name = Cow::Borrowed(name);
    let mut labels = Vec::new();
    let mut rest = rest.trim_start_matches(is_blank);
    if let Some(inner) = rest.strip_prefix('{') {
        rest = braces(inner, &mut name, &mut labels)?;
    }
    if name.is_empty() {
        return Err("a value without a name");
    }
    let rest = rest.trim_start_matches(is_blank);
    // An exemplar follows a number sign.
    let said = rest.split_once('#').map_or(rest, |(said, _)| said);
    let mut words = said.split(is_blank).filter(|word| !word.is_empty());
    let value = words.next().ok_or("a series without a value")?;
    let value = value.parse().map_err(|_| "a value that is no number")?;
    if let Some(time) = words.next()
        && time.parse::<f64>().is_err()
    {
        return Err("a time stamp that is no number");
    }
    if words.next().is_some() {
        return Err("more than a value and a time stamp");
    }
    Ok(Point {
        name,
        labels,
        value,
    })
}

/// The labels up to the closing brace; gives what follows it. A quoted text without a value is the
/// name of the metric, as Prometheus 3 writes names that are not of the old form.
fn braces<'l>(
    mut text: &'l str,
    name: &mut Cow<'l, str>,
    labels: &mut Vec<(Cow<'l, str>, Cow<'l, str>)>,
) -> Result<&'l str, &'static str> {
    loop {
        text = text.trim_start_matches(is_blank);
        if let Some(rest) = text.strip_prefix('}') {
            return Ok(rest);
        }
        let label;
        if text.starts_with('"') {
            (label, text) = quoted(text)?;
        } else {
            let end = text.find(|c: char| c == '=' || is_blank(c));
            let end = end.ok_or("a label without a value")?;
            let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
            (label, text) = (Cow::Borrowed(word), rest);
        }
        text = text.trim_start_matches(is_blank);
        if let Some(rest) = text.strip_prefix('=') {
            let value;
            (value, text) = quoted(rest.trim_start_matches(is_blank))?;
            if label.is_empty() {
                return Err("a label without a name");
            }
            if labels.len() >= LABELS_MAX {
                return Err("too many labels");
            }
            labels.push((label, value));
        } else if name.is_empty() {
            *name = label;
        } else {
            return Err("a label without a value");
        }
        text = text.trim_start_matches(is_blank);
        match text.strip_prefix(',') {
            Some(rest) => text = rest,
            None if text.starts_with('}') => {}
            None => return Err("labels that are not separated by a comma"),
        }
    }
}

/// A text between quotes; gives what follows the closing one.
fn quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let inner = text.strip_prefix('"').ok_or("a label without quotes")?;
    let end = inner
        .find(['"', '\\'])
        .ok_or("a quote that is not closed")?;
    let (plain, rest) = inner.split_at_checked(end).unwrap_or((inner, ""));
    if let Some(rest) = rest.strip_prefix('"') {
        return Ok((Cow::Borrowed(plain), rest));
    }
    let mut value = plain.to_owned();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((Cow::Owned(value), chars.as_str())),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                // Prometheus keeps an escape that it does not know as it is written.
                Some(other) => value.extend(['\\', other]),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err("a quote that is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match line(text) {
            Err(wrong) => format!("! {wrong}"),
            Ok(Line::Point(Point {
                name,
                labels,
                value,
            })) => {
                let labels: Vec<String> = labels
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                format!("{name} [{}] {value}", labels.join("|"))
            }
            Ok(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn lines_are_understood_or_refused_with_a_reason() {
        let cases = [
            ("", "Nothing"),
            ("# HELP a b c", "Nothing"),
            ("# just a remark", "Nothing"),
            (
                "# TYPE http_requests_total counter",
                "Type(\"http_requests_total\", Counter)",
            ),
            ("#TYPE\ta \t summary ", "Type(\"a\", Summary)"),
            ("# TYPE a gaugehistogram", "Type(\"a\", Other)"),
            ("# TYPE a", "! a family without a name or a type"),
            ("# TYPE \"a.b\" gauge", "Type(\"a.b\", Gauge)"),
            ("# UNIT a seconds", "Unit(\"a\", \"seconds\")"),
            ("# EOF", "End"),
            ("up 1", "up [] 1"),
            ("up 1 1395066363000\r", "up [] 1"),
            ("a{b=\"c\",d=\"e\",} 1.5e3", "a [b=c|d=e] 1500"),
            ("a { b = \"c\" , d=\"\" } +Inf", "a [b=c|d=] inf"),
            (
                "a{p=\"C:\\\\DIR\\\\\",q=\"\\\"x\\\"\\n\\y\"} NaN",
                "a [p=C:\\DIR\\|q=\"x\"\n\\y] NaN",
            ),
            ("a{b=\"}#{\"} 1", "a [b=}#{] 1"),
            ("{\"my.metric\",b=\"c\"} 2", "my.metric [b=c] 2"),
            (
                "a_bucket{le=\"1\"} 5 # {trace_id=\"x y\"} 0.5 1.2",
                "a_bucket [le=1] 5",
            ),
            ("a 1 2 3", "! more than a value and a time stamp"),
            ("a 1 x", "! a time stamp that is no number"),
            ("a x", "! a value that is no number"),
            ("a", "! a series without a value"),
            ("{} 1", "! a value without a name"),
            ("a{b} 1", "! a label without a value"),
            ("a{b=c} 1", "! a label without quotes"),
            ("a{b=\"c} 1", "! a quote that is not closed"),
            ("a{b=\"c\\", "! a quote that is not closed"),
            (
                "a{b=\"c\" d=\"e\"} 1",
                "! labels that are not separated by a comma",
            ),
            ("a{=\"c\"} 1", "! a label without a name"),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected, "{text}");
        }
        let many = "l=\"\",".repeat(LABELS_MAX + 1);
        assert_eq!(told(&format!("a{{{many}}} 1")), "! too many labels");
    }
}
