//! What an error says on its way to a person: its causes in one line, without secrets.

use std::error::Error;

use plimsoll_core::logging::scrub;

/// How much of a message is passed on, in characters.
const WHY_CHARS_MAX: usize = 1_000;

/// The error and its causes, each said once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        let part = error.to_string();
        if !text.ends_with(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
    }
    text
}

/// Without secrets, on one line, and not endless.
pub(crate) fn clean(text: &str) -> String {
    scrub(text)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WHY_CHARS_MAX)
        .collect()
}
