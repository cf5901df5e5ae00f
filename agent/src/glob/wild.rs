//! A pattern of one name: text, `*`, `?` and `[…]`.
//!
//! Names are bytes. Where they are UTF-8, `?` and `[…]` take a whole character; a byte that is not
//! part of one counts as a character of its own, which no set names.

use super::{BadGlob, Placed};

/// A pattern of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wild(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// These bytes.
    Text(Vec<u8>),
    /// One character.
    Any,
    /// Any number of characters.
    Star,
    /// One character that is in these ranges, or in none of them.
    Class {
        ranges: Vec<(char, char)>,
        not: bool,
    },
}

impl Wild {
    /// Reads a pattern without braces.
    pub(super) fn new(text: &[Placed]) -> Result<Self, BadGlob> {
        let mut tokens = Vec::new();
        let mut index = 0;
        while let Some((at, char)) = text.get(index).copied() {
            match char {
                '*' => tokens.push(Token::Star),
                '?' => tokens.push(Token::Any),
                '[' => {
                    let what = "`[` that is never closed";
                    let end = class_end(text, index).ok_or(BadGlob { what, at })?;
                    let inside = text.get(index + 1..end).unwrap_or(&[]);
                    match class(inside)? {
                        // Joins the text before it.
                        Token::Text(text) => push(&mut tokens, &text),
                        class => tokens.push(class),
                    }
                    index = end;
                }
                char => push(&mut tokens, char.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            index += 1;
        }
        Ok(Self(tokens))
    }

    /// The pattern `*`.
    pub(super) fn anything() -> Self {
        Self(vec![Token::Star])
    }

    /// The only name that fits, if there is one.
    pub(super) fn literal(&self) -> Option<Vec<u8>> {
        match self.0.as_slice() {
            [Token::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }

    /// Whether a `*` follows another.
    pub(super) fn repeats_star(&self) -> bool {
        self.0
            .windows(2)
            .any(|two| matches!(two, [Token::Star, Token::Star]))
    }

    /// Whether a name fits. When something after a `*` does not, that `*` takes one character more:
    /// an earlier one need never be tried again, so this takes at most the product of both lengths.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        if let Some(Token::Text(end)) = self.0.last()
            && !name.ends_with(end)
        {
            return false;
        }
        let (mut token, mut at) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        loop {
            let rest = name.get(at..).unwrap_or(&[]);
            match self.0.get(token) {
                Some(Token::Star) => {
                    token += 1;
                    star = Some((token, at));
                    continue;
                }
                Some(one) => {
                    if let Some(len) = one.takes(rest) {
                        token += 1;
                        at += len;
                        continue;
                    }
                }
                None if rest.is_empty() => return true,
                None => {}
            }
            let Some((after, from)) = star.filter(|(_, from)| *from < name.len()) else {
                return false;
            };
            at = from + first(name.get(from..).unwrap_or(&[])).1;
            token = after;
            star = Some((after, at));
        }
    }
}

impl Token {
    /// How many bytes it takes of the front of `rest`, if it fits.
    fn takes(&self, rest: &[u8]) -> Option<usize> {
        match self {
            Self::Text(text) => rest.starts_with(text).then_some(text.len()),
            Self::Star => Some(0),
            _ if rest.is_empty() => None,
            Self::Any => Some(first(rest).1),
            Self::Class { ranges, not } => {
                let (char, len) = first(rest);
                let within = |char| {
                    ranges
                        .iter()
                        .any(|(from, to)| (*from..=*to).contains(&char))
                };
                (char.is_some_and(within) != *not).then_some(len)
            }
        }
    }
}

/// Where the set that opens at `index` closes: a `]` that stands first is a member.
pub(super) fn class_end(text: &[Placed], index: usize) -> Option<usize> {
    let negated = text.get(index + 1).is_some_and(|(_, char)| is_not(*char));
    let first = index + 1 + usize::from(negated);
    let rest = text.get(first + 1..)?;
    let more = rest.iter().position(|(_, char)| *char == ']')?;
    Some(first + 1 + more)
}

/// What stands between the brackets.
fn class(inside: &[Placed]) -> Result<Token, BadGlob> {
    let (not, mut members) = match inside.split_first() {
        Some(((_, char), rest)) if is_not(*char) => (true, rest),
        _ => (false, inside),
    };
    let mut ranges = Vec::new();
    while let Some(((at, from), rest)) = members.split_first() {
        let (to, rest) = match rest {
            [(_, '-'), (_, to), rest @ ..] => (*to, rest),
            _ => (*from, rest),
        };
        if to < *from {
            let what = "a range that ends before it begins";
            return Err(BadGlob { what, at: *at });
        }
        ranges.push((*from, to));
        members = rest;
    }
    // A set of one character is that character, which spares a search.
    if let ([(from, to)], false) = (ranges.as_slice(), not)
        && from == to
    {
        return Ok(Token::Text(from.to_string().into_bytes()));
    }
    Ok(Token::Class { ranges, not })
}

fn is_not(char: char) -> bool {
    matches!(char, '!' | '^')
}

fn push(tokens: &mut Vec<Token>, bytes: &[u8]) {
    match tokens.last_mut() {
        Some(Token::Text(text)) => text.extend_from_slice(bytes),
        _ => tokens.push(Token::Text(bytes.to_vec())),
    }
}

/// The first character and its length; no character if the first byte begins none.
fn first(bytes: &[u8]) -> (Option<char>, usize) {
    let front = bytes.get(..bytes.len().min(4)).unwrap_or(&[]);
    let valid = match std::str::from_utf8(front) {
        Ok(text) => Some(text),
        Err(error) => {
            let valid = front.get(..error.valid_up_to()).unwrap_or(&[]);
            std::str::from_utf8(valid).ok()
        }
    };
    let char = valid.and_then(|text| text.chars().next());
    (char, char.map_or(1, char::len_utf8))
}
