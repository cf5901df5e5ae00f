//! One GET over HTTP/1.1 to a target, and its body piece by piece.
//!
//! A connection serves one scrape: at one request a minute there is nothing to win by keeping it,
//! and a target that was replaced is never asked by mistake. The body is bounded as it is sent and
//! as it is unpacked. Redirects are not followed: a target stands where the configuration says.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use flate2::write::MultiGzDecoder;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, HOST, HeaderValue, USER_AGENT,
};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

use super::PrometheusTarget;

/// Bytes of an exposition before they are packed: some 150,000 series.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Packed bytes that are unpacked at once, so that a body which unpacks to much more than it is
/// stays bounded: gzip packs a thousandfold at most.
const STEP_BYTES: usize = 1024;
/// A token is one line. A file that holds more is not one.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// What hyper may hold of a target's answer.
const BUFFER_BYTES_MAX: usize = 64 * 1024;
/// OpenMetrics first: it tells when a series was created.
const ACCEPTED: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Why a target could not be scraped.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// It took too long.
    #[error("it did not answer in time")]
    Timeout,
    /// Nobody listens there.
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    /// What it sends is not HTTP, or ends early.
    #[error("its answer cannot be read")]
    Http(#[from] hyper::Error),
    /// It answers with something else than a body.
    #[error("it answers with the status {0}")]
    Status(StatusCode),
    /// It sends too much.
    #[error("its answer is longer than {} MiB", BODY_BYTES_MAX / 1024 / 1024)]
    TooLarge,
    /// It is packed in a way that we did not ask for, or wrongly.
    #[error("its answer cannot be unpacked")]
    Packed(#[source] io::Error),
    /// The token cannot be read, or is none. The text of it is nowhere in the error.
    #[error("its bearer token cannot be read")]
    Token(#[source] io::Error),
    /// The request cannot be written. Its parts are checked with the configuration.
    #[error("its address cannot be asked")]
    Request(#[from] hyper::http::Error),
}

impl FetchError {
    /// The reason to count it under.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Timeout => "prometheus_timeout",
            Self::Unreachable(_) => "prometheus_unreachable",
            Self::Http(_) | Self::Packed(_) | Self::Request(_) => "prometheus_answer",
            Self::Status(_) => "prometheus_status",
            Self::TooLarge => "prometheus_too_large",
            Self::Token(_) => "prometheus_token",
        }
    }
}

/// The body of an answer while it arrives.
pub(super) struct Body {
    incoming: Incoming,
    /// What has arrived and is not unpacked.
    packed: Bytes,
    unpacked: Unpacked,
    /// Bytes given out.
    given: usize,
    open_metrics: bool,
    /// The connection, which ends with the body.
    _connection: JoinSet<()>,
}

enum Unpacked {
    Plain(Bytes),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

/// Asks a target.
pub(super) async fn fetch(target: &PrometheusTarget) -> Result<Body, FetchError> {
    let request = request(target).await?;
    let mut connection = JoinSet::new();
    let answer = if let Some(path) = &target.socket {
        let stream = UnixStream::connect(path).await;
        let stream = stream.map_err(FetchError::Unreachable)?;
        ask(stream, request, &mut connection).await?
    } else {
        let stream = connect(&target.host, target.port).await;
        let stream = stream.map_err(FetchError::Unreachable)?;
        ask(stream, request, &mut connection).await?
    };
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status()));
    }
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let open_metrics =
        header("content-type").is_some_and(|kind| kind.starts_with("application/openmetrics-text"));
    let unpacked = match header("content-encoding") {
        None | Some("identity") => Unpacked::Plain(Bytes::new()),
        Some("gzip") => Unpacked::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))),
        Some(_) => return Err(FetchError::Packed(io::ErrorKind::Unsupported.into())),
    };
    Ok(Body {
        incoming: answer.into_body(),
        packed: Bytes::new(),
        unpacked,
        given: 0,
        open_metrics,
        _connection: connection,
    })
}

async fn request(target: &PrometheusTarget) -> Result<Request<Empty<Bytes>>, FetchError> {
    let mut request = Request::get(&target.path)
        .header(HOST, &target.authority)
        .header(ACCEPT, ACCEPTED)
        .header(ACCEPT_ENCODING, "gzip")
        .header(CONNECTION, "close")
        .header(
            USER_AGENT,
            concat!("plimsoll-agent/", env!("CARGO_PKG_VERSION")),
        );
    if let Some(file) = &target.token_file {
        let file = file.clone();
        let read = tokio::task::spawn_blocking(move || token(&file)).await;
        let token = read.map_err(io::Error::other).and_then(|token| token);
        request = request.header(AUTHORIZATION, token.map_err(FetchError::Token)?);
    }
    Ok(request.body(Empty::new())?)
}

fn token(file: &std::path::Path) -> io::Result<HeaderValue> {
    use std::io::Read as _;
    let mut text = String::new();
    let limit = u64::try_from(TOKEN_BYTES_MAX).unwrap_or(u64::MAX);
    std::fs::File::open(file)?
        .take(limit)
        .read_to_string(&mut text)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "the file holds no token");
    let token = text.trim();
    if token.is_empty() {
        return Err(invalid());
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| invalid())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Addresses need no resolver, and neither does `localhost`: a resolver that hangs would hold one
/// of the few threads for what blocks.
async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return TcpStream::connect(SocketAddr::new(address, port)).await;
    }
    if host.eq_ignore_ascii_case("localhost") {
        let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        return match TcpStream::connect(v4).await {
            Ok(stream) => Ok(stream),
            Err(_) => TcpStream::connect(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await,
        };
    }
    TcpStream::connect((host, port)).await
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Empty<Bytes>>,
    connection: &mut JoinSet<()>,
) -> Result<hyper::Response<Incoming>, hyper::Error> {
    let (mut sender, served) = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await?;
    connection.spawn(async move {
        if let Err(error) = served.await {
            log::debug!("a connection to a target ended early: {error}");
        }
    });
    sender.send_request(request).await
}

impl Body {
    /// Whether the body is of OpenMetrics rather than of the older format.
    pub(super) fn is_open_metrics(&self) -> bool {
        self.open_metrics
    }

    /// The next bytes of the exposition; `None` at its end.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, FetchError> {
        if let Unpacked::Gzip(decoder) = &mut self.unpacked {
            decoder.get_mut().clear();
        }
        loop {
            let ended = self.packed.is_empty() && !self.arrive().await?;
            let given = self.unpack(ended).map_err(FetchError::Packed)?;
            self.given += given;
            if self.given > BODY_BYTES_MAX {
                return Err(FetchError::TooLarge);
            }
            if given > 0 {
                return Ok(Some(match &self.unpacked {
                    Unpacked::Plain(bytes) => bytes,
                    Unpacked::Gzip(decoder) => decoder.get_ref(),
                }));
            }
            if ended {
                return Ok(None);
            }
        }
    }

    /// Waits for more of the body. Whether there was more.
    async fn arrive(&mut self) -> Result<bool, hyper::Error> {
        while let Some(frame) = self.incoming.frame().await {
            if let Ok(bytes) = frame?.into_data()
                && !bytes.is_empty()
            {
                self.packed = bytes;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Unpacks the next step. How many bytes there are now.
    fn unpack(&mut self, ended: bool) -> io::Result<usize> {
        match &mut self.unpacked {
            Unpacked::Plain(bytes) => {
                *bytes = std::mem::take(&mut self.packed);
                Ok(bytes.len())
            }
            Unpacked::Gzip(decoder) => {
                if ended {
                    decoder.try_finish()?;
                } else {
                    let step = self.packed.split_to(STEP_BYTES.min(self.packed.len()));
                    decoder.write_all(&step)?;
                }
                Ok(decoder.get_ref().len())
            }
        }
    }
}
