//! Which new name belongs to which old one.
//!
//! The kernel tells a rename as two events with the same number. They usually follow each other,
//! but the second may come later or not at all: when the new name is in no watched directory.

use std::path::PathBuf;

use super::Hint;

/// Renames that were told and not yet passed on.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Old names without a new one yet, by the number of the rename.
    open: Vec<(u32, PathBuf)>,
    /// Old names that were passed on and whose new one may still come.
    late: Vec<(u32, PathBuf)>,
    /// Old and new names, in order.
    done: Vec<(PathBuf, PathBuf)>,
    /// New names whose old one is not known.
    appeared: Vec<PathBuf>,
}

impl Moves {
    /// A file lost this name.
    pub(super) fn from(&mut self, cookie: u32, path: PathBuf) {
        self.open.push((cookie, path));
    }

    /// A file got this name. Where a directory has several paths, the first old name counts.
    pub(super) fn to(&mut self, cookie: u32, path: PathBuf) {
        let own = |(known, _): &(u32, PathBuf)| *known == cookie;
        let old = match self.open.iter().position(own) {
            Some(index) => self.open.remove(index).1,
            None => match self.late.iter().position(own) {
                Some(index) => self.late.remove(index).1,
                None => return self.appeared.push(path),
            },
        };
        // A file that was renamed twice is looked for under its last name.
        match self.done.iter_mut().find(|(_, new)| *new == old) {
            Some(earlier) => earlier.1 = path,
            None => self.done.push((old, path)),
        }
    }

    /// Passes everything on.
    pub(super) fn drain(&mut self, mut tell: impl FnMut(Hint)) {
        for (from, to) in self.done.drain(..) {
            tell(Hint::Moved { from, to });
        }
        self.late = std::mem::take(&mut self.open);
        for path in &self.late {
            tell(Hint::Renamed(path.1.clone()));
        }
        for path in self.appeared.drain(..) {
            tell(Hint::Renamed(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(moves: &mut Moves) -> Vec<Hint> {
        let mut hints = Vec::new();
        moves.drain(|hint| hints.push(hint));
        hints
    }

    fn moved(from: &str, to: &str) -> Hint {
        let (from, to) = (PathBuf::from(from), PathBuf::from(to));
        Hint::Moved { from, to }
    }

    #[test]
    fn a_file_that_is_renamed_twice_is_told_once_with_its_last_name() {
        let mut moves = Moves::default();
        moves.from(1, "/a".into());
        moves.to(1, "/b".into());
        moves.from(2, "/x".into());
        moves.from(3, "/b".into());
        moves.to(3, "/c".into());
        assert_eq!(
            hints(&mut moves),
            [moved("/a", "/c"), Hint::Renamed("/x".into())]
        );
    }

    #[test]
    fn a_new_name_that_comes_a_read_later_still_finds_its_old_one() {
        let mut moves = Moves::default();
        moves.from(1, "/a".into());
        assert_eq!(hints(&mut moves), [Hint::Renamed("/a".into())]);
        moves.to(1, "/b".into());
        moves.to(9, "/c".into());
        assert_eq!(
            hints(&mut moves),
            [moved("/a", "/b"), Hint::Renamed("/c".into())]
        );
        assert!(hints(&mut moves).is_empty());
    }
}
