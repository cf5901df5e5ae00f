//! The functions of metric math that are computed here.
//!
//! SUM, AVG, MIN, MAX and STDDEV (over an array by time, over a series to a number), FILL, RATE,
//! DIFF, `RUNNING_SUM`, ABS, CEIL, FLOOR, IF, METRICS, `METRIC_COUNT`, SEARCH, SORT, SLICE,
//! `REMOVE_EMPTY`, PERIOD and `TIME_SERIES`. Any other function is refused.

use std::collections::BTreeMap;

use super::super::super::{Statistic, query::What};
use super::super::Expression;
use super::{Line, Operand, Run, each};

/// The period of a SEARCH that names none. Source: CloudWatch user guide, search expressions.
const SEARCH_PERIOD: i64 = 300;

impl Run<'_> {
    /// Calls a function.
    pub(super) fn function(&self, name: &str, arguments: &[Expression]) -> Result<Operand, String> {
        match (name, arguments) {
            ("SUM" | "AVG" | "MIN" | "MAX" | "STDDEV", [of]) => Ok(reduce(name, self.compute(of)?)),
            ("FILL", [of, with]) => self.fill(of, with),
            ("RATE", [of]) => over(self.compute(of)?, name, |line| steps(line, true)),
            ("DIFF", [of]) => over(self.compute(of)?, name, |line| steps(line, false)),
            ("RUNNING_SUM", [of]) => over(self.compute(of)?, name, running_sum),
            ("ABS" | "CEIL" | "FLOOR", [of]) => {
                let compute = match name {
                    "ABS" => f64::abs,
                    "CEIL" => f64::ceil,
                    _ => f64::floor,
                };
                match self.compute(of)? {
                    Operand::Scalar(number) => Ok(Operand::Scalar(compute(number))),
                    other => over(other, name, |line| line.map(compute)),
                }
            }
            ("IF", [condition, yes, no]) => {
                let yes = self.compute(yes)?;
                choose(&self.compute(condition)?, &yes, &self.compute(no)?)
            }
            ("PERIOD", [of]) => match self.compute(of)? {
                #[expect(clippy::cast_precision_loss, reason = "a period has few digits")]
                Operand::Line(line) => Ok(Operand::Scalar(line.period as f64)),
                _ => Err("PERIOD takes one series".to_owned()),
            },
            ("TIME_SERIES", [of]) => match self.compute(of)? {
                Operand::Scalar(number) => Ok(Operand::Line(self.constant(number))),
                _ => Err("TIME_SERIES takes a number".to_owned()),
            },
            _ => self.series(name, arguments),
        }
    }

    /// The functions that find and choose series.
    fn series(&self, name: &str, arguments: &[Expression]) -> Result<Operand, String> {
        match (name, arguments) {
            ("METRICS", []) => Ok(Operand::Array(self.metrics("")?)),
            ("METRICS", [Expression::Text(part)]) => Ok(Operand::Array(self.metrics(part)?)),
            ("METRIC_COUNT", [of]) => match self.compute(of)? {
                Operand::Array(lines) => Ok(Operand::Scalar(
                    u32::try_from(lines.len()).map_or(0.0, f64::from),
                )),
                _ => Err("METRIC_COUNT takes an array".to_owned()),
            },
            (
                "SEARCH",
                [
                    Expression::Text(text),
                    Expression::Text(statistic),
                    rest @ ..,
                ],
            ) => {
                let period = match rest {
                    [] => SEARCH_PERIOD,
                    [Expression::Number(number)] if number.fract() == 0.0 && *number >= 1.0 => {
                        seconds(*number)
                    }
                    _ => return Err("the period of SEARCH is not a number of seconds".to_owned()),
                };
                let statistic = Statistic::read(statistic)
                    .ok_or_else(|| format!("'{statistic}' is not a statistic"))?;
                self.search(text, statistic, period).map(Operand::Array)
            }
            ("SORT", [of, Expression::Word(by), Expression::Word(order), rest @ ..]) => {
                sort(self.compute(of)?, by, order, rest)
            }
            ("SLICE", [of, Expression::Number(from), rest @ ..]) => {
                slice(self.compute(of)?, *from, rest)
            }
            ("REMOVE_EMPTY", [of]) => match self.compute(of)? {
                Operand::Array(mut lines) => {
                    lines.retain(|line| !line.points.is_empty());
                    Ok(Operand::Array(lines))
                }
                other => Ok(other),
            },
            _ => Err(format!(
                "the function {name} with {} arguments is not available here",
                arguments.len()
            )),
        }
    }

    /// All metrics of the request whose id contains `part`.
    fn metrics(&self, part: &str) -> Result<Vec<Line>, String> {
        let mut lines = Vec::new();
        for query in self.queries {
            if matches!(query.what, What::Metric { .. })
                && query.id.contains(part)
                && let Operand::Line(line) = self.query(query)?
            {
                lines.push(line);
            }
        }
        Ok(lines)
    }

    fn fill(&self, of: &Expression, with: &Expression) -> Result<Operand, String> {
        let filler = match with {
            Expression::Word(word) if word == "REPEAT" => Filler::Repeat,
            Expression::Word(word) if word == "LINEAR" => Filler::Linear,
            other => match self.compute(other)? {
                Operand::Scalar(number) => Filler::Number(number),
                _ => return Err("FILL takes a number, REPEAT or LINEAR".to_owned()),
            },
        };
        over(self.compute(of)?, "FILL", |mut line| {
            let mut complete = BTreeMap::new();
            for second in self.timeline(line.period) {
                let value = line.points.get(&second).copied();
                if let Some(value) = value.or_else(|| filler.value(&line.points, second)) {
                    complete.insert(second, value);
                }
            }
            line.points = complete;
            line
        })
    }
}

enum Filler {
    Number(f64),
    Repeat,
    Linear,
}

impl Filler {
    fn value(&self, points: &BTreeMap<i64, f64>, second: i64) -> Option<f64> {
        let before = || points.range(..second).next_back();
        match self {
            Self::Number(number) => Some(*number),
            Self::Repeat => before().map(|(_, value)| *value),
            Self::Linear => {
                let (start, low) = before()?;
                let (end, high) = points.range(second..).next()?;
                Some(low + (high - low) * span(second - start) / span(end - start))
            }
        }
    }
}

/// Computes over one series or each of an array.
fn over(of: Operand, name: &str, compute: impl Fn(Line) -> Line) -> Result<Operand, String> {
    match of {
        Operand::Line(line) => Ok(Operand::Line(compute(line))),
        Operand::Array(lines) => {
            each(lines, |line| Ok(Operand::Line(compute(line)))).map(Operand::Array)
        }
        Operand::Scalar(_) => Err(format!("{name} takes a series")),
    }
}

fn reduce(name: &str, of: Operand) -> Operand {
    match of {
        Operand::Scalar(number) => Operand::Scalar(number),
        Operand::Line(line) => {
            let values: Vec<_> = line.points.into_values().collect();
            Operand::Scalar(fold(name, &values))
        }
        Operand::Array(lines) => {
            let mut columns: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            let period = lines.iter().map(|line| line.period).max().unwrap_or(60);
            for line in lines {
                for (second, value) in line.points {
                    columns.entry(second).or_default().push(value);
                }
            }
            let points = columns
                .into_iter()
                .map(|(second, values)| (second, fold(name, &values)));
            Operand::Line(Line {
                label: name.to_owned(),
                period,
                points: points.collect(),
            })
        }
    }
}

/// One number from many; 0 from none.
fn fold(name: &str, values: &[f64]) -> f64 {
    let count = u32::try_from(values.len()).map_or(1.0, f64::from).max(1.0);
    let mean = values.iter().sum::<f64>() / count;
    match name {
        "SUM" => values.iter().sum(),
        "AVG" => mean,
        "MIN" => values.iter().copied().reduce(f64::min).unwrap_or(0.0),
        "MAX" => values.iter().copied().reduce(f64::max).unwrap_or(0.0),
        _ => (values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / count)
            .sqrt(),
    }
}

/// The change from point to point, per second or as it is.
fn steps(line: Line, per_second: bool) -> Line {
    let pairs = line.points.iter().zip(line.points.iter().skip(1));
    let points = pairs
        .map(|((before, low), (second, high))| {
            let length = if per_second {
                span(second - before)
            } else {
                1.0
            };
            (*second, (high - low) / length)
        })
        .collect();
    Line { points, ..line }
}

fn running_sum(mut line: Line) -> Line {
    let mut sum = 0.0;
    for value in line.points.values_mut() {
        sum += *value;
        *value = sum;
    }
    line
}

/// Where the condition is not zero the one, else the other; nothing where there is no condition.
fn choose(condition: &Operand, yes: &Operand, no: &Operand) -> Result<Operand, String> {
    let at = |operand: &Operand, second: i64| match operand {
        Operand::Scalar(number) => Some(*number),
        Operand::Line(line) => line.points.get(&second).copied(),
        Operand::Array(_) => None,
    };
    if [yes, no]
        .iter()
        .any(|operand| matches!(operand, Operand::Array(_)))
    {
        return Err("IF takes numbers and series".to_owned());
    }
    match condition {
        Operand::Scalar(number) => Ok(if *number == 0.0 { no } else { yes }.clone()),
        Operand::Line(line) => Ok(Operand::Line(Line {
            points: line
                .points
                .iter()
                .filter_map(|(second, value)| {
                    let branch = if *value == 0.0 { no } else { yes };
                    Some((*second, at(branch, *second)?))
                })
                .collect(),
            ..line.clone()
        })),
        Operand::Array(_) => Err("IF takes numbers and series".to_owned()),
    }
}

fn sort(of: Operand, by: &str, order: &str, rest: &[Expression]) -> Result<Operand, String> {
    let Operand::Array(mut lines) = of else {
        return Err("SORT takes an array".to_owned());
    };
    if !["AVG", "MIN", "MAX", "SUM"].contains(&by) || !["ASC", "DESC"].contains(&order) {
        return Err(format!("SORT by {by} {order} is not available here"));
    }
    let key = |line: &Line| {
        let values: Vec<_> = line.points.values().copied().collect();
        // A series without points goes last.
        let least = if order == "DESC" {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
        if values.is_empty() {
            least
        } else {
            fold(by, &values)
        }
    };
    lines.sort_by(|left, right| {
        let ascending = key(left).total_cmp(&key(right));
        if order == "DESC" {
            ascending.reverse()
        } else {
            ascending
        }
    });
    match rest {
        [] => {}
        [Expression::Number(limit)] => lines.truncate(count(*limit)),
        _ => return Err("the limit of SORT is not a number".to_owned()),
    }
    Ok(Operand::Array(lines))
}

/// Series from `from` until before the second number.
fn slice(of: Operand, from: f64, rest: &[Expression]) -> Result<Operand, String> {
    let Operand::Array(lines) = of else {
        return Err("SLICE takes an array".to_owned());
    };
    let to = match rest {
        [] => lines.len(),
        [Expression::Number(to)] => count(*to),
        _ => return Err("the end of SLICE is not a number".to_owned()),
    };
    let from = count(from);
    let chosen = lines.into_iter().take(to).skip(from);
    Ok(Operand::Array(chosen.collect()))
}

fn span(seconds: i64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a span within a request has few digits"
    )]
    let span = seconds as f64;
    span
}

fn seconds(number: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float to integer cast saturates"
    )]
    let seconds = number as i64;
    seconds
}

fn count(number: f64) -> usize {
    usize::try_from(seconds(number)).unwrap_or(0)
}
