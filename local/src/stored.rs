//! Text of saved files, compressed or not, read with a bound.
//!
//! What a file holds is no matter here; each service reads its own.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Why there is no text.
#[derive(Debug)]
pub(crate) enum StoredError {
    /// The file cannot be read, unpacked or is not UTF-8.
    Unreadable(io::Error),
    /// The text is larger than the bound, compressed or not.
    TooLarge,
}

/// The whole text of a file, unpacked when its name ends in `.gz`.
///
/// # Errors
/// When it cannot be read or has more than `bytes_max` bytes.
pub(crate) fn text_of(path: &Path, bytes_max: u64) -> Result<String, StoredError> {
    let file = File::open(path).map_err(StoredError::Unreadable)?;
    let compressed = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("gz"));
    // One byte more than allowed shows that there is more.
    let bound = bytes_max.saturating_add(1);
    let mut text = String::new();
    let read = if compressed {
        let plain = flate2::read::MultiGzDecoder::new(file);
        plain.take(bound).read_to_string(&mut text)
    } else {
        file.take(bound).read_to_string(&mut text)
    };
    match read {
        Err(error) => Err(StoredError::Unreadable(error)),
        Ok(bytes) if u64::try_from(bytes).is_ok_and(|bytes| bytes <= bytes_max) => Ok(text),
        Ok(_) => Err(StoredError::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_bound_is_that_of_the_text_whether_it_is_compressed_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("a.json");
        std::fs::write(&plain, "12345").unwrap();
        let packed = folder.path().join("a.json.GZ");
        let mut encoder = flate2::write::GzEncoder::new(
            File::create(&packed).unwrap(),
            flate2::Compression::fast(),
        );
        encoder.write_all(b"12345").unwrap();
        encoder.finish().unwrap();
        for path in [&plain, &packed] {
            assert_eq!(text_of(path, 5).unwrap(), "12345", "{path:?}");
            assert!(
                matches!(text_of(path, 4), Err(StoredError::TooLarge)),
                "{path:?}"
            );
        }
        let absent = text_of(&folder.path().join("b"), 5);
        assert!(matches!(absent, Err(StoredError::Unreadable(_))));
    }
}
