//! The modifiers behind a field's name, in their order.

use super::encode::Encoding;

/// All that are known, for whoever wrote another.
const KNOWN: &str = "contains, startswith, endswith, all, cased, neq, exists, re, i, m, s, cidr, lt, \
                     lte, gt, gte, minute, hour, day, week, month, year, fieldref, windash, base64, \
                     base64offset, wide, utf16, utf16le, utf16be";

/// Modifiers that were read.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the format"
)]
pub(super) struct Modifiers {
    pub(super) kind: Option<Kind>,
    pub(super) all: bool,
    pub(super) cased: bool,
    pub(super) not: bool,
    pub(super) windash: bool,
    pub(super) field: bool,
    pub(super) part: Option<TimePart>,
    pub(super) flags: Flags,
    pub(super) encoding: Option<Encoding>,
}

/// What is asked of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Contains,
    Prefix,
    Suffix,
    Regex,
    Network,
    Exists,
    Number(Order),
}

/// How a number compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A part of a time, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimePart {
    Minute,
    Hour,
    /// Of the month.
    Day,
    /// ISO 8601.
    Week,
    Month,
    Year,
}

/// Flags of a regular expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_all: bool,
}

impl Modifiers {
    /// Reads the names behind a field.
    ///
    /// # Errors
    /// A name that is not known, one that Plimsoll refuses, or names that cannot stand together.
    pub(super) fn parse<'n>(names: impl Iterator<Item = &'n str>) -> Result<Self, String> {
        let mut modifiers = Self::default();
        for name in names {
            modifiers.add(name)?;
        }
        modifiers.agree()
    }

    fn add(&mut self, name: &str) -> Result<(), String> {
        let order = |order| Kind::Number(order);
        match name {
            "all" => self.all = true,
            "cased" => self.cased = true,
            "neq" => self.not = true,
            "windash" => self.windash = true,
            "fieldref" => self.field = true,
            "i" => self.flags.ignore_case = true,
            "m" => self.flags.multi_line = true,
            "s" => self.flags.dot_all = true,
            "contains" => return self.ask(Kind::Contains),
            "startswith" => return self.ask(Kind::Prefix),
            "endswith" => return self.ask(Kind::Suffix),
            "re" => return self.ask(Kind::Regex),
            "cidr" => return self.ask(Kind::Network),
            "exists" => return self.ask(Kind::Exists),
            "lt" => return self.ask(order(Order::Less)),
            "lte" => return self.ask(order(Order::LessOrEqual)),
            "gt" => return self.ask(order(Order::Greater)),
            "gte" => return self.ask(order(Order::GreaterOrEqual)),
            "minute" => return self.time(TimePart::Minute),
            "hour" => return self.time(TimePart::Hour),
            "day" => return self.time(TimePart::Day),
            "week" => return self.time(TimePart::Week),
            "month" => return self.time(TimePart::Month),
            "year" => return self.time(TimePart::Year),
            "base64" | "base64offset" | "wide" | "utf16" | "utf16le" | "utf16be" => {
                let before = self.encoding.take();
                self.encoding = Some(Encoding::with(before, name)?);
            }
            "expand" => {
                return Err(
                    "the modifier `expand` is refused: it needs values for placeholders, and there \
                     is nothing that gives any; write the values out"
                        .to_owned(),
                );
            }
            other => {
                return Err(format!(
                    "the modifier `{other}` is not known; there are: {KNOWN}"
                ));
            }
        }
        Ok(())
    }

    fn ask(&mut self, kind: Kind) -> Result<(), String> {
        match self.kind.replace(kind) {
            None => Ok(()),
            Some(_) => Err("these modifiers cannot stand together".to_owned()),
        }
    }

    fn time(&mut self, part: TimePart) -> Result<(), String> {
        match self.part.replace(part) {
            None => Ok(()),
            Some(_) => Err("a time has one part at a time".to_owned()),
        }
    }

    /// Refuses what makes no sense together.
    fn agree(self) -> Result<Self, String> {
        let texts = matches!(
            self.kind,
            None | Some(Kind::Contains | Kind::Prefix | Kind::Suffix)
        );
        let is_number = matches!(self.kind, None | Some(Kind::Number(_)));
        let refused = if self.flags != Flags::default() && self.kind != Some(Kind::Regex) {
            "`i`, `m` and `s` stand behind `re`"
        } else if self.part.is_some() && !is_number {
            "a part of a time compares as a number"
        } else if self.field && !texts {
            "`fieldref` compares texts"
        } else if (self.windash || self.encoding.is_some()) && (self.field || !texts) {
            "this is for texts that are written in the rule"
        } else if self.encoding.is_some_and(|encoding| !encoding.is_base64()) {
            "`wide` and its kin need `base64` or `base64offset` behind them"
        } else {
            return Ok(self);
        };
        Err(refused.to_owned())
    }
}
