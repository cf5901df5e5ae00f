//! Entities that PutMetricData may name. They are checked and then not kept: nothing here reads
//! them back.
//!
//! Source: CloudWatch API reference, PutMetricData, Entity, `EntityMetricData`.

use super::super::refuse;
use crate::service::Refusal;
use crate::value::Value;

/// Entities of a request.
const ENTITIES_MAX: usize = 2;
/// The keys that name an entity; two to four of them.
const KEYS: [&str; 5] = ["Type", "ResourceType", "Identifier", "Name", "Environment"];
/// Characters of a value.
const VALUE_MAX: usize = 2048;
/// Further attributes of an entity.
const ATTRIBUTES_MAX: usize = 10;
/// Characters of an attribute's name.
const ATTRIBUTE_NAME_MAX: usize = 256;

/// Checks the entities of a request. With `StrictEntityValidation` false a bad one is dropped
/// without failing the request, as at AWS.
pub(super) fn check(input: &Value) -> Result<(), Refusal> {
    let entities = input.member("EntityMetricData");
    if entities.is_null() {
        return Ok(());
    }
    if entities.items().len() > ENTITIES_MAX {
        return Err(refuse::value(format!(
            "The collection EntityMetricData must not have a size greater than {ENTITIES_MAX}."
        )));
    }
    let Some(strict) = input.member("StrictEntityValidation").boolean() else {
        return Err(refuse::missing("StrictEntityValidation"));
    };
    let mut entities = entities.items().iter();
    if strict && !entities.all(|item| is_valid(item.member("Entity"))) {
        return Err(refuse::value(
            "The parameter EntityMetricData has an invalid entity.",
        ));
    }
    Ok(())
}

fn is_valid(entity: &Value) -> bool {
    if entity.is_null() {
        return true;
    }
    let fits = |value: &Value, max| {
        value
            .text()
            .is_some_and(|text| !text.is_empty() && text.chars().count() <= max)
    };
    let keys = entity.member("KeyAttributes").members();
    let attributes = entity.member("Attributes").members();
    (2..=4).contains(&keys.len())
        && keys
            .iter()
            .all(|(key, value)| KEYS.contains(&key.as_str()) && fits(value, VALUE_MAX))
        && attributes.len() <= ATTRIBUTES_MAX
        && attributes.iter().all(|(name, value)| {
            name.chars().count() <= ATTRIBUTE_NAME_MAX && fits(value, VALUE_MAX)
        })
}
