//! How a section tells that a value's type is right and its meaning is not.

use super::super::document::line_and_column;
use super::super::problem::Problem;
use super::{Field, Section};

impl Section<'_> {
    /// Reports that `key` is missing from this section.
    pub fn report_missing(&self, key: &str, expected: &str) {
        let span = Some(self.span.clone());
        self.places.report(
            span,
            self.path_of(key),
            "missing".to_owned(),
            expected.to_owned(),
        );
    }

    /// Reports a value whose type was right and whose meaning is not.
    pub fn reject<T>(&self, field: &Field<T>, found: &str, expected: &str) {
        let span = Some(field.span.clone());
        self.places.report(
            span,
            field.key.clone(),
            found.to_owned(),
            expected.to_owned(),
        );
    }

    /// The same as [`Self::reject`] for a word that has valid neighbours.
    pub fn reject_near<'a, T>(
        &self,
        field: &Field<T>,
        found: &str,
        expected: &str,
        word: &str,
        candidates: impl Iterator<Item = &'a str>,
    ) {
        self.places.report_near(
            Some(field.span.clone()),
            field.key.clone(),
            found.to_owned(),
            expected.to_owned(),
            nearest(word, candidates),
        );
    }

    /// Reports the value of `key`, or the section itself when the key is not there, for a check
    /// that no single [`Field`] stands for.
    pub fn report(&self, key: &str, found: &str, expected: &str, nearest: Option<String>) {
        let written = self.table.iter().find(|(name, _)| &**name.get_ref() == key);
        let span = written.map_or_else(|| self.span.clone(), |(_, value)| value.span());
        self.places.report_near(
            Some(span),
            self.path_of(key),
            found.to_owned(),
            expected.to_owned(),
            nearest,
        );
    }

    /// A problem at `field` that is not reported: for what can only be found out later, such as a
    /// file that cannot be read.
    #[must_use]
    pub fn problem_at<T>(&self, field: &Field<T>, found: &str, expected: &str) -> Problem {
        let (line, column) = line_and_column(self.places.text, field.span.start);
        Problem {
            file: self.places.file.to_owned(),
            line,
            column,
            key: field.key.clone(),
            found: found.to_owned(),
            expected: expected.to_owned(),
            nearest: None,
        }
    }

    /// A problem of a key that is not written in the file, for a default that does not work.
    #[must_use]
    pub fn problem_of(&self, key: &str) -> Problem {
        Problem {
            file: self.places.file.to_owned(),
            line: 0,
            column: 0,
            key: key.to_owned(),
            found: String::new(),
            expected: String::new(),
            nearest: None,
        }
    }

    /// Whether the key holds a whole number, for a key that takes a number or a word.
    #[must_use]
    pub fn holds_integer(&self, key: &str) -> bool {
        let mut entries = self.table.iter();
        entries
            .any(|(name, value)| &**name.get_ref() == key && value.get_ref().as_integer().is_some())
    }

    /// A whole number out of a closed list. The nearest allowed number is told.
    pub fn take_integer_of(&mut self, key: &'static str, allowed: &[u32]) -> Option<u32> {
        let number = self.take_integer(key, 0..=u64::from(u32::MAX))?;
        let number = u32::try_from(number).ok()?;
        if allowed.contains(&number) {
            return Some(number);
        }
        let words: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let near = allowed.iter().min_by_key(|other| other.abs_diff(number));
        self.report(
            key,
            &format!("found integer {number}"),
            &format!("expected one of: {}", words.join(", ")),
            near.map(ToString::to_string),
        );
        None
    }
}

/// The candidate within two edits (or a third of the length) of `name`, if any.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() / 3))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::super::Document;

    #[test]
    fn a_number_outside_a_closed_list_is_told_the_nearest_one() {
        let parsed = Document::from_text("agent.toml", "days = 31\n").parse(|root| {
            root.take_integer_of("days", &[7, 14, 30, 60]);
            Some(())
        });
        assert_eq!(
            parsed.unwrap_err().to_string(),
            "agent.toml:1:8: days: found integer 31, expected one of: 7, 14, 30, 60; \
             did you mean `30`?"
        );
    }

    #[test]
    fn one_string_reads_like_a_list_of_one_and_keeps_its_place() {
        let read = |text: &str| {
            Document::from_text("agent.toml", text).parse(|root| {
                let fields = root.take_string_or_list("path");
                for field in &fields {
                    root.reject(field, &field.value, "expected another");
                }
                Some(())
            })
        };
        assert_eq!(
            read("path = \"a\"").unwrap_err().to_string(),
            "agent.toml:1:8: path: a, expected another"
        );
        assert_eq!(
            read("path = [\"a\",\n\"b\"]").unwrap_err().0[1].to_string(),
            "agent.toml:2:1: path[1]: b, expected another"
        );
        assert_eq!(
            read("path = 5").unwrap_err().to_string(),
            "agent.toml:1:8: path: found integer 5, expected a string or a list of strings"
        );
    }
}
