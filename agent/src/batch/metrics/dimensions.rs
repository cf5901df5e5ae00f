//! The dimensions that stand for this host, one list per set.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Dimensions;

/// Dimension sets with their values filled in. A set with an unknown value is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DimensionSets(Vec<Vec<(Arc<str>, Arc<str>)>>);

impl DimensionSets {
    /// Resolves each set by `value`. Gives the sets that are whole, each once and sorted, and the
    /// names whose value is unknown.
    pub(crate) fn resolve(
        sets: &[Vec<String>],
        value: impl Fn(&str) -> Option<(Arc<str>, Arc<str>)>,
    ) -> (Self, BTreeSet<String>) {
        let mut unknown = BTreeSet::new();
        let mut resolved: Vec<Vec<(Arc<str>, Arc<str>)>> = Vec::new();
        for set in sets {
            let mut whole = Vec::with_capacity(set.len());
            for name in set {
                match value(name) {
                    Some(dimension) => whole.push(dimension),
                    None => {
                        unknown.insert(name.clone());
                    }
                }
            }
            whole.sort();
            whole.dedup();
            if whole.len() == set.len() && !resolved.contains(&whole) {
                resolved.push(whole);
            }
        }
        (Self(resolved), unknown)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The set at `index` with the metric's own dimension, sorted by name.
    pub(super) fn with(&self, index: usize, own: Option<(&str, &Arc<str>)>) -> Dimensions {
        let mut dimensions = self.0.get(index).cloned().unwrap_or_default();
        dimensions.extend(own.map(|(name, value)| (Arc::from(name), Arc::clone(value))));
        dimensions.sort();
        dimensions.into()
    }
}
