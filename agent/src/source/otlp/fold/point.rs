//! What all kinds of points have in common.

use crate::source::otlp::cumulative::Span;
use crate::source::otlp::model::{
    ExponentialPoint, HistogramPoint, KeyValue, NumberPoint, SummaryPoint,
};

/// What every point has.
pub(super) struct Common<'p> {
    pub(super) attributes: &'p [KeyValue<'p>],
    pub(super) span: Span,
    pub(super) flags: u64,
}

/// A point.
pub(super) trait Measured {
    /// What it has in common with the others.
    fn common(&self) -> Common<'_>;
}

macro_rules! measured {
    ($($point:ident)*) => {
        $(impl Measured for $point<'_> {
            fn common(&self) -> Common<'_> {
                Common {
                    attributes: &self.attributes,
                    span: Span {
                        start: self.start_time_unix_nano,
                        time: self.time_unix_nano,
                    },
                    flags: self.flags,
                }
            }
        })*
    };
}

measured! { NumberPoint HistogramPoint ExponentialPoint SummaryPoint }

/// The value of a point with a single number.
///
/// # Errors
/// The reason to refuse it.
#[expect(
    clippy::cast_precision_loss,
    reason = "CloudWatch stores doubles; above 2^53 the last digits do not matter to anyone"
)]
pub(super) fn number(point: &NumberPoint<'_>) -> Result<f64, &'static str> {
    let value = point.as_double.or(point.as_int.map(|value| value as f64));
    value
        .filter(|value| value.is_finite())
        .ok_or("otlp_not_a_number")
}
