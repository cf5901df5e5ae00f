//! Request bodies: read with a bound, decompressed with a bound.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;

/// The largest body, as sent and after decompression.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is larger than [`BODY_MAX`].
    TooLarge,
    /// It took longer than [`BODY_TIMEOUT`], or the connection broke.
    Broken,
    /// It is not what its content encoding says.
    NotGzip,
    /// The content encoding is neither `gzip` nor `identity`.
    Encoding,
}

/// Reads a body to its end.
pub(super) async fn read(body: Incoming) -> Result<Bytes, BodyError> {
    let limited = Limited::new(body, BODY_MAX).collect();
    match tokio::time::timeout(BODY_TIMEOUT, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            Err(BodyError::TooLarge)
        }
        Ok(Err(_)) | Err(_) => Err(BodyError::Broken),
    }
}

/// Undoes the content encoding.
pub(super) fn decompress(body: &Bytes, encoding: Option<&str>) -> Result<Bytes, BodyError> {
    match encoding.map(str::trim) {
        None | Some("" | "identity") => Ok(body.clone()),
        Some("gzip") => {
            let bound = u64::try_from(BODY_MAX)
                .unwrap_or(u64::MAX)
                .saturating_add(1);
            let mut plain = Vec::new();
            GzDecoder::new(body.as_ref())
                .take(bound)
                .read_to_end(&mut plain)
                .map_err(|_| BodyError::NotGzip)?;
            if plain.len() > BODY_MAX {
                return Err(BodyError::TooLarge);
            }
            Ok(plain.into())
        }
        Some(_) => Err(BodyError::Encoding),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_come_out_of_gzip_and_bombs_do_not() {
        let good = Bytes::from(gzip(b"hello"));
        assert_eq!(decompress(&good, Some("gzip")).unwrap(), "hello");
        assert_eq!(decompress(&good, None).unwrap(), good);
        let bomb = Bytes::from(gzip(&vec![0; BODY_MAX + 1]));
        assert_eq!(decompress(&bomb, Some("gzip")), Err(BodyError::TooLarge));
        let cut = good.slice(..good.len() - 9);
        assert_eq!(decompress(&cut, Some("gzip")), Err(BodyError::NotGzip));
        assert_eq!(decompress(&good, Some("br")), Err(BodyError::Encoding));
    }
}
