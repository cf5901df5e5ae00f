//! Whether this instance may speak for its group.

use std::sync::Arc;

use tokio::sync::watch;

/// Closed while the instance is about to leave: what it measures then says nothing about the load
/// of the group. Cloning is cheap; all clones are one gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<Option<&'static str>>>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(watch::channel(None).0))
    }
}

impl Gate {
    /// Nothing is told from now on, for this reason (a word for counters).
    pub(crate) fn close(&self, reason: &'static str) {
        self.0.send_replace(Some(reason));
    }

    /// Signals may be told again: the notice was taken back.
    pub(crate) fn open(&self) {
        self.0.send_replace(None);
    }

    /// Why nothing may be told; `None` if all may.
    #[must_use]
    pub(crate) fn closed(&self) -> Option<&'static str> {
        *self.0.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_are_one_gate() {
        let gate = Gate::default();
        let clone = gate.clone();
        gate.close("draining");
        assert_eq!(clone.closed(), Some("draining"));
        clone.open();
        assert_eq!(gate.closed(), None);
    }
}
