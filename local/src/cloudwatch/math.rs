//! Metric math: the grammar of expressions.
//!
//! `[e1, FILL(m1, 0) / m2 * 100]` becomes a tree that [`run`] computes. What is read: numbers,
//! texts, ids, `+ - * / ^`, comparisons, parentheses, arrays and function calls.
//! Source: CloudWatch user guide, "Using math expressions with CloudWatch metrics".

pub(super) mod run;
mod search;

/// Levels of nesting that are read.
const DEPTH_MAX: usize = 40;
/// Characters of an expression. Source: CloudWatch API reference, `MetricDataQuery`.
pub(super) const EXPRESSION_MAX: usize = 2048;

/// An expression as a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// A number.
    Number(f64),
    /// A text in quotes.
    Text(String),
    /// The id of a query, or a word such as `REPEAT`.
    Word(String),
    /// Two operands.
    Pair(Operator, Box<(Self, Self)>),
    /// A function.
    Function(String, Vec<Self>),
    /// An array.
    Array(Vec<Self>),
}

impl Expression {
    /// Whether the function is called anywhere in it.
    pub(super) fn has_function(&self, sought: &str) -> bool {
        match self {
            Self::Pair(_, pair) => pair.0.has_function(sought) || pair.1.has_function(sought),
            Self::Function(name, items) => {
                name == sought || items.iter().any(|item| item.has_function(sought))
            }
            Self::Array(items) => items.iter().any(|item| item.has_function(sought)),
            Self::Number(_) | Self::Text(_) | Self::Word(_) => false,
        }
    }
}

/// What joins two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `^`
    Power,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Operator {
    const ALL: [(&'static str, Self, u8); 11] = [
        (">=", Self::GreaterOrEqual, 1),
        ("<=", Self::LessOrEqual, 1),
        ("==", Self::Equal, 1),
        ("!=", Self::NotEqual, 1),
        (">", Self::Greater, 1),
        ("<", Self::Less, 1),
        ("+", Self::Add, 2),
        ("-", Self::Subtract, 2),
        ("*", Self::Multiply, 3),
        ("/", Self::Divide, 3),
        ("^", Self::Power, 4),
    ];
}

/// Reads an expression.
///
/// # Errors
/// What is wrong, as a fragment.
pub(super) fn parse(text: &str) -> Result<Expression, String> {
    if text.chars().count() > EXPRESSION_MAX {
        return Err(format!("it is longer than {EXPRESSION_MAX} characters"));
    }
    let mut parser = Parser {
        rest: text,
        depth: 0,
    };
    let expression = parser.binary(1)?;
    parser.skip();
    if parser.rest.is_empty() {
        Ok(expression)
    } else {
        Err(format!("unexpected '{}'", parser.rest))
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the longest start of which every letter fits.
    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let end = self
            .rest
            .find(|letter| !fits(letter))
            .unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Operators that bind at least as tightly as `level`; all group from the left.
    fn binary(&mut self, level: u8) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("it is nested too deeply".to_owned());
        }
        let mut left = self.unary()?;
        while let Some((operator, own)) = self.operator(level) {
            let right = self.binary(own + 1)?;
            left = Expression::Pair(operator, Box::new((left, right)));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operator(&mut self, level: u8) -> Option<(Operator, u8)> {
        self.skip();
        let (token, operator, own) = Operator::ALL
            .into_iter()
            .find(|(token, _, _)| self.rest.starts_with(token))?;
        (own >= level && self.take(token)).then_some((operator, own))
    }

    fn unary(&mut self) -> Result<Expression, String> {
        if self.take("-") {
            let zero = Expression::Number(0.0);
            let operand = self.binary(4)?;
            return Ok(Expression::Pair(
                Operator::Subtract,
                Box::new((zero, operand)),
            ));
        }
        self.primary()
    }

    fn primary(&mut self) -> Result<Expression, String> {
        if self.take("(") {
            let inner = self.binary(1)?;
            return self.expect(")").map(|()| inner);
        }
        if self.take("[") {
            return Ok(Expression::Array(self.list("]")?));
        }
        for quote in ['\'', '"'] {
            if self.take(&quote.to_string()) {
                let text = self.take_while(|letter| letter != quote).to_owned();
                return self
                    .expect(&quote.to_string())
                    .map(|()| Expression::Text(text));
            }
        }
        if self
            .rest
            .starts_with(|letter: char| letter.is_ascii_digit() || letter == '.')
        {
            return self.number();
        }
        let word = self.take_while(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if word.is_empty() {
            return Err(match self.rest.chars().next() {
                Some(letter) => format!("unexpected '{letter}'"),
                None => "it ends too early".to_owned(),
            });
        }
        let word = word.to_owned();
        if self.take("(") {
            return Ok(Expression::Function(word, self.list(")")?));
        }
        Ok(Expression::Word(word))
    }

    fn number(&mut self) -> Result<Expression, String> {
        let before = self.rest;
        self.take_while(|letter| letter.is_ascii_digit() || letter == '.');
        // An exponent, when digits follow the `e`.
        let ahead = self.rest.strip_prefix(['e', 'E']);
        let ahead = ahead.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
        if let Some(rest) = ahead.filter(|rest| rest.starts_with(|l: char| l.is_ascii_digit())) {
            self.rest = rest;
            self.take_while(|letter| letter.is_ascii_digit());
        }
        let length = before.len() - self.rest.len();
        let text = before.get(..length).unwrap_or_default();
        text.parse()
            .map(Expression::Number)
            .map_err(|_| format!("'{text}' is not a number"))
    }

    fn list(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut items = Vec::new();
        if self.take(end) {
            return Ok(items);
        }
        loop {
            items.push(self.binary(1)?);
            if self.take(end) {
                return Ok(items);
            }
            self.expect(",")?;
        }
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) {
            Ok(())
        } else {
            Err(format!("'{token}' is missing"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree in prefix form.
    fn shape(expression: &Expression) -> String {
        let list = |items: &[Expression]| items.iter().map(shape).collect::<Vec<_>>().join(" ");
        match expression {
            Expression::Number(number) => number.to_string(),
            Expression::Text(text) => format!("'{text}'"),
            Expression::Word(word) => word.clone(),
            Expression::Pair(operator, pair) => {
                format!("({operator:?} {} {})", shape(&pair.0), shape(&pair.1))
            }
            Expression::Function(name, items) => format!("({name} {})", list(items)),
            Expression::Array(items) => format!("[{}]", list(items)),
        }
    }

    #[test]
    fn operators_bind_as_in_arithmetic() {
        for (text, expected) in [
            ("1+2*m1", "(Add 1 (Multiply 2 m1))"),
            ("a-b-c", "(Subtract (Subtract a b) c)"),
            ("-a*2", "(Multiply (Subtract 0 a) 2)"),
            (
                "100*(1-e/1e3)",
                "(Multiply 100 (Subtract 1 (Divide e 1000)))",
            ),
            (
                "IF(m1 >= 2, [m1,0], FILL(m2,REPEAT))",
                "(IF (GreaterOrEqual m1 2) [m1 0] (FILL m2 REPEAT))",
            ),
            (
                "SEARCH('{A,b} MetricName=\"c d\"', 'p99')",
                "(SEARCH '{A,b} MetricName=\"c d\"' 'p99')",
            ),
        ] {
            assert_eq!(shape(&parse(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn broken_expressions_say_where() {
        for (text, part) in [
            ("", "ends too early"),
            ("m1 +", "ends too early"),
            ("(m1", "')' is missing"),
            ("SUM(m1 m2)", "',' is missing"),
            ("'abc", "''' is missing"),
            ("1.2.3", "not a number"),
            ("m1 m2", "unexpected 'm2'"),
            ("m1 & m2", "unexpected '& m2'"),
            (&"(".repeat(1000), "nested too deeply"),
            (&"1".repeat(2049), "longer than 2048"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
