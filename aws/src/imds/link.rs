//! One kept connection to instance metadata, and the token that goes with it.
//!
//! The watch for notices asks every few seconds for as long as the instance lives, so a question
//! costs one write and one read on a connection that is open already. Nothing runs between two
//! questions: the connection is driven by who asks. A connection that was closed meanwhile is
//! opened again, a token that is refused is fetched again, and each is tried once.

use std::fmt;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, DATE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::place::{Chosen, Place};

/// How long connecting and answering may take each. The address is on the host itself.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_millis(900);
/// How long one question may take with its retries.
pub(crate) const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause before a question is asked again; it doubles.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest answer. Source: EC2 user guide: user data, the largest value, has at most 16 KiB;
/// a listing of 50 tags is shorter.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Where a token is had. Source: EC2 user guide, "Use IMDSv2".
const TOKEN_PATH: &str = "/latest/api/token";
/// How long a token is asked to live, in seconds: the longest. Source: as above.
const TOKEN_SECONDS: u64 = 21_600;
/// Asks for a token's lifetime, and tells it.
const LIFETIME: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// Carries the token.
const TOKEN: &str = "x-aws-ec2-metadata-token";

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Where to ask is written wrongly.
    #[error("{0}")]
    Place(String),
    /// Nobody listens.
    #[error("it cannot be reached")]
    Unreachable(#[source] io::Error),
    /// Nothing came in time.
    #[error("it did not answer in time")]
    Silent,
    /// The connection ended, or what came is not HTTP.
    #[error("its answer cannot be read")]
    Broken(#[source] hyper::Error),
    /// It answered with something else than a value.
    #[error("HTTP {}", .0.as_u16())]
    Status(StatusCode),
    /// It gave no token.
    #[error("it gives no token: HTTP {}", .0.as_u16())]
    NoToken(StatusCode),
    /// It gave a token that no header can carry.
    #[error("its token is none")]
    OddToken,
    /// It does not end.
    #[error("its answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// It is not UTF-8.
    #[error("its answer is not text")]
    NotText,
    /// What is asked for can stand in no request.
    #[error("it cannot be asked")]
    Request(#[source] http::Error),
}

impl Trouble {
    /// Whether the same question may be answered a moment later. Source: EC2 user guide,
    /// "Query throttling" and "Errors and debugging".
    fn passes(&self) -> bool {
        match self {
            Self::Broken(_) => true,
            Self::Status(status) | Self::NoToken(status) => status.is_server_error(),
            _ => false,
        }
    }

    /// Whether it looks as if there were no instance metadata at all.
    pub(super) fn is_nobody(&self) -> bool {
        matches!(self, Self::Place(_) | Self::Unreachable(_) | Self::Silent)
    }
}

/// Asks one question after the other.
pub(super) struct Link {
    place: Chosen,
    attempts: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    place: Option<Place>,
    line: Option<Line>,
    token: Option<Token>,
    /// Whether anything was answered, ever.
    answered: bool,
    /// The time of the last answer, as its header tells it.
    date: Option<String>,
}

/// An open connection.
struct Line {
    sender: SendRequest<Empty<Bytes>>,
    connection: http1::Connection<TokioIo<TcpStream>, Empty<Bytes>>,
}

struct Token {
    value: HeaderValue,
    renewal: Instant,
}

impl Link {
    pub(super) fn new(place: Chosen, attempts: u32) -> Self {
        Self {
            place,
            attempts,
            state: Mutex::default(),
        }
    }

    /// What stands at a path. With the trouble comes whether there was an answer before.
    pub(super) async fn get(&self, path: &str) -> Result<String, (Trouble, bool)> {
        let mut state = self.state.lock().await;
        let answer = timeout(QUESTION_TIMEOUT, self.ask_again(&mut state, path)).await;
        match answer.unwrap_or(Err(Trouble::Silent)) {
            Ok(text) => Ok(text),
            Err(trouble) => Err((trouble, state.answered)),
        }
    }

    /// The time of the last answer. Source: RFC 9110, section 6.6.1, `Date`.
    pub(super) async fn date(&self) -> Option<String> {
        self.state.lock().await.date.clone()
    }

    /// The URL that is asked.
    pub(super) async fn url(&self) -> Result<String, String> {
        let place = self.place.find().await?;
        Ok(place.url())
    }

    async fn ask_again(&self, state: &mut State, path: &str) -> Result<String, Trouble> {
        if state.place.is_none() {
            state.place = Some(self.place.find().await.map_err(Trouble::Place)?);
        }
        let mut pause = PAUSE;
        for _ in 1..self.attempts {
            match state.ask(path).await {
                Err(trouble) if trouble.passes() => {
                    sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
        state.ask(path).await
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl State {
    /// Asks with the token, and once more with a new one if it is refused.
    async fn ask(&mut self, path: &str) -> Result<String, Trouble> {
        let had_token = self.token.is_some();
        match self.ask_with_token(path).await {
            Err(Trouble::Status(StatusCode::UNAUTHORIZED)) if had_token => {
                self.token = None;
                self.ask_with_token(path).await
            }
            other => other,
        }
    }

    async fn ask_with_token(&mut self, path: &str) -> Result<String, Trouble> {
        let token = self.token().await?;
        let (status, _, text) = self.send(Method::GET, path, (TOKEN, token)).await?;
        match status {
            StatusCode::OK => Ok(text),
            status => Err(Trouble::Status(status)),
        }
    }

    /// The token, fetched anew when nine tenths of its life are over.
    async fn token(&mut self) -> Result<HeaderValue, Trouble> {
        if let Some(token) = &self.token
            && Instant::now() < token.renewal
        {
            return Ok(token.value.clone());
        }
        self.token = None;
        let wanted = (LIFETIME, HeaderValue::from(TOKEN_SECONDS));
        let (status, headers, text) = self.send(Method::PUT, TOKEN_PATH, wanted).await?;
        if status != StatusCode::OK {
            return Err(Trouble::NoToken(status));
        }
        let mut value = HeaderValue::from_str(text.trim()).map_err(|_| Trouble::OddToken)?;
        if value.is_empty() {
            return Err(Trouble::OddToken);
        }
        value.set_sensitive(true);
        let told = headers.get(LIFETIME).and_then(|told| told.to_str().ok());
        let told = told.and_then(|told| told.parse().ok());
        let life = Duration::from_secs(told.unwrap_or(TOKEN_SECONDS).min(TOKEN_SECONDS));
        let renewal = Instant::now() + life.mul_f64(0.9);
        self.token = Some(Token {
            value: value.clone(),
            renewal,
        });
        Ok(value)
    }

    /// Sends on the kept connection, or on a new one if that was closed meanwhile. Asking twice
    /// does no harm.
    async fn send(
        &mut self,
        method: Method,
        path: &str,
        header: (&'static str, HeaderValue),
    ) -> Result<Answer, Trouble> {
        let Some(place) = &self.place else {
            return Err(Trouble::Silent);
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", place.base))
            .header(HOST, &place.authority)
            .header(ACCEPT, "*/*")
            .header(header.0, header.1)
            .body(Empty::new())
            .map_err(Trouble::Request)?;
        let kept = match self.line.take() {
            Some(line) => match in_time(line.exchange(request.clone())).await {
                Err(Trouble::Broken(_)) => None,
                other => Some(other?),
            },
            None => None,
        };
        let (answer, line) = if let Some(answered) = kept {
            answered
        } else {
            let line = in_time(Line::open(place)).await?;
            in_time(line.exchange(request)).await?
        };
        self.line = line;
        self.answered = true;
        let date = answer.1.get(DATE).and_then(|date| date.to_str().ok());
        self.date = date.map(str::to_owned);
        Ok(answer)
    }
}

/// Status, headers and body of an answer.
type Answer = (StatusCode, HeaderMap, String);

impl Line {
    async fn open(place: &Place) -> Result<Self, Trouble> {
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await;
        let stream = stream.map_err(Trouble::Unreachable)?;
        // One small write per question: there is nothing to gather.
        stream.set_nodelay(true).map_err(Trouble::Unreachable)?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(ANSWER_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Trouble::Broken)?;
        Ok(Self { sender, connection })
    }

    /// One question and its answer, and the connection if it can be used again.
    async fn exchange(
        self,
        request: Request<Empty<Bytes>>,
    ) -> Result<(Answer, Option<Self>), Trouble> {
        let Self {
            mut sender,
            mut connection,
        } = self;
        let question = async move {
            sender.ready().await.map_err(Trouble::Broken)?;
            let answer = sender.send_request(request).await;
            let (head, body) = answer.map_err(Trouble::Broken)?.into_parts();
            let answer = (head.status, head.headers, text(body).await?);
            Ok((answer, sender))
        };
        tokio::pin!(question);
        let ((answer, sender), is_open) = tokio::select! {
            biased;
            answer = &mut question => (answer?, true),
            _ = &mut connection => (question.as_mut().await?, false),
        };
        let line = is_open.then_some(Self { sender, connection });
        Ok((answer, line))
    }
}

/// Reads a body that is text.
async fn text(mut body: Incoming) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Trouble::Broken)?;
        let data = frame.data_ref().map_or(&[][..], |data| data.as_ref());
        if bytes.len() + data.len() > ANSWER_BYTES_MAX {
            return Err(Trouble::TooLong);
        }
        bytes.extend_from_slice(data);
    }
    String::from_utf8(bytes).map_err(|_| Trouble::NotText)
}

async fn in_time<T>(step: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    timeout(STEP_TIMEOUT, step)
        .await
        .unwrap_or(Err(Trouble::Silent))
}
