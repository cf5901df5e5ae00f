//! The condition of a rule: which selections must hold.
//!
//! ```text
//! or        = and { "or" and }
//! and       = not { "and" not }
//! not       = "not" not | "(" or ")" | quantity "of" pattern | name
//! quantity  = "1" | "any" | "all"
//! pattern   = "them" | name with "*" anywhere
//! ```
//!
//! Source: Sigma specification 2.1.0, "Detection", section "Condition".

/// A condition, with selections by their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// The selection holds.
    Selection(usize),
    /// It does not hold.
    Not(Box<Condition>),
    /// All of them hold.
    All(Vec<Condition>),
    /// At least one of them holds.
    Any(Vec<Condition>),
}

impl Condition {
    /// Reads a condition over the selections `names`.
    ///
    /// # Errors
    /// What is wrong and what is allowed.
    pub(super) fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let words = words(text)?;
        let mut parser = Parser {
            words: &words,
            at: 0,
            names,
        };
        let condition = parser.or(DEPTH_MAX)?;
        match parser.peek() {
            None => Ok(condition),
            Some(word) => Err(format!("`{word}` stands where `and` or `or` belongs")),
        }
    }

    /// A condition of several: one of them is enough.
    pub(super) fn any(conditions: Vec<Self>) -> Self {
        single_or(conditions, Self::Any)
    }

    /// Whether it holds, given which selections do. A selection is asked only when it matters.
    pub(super) fn holds(&self, selection: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Self::Selection(number) => selection(*number),
            Self::Not(inner) => !inner.holds(selection),
            Self::All(parts) => parts.iter().all(|part| part.holds(selection)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(selection)),
        }
    }

    /// Calls `visit` with the number of every selection that is named.
    pub(super) fn each_selection(&self, visit: &mut dyn FnMut(usize)) {
        match self {
            Self::Selection(number) => visit(*number),
            Self::Not(inner) => inner.each_selection(visit),
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.each_selection(visit);
                }
            }
        }
    }
}

/// Brackets and `not`s inside each other.
const DEPTH_MAX: usize = 64;

/// Cuts the text into names, words and brackets.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for letter in text.chars().chain([' ']) {
        if letter.is_alphanumeric() || matches!(letter, '_' | '*' | '-' | '.') {
            word.push(letter);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        match letter {
            '(' | ')' => words.push(letter.to_string()),
            _ if letter.is_whitespace() => {}
            '|' => return Err("aggregations (`|`) are not supported".to_owned()),
            other => return Err(format!("`{other}` has no meaning in a condition")),
        }
    }
    Ok(words)
}

struct Parser<'a> {
    words: &'a [String],
    at: usize,
    names: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(String::as_str)
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self
            .peek()
            .is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self, depth_left: usize) -> Result<Condition, String> {
        let mut parts = vec![self.and(depth_left)?];
        while self.take("or") {
            parts.push(self.and(depth_left)?);
        }
        Ok(single_or(parts, Condition::Any))
    }

    fn and(&mut self, depth_left: usize) -> Result<Condition, String> {
        let mut parts = vec![self.not(depth_left)?];
        while self.take("and") {
            parts.push(self.not(depth_left)?);
        }
        Ok(single_or(parts, Condition::All))
    }

    fn not(&mut self, depth_left: usize) -> Result<Condition, String> {
        let depth_left = depth_left
            .checked_sub(1)
            .ok_or("brackets are nested too deep")?;
        if self.take("not") {
            return Ok(Condition::Not(Box::new(self.not(depth_left)?)));
        }
        if self.take("(") {
            let inner = self.or(depth_left)?;
            return if self.take(")") {
                Ok(inner)
            } else {
                Err("a bracket is not closed".to_owned())
            };
        }
        let word = self
            .peek()
            .ok_or("the condition ends where a selection belongs")?;
        self.at += 1;
        let quantity = word.to_ascii_lowercase();
        if matches!(quantity.as_str(), "1" | "any" | "all") && self.take("of") {
            return self.quantified(quantity == "all");
        }
        self.selection(word)
    }

    fn quantified(&mut self, all: bool) -> Result<Condition, String> {
        let pattern = self.peek().ok_or("`of` needs `them` or a name with `*`")?;
        self.at += 1;
        let matches = |name: &str| {
            if pattern.eq_ignore_ascii_case("them") {
                !name.starts_with('_')
            } else {
                fits(name, pattern)
            }
        };
        let parts: Vec<_> = (0..)
            .zip(self.names)
            .filter(|(_, name)| matches(name))
            .map(|(number, _)| Condition::Selection(number))
            .collect();
        if parts.is_empty() {
            return Err(format!("no selection is named `{pattern}`"));
        }
        Ok(if all {
            Condition::All(parts)
        } else {
            Condition::Any(parts)
        })
    }

    fn selection(&self, word: &str) -> Result<Condition, String> {
        let position = self.names.iter().position(|name| *name == word);
        position.map(Condition::Selection).ok_or_else(|| {
            format!(
                "`{word}` is not a selection; there are: {}",
                self.names.join(", ")
            )
        })
    }
}

/// Whether a name fits a pattern in which `*` stands for any letters.
fn fits(name: &str, pattern: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('*') else {
        return name == pattern;
    };
    let Some(name) = name.strip_prefix(before) else {
        return false;
    };
    let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
    let mut tails = ends.filter_map(|at| name.get(at..));
    tails.any(|tail| fits(tail, rest))
}

fn single_or(mut parts: Vec<Condition>, many: fn(Vec<Condition>) -> Condition) -> Condition {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            many(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["sel_a", "sel_b", "filter", "_hidden"];

    #[track_caller]
    fn check(text: &str, true_selections: &[&str], expected: bool) {
        let condition = Condition::parse(text, &NAMES).unwrap();
        let holds = condition.holds(&mut |number| true_selections.contains(&NAMES[number]));
        assert_eq!(holds, expected, "{text} with {true_selections:?}");
    }

    #[test]
    fn words_bind_in_the_order_not_and_or() {
        check("sel_a or sel_b and filter", &["sel_a"], true);
        check("(sel_a or sel_b) and filter", &["sel_a"], false);
        check("not sel_a and sel_b", &["sel_b"], true);
        check("not (sel_a and sel_b)", &["sel_b"], true);
        check("not not sel_a", &["sel_a"], true);
        check("sel_a AND NOT filter", &["sel_a"], true);
    }

    #[test]
    fn quantities_go_over_names_that_match() {
        check("1 of sel_*", &["sel_b"], true);
        check("all of sel_*", &["sel_b"], false);
        check("all of sel_*", &["sel_a", "sel_b"], true);
        check("any of them", &["filter"], true);
        check("1 of them", &["_hidden"], false);
        check("1 of *_b", &["sel_b"], true);
        check("1 of *_b", &["sel_a"], false);
        check("1 of s*_*", &["sel_a"], true);
        check("sel_a and not 1 of filter*", &["sel_a", "filter"], false);
    }

    #[test]
    fn a_wrong_condition_is_explained() {
        for (text, part) in [
            ("", "ends"),
            ("sel_c", "sel_a, sel_b"),
            ("sel_a sel_b", "`and` or `or`"),
            ("(sel_a", "not closed"),
            ("sel_a)", "`and` or `or`"),
            ("sel_a and", "ends"),
            ("1 of other*", "other*"),
            ("sel_a | count() > 5", "aggregations"),
            ("sel_a & sel_b", "`&`"),
            (&"(".repeat(100), "too deep"),
            (&"not ".repeat(100), "too deep"),
        ] {
            let error = Condition::parse(text, &NAMES).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
