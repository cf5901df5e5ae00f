//! What an error says on its way to a person: its causes in one line, without secrets.

pub(crate) use plimsoll_core::error::chain;
use plimsoll_core::logging::scrub;

/// How much of a message is passed on, in characters.
const WHY_CHARS_MAX: usize = 1_000;

/// Without secrets, on one line, and not endless.
pub(crate) fn clean(text: &str) -> String {
    scrub(text)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(WHY_CHARS_MAX)
        .collect()
}
