//! Texts as attackers hide them: Base64, UTF-16 before it, and dashes of Windows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a text is encoded before it is looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Encoding {
    width: Width,
    base64: Option<Base64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Width {
    #[default]
    Utf8,
    LittleEndian,
    BigEndian,
    /// With the mark of the byte order, little-endian.
    Marked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base64 {
    /// From its first byte.
    Whole,
    /// Wherever it begins in what was encoded.
    Anywhere,
}

impl Encoding {
    /// One step more.
    ///
    /// # Errors
    /// Steps that cannot follow each other.
    pub(super) fn with(before: Option<Self>, name: &str) -> Result<Self, String> {
        let mut encoding = before.unwrap_or_default();
        if encoding.base64.is_some() {
            return Err(format!("`{name}` cannot stand behind `base64`"));
        }
        match name {
            "base64" => encoding.base64 = Some(Base64::Whole),
            "base64offset" => encoding.base64 = Some(Base64::Anywhere),
            "utf16be" => encoding.width = Width::BigEndian,
            "utf16" => encoding.width = Width::Marked,
            _ => encoding.width = Width::LittleEndian,
        }
        Ok(encoding)
    }

    /// Whether what comes out is text again.
    pub(super) fn is_base64(self) -> bool {
        self.base64.is_some()
    }

    /// Whether it is the whole of what was encoded.
    pub(super) fn is_whole(self) -> bool {
        self.base64 == Some(Base64::Whole)
    }

    /// What to look for; one of them is enough. The middle of Base64 depends on what stands before it,
    /// so there are three forms of it, without the letters that neighbours have a part in.
    pub(super) fn forms(self, text: &str) -> Vec<String> {
        let bytes = self.bytes(text);
        match self.base64 {
            None | Some(Base64::Whole) => vec![STANDARD.encode(bytes)],
            Some(Base64::Anywhere) => (0..3).map(|before| middle(&bytes, before)).collect(),
        }
    }

    fn bytes(self, text: &str) -> Vec<u8> {
        let units = || text.encode_utf16();
        match self.width {
            Width::Utf8 => text.as_bytes().to_vec(),
            Width::LittleEndian => units().flat_map(u16::to_le_bytes).collect(),
            Width::BigEndian => units().flat_map(u16::to_be_bytes).collect(),
            Width::Marked => {
                let marked = std::iter::once(0xfeff).chain(units());
                marked.flat_map(u16::to_le_bytes).collect()
            }
        }
    }
}

/// The Base64 of `bytes` behind `before` unknown bytes, and before others: three bytes are four letters
/// of six bits, so a letter counts if all of its bits are known.
fn middle(bytes: &[u8], before: usize) -> String {
    let mut whole = vec![0; before];
    whole.extend_from_slice(bytes);
    let encoded = STANDARD.encode(&whole);
    let first = (before * 8).div_ceil(6);
    let end = whole.len() * 8 / 6;
    encoded.get(first..end).unwrap_or_default().to_owned()
}

/// Characters that stand for each other before a flag of a command of Windows.
/// Source: Sigma specification 2.1.0, "windash".
pub(super) const DASHES: &str = "[-/\u{2013}\u{2014}\u{2015}]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_base64_is_found_wherever_it_begins() {
        let encoding = Encoding::with(None, "base64offset").unwrap();
        for text in ["a", "ab", "curl http://", "/bin/bash -i"] {
            for before in ["", "x", "xy", "xyz", "wxyz"] {
                for after in ["", "1", "12", "123"] {
                    let hidden = STANDARD.encode(format!("{before}{text}{after}"));
                    let forms = encoding.forms(text);
                    assert!(
                        forms.iter().any(|form| hidden.contains(form.as_str())),
                        "{text} in {hidden}: {forms:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn wide_text_is_encoded_in_its_byte_order() {
        let form = |names: &[&str]| {
            let encoding = names.iter().fold(None, |before, name| {
                Some(Encoding::with(before, name).unwrap())
            });
            encoding.unwrap().forms("ab").remove(0)
        };
        assert_eq!(form(&["base64"]), "YWI=");
        assert_eq!(form(&["wide", "base64"]), "YQBiAA==");
        assert_eq!(form(&["utf16le", "base64"]), "YQBiAA==");
        assert_eq!(form(&["utf16be", "base64"]), "AGEAYg==");
        assert_eq!(form(&["utf16", "base64"]), "//5hAGIA");
        assert!(Encoding::with(Encoding::with(None, "base64").ok(), "wide").is_err());
    }
}
