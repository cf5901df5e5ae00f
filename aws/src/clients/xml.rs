//! Reads the small XML answers of the query protocol: elements and their text, nothing else.
//!
//! A document is read whole or not at all: of half an answer nothing may be believed, least of all
//! that something is missing in it. Attributes are passed over; declarations of types and entities,
//! which no AWS service sends, make a document unreadable. What is read is bounded.

use std::borrow::Cow;

/// The longest answer that is read. `DescribeTags` of one tag and the errors stay below 2 KiB; the
/// tags of an instance, all of them, below 64 KiB.
const DOCUMENT_BYTES_MAX: usize = 256 * 1024;
/// Elements in each other. Answers have five.
const DEPTH_MAX: usize = 16;
/// Elements in all. `DescribeTags` has five for each tag.
const ELEMENTS_MAX: usize = 4_096;

/// An element with its text and its children.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    /// The text between the children in one, without the blanks around it.
    text: String,
    pub(super) children: Vec<Self>,
}

/// What is wrong with a document, without any of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(pub(super) &'static str);

impl Element {
    /// Reads a document.
    ///
    /// # Errors
    /// When it is no XML, not whole, or more than the bounds of this module.
    pub(super) fn read(document: &[u8]) -> Result<Self, Unreadable> {
        if document.len() > DOCUMENT_BYTES_MAX {
            return Err(Unreadable("it is too long"));
        }
        let text = std::str::from_utf8(document).map_err(|_| Unreadable("it is not UTF-8"))?;
        let mut reader = Reader::default();
        let mut rest = text.trim_start_matches('\u{feff}');
        while let Some((before, markup)) = rest.split_once('<') {
            reader.text(before)?;
            rest = reader.markup(markup)?;
        }
        reader.text(rest)?;
        match reader.whole {
            Some(whole) if reader.open.is_empty() => Ok(whole),
            _ => Err(Unreadable("it is not whole")),
        }
    }

    /// The first child of that name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of that name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.trim())
    }
}

/// The elements that are open, outermost first, and the root once it is closed.
#[derive(Default)]
struct Reader {
    open: Vec<Element>,
    whole: Option<Element>,
    elements: usize,
}

impl Reader {
    fn text(&mut self, text: &str) -> Result<(), Unreadable> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(&unescape(text)?),
            None if text.trim().is_empty() => {}
            None => return Err(Unreadable("there is text outside of it")),
        }
        Ok(())
    }

    /// Takes what stands behind a `<`, and gives what comes after it.
    fn markup<'t>(&mut self, markup: &'t str) -> Result<&'t str, Unreadable> {
        if let Some(instruction) = markup.strip_prefix('?') {
            return past(instruction, "?>");
        }
        if let Some(comment) = markup.strip_prefix("!--") {
            return past(comment, "-->");
        }
        if let Some(end) = markup.strip_prefix('/') {
            let (name, rest) = end.split_once('>').ok_or(UNCLOSED)?;
            self.close(name.trim_end())?;
            return Ok(rest);
        }
        let (tag, rest) = split_tag(markup)?;
        let (tag, is_empty) = tag
            .strip_suffix('/')
            .map_or((tag, false), |tag| (tag, true));
        let name = tag.split_ascii_whitespace().next().unwrap_or_default();
        self.open(name)?;
        if is_empty {
            self.close(name)?;
        }
        Ok(rest)
    }

    fn open(&mut self, name: &str) -> Result<(), Unreadable> {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.:".contains(&b));
        if !is_name {
            return Err(Unreadable("it is no plain XML"));
        }
        self.elements += 1;
        if self.elements > ELEMENTS_MAX || self.open.len() == DEPTH_MAX {
            return Err(Unreadable("it has too many elements"));
        }
        if self.whole.is_some() {
            return Err(Unreadable("there is more than one"));
        }
        self.open.push(Element {
            name: name.to_owned(),
            ..Element::default()
        });
        Ok(())
    }

    fn close(&mut self, name: &str) -> Result<(), Unreadable> {
        let element = self.open.pop().filter(|element| element.name == name);
        let element = element.ok_or(Unreadable("its elements do not fit together"))?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.whole = Some(element),
        }
        Ok(())
    }
}

const UNCLOSED: Unreadable = Unreadable("it is not whole");

fn past<'t>(text: &'t str, end: &str) -> Result<&'t str, Unreadable> {
    text.split_once(end).map(|(_, rest)| rest).ok_or(UNCLOSED)
}

/// Splits at the `>` that ends a tag; those in quoted values do not.
fn split_tag(markup: &str) -> Result<(&str, &str), Unreadable> {
    let mut quote = None;
    let end = markup.find(|c| match quote {
        Some(open) if c == open => {
            quote = None;
            false
        }
        Some(_) => false,
        None if c == '"' || c == '\'' => {
            quote = Some(c);
            false
        }
        None => c == '>',
    });
    let (tag, rest) = end
        .and_then(|end| markup.split_at_checked(end))
        .ok_or(UNCLOSED)?;
    Ok((tag, rest.strip_prefix('>').ok_or(UNCLOSED)?))
}

/// Text with its references resolved. Source: XML 1.0 §4.1 and §4.6.
fn unescape(text: &str) -> Result<Cow<'_, str>, Unreadable> {
    if !text.contains('&') {
        return Ok(Cow::Borrowed(text));
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        plain.push_str(before);
        let character = reference
            .split_once(';')
            .and_then(|(name, after)| Some((named(name)?, after)));
        let (character, after) = character.ok_or(Unreadable("it has an unknown reference"))?;
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    Ok(Cow::Owned(plain))
}

fn named(reference: &str) -> Option<char> {
    match reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ERROR: &str = "<?xml version=\"1.0\"?>\n<!-- a > b --><E xmlns='http://a/>'>\n <Error>\
        <Code>A&amp;&#66;&#x43;</Code><None/>\n<None a=\"/>\" /></Error >\n</E>\n";

    #[test]
    fn elements_and_their_texts_are_read() {
        let root = Element::read(ERROR.as_bytes()).unwrap();
        let error = root.child("Error").unwrap();
        assert_eq!(root.name, "E");
        assert_eq!(error.text_of("Code"), Some("A&BC"));
        assert_eq!(error.text_of("None"), Some(""));
        assert_eq!(error.text_of("Message"), None);
        assert_eq!(error.children.len(), 3);
    }

    #[test]
    fn no_part_of_a_document_is_read_as_a_document() {
        let whole = ERROR.trim_end();
        for (at, _) in whole.char_indices() {
            let (half, _) = whole.split_at(at);
            assert!(Element::read(half.as_bytes()).is_err(), "{half}");
        }
    }

    #[test]
    fn what_no_service_sends_is_refused() {
        let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
        let many = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX));
        let long = format!("<a>{}</a>", " ".repeat(DOCUMENT_BYTES_MAX));
        let cases: [&[u8]; 14] = [
            b"",
            b"{}",
            b"hello",
            b"<a></b>",
            b"<a></a><b></b>",
            b"<a>&nbsp;</a>",
            b"<a>&#xD800;</a>",
            b"<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            b"<html><br></html>",
            b"<a>\xff</a>",
            b"</a>",
            deep.as_bytes(),
            many.as_bytes(),
            long.as_bytes(),
        ];
        for document in cases {
            let shown = String::from_utf8_lossy(document);
            assert!(Element::read(document).is_err(), "{shown:.60}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(pieces in prop::collection::vec(
            prop::sample::select(vec!["<", ">", "/", "a", "&", ";", "#x", "'", "\"", "!--", "?", "é"]), 0..40,
        )) {
            drop(Element::read(pieces.concat().as_bytes()));
        }
    }
}
