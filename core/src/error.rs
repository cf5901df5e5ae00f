//! What an error says on its way to a person: itself and its causes, on one line.
//!
//! An error's own text never repeats its source (rule of the code), but libraries do; so a cause
//! that was said already is not said again. Nothing is masked here: see
//! [`crate::logging::scrub`].

use std::error::Error;

/// `what: why: why that`, each said once.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        let part = error.to_string();
        if text.ends_with(&part) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&part);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{what}")]
    struct Layer {
        what: &'static str,
        source: Option<Box<Layer>>,
    }

    #[test]
    fn every_cause_is_told_once_even_where_an_error_repeats_its_source() {
        let check = |whats: &[&'static str], told: &str| {
            let error = whats
                .iter()
                .rev()
                .fold(None, |source, what| Some(Box::new(Layer { what, source })));
            assert_eq!(chain(&*error.unwrap()), told);
        };
        check(&["no start"], "no start");
        check(&["no start", "disk", "full"], "no start: disk: full");
        check(&["no start: full", "full"], "no start: full");
    }
}
