//! Metrics that programs send by OTLP over HTTP.
//!
//! A listener on the loopback interface, bounded in connections, in requests at once, and in the
//! size and time of each. A request is read as a whole before any of it is taken: it is taken with
//! all points that can be told, or refused. What is told falls into the window of its own time.
//! Nothing is ever sent but answers.

pub(crate) mod answer;
mod buckets;
mod cumulative;
pub(crate) mod fold;
pub(crate) mod json;
pub(crate) mod model;
pub(crate) mod protobuf;
mod unit;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use plimsoll_core::clock::Clock;
use plimsoll_core::shutdown::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use crate::aggregate::Intake;
use crate::health::Health;
use crate::source::told::hand_in;
use answer::{Form, Refusal};
use fold::{Folder, OtlpRules};
use model::ExportRequest;

/// The path of the metrics' service.
/// Source: OTLP specification 1.x, "OTLP/HTTP Request".
const PATH: &str = "/v1/metrics";
/// Connections at the same time; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 64;
/// Requests whose bodies are held at the same time; more are asked to come again.
const REQUESTS_MAX: usize = 4;
/// A body, unpacked. With what it becomes, some 30 MiB for each of [`REQUESTS_MAX`] at the very
/// worst; exporters send some 100 KiB.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A body of which every part may be as large in memory as it is in JSON, or as an empty object.
const JSON_OBJECTS_MAX: usize = 200_000;
/// How long a client may take to send the head of a request, which also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// A larger body is read away from the runtime, which has other things to do.
const INLINE_BYTES_MAX: usize = 16 * 1024;
/// How long running requests get after a stop.
const DRAIN: Duration = Duration::from_secs(1);
/// The time between two tries to listen where somebody else does.
const LISTEN_AGAIN: Duration = Duration::from_secs(10);

/// Where to listen, once it is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpConfig {
    /// The address.
    pub address: SocketAddr,
    /// What becomes of what is sent.
    pub rules: OtlpRules,
}

/// What takes requests.
pub(crate) struct Receiver {
    intake: Intake,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    folder: Mutex<Folder>,
    requests: Arc<Semaphore>,
}

impl Receiver {
    /// What programs send goes to `intake`.
    pub(crate) fn new(
        rules: OtlpRules,
        intake: Intake,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
    ) -> Self {
        let folder = Mutex::new(Folder::new(rules, clock.now()));
        Self {
            intake,
            clock,
            health,
            folder,
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
        }
    }

    /// Listens until the shutdown. An address that is taken is tried again.
    pub(crate) async fn run(self, address: SocketAddr, mut shutdown: Shutdown) {
        let this = Arc::new(self);
        let listener = tokio::select! {
            listener = this.bind(address) => listener,
            () = shutdown.requested() => return,
        };
        this.serve(listener, shutdown).await;
    }

    async fn bind(&self, address: SocketAddr) -> TcpListener {
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => return listener,
                Err(error) => {
                    if self.health.problems.add("otlp_listen", 1) {
                        log::error!(
                            address = address.to_string().as_str();
                            "nobody can send metrics by OTLP, because its address cannot be listened on: {error}"
                        );
                    }
                }
            }
            sleep(LISTEN_AGAIN).await;
        }
    }

    /// Serves connections until the shutdown.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener, mut shutdown: Shutdown) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &slots) => accepted,
                () = shutdown.requested() => break,
            };
            while connections.try_join_next().is_some() {}
            if let Some((stream, slot)) = accepted {
                let (this, shutdown) = (Arc::clone(&self), shutdown.clone());
                connections.spawn(async move {
                    this.connection(stream, shutdown).await;
                    drop(slot);
                });
            }
        }
        drop(listener);
        let ended = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN, ended).await.is_err() {
            log::debug!("requests by OTLP were cut off at the end");
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, mut shutdown: Shutdown) {
        let service = service_fn(|request| {
            let this = Arc::clone(&self);
            async move { Ok::<_, Infallible>(this.answer(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = shutdown.requested() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            log::debug!("a connection by OTLP ended early: {error}");
        }
    }

    async fn answer(self: &Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let form = Form::of(header(&request, CONTENT_TYPE));
        match self.take(request, form).await {
            Ok(refused) => {
                for (reason, count) in &refused {
                    if self.health.problems.add(reason, *count) {
                        log::warn!(reason = *reason, points = *count; "data points that came by OTLP are left out");
                    }
                }
                answer::taken(form.unwrap_or(Form::Json), &refused)
            }
            Err(refusal) => {
                if self.health.problems.add(refusal.reason(), 1) {
                    log::warn!("a request by OTLP is refused: {}", refusal.text());
                }
                refusal.answer(form.unwrap_or(Form::Json))
            }
        }
    }

    /// Takes a request. How many of its points are refused, by reason.
    async fn take(
        self: &Arc<Self>,
        request: Request<Incoming>,
        form: Option<Form>,
    ) -> Result<BTreeMap<&'static str, u64>, Refusal> {
        if request.uri().path() != PATH {
            return Err(Refusal::NotFound);
        }
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        let form = form.ok_or(Refusal::Form)?;
        let is_packed = match header(&request, CONTENT_ENCODING) {
            "" | "identity" => false,
            "gzip" => true,
            _ => return Err(Refusal::Packing),
        };
        let told_length: Option<usize> = header(&request, CONTENT_LENGTH).parse().ok();
        if told_length.is_some_and(|length| length > BODY_BYTES_MAX) {
            return Err(Refusal::TooLarge);
        }
        let Ok(slot) = Arc::clone(&self.requests).try_acquire_owned() else {
            return Err(Refusal::Busy);
        };
        let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect();
        let body = timeout(BODY_TIMEOUT, body)
            .await
            .map_err(|_| Refusal::TooSlow)?;
        let body = body.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                Refusal::TooLarge
            } else {
                Refusal::Malformed("the body ends early".to_owned())
            }
        })?;
        let body = body.to_bytes();
        if !is_packed && body.len() <= INLINE_BYTES_MAX {
            let taken = self.understand(&body, form);
            drop(slot);
            return taken;
        }
        let this = Arc::clone(self);
        let taken = spawn_blocking(move || {
            let taken = if is_packed {
                unpack(&body).and_then(|body| this.understand(&body, form))
            } else {
                this.understand(&body, form)
            };
            drop(slot);
            taken
        });
        taken.await.unwrap_or(Err(Refusal::Busy))
    }

    fn understand(&self, body: &[u8], form: Form) -> Result<BTreeMap<&'static str, u64>, Refusal> {
        let request = decode(body, form).map_err(Refusal::Malformed)?;
        let outcome = {
            let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
            folder.fold(&request, self.clock.now())
        };
        for (time, told) in outcome.told {
            hand_in(&self.intake, time, told);
        }
        Ok(outcome.refused)
    }
}

/// Reads a body.
///
/// # Errors
/// What is wrong with it, without what it says.
pub(crate) fn decode(body: &[u8], form: Form) -> Result<ExportRequest<'_>, String> {
    match form {
        Form::Protobuf => protobuf::request(body).map_err(|error| error.to_string()),
        Form::Json => {
            // Every message is an object; what objects become is what takes the memory.
            if memchr::memchr_iter(b'{', body).count() > JSON_OBJECTS_MAX {
                return Err("too many data points and attributes in one request".to_owned());
            }
            serde_json::from_slice(body).map_err(|error| {
                let (line, column) = (error.line(), error.column());
                format!("no JSON of a request at line {line}, column {column}")
            })
        }
    }
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    let limit = u64::try_from(BODY_BYTES_MAX).unwrap_or(u64::MAX);
    let mut unpacking = MultiGzDecoder::new(packed).take(limit + 1);
    let malformed = |error: io::Error| Refusal::Malformed(format!("no gzip: {error}"));
    unpacking.read_to_end(&mut body).map_err(malformed)?;
    if body.len() > BODY_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    Ok(body)
}

fn header(request: &Request<Incoming>, name: HeaderName) -> &str {
    let value = request.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// Waits for a free slot, then for a connection. `None` after an error, which is logged.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, slot)),
        Err(error) => {
            log::warn!("a connection by OTLP was not accepted: {error}");
            // Out of file descriptors, most likely: let some connections end first.
            sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

#[cfg(test)]
mod tests;
