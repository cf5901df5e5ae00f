//! The names of streams: everything that tells two of them apart, hashed.
//!
//! Two hashes of 64 bits with random keys: that two streams share both is as unlikely as anything,
//! and nobody outside can bring it about.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use crate::source::otlp::cumulative::StreamId;
use crate::source::otlp::model::KeyValue;

/// The keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Naming {
    one: RandomState,
    other: RandomState,
}

impl Naming {
    /// A name that goes on with a text.
    pub(super) fn text(&self, id: StreamId, text: &str) -> StreamId {
        self.with(id, |mut hasher| text.hash(&mut hasher))
    }

    /// A name that goes on with attributes, in whatever order they are.
    pub(super) fn attributes(&self, id: StreamId, attributes: &[KeyValue<'_>]) -> StreamId {
        let mut sorted: Vec<(&str, &str)> = attributes
            .iter()
            .map(|pair| (&*pair.key, &*pair.value))
            .collect();
        sorted.sort_unstable();
        self.with(id, |mut hasher| sorted.hash(&mut hasher))
    }

    fn with(&self, id: StreamId, add: impl Fn(&mut dyn Hasher)) -> StreamId {
        let hash = |keys: &RandomState, before: u64| {
            let mut hasher = keys.build_hasher();
            hasher.write_u64(before);
            add(&mut hasher);
            hasher.finish()
        };
        (hash(&self.one, id.0), hash(&self.other, id.1))
    }
}
