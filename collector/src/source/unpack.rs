//! Bytes of a file or an object → text: gzip undone, bounded, and made valid UTF-8.
//!
//! Whatever is wrong, the text that could be had is given together with what is wrong with it.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::Reason;

/// Bytes of text at most. A CloudTrail file is at most 50 MB before compression, so more is a
/// mistake or an attack. Source: AWS CloudTrail user guide, quotas.
pub const TEXT_BYTES_MAX: usize = plimsoll_aws::limits::objects::OBJECT_BYTES_MAX;
/// How gzip begins. Source: RFC 1952, section 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What was made of the bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// The text.
    pub text: String,
    /// What is wrong with it, with a sentence for people.
    pub flaws: Vec<(Reason, String)>,
}

/// Undoes gzip where there is any, by its first bytes and not by a name. Several members that
/// follow each other are one text.
#[must_use]
pub fn unpack(bytes: &[u8]) -> Unpacked {
    unpack_bounded(bytes, TEXT_BYTES_MAX)
}

fn unpack_bounded(bytes: &[u8], bytes_max: usize) -> Unpacked {
    let mut flaws = Vec::new();
    let limit = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut plain = Vec::new();
    let read = if bytes.starts_with(&GZIP_MAGIC) {
        MultiGzDecoder::new(bytes)
            .take(limit)
            .read_to_end(&mut plain)
    } else {
        bytes.take(limit).read_to_end(&mut plain)
    };
    if let Err(error) = read {
        let kept = plain.len();
        let why = format!("gzip breaks after {kept} bytes of text: {error}");
        flaws.push((Reason::BrokenGzip, why));
    }
    if plain.len() > bytes_max {
        plain.truncate(bytes_max);
        let why = format!("only the first {bytes_max} bytes of text are read");
        flaws.push((Reason::TooLarge, why));
    }
    let text = String::from_utf8(plain).unwrap_or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        let why = format!("byte {at} is not UTF-8; such bytes were replaced");
        flaws.push((Reason::InvalidUtf8, why));
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    });
    Unpacked { text, flaws }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[track_caller]
    fn check(bytes: &[u8], text: &str, flaws: &[Reason]) {
        let unpacked = unpack_bounded(bytes, 64);
        let found: Vec<Reason> = unpacked.flaws.iter().map(|(reason, _)| *reason).collect();
        assert_eq!((unpacked.text.as_str(), found.as_slice()), (text, flaws));
    }

    #[test]
    fn gzip_is_undone_by_its_first_bytes_and_members_are_joined() {
        check(b"{}", "{}", &[]);
        check(b"", "", &[]);
        check(&gzip(b"{}"), "{}", &[]);
        check(&[gzip(b"{\"a\""), gzip(b":1}")].concat(), "{\"a\":1}", &[]);
    }

    #[test]
    fn a_cut_stream_gives_the_text_before_the_cut() {
        // Stored blocks, so that the text before the cut is whole.
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(b"0123456789").unwrap();
        let whole = encoder.finish().unwrap();
        let cut = &whole[..whole.len() - 12];
        let unpacked = unpack(cut);
        assert!("0123456789".starts_with(&unpacked.text) && !unpacked.text.is_empty());
        assert_eq!(unpacked.flaws[0].0, Reason::BrokenGzip);
    }

    #[test]
    fn flaws_are_told_and_the_rest_is_kept() {
        check(b"a\xffb", "a\u{fffd}b", &[Reason::InvalidUtf8]);
        check(
            "x".repeat(65).as_bytes(),
            &"x".repeat(64),
            &[Reason::TooLarge],
        );
        check(
            &gzip("x".repeat(100_000).as_bytes()),
            &"x".repeat(64),
            &[Reason::TooLarge],
        );
        check(&[0x1f, 0x8b, 9, 9], "", &[Reason::BrokenGzip]);
    }
}
