//! `[signals]` and `[[signal]]`.

use plimsoll_core::config::Section;

use super::super::SignalsConfig;

/// Reads both; `None` if there is no signal.
pub(super) fn read(_root: &mut Section<'_>) -> Option<SignalsConfig> {
    None
}
