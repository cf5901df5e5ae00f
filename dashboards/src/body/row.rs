//! One line of a chart: a series by name, or an expression over series.

use serde::ser::{Serialize, SerializeSeq, Serializer};

use plimsoll_core::catalog::Metric;

/// One row of the `metrics` array.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    /// A series that is known by name.
    Series {
        /// Namespace and name.
        metric: (&'static str, &'static str),
        /// All its dimensions.
        dimensions: Vec<(&'static str, String)>,
        /// How it is drawn.
        options: Options,
    },
    /// Metric math or a search.
    Expression(Options),
}

/// How a row is drawn. Every part may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Options {
    /// Its colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<&'static str>,
    /// The expression, for rows that are one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The name in expressions, starting with a small letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The name that is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Seconds of each point, where the chart's own does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u32>,
    /// The statistic, where the chart's own does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stat: Option<&'static str>,
}

impl Row {
    /// The series of `metric` with exactly `dimensions`.
    #[must_use]
    pub fn series(metric: &'static Metric, dimensions: &[(&'static str, &str)]) -> Self {
        Self::foreign((metric.namespace, metric.name), dimensions)
    }

    /// A series of another namespace, by namespace and name.
    #[must_use]
    pub fn foreign(
        metric: (&'static str, &'static str),
        dimensions: &[(&'static str, &str)],
    ) -> Self {
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        Self::Series {
            metric,
            dimensions,
            options: Options::default(),
        }
    }

    /// An expression that is drawn.
    #[must_use]
    pub fn expression(id: &str, expression: String) -> Self {
        Self::Expression(Options {
            expression: Some(expression),
            id: Some(id.to_owned()),
            ..Options::default()
        })
    }

    /// The same row under another name.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.options().label = Some(label.to_owned());
        self
    }

    /// The same row in a colour.
    #[must_use]
    pub fn color(mut self, color: &'static str) -> Self {
        self.options().color = Some(color);
        self
    }

    fn options(&mut self) -> &mut Options {
        match self {
            Self::Series { options, .. } | Self::Expression(options) => options,
        }
    }
}

impl Serialize for Row {
    /// `[namespace, name, dimension, value, …, {options}]`, or `[{options}]` for an expression.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(None)?;
        match self {
            Self::Series {
                metric,
                dimensions,
                options,
            } => {
                row.serialize_element(metric.0)?;
                row.serialize_element(metric.1)?;
                for (name, value) in dimensions {
                    row.serialize_element(name)?;
                    row.serialize_element(value)?;
                }
                if *options != Options::default() {
                    row.serialize_element(options)?;
                }
            }
            Self::Expression(options) => row.serialize_element(options)?,
        }
        row.end()
    }
}
