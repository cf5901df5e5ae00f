//! Text → words, numbers, quoted names and signs, each with its place.

use std::fmt;

use super::Mistake;

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A letter or `_`, and behind it digits as well; `p99.9` is one too.
    Word(String),
    /// Text in double quotes, without them.
    Quoted(String),
    /// A number that is not negative.
    Number(f64),
    /// Any other character that the language knows.
    Sign(char),
    /// Nothing is left.
    End,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "`{word}`"),
            Self::Quoted(name) => write!(f, "\"{name}\""),
            Self::Number(number) => write!(f, "{number}"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// All of a text, and how far they are read.
#[derive(Debug)]
pub(super) struct Tokens {
    all: Vec<(usize, Token)>,
    next: usize,
    end: (usize, Token),
}

impl Tokens {
    /// Takes a text apart.
    pub(super) fn of(text: &str) -> Result<Self, Mistake> {
        let characters: Vec<char> = text.chars().collect();
        let mut scanner = Scanner {
            characters,
            next: 0,
        };
        let mut all = Vec::new();
        loop {
            scanner.run(|c| c.is_ascii_whitespace());
            let at = scanner.next + 1;
            match scanner.token()? {
                Token::End => {
                    return Ok(Self {
                        all,
                        next: 0,
                        end: (at, Token::End),
                    });
                }
                token => all.push((at, token)),
            }
        }
    }

    fn here(&self) -> &(usize, Token) {
        self.all.get(self.next).unwrap_or(&self.end)
    }

    /// What stands here.
    pub(super) fn peek(&self) -> &Token {
        &self.here().1
    }

    /// Takes what stands here.
    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.next += 1;
        token
    }

    /// Goes back by one, so that a mistake is told where it is.
    pub(super) fn back(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    /// A mistake at this place.
    pub(super) fn mistake(&self, found: String, expected: &str) -> Mistake {
        mistake(self.here().0, found, expected)
    }
}

fn mistake(at: usize, found: String, expected: &str) -> Mistake {
    Mistake {
        at,
        found,
        expected: expected.to_owned(),
        near: None,
    }
}

struct Scanner {
    characters: Vec<char>,
    next: usize,
}

impl Scanner {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.next + ahead).copied()
    }

    /// Takes characters as long as they are such.
    fn run(&mut self, is_such: impl Fn(char) -> bool) -> String {
        let rest = self.characters.iter().skip(self.next).copied();
        let run: String = rest.take_while(|c| is_such(*c)).collect();
        self.next += run.chars().count();
        run
    }

    fn token(&mut self) -> Result<Token, Mistake> {
        let at = self.next + 1;
        match self.peek(0) {
            None => Ok(Token::End),
            Some('"') => self.quoted(at),
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(at),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => Ok(Token::Word(self.word())),
            Some(c) if "+-*/(){},:=".contains(c) => {
                self.next += 1;
                Ok(Token::Sign(c))
            }
            Some(c) => {
                let expected = "a number, a name, an operator or a parenthesis; other names are \
                                written in double quotes";
                Err(mistake(at, format!("`{}`", c.escape_default()), expected))
            }
        }
    }

    fn word(&mut self) -> String {
        let mut word = self.run(is_of_word);
        let is_percentile = word
            .strip_prefix('p')
            .is_some_and(|rank| !rank.is_empty() && rank.chars().all(|c| c.is_ascii_digit()));
        let digit = self.peek(1).is_some_and(|c| c.is_ascii_digit());
        if is_percentile && self.peek(0) == Some('.') && digit {
            self.next += 1;
            word.push('.');
            word.push_str(&self.run(|c| c.is_ascii_digit()));
        }
        word
    }

    fn number(&mut self, at: usize) -> Result<Token, Mistake> {
        let mut text = self.run(|c| c.is_ascii_digit() || c == '.');
        if matches!(self.peek(0), Some('e' | 'E')) {
            let signed = matches!(self.peek(1), Some('+' | '-'));
            let digit = self.peek(1 + usize::from(signed));
            if digit.is_some_and(|c| c.is_ascii_digit()) {
                text.extend(self.peek(0));
                text.extend(self.peek(1));
                self.next += 2;
                text.push_str(&self.run(|c| c.is_ascii_digit()));
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number <= super::super::VALUE_MAX => Ok(Token::Number(number)),
            Ok(_) => Err(mistake(at, text, "a number of at most 2^360")),
            Err(_) => Err(mistake(at, format!("`{text}`"), "a number such as 0.5")),
        }
    }

    fn quoted(&mut self, at: usize) -> Result<Token, Mistake> {
        self.next += 1;
        let mut name = String::new();
        loop {
            let found = self.peek(0);
            self.next += 1;
            match found {
                Some('"') if name.is_empty() => {
                    return Err(mistake(at, "an empty name".to_owned(), "a name"));
                }
                Some('"') => return Ok(Token::Quoted(name)),
                Some('\\') => {
                    name.extend(self.peek(0));
                    self.next += 1;
                }
                Some(c) => name.push(c),
                None => {
                    let expected = "a double quote that ends it";
                    return Err(mistake(at, "an open quote".to_owned(), expected));
                }
            }
        }
    }
}

/// What a word is made of, behind its first character.
pub(in super::super) fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
