//! What becomes of metrics that could not be sent, and of those that may have been.

/// What is done with the datums of a call whose outcome is not known. CloudWatch neither tells
/// whether it took them nor removes duplicates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenUnknown {
    /// Repeats how things are, which changes no average, minimum or maximum, and gives up what is
    /// added up, which would be counted twice.
    #[default]
    ByKind,
    /// Repeats all.
    Repeat,
    /// Gives up all.
    Drop,
}

impl WhenUnknown {
    /// Whether a datum is sent again.
    #[must_use]
    pub(crate) fn repeats(self, additive: bool) -> bool {
        match self {
            Self::ByKind => !additive,
            Self::Repeat => true,
            Self::Drop => false,
        }
    }
}
