//! What operators stand between: numbers, metrics with their statistics, functions, signals.

use std::sync::Arc;

use super::super::{FEEDS, FUNCTIONS, FeedName, MetricRef, Node, Operation, STATISTICS, Statistic};
use super::token::Token;
use super::{Mistake, Reader};

/// A percentile is at most this, in thousandths of a percent.
const HUNDRED: u32 = 100_000;

/// Names of labels with their values.
type Labels = Vec<(Arc<str>, Arc<str>)>;

impl Reader {
    /// A number, a metric, a call or a sum in parentheses.
    pub(super) fn operand(&mut self) -> Result<Node, Mistake> {
        match self.tokens.peek().clone() {
            Token::Number(number) => {
                self.tokens.next();
                self.node(Node::Number(number))
            }
            Token::Sign('(') => {
                self.tokens.next();
                let inside = self.sum()?;
                self.take(')', "`)` or an operator")?;
                Ok(inside)
            }
            Token::Word(word) => {
                self.tokens.next();
                if *self.tokens.peek() == Token::Sign('(') {
                    return self.call(&word);
                }
                self.tokens.back();
                let metric = self.metric(Statistic::Natural)?;
                self.node(Node::Metric(metric))
            }
            Token::Quoted(_) => {
                let metric = self.metric(Statistic::Natural)?;
                self.node(Node::Metric(metric))
            }
            _ => Err(self.mistake("a number, a metric, a function or `(`")),
        }
    }

    /// A call, whose name was read and whose parenthesis stands here.
    fn call(&mut self, name: &str) -> Result<Node, Mistake> {
        if name == "signal" {
            self.tokens.next();
            let Token::Quoted(signal) = self.tokens.peek().clone() else {
                return Err(self.mistake("the name of a signal in double quotes"));
            };
            self.tokens.next();
            self.take(')', "`)`")?;
            return self.node(Node::Signal(Arc::from(signal)));
        }
        if let Some(statistic) = statistic(name) {
            self.tokens.next();
            let metric = self.metric(statistic)?;
            let expected = format!("`)`: `{name}` is asked of one metric");
            self.take(')', &expected)?;
            return self.node(Node::Metric(metric));
        }
        let Some((_, operation)) = FUNCTIONS.iter().find(|(word, _)| *word == name) else {
            self.tokens.back();
            let words = FUNCTIONS.iter().map(|(word, _)| *word);
            let words = words.chain(STATISTICS.iter().map(|(word, _)| *word));
            let words: Vec<&str> = words.chain(["signal", "p50", "p90", "p99"]).collect();
            let expected = format!("a function: {}", words.join(", "));
            return Err(self.unknown(name, &words, &expected));
        };
        self.tokens.next();
        let mut arguments = vec![self.sum()?];
        while *self.tokens.peek() == Token::Sign(',') {
            self.tokens.next();
            arguments.push(self.sum()?);
        }
        let (allowed, words) = match operation {
            Operation::Abs => (1..=1, "one number"),
            Operation::Default => (2..=2, "two numbers"),
            Operation::Clamp => (3..=3, "three numbers"),
            _ => (2..=usize::MAX, "two or more numbers"),
        };
        if *self.tokens.peek() != Token::Sign(')') || !allowed.contains(&arguments.len()) {
            let other = match operation {
                Operation::Max => "; the largest value of a metric is maximum(…)",
                Operation::Min => "; the smallest value of a metric is minimum(…)",
                _ => "",
            };
            let expected = format!("`)` after {words} of `{name}`{other}");
            return Err(self.mistake(&expected));
        }
        self.tokens.next();
        self.node(Node::Call(*operation, arguments))
    }

    /// `[feed:]name[{label="value", …}]`
    fn metric(&mut self, statistic: Statistic) -> Result<MetricRef, Mistake> {
        let mut feed = None;
        let mut name = self.name("the name of a metric")?;
        if *self.tokens.peek() == Token::Sign(':') {
            let Some((_, known)) = FEEDS.iter().find(|(word, _)| *word == name) else {
                self.tokens.back();
                let words = FEEDS.map(|(word, _)| word);
                let expected = format!("a feed in front of `:`: {}", words.join(", "));
                return Err(self.unknown(&name, &words, &expected));
            };
            feed = Some(*known);
            self.tokens.next();
            name = self.name("the name of a metric")?;
        }
        let labels = self.labels()?;
        Ok(MetricRef {
            feed,
            name: Arc::from(name),
            labels,
            statistic,
        })
    }

    fn labels(&mut self) -> Result<Labels, Mistake> {
        let mut labels = Labels::new();
        if *self.tokens.peek() != Token::Sign('{') {
            return Ok(labels);
        }
        loop {
            self.tokens.next();
            let name = self.name("the name of a label")?;
            if labels.iter().any(|(known, _)| **known == *name) {
                self.tokens.back();
                let found = format!("`{name}` twice");
                return Err(self.tokens.mistake(found, "each label once"));
            }
            self.take('=', "`=`")?;
            let Token::Quoted(value) = self.tokens.peek().clone() else {
                return Err(self.mistake("a value in double quotes"));
            };
            self.tokens.next();
            labels.push((Arc::from(name), Arc::from(value)));
            if *self.tokens.peek() != Token::Sign(',') {
                break;
            }
        }
        self.take('}', "`,` or `}`")?;
        Ok(labels)
    }

    fn name(&mut self, expected: &str) -> Result<String, Mistake> {
        match self.tokens.peek().clone() {
            Token::Word(name) | Token::Quoted(name) => {
                self.tokens.next();
                Ok(name)
            }
            _ => Err(self.mistake(expected)),
        }
    }
}

/// The statistic of this name.
fn statistic(name: &str) -> Option<Statistic> {
    if let Some((_, statistic)) = STATISTICS.iter().find(|(word, _)| *word == name) {
        return Some(*statistic);
    }
    let rank = name.strip_prefix('p')?;
    let (whole, part) = rank.split_once('.').unwrap_or((rank, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 3
        || part.len() > 3
        || !is_number(whole)
        || !is_number(part)
    {
        return None;
    }
    let thousandths: u32 = format!("{whole}{part:0<3}").parse().ok()?;
    let allowed = 1..HUNDRED;
    allowed
        .contains(&thousandths)
        .then_some(Statistic::Percentile(thousandths))
}

/// What a feed is called.
#[must_use]
pub(in super::super) const fn word_of(feed: FeedName) -> &'static str {
    match feed {
        FeedName::Host => "host",
        FeedName::Statsd => "statsd",
        FeedName::Emf => "emf",
        FeedName::Logs => "logs",
        FeedName::Collectd => "collectd",
        FeedName::Prometheus => "prometheus",
        FeedName::Otlp => "otlp",
    }
}
