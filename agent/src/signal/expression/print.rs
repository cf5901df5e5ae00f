//! [`Expression`] → text, in one way: what is read from it is the same expression.

use std::fmt::{self, Display, Formatter};

use super::read::{is_of_word, word_of};
use super::{Expression, FUNCTIONS, MetricRef, Node, Operation, STATISTICS, Statistic};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.root.fmt(f)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Metric(metric) => metric.fmt(f),
            Self::Signal(name) => write!(f, "signal({})", Quoted(name)),
            Self::Call(operation, arguments) => call(f, *operation, arguments),
        }
    }
}

fn call(f: &mut Formatter<'_>, operation: Operation, arguments: &[Node]) -> fmt::Result {
    let sign = match operation {
        Operation::Add => "+",
        Operation::Subtract => "-",
        Operation::Multiply => "*",
        Operation::Divide => "/",
        _ => "",
    };
    match arguments {
        [left, right] if !sign.is_empty() => {
            let own = binding(operation);
            // Chains are read from the left, so an equal on the right needs parentheses.
            inside(f, left, own)?;
            write!(f, " {sign} ")?;
            inside(f, right, own + 1)
        }
        [operand] if operation == Operation::Negate => {
            f.write_str("-")?;
            inside(f, operand, binding(operation))
        }
        _ => {
            let word = FUNCTIONS.iter().find(|(_, known)| *known == operation);
            write!(f, "{}(", word.map_or("", |(word, _)| word))?;
            for (index, argument) in arguments.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{argument}")?;
            }
            f.write_str(")")
        }
    }
}

/// How strongly an operation binds; more is stronger.
fn binding(operation: Operation) -> u8 {
    match operation {
        Operation::Add | Operation::Subtract => 1,
        Operation::Multiply | Operation::Divide => 2,
        Operation::Negate => 3,
        _ => 4,
    }
}

fn inside(f: &mut Formatter<'_>, node: &Node, least: u8) -> fmt::Result {
    match node {
        Node::Call(operation, _) if binding(*operation) < least => write!(f, "({node})"),
        _ => node.fmt(f),
    }
}

impl Display for MetricRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let word = STATISTICS.iter().find(|(_, one)| *one == self.statistic);
        match (self.statistic, word) {
            (Statistic::Percentile(rank), _) => {
                let (whole, part) = (rank / 1000, rank % 1000);
                if part == 0 {
                    write!(f, "p{whole}(")?;
                } else {
                    let part = format!("{part:03}");
                    write!(f, "p{whole}.{}(", part.trim_end_matches('0'))?;
                }
            }
            (_, Some((word, _))) => write!(f, "{word}(")?,
            (_, None) => {}
        }
        if let Some(feed) = self.feed {
            write!(f, "{}:", word_of(feed))?;
        }
        Name(&self.name).fmt(f)?;
        for (index, (name, value)) in self.labels.iter().enumerate() {
            let before = if index == 0 { "{" } else { ", " };
            write!(f, "{before}{}={}", Name(name), Quoted(value))?;
        }
        if !self.labels.is_empty() {
            f.write_str("}")?;
        }
        if self.statistic == Statistic::Natural {
            return Ok(());
        }
        f.write_str(")")
    }
}

/// A name, in quotes where it must be.
struct Name<'n>(&'n str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let begins = !self.0.starts_with(|c: char| c.is_ascii_digit());
        if begins && !self.0.is_empty() && self.0.chars().all(is_of_word) {
            f.write_str(self.0)
        } else {
            Quoted(self.0).fmt(f)
        }
    }
}

/// Text in quotes.
struct Quoted<'n>(&'n str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "\"{text}\"")
    }
}
