//! Statistics by their names.

use std::fmt;

/// A statistic of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// Sum ÷ count.
    Average,
    /// The sum.
    Sum,
    /// The least value.
    Minimum,
    /// The greatest value.
    Maximum,
    /// How many samples.
    SampleCount,
    /// A percentile, 0 to 100.
    Percentile(f64),
}

impl Statistic {
    /// Reads a name: `Average`, `p99.9`. Trimmed means and their kin are not known here.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Some(match name {
            "Average" => Self::Average,
            "Sum" => Self::Sum,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            "SampleCount" => Self::SampleCount,
            _ => {
                let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
                return (0.0..=100.0)
                    .contains(&percent)
                    .then_some(Self::Percentile(percent));
            }
        })
    }

    /// Whether it is one of the five that are not percentiles.
    #[must_use]
    pub fn is_simple(self) -> bool {
        !matches!(self, Self::Percentile(_))
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentile(percent) => write!(f, "p{percent}"),
            simple => write!(f, "{simple:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in [
            "Average",
            "Sum",
            "Minimum",
            "Maximum",
            "SampleCount",
            "p99",
            "p99.9",
            "p0",
        ] {
            assert_eq!(Statistic::read(name).unwrap().to_string(), name);
        }
        for name in ["average", "p", "p101", "p-1", "pNaN", "tm90", ""] {
            assert_eq!(Statistic::read(name), None, "{name}");
        }
    }
}
