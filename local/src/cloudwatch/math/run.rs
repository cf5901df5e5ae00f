//! Metric math: computing an expression over the series of a request.

mod function;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use super::super::query::{Query, What};
use super::super::store::Store;
use super::{Expression, Operator, search};

/// Series that a search finds. Source: CloudWatch user guide, search expressions.
const FOUND_MAX: usize = 500;

/// Points of a series that only an expression makes: as many as an answer can hold.
/// Source: CloudWatch API reference, GetMetricData, `MaxDatapoints`.
const TIMELINE_MAX: usize = 100_800;

/// A series of points by the second at which their period starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// What a chart calls it.
    pub(crate) label: String,
    /// Seconds from point to point.
    pub(crate) period: i64,
    /// The points.
    pub(crate) points: BTreeMap<i64, f64>,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// One number.
    Scalar(f64),
    /// One series.
    Line(Line),
    /// Several series.
    Array(Vec<Line>),
}

/// One request: its queries, its time and what was computed so far.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    store: &'a Store,
    queries: &'a [Query],
    from: i64,
    to: i64,
    /// What ids came to; `None` while one is being computed.
    done: RefCell<HashMap<&'a str, Option<Operand>>>,
}

impl<'a> Run<'a> {
    /// Computes over the seconds from `from` until before `to`.
    pub(crate) fn new(store: &'a Store, queries: &'a [Query], from: i64, to: i64) -> Self {
        Self {
            store,
            queries,
            from,
            to,
            done: RefCell::default(),
        }
    }

    /// The series of a query. An expression that comes to a number is a constant series.
    ///
    /// # Errors
    /// What is wrong with the expression, as a fragment.
    pub(crate) fn lines(&self, query: &'a Query) -> Result<Vec<Line>, String> {
        let mut lines = match self.query(query)? {
            Operand::Line(line) => vec![line],
            Operand::Array(lines) => lines,
            Operand::Scalar(number) => vec![self.constant(number)],
        };
        if let Some(label) = &query.label {
            let many = lines.len() > 1;
            for line in &mut lines {
                line.label = if many {
                    format!("{label} {}", line.label)
                } else {
                    label.clone()
                };
            }
        }
        Ok(lines)
    }

    fn query(&self, query: &'a Query) -> Result<Operand, String> {
        match self.done.borrow().get(query.id.as_str()) {
            Some(Some(operand)) => return Ok(operand.clone()),
            Some(None) => return Err(format!("'{}' refers to itself", query.id)),
            None => {}
        }
        self.done.borrow_mut().insert(&query.id, None);
        let operand = match &query.what {
            What::Metric {
                id,
                unit,
                statistic,
                period,
            } => Operand::Line(self.metric(id, unit.as_deref(), *statistic, *period)),
            What::Expression { tree, .. } => match self.compute(tree)? {
                Operand::Line(mut line) => {
                    line.label.clone_from(&query.id);
                    Operand::Line(line)
                }
                other => other,
            },
        };
        self.done
            .borrow_mut()
            .insert(&query.id, Some(operand.clone()));
        Ok(operand)
    }

    fn metric(
        &self,
        id: &super::super::store::MetricId,
        unit: Option<&str>,
        statistic: super::super::Statistic,
        period: i64,
    ) -> Line {
        // Start times are rounded down: to the minute, or to the period when that is shorter.
        // Source: CloudWatch API reference, GetMetricData, StartTime.
        let from = self.from - self.from.rem_euclid(period.min(60));
        let points = self.store.periods(id, unit, from, self.to, period);
        Line {
            label: id.name.clone(),
            period,
            points: points
                .into_iter()
                .filter_map(|(second, bucket)| Some((second, bucket.read(statistic)?)))
                .collect(),
        }
    }

    fn compute(&self, expression: &Expression) -> Result<Operand, String> {
        match expression {
            Expression::Number(number) => Ok(Operand::Scalar(*number)),
            Expression::Text(text) => Err(format!("unexpected text '{text}'")),
            Expression::Word(id) => match self.queries.iter().find(|query| query.id == *id) {
                Some(query) => self.query(query),
                None => Err(format!("'{id}' is not an id of this request")),
            },
            Expression::Pair(operator, pair) => {
                join(*operator, self.compute(&pair.0)?, self.compute(&pair.1)?)
            }
            Expression::Array(items) => self.array(items),
            Expression::Function(name, arguments) => self.function(name, arguments),
        }
    }

    /// An array; its numbers become series with points wherever another series has one.
    fn array(&self, items: &[Expression]) -> Result<Operand, String> {
        let (mut lines, mut scalars) = (Vec::new(), Vec::new());
        for item in items {
            match self.compute(item)? {
                Operand::Scalar(number) => scalars.push(number),
                Operand::Line(line) => lines.push(line),
                Operand::Array(more) => lines.extend(more),
            }
        }
        let seconds: Vec<i64> = lines
            .iter()
            .flat_map(|line| line.points.keys().copied())
            .collect();
        let period = lines.iter().map(|line| line.period).max().unwrap_or(60);
        for number in scalars {
            lines.push(Line {
                label: number.to_string(),
                period,
                points: seconds.iter().map(|second| (*second, number)).collect(),
            });
        }
        Ok(Operand::Array(lines))
    }

    fn search(
        &self,
        text: &str,
        statistic: super::super::Statistic,
        period: i64,
    ) -> Result<Vec<Line>, String> {
        let search = search::Search::read(text)?;
        let mut lines = Vec::new();
        for (id, _) in self.store.metrics(search.namespace()) {
            if lines.len() < FOUND_MAX && search.finds(id) {
                let mut line = self.metric(id, None, statistic, period);
                let values: Vec<_> = id
                    .dimensions
                    .iter()
                    .map(|(_, value)| value.as_str())
                    .collect();
                line.label = match values.as_slice() {
                    [] => id.name.clone(),
                    values => format!("{} {}", values.join(" "), id.name),
                };
                lines.push(line);
            }
        }
        Ok(lines)
    }

    /// A series with the same value at every period of the request.
    fn constant(&self, number: f64) -> Line {
        let period = self
            .queries
            .iter()
            .filter_map(Query::period)
            .max()
            .unwrap_or(60);
        Line {
            label: number.to_string(),
            period,
            points: self
                .timeline(period)
                .map(|second| (second, number))
                .collect(),
        }
    }

    /// Every period of the request, up to [`TIMELINE_MAX`]: a request may name any two times.
    fn timeline(&self, period: i64) -> impl Iterator<Item = i64> {
        let start = self.from - self.from.rem_euclid(period.min(60));
        let step = usize::try_from(period).unwrap_or(1).max(1);
        (start..self.to).step_by(step).take(TIMELINE_MAX)
    }
}

/// Joins two operands; an array with anything but an array goes series by series. Two series have
/// a point where both have one.
fn join(operator: Operator, left: Operand, right: Operand) -> Result<Operand, String> {
    use Operand::{Array, Line as One, Scalar};
    Ok(match (left, right) {
        (Scalar(left), Scalar(right)) => Scalar(apply(operator, left, right)),
        (One(left), Scalar(right)) => One(left.map(|value| apply(operator, value, right))),
        (Scalar(left), One(right)) => One(right.map(|value| apply(operator, left, value))),
        (One(left), One(right)) => One(Line {
            period: left.period.max(right.period),
            points: left
                .points
                .iter()
                .filter_map(|(second, value)| {
                    let other = right.points.get(second)?;
                    Some((*second, apply(operator, *value, *other)))
                })
                .filter(|(_, value)| value.is_finite())
                .collect(),
            label: left.label,
        }),
        (Array(_), Array(_)) => return Err("two arrays cannot be joined".to_owned()),
        (Array(lines), other) => Array(each(lines, |line| {
            join(operator, One(line), other.clone())
        })?),
        (other, Array(lines)) => Array(each(lines, |line| {
            join(operator, other.clone(), One(line))
        })?),
    })
}

fn each(
    lines: Vec<Line>,
    compute: impl Fn(Line) -> Result<Operand, String>,
) -> Result<Vec<Line>, String> {
    let mut results = Vec::with_capacity(lines.len());
    for line in lines {
        let label = line.label.clone();
        if let Operand::Line(result) = compute(line)? {
            results.push(Line { label, ..result });
        }
    }
    Ok(results)
}

fn apply(operator: Operator, left: f64, right: f64) -> f64 {
    let truth = |yes: bool| f64::from(u8::from(yes));
    match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Power => left.powf(right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Equal => truth(left.total_cmp(&right).is_eq()),
        Operator::NotEqual => truth(left.total_cmp(&right).is_ne()),
    }
}

impl Line {
    /// Applies a function to every point; what is no number afterwards, as after a division by
    /// zero, is no point.
    fn map(self, compute: impl Fn(f64) -> f64) -> Self {
        Self {
            points: self
                .points
                .into_iter()
                .map(|(second, value)| (second, compute(value)))
                .filter(|(_, value)| value.is_finite())
                .collect(),
            ..self
        }
    }
}
