//! Which names of devices, interfaces and mount points are measured.

use crate::glob::{BadGlob, NameGlob};

/// Patterns with `*`, `?` and `[...]`. A name is measured when it fits one of the first list and
/// none of the second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFilter {
    include: Vec<NameGlob>,
    exclude: Vec<NameGlob>,
}

impl NameFilter {
    /// Compiles both lists.
    ///
    /// # Errors
    /// The first pattern that is not valid, with its position.
    pub fn new(include: &[impl AsRef<str>], exclude: &[impl AsRef<str>]) -> Result<Self, BadGlob> {
        Ok(Self {
            include: compile(include)?,
            exclude: compile(exclude)?,
        })
    }

    /// Whether `name` is measured.
    #[must_use]
    pub fn admits(&self, name: &str) -> bool {
        let fits = |patterns: &[NameGlob]| patterns.iter().any(|pattern| pattern.matches(name));
        fits(&self.include) && !fits(&self.exclude)
    }
}

fn compile(patterns: &[impl AsRef<str>]) -> Result<Vec<NameGlob>, BadGlob> {
    patterns
        .iter()
        .map(|text| NameGlob::new(text.as_ref()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_be_included_and_not_excluded() {
        let filter = NameFilter::new(&["eth*", "ens*"], &["eth1"]).unwrap();
        for (name, admitted) in [
            ("eth0", true),
            ("ens5", true),
            ("eth1", false),
            ("lo", false),
        ] {
            assert_eq!(filter.admits(name), admitted, "{name}");
        }
    }
}
