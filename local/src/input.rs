//! The input of a call, read with the constraints of the service's model.
//!
//! What breaks a constraint is refused in the words that AWS uses for it, so that a client sees
//! here what it would see there. This never repairs an input.

use crate::service::Refusal;
use crate::value::Value;

/// The members of one input and the error that the service answers to a bad one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    value: &'a Value,
    refusal: &'static str,
}

impl<'a> Input<'a> {
    /// Reads `value`; what breaks a constraint is refused as `refusal`.
    pub(crate) fn new(value: &'a Value, refusal: &'static str) -> Self {
        Self { value, refusal }
    }

    /// A text of `min` to `max` characters that may be absent.
    pub(crate) fn text(
        &self,
        name: &str,
        min: usize,
        max: usize,
    ) -> Result<Option<&'a str>, Refusal> {
        let member = self.value.member(name);
        if member.is_null() {
            return Ok(None);
        }
        let text = member
            .text()
            .ok_or_else(|| Self::wrong_type(name, "a string"))?;
        let length = text.chars().count();
        if length < min {
            let constraint = format!("Member must have length greater than or equal to {min}");
            return Err(self.violation(&quoted(text), name, &constraint));
        }
        if length > max {
            let constraint = format!("Member must have length less than or equal to {max}");
            return Err(self.violation(&quoted(text), name, &constraint));
        }
        Ok(Some(text))
    }

    /// A text of `min` to `max` characters that must be present.
    pub(crate) fn required(&self, name: &str, min: usize, max: usize) -> Result<&'a str, Refusal> {
        self.text(name, min, max)?
            .ok_or_else(|| self.violation("null", name, "Member must not be null"))
    }

    /// A text that is one of `allowed`, or absent.
    pub(crate) fn choice(
        &self,
        name: &str,
        allowed: &[&'static str],
    ) -> Result<Option<&'static str>, Refusal> {
        let Some(text) = self.text(name, 0, usize::MAX)? else {
            return Ok(None);
        };
        allowed
            .iter()
            .find(|choice| **choice == text)
            .copied()
            .map(Some)
            .ok_or_else(|| {
                let set = allowed.join(", ");
                let constraint = format!("Member must satisfy enum value set: [{set}]");
                self.violation(&quoted(text), name, &constraint)
            })
    }

    /// A whole number from `min` to `max` that may be absent.
    pub(crate) fn integer(&self, name: &str, min: i64, max: i64) -> Result<Option<i64>, Refusal> {
        let member = self.value.member(name);
        if member.is_null() {
            return Ok(None);
        }
        let number = member
            .integer()
            .ok_or_else(|| Self::wrong_type(name, "a whole number"))?;
        if number < min {
            let constraint = format!("Member must have value greater than or equal to {min}");
            return Err(self.violation(&quoted(&number.to_string()), name, &constraint));
        }
        if number > max {
            let constraint = format!("Member must have value less than or equal to {max}");
            return Err(self.violation(&quoted(&number.to_string()), name, &constraint));
        }
        Ok(Some(number))
    }

    /// A whole number that must be present.
    pub(crate) fn required_integer(&self, name: &str) -> Result<i64, Refusal> {
        self.integer(name, i64::MIN, i64::MAX)?
            .ok_or_else(|| self.violation("null", name, "Member must not be null"))
    }

    /// A page size from 1 to `max`; `max` when absent.
    pub(crate) fn page_size(&self, name: &str, max: usize) -> Result<usize, Refusal> {
        let bound = i64::try_from(max).unwrap_or(i64::MAX);
        let size = self.integer(name, 1, bound)?;
        Ok(size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(max))
    }

    /// A truth value; false when absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        let member = self.value.member(name);
        if member.is_null() {
            return Ok(false);
        }
        member
            .boolean()
            .ok_or_else(|| Self::wrong_type(name, "a boolean"))
    }

    /// The refusal of `value` (quoted by the caller, or `null`) for member `name`.
    pub(crate) fn violation(&self, value: &str, name: &str, constraint: &str) -> Refusal {
        Refusal::new(
            self.refusal,
            format!(
                "1 validation error detected: Value {value} at '{name}' failed to satisfy \
                 constraint: {constraint}"
            ),
        )
    }

    /// The refusal of a member whose type the model does not have.
    fn wrong_type(name: &str, wanted: &str) -> Refusal {
        Refusal::new(
            "SerializationException",
            format!("the member '{name}' must be {wanted}"),
        )
    }
}

/// A value as AWS quotes it; long ones are cut so that an answer stays small.
pub(crate) fn quoted(text: &str) -> String {
    const SHOWN_MAX: usize = 1024;
    format!("'{}'", text.chars().take(SHOWN_MAX).collect::<String>())
}
