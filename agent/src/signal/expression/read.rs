//! Text → [`Expression`], by recursive descent.
//!
//! A mistake is told with the character it begins at, what was found, what is expected there, and
//! the nearest name. Length, depth and number of operations are bounded, so no text can exhaust
//! the stack. Which metrics and signals exist is not asked here.

mod operand;
mod token;

use plimsoll_core::config::nearest;

use super::{Expression, Node, Operation};
pub(super) use operand::word_of;
pub(super) use token::is_of_word;
use token::{Token, Tokens};

/// Bytes of an expression: twenty lines of a terminal, far more than a person checks by eye.
pub(crate) const TEXT_BYTES_MAX: usize = 2048;
/// How deep parentheses, functions and signs may be nested.
pub(crate) const DEPTH_MAX: usize = 32;
/// Numbers, metrics and operations in an expression; it bounds the depth of chains as well.
pub(crate) const NODES_MAX: usize = 256;

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character {at}: found {found}, expected {expected}{}", hint(.near.as_deref()))]
pub(crate) struct Mistake {
    /// The character where it begins, from one.
    pub(crate) at: usize,
    /// What is there.
    pub(crate) found: String,
    /// What may be there.
    pub(crate) expected: String,
    /// The nearest name that exists.
    pub(crate) near: Option<String>,
}

fn hint(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first mistake.
    pub(crate) fn read(text: &str) -> Result<Self, Mistake> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Mistake {
                at: 1,
                found: format!("{} bytes", text.len()),
                expected: format!("at most {TEXT_BYTES_MAX}"),
                near: None,
            });
        }
        let mut reader = Reader {
            tokens: Tokens::of(text)?,
            depth: 0,
            nodes: 0,
        };
        let root = reader.sum()?;
        match reader.tokens.peek() {
            Token::End => Ok(Self { root }),
            _ => Err(reader.mistake("an operator or the end")),
        }
    }
}

/// The place in an expression, and what of the bounds is used.
struct Reader {
    tokens: Tokens,
    depth: usize,
    nodes: usize,
}

impl Reader {
    /// `product { + product | - product }`
    fn sum(&mut self) -> Result<Node, Mistake> {
        self.deeper()?;
        let mut left = self.product()?;
        loop {
            let operation = match self.tokens.peek() {
                Token::Sign('+') => Operation::Add,
                Token::Sign('-') => Operation::Subtract,
                _ => break,
            };
            self.tokens.next();
            let right = self.product()?;
            left = self.node(Node::Call(operation, vec![left, right]))?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `signed { * signed | / signed }`
    fn product(&mut self) -> Result<Node, Mistake> {
        let mut left = self.signed()?;
        loop {
            let operation = match self.tokens.peek() {
                Token::Sign('*') => Operation::Multiply,
                Token::Sign('/') => Operation::Divide,
                _ => return Ok(left),
            };
            self.tokens.next();
            let right = self.signed()?;
            left = self.node(Node::Call(operation, vec![left, right]))?;
        }
    }

    /// `- signed` or an operand.
    fn signed(&mut self) -> Result<Node, Mistake> {
        if *self.tokens.peek() != Token::Sign('-') {
            return self.operand();
        }
        self.deeper()?;
        self.tokens.next();
        let operand = self.signed()?;
        self.depth -= 1;
        self.node(Node::Call(Operation::Negate, vec![operand]))
    }

    fn deeper(&mut self) -> Result<(), Mistake> {
        self.depth += 1;
        if self.depth <= DEPTH_MAX {
            return Ok(());
        }
        Err(self.tokens.mistake(
            format!("the {}th level of nesting", self.depth),
            &format!("at most {DEPTH_MAX}"),
        ))
    }

    fn node(&mut self, node: Node) -> Result<Node, Mistake> {
        self.nodes += 1;
        if self.nodes <= NODES_MAX {
            return Ok(node);
        }
        Err(self.tokens.mistake(
            "more numbers, metrics and operations".to_owned(),
            &format!("at most {NODES_MAX}"),
        ))
    }

    /// What stands here is not what may.
    fn mistake(&self, expected: &str) -> Mistake {
        self.tokens
            .mistake(self.tokens.peek().to_string(), expected)
    }

    /// What stands here is a name that does not exist.
    fn unknown(&self, name: &str, names: &[&str], expected: &str) -> Mistake {
        Mistake {
            near: nearest(name, names.iter().copied()),
            ..self.tokens.mistake(format!("`{name}`"), expected)
        }
    }

    /// Takes a sign that must be here.
    fn take(&mut self, sign: char, expected: &str) -> Result<(), Mistake> {
        if *self.tokens.peek() != Token::Sign(sign) {
            return Err(self.mistake(expected));
        }
        self.tokens.next();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
