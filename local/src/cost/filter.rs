//! The filter of a call: a tree of conditions on dimensions.
//! Source: Cost Explorer API reference, Expression.

use super::query::Dimension;
use super::{CostRow, INVALID};
use crate::service::Refusal;
use crate::value::Value;

/// Expressions nested deeper than this are refused: the reader must not use up its stack.
const DEPTH_MAX: usize = 16;
/// Members of an expression, of which exactly one is given.
const OPERATORS: [&str; 6] = ["And", "Or", "Not", "Dimensions", "Tags", "CostCategories"];

/// One expression.
#[derive(Debug)]
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Dimension {
        dimension: Dimension,
        values: Vec<String>,
        options: Match,
    },
    /// A condition on tags or cost categories, of which the data has none: it holds for all rows
    /// when their absence is asked for and for none otherwise.
    Untagged {
        absent: bool,
    },
}

/// How values are compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Match {
    how: How,
    ignore_case: bool,
    absent: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum How {
    #[default]
    Equals,
    StartsWith,
    EndsWith,
    Contains,
}

impl Filter {
    pub(super) fn parse(value: &Value) -> Result<Self, Refusal> {
        Self::nested(value, 0)
    }

    fn nested(value: &Value, depth: usize) -> Result<Self, Refusal> {
        if depth > DEPTH_MAX {
            return Err(Refusal::new(INVALID, "the filter is nested too deeply"));
        }
        let given: Vec<&str> = OPERATORS
            .into_iter()
            .filter(|name| !value.member(name).is_null())
            .collect();
        let [operator] = given.as_slice() else {
            return Err(Refusal::new(
                INVALID,
                "Expression must have exactly one of And, Or, Not, Dimensions, Tags, \
                 CostCategories",
            ));
        };
        let operand = value.member(operator);
        match *operator {
            "Not" => Ok(Self::Not(Box::new(Self::nested(operand, depth + 1)?))),
            "And" => Self::list(operand, depth).map(Self::And),
            "Or" => Self::list(operand, depth).map(Self::Or),
            "Dimensions" => {
                let dimension = Dimension::parse(operand.member("Key").text().unwrap_or_default())?;
                let values: Vec<String> = operand
                    .member("Values")
                    .items()
                    .iter()
                    .filter_map(|value| value.text().map(str::to_owned))
                    .collect();
                let options = Match::parse(operand.member("MatchOptions"))?;
                if values.is_empty() && !options.absent {
                    return Err(Refusal::new(
                        INVALID,
                        "Values must have at least one element",
                    ));
                }
                Ok(Self::Dimension {
                    dimension,
                    values,
                    options,
                })
            }
            _ => Match::parse(operand.member("MatchOptions")).map(|options| Self::Untagged {
                absent: options.absent,
            }),
        }
    }

    fn list(value: &Value, depth: usize) -> Result<Vec<Self>, Refusal> {
        if value.items().len() < 2 {
            return Err(Refusal::new(
                INVALID,
                "And and Or must have at least two expressions",
            ));
        }
        value
            .items()
            .iter()
            .map(|item| Self::nested(item, depth + 1))
            .collect()
    }

    /// Whether the row is wanted.
    pub(super) fn wants(&self, row: &CostRow) -> bool {
        match self {
            Self::And(filters) => filters.iter().all(|filter| filter.wants(row)),
            Self::Or(filters) => filters.iter().any(|filter| filter.wants(row)),
            Self::Not(filter) => !filter.wants(row),
            Self::Dimension {
                dimension,
                values,
                options,
            } => {
                let held = dimension.of(row);
                if options.absent {
                    held.is_empty()
                } else {
                    values.iter().any(|value| options.fits(held, value))
                }
            }
            Self::Untagged { absent } => *absent,
        }
    }
}

impl Match {
    fn parse(value: &Value) -> Result<Self, Refusal> {
        let mut options = Self::default();
        for option in value.items() {
            match option.text().unwrap_or_default() {
                "EQUALS" => options.how = How::Equals,
                "STARTS_WITH" => options.how = How::StartsWith,
                "ENDS_WITH" => options.how = How::EndsWith,
                "CONTAINS" => options.how = How::Contains,
                "CASE_SENSITIVE" => options.ignore_case = false,
                "CASE_INSENSITIVE" => options.ignore_case = true,
                "ABSENT" => options.absent = true,
                other => {
                    let message = format!("Unsupported match option: {other}");
                    return Err(Refusal::new(INVALID, message));
                }
            }
        }
        Ok(options)
    }

    fn fits(self, held: &str, wanted: &str) -> bool {
        if self.ignore_case {
            let exact = Self {
                ignore_case: false,
                ..self
            };
            return exact.fits(&held.to_lowercase(), &wanted.to_lowercase());
        }
        match self.how {
            How::Equals => held == wanted,
            How::StartsWith => held.starts_with(wanted),
            How::EndsWith => held.ends_with(wanted),
            How::Contains => held.contains(wanted),
        }
    }
}
