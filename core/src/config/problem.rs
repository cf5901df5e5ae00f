//! What is wrong with a configuration, where, and what would be right.

use std::fmt;

/// One mistake: its place, what was found, what is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it.
    pub file: String,
    /// Line, from 1. Zero when the file could not be read at all.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The key's full path, such as `logs.file[0].path`. Empty for the whole file.
    pub key: String,
    /// What was found: `found integer 5`, `unknown key`.
    pub found: String,
    /// What is allowed: `expected a duration such as "10s"`.
    pub expected: String,
    /// The nearest valid spelling, if one is near.
    pub nearest: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": ")?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}", self.found)?;
        if !self.expected.is_empty() {
            write!(f, ", {}", self.expected)?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        Ok(())
    }
}

/// Every mistake of one file, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
