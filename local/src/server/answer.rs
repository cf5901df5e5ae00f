//! One request from its head to its answer: route, signature, faults, quota, service, ledger.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::price::Usage;

use super::body::{self, BodyError};
use super::route::{Route, route};
use super::{Dropped, Reply};
use crate::calls::{self, Entry, Load};
use crate::codec::query;
use crate::faults::Verdict;
use crate::limits;
use crate::plain::{PlainAnswer, PlainRequest};
use crate::service::{Answer, Call, Refusal, Service};
use crate::sigv4;
use crate::state::{World, lock};
use crate::value::Value;

/// Answers a request.
///
/// # Errors
/// When a fault asks to close the connection.
pub(super) async fn answer(world: &World, request: Request<Incoming>) -> Result<Reply, Dropped> {
    let (head, body) = request.into_parts();
    let headers: Vec<(String, String)> = head
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let body = match body::read(body).await {
        Ok(body) => body,
        Err(error) => return Ok(refuse_body(world, error)),
    };
    let (method, path) = (head.method.as_str(), head.uri.path());
    let query = head.uri.query().unwrap_or_default();
    if is_plain(method, path) {
        let request = PlainRequest {
            method: if method == "HEAD" { "GET" } else { method }.to_owned(),
            path: path.to_owned(),
            query: query::pairs(query),
            headers,
            body,
            now: world.clock.client_now(),
        };
        return Ok(plain(world, world.plain(&request)));
    }
    let request = sigv4::Request {
        method,
        path,
        query,
        headers: &headers,
        body: &body,
    };
    match route(&request) {
        Some(route) => signed(world, route, request, &body).await,
        None => Ok(plain(world, PlainAnswer::not_found())),
    }
}

/// Whether a request is outside AWS's protocols.
fn is_plain(method: &str, path: &str) -> bool {
    let prefixes = ["/latest", "/_local/"];
    (path == "/" && matches!(method, "GET" | "HEAD"))
        || prefixes.iter().any(|prefix| path.starts_with(prefix))
}

/// Answers a request of an AWS protocol.
async fn signed(
    world: &World,
    mut route: Route,
    request: sigv4::Request<'_>,
    body: &Bytes,
) -> Result<Reply, Dropped> {
    let at = world.clock.now();
    let input = open(world, &mut route, &request, body, at);
    let (verdict, latency) = world.faults.draw(route.service, &route.operation);
    let (outcome, load) = match input {
        Err(refusal) => (Err(refusal), Load::default()),
        Ok((call, load)) => {
            let load = priced(world, route.service, &call, load);
            (perform(world, route.service, &call, verdict), load)
        }
    };
    let mut entry = Entry {
        at,
        service: route.service,
        operation: route.operation.clone(),
        request_bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
        status: 200,
        error: String::new(),
        fault: verdict.name(),
        client: client(request.headers).to_owned(),
        items: 0,
        usage: Usage::default(),
        usd: 0.0,
    };
    if let Err(refusal) = &outcome {
        entry.status = refusal.status;
        refusal.shape.clone_into(&mut entry.error);
    }
    let drops = matches!(verdict, Verdict::Reset | Verdict::ResetAfter);
    if drops {
        entry.status = 0;
    }
    world.calls.record(entry, load, outcome.is_ok());
    if latency > Duration::ZERO {
        tokio::time::sleep(latency).await;
    }
    if drops {
        return Err(Dropped);
    }
    let query_mode = request
        .headers
        .iter()
        .any(|(name, value)| name == "x-amzn-query-mode" && value.eq_ignore_ascii_case("true"));
    Ok(reply(world, &route, &outcome, query_mode))
}

/// The load with the price of the log group's class.
fn priced(world: &World, service: Service, call: &Call, load: Load) -> Load {
    let infrequent = service == Service::Logs
        && call.operation == "PutLogEvents"
        && lock(&world.logs).is_infrequent(call.input.member("logGroupName").text());
    if infrequent {
        load.of_infrequent_access()
    } else {
        load
    }
}

/// What the client calls itself.
fn client(headers: &[(String, String)]) -> &str {
    let named = headers.iter().find(|(name, _)| name == "user-agent");
    named.map_or("", |(_, value)| value)
}

/// Whether the call comes without a signature and needs none: its token says who calls.
/// Source: AWS STS API reference, AssumeRoleWithWebIdentity.
fn is_unsigned(route: &Route, request: &sigv4::Request<'_>) -> bool {
    route.service == Service::Sts
        && route.operation == "AssumeRoleWithWebIdentity"
        && sigv4::scope(request.headers).is_none()
}

/// Verifies and decodes a request. What is refused here has not reached the service.
fn open(
    world: &World,
    route: &mut Route,
    request: &sigv4::Request<'_>,
    body: &Bytes,
    now: UnixMillis,
) -> Result<(Call, Load), Refusal> {
    // The operation is read first, so that the ledger and the faults know it. The query protocol
    // has it in the body.
    let encoding = request
        .headers
        .iter()
        .find(|(name, _)| name == "content-encoding")
        .map(|(_, value)| value.as_str());
    let plain = body::decompress(body, encoding);
    let input = plain.as_ref().map(|plain| route.decode(plain));
    let scope = if is_unsigned(route, request) {
        sigv4::Scope {
            key_id: String::new(),
            date: String::new(),
            region: world.settings.region.clone(),
            service: route.service.name().to_owned(),
        }
    } else {
        sigv4::verify(request, &world.credentials, world.clock.client_now())?
    };
    if scope.service != route.service.name() {
        let message = format!(
            "Credential should be scoped to correct service: '{}'.",
            route.service.name()
        );
        return Err(Refusal {
            status: 403,
            ..Refusal::new("InvalidSignatureException", message).with_code("SignatureDoesNotMatch")
        });
    }
    let input = match input {
        Ok(Ok(input @ Value::Map(_))) => input,
        Ok(Ok(_)) => return Err(serialization("the body is not a map of members")),
        Ok(Err(error)) => return Err(serialization(&error.to_string())),
        Err(BodyError::TooLarge) => return Err(too_large()),
        Err(BodyError::Encoding) => return Err(serialization("the content encoding is not known")),
        Err(_) => return Err(serialization("the body is not gzip")),
    };
    let size = plain.as_ref().map_or(0, Bytes::len);
    if limits::body_max(route.service, &route.operation).is_some_and(|max| size > max) {
        return Err(too_large());
    }
    let load = calls::load(route.service, &route.operation, &input);
    let call = Call {
        operation: route.operation.clone(),
        input,
        now,
        region: scope.region,
        key_id: scope.key_id,
    };
    Ok((call, load))
}

/// Lets the service answer, unless a fault or the quota comes first.
fn perform(world: &World, service: Service, call: &Call, verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Throttle => Err(throttled(service)),
        // Nobody gets to see the refusal of a reset; it keeps the call out of the ledger's bill.
        Verdict::Error | Verdict::Reset => Err(failure(500)),
        Verdict::Outage => Err(failure(503)),
        Verdict::Pass | Verdict::ResetAfter => {
            if !world.throttles.admit(service, &call.operation) {
                return Err(throttled(service));
            }
            world.dispatch(service, call)
        }
    }
}

fn throttled(service: Service) -> Refusal {
    let code = match service {
        Service::Sns => "Throttled",
        _ => "Throttling",
    };
    Refusal {
        status: if service == Service::Sns { 429 } else { 400 },
        ..Refusal::new("ThrottlingException", "Rate exceeded").with_code(code)
    }
}

fn failure(status: u16) -> Refusal {
    let (shape, message) = if status == 503 {
        (
            "ServiceUnavailableException",
            "The service is unavailable. Please retry.",
        )
    } else {
        (
            "InternalServiceFault",
            "The request processing has failed due to an unknown error.",
        )
    };
    let code = if status == 503 {
        "ServiceUnavailable"
    } else {
        "InternalServiceError"
    };
    Refusal {
        status,
        ..Refusal::new(shape, message).with_code(code)
    }
}

fn serialization(why: &str) -> Refusal {
    Refusal::new("SerializationException", why.to_owned()).with_code("MalformedInput")
}

fn too_large() -> Refusal {
    Refusal {
        status: 413,
        ..Refusal::new(
            "RequestEntityTooLargeException",
            "The request is too large.",
        )
        .with_code("RequestEntityTooLarge")
    }
}

fn reply(world: &World, route: &Route, outcome: &Answer, query_mode: bool) -> Reply {
    let id = world.request_id();
    let (status, (content_type, body)) = match outcome {
        Ok(output) => (200, route.encode(output, &id)),
        Err(refusal) => (refusal.status, route.encode_refusal(refusal, &id)),
    };
    let mut headers = vec![("x-amzn-requestid", id)];
    if route.protocol == super::route::Protocol::Cbor {
        headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
    }
    if let Err(refusal) = outcome {
        headers.push(("x-amzn-errortype", refusal.shape.to_owned()));
        if query_mode {
            let fault = if refusal.status < 500 {
                "Sender"
            } else {
                "Receiver"
            };
            headers.push(("x-amzn-query-error", format!("{};{fault}", refusal.code)));
        }
    }
    plain(
        world,
        PlainAnswer {
            status,
            content_type,
            headers,
            body,
        },
    )
}

/// Sends an answer. The `Date` is of the clients' clock at the offset: SDKs correct theirs by it,
/// and with an accelerated one their signatures would run ahead.
fn plain(world: &World, answer: PlainAnswer) -> Reply {
    let mut builder = Response::builder()
        .status(answer.status)
        .header("date", http_date(world.clock.client_now()));
    if !answer.content_type.is_empty() {
        builder = builder.header("content-type", answer.content_type);
    }
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(answer.body))
        .unwrap_or_else(|error| {
            // A service put a character into a header that HTTP does not allow.
            log::error!("an answer could not be sent: {error}");
            let mut reply = Response::new(Full::default());
            *reply.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            reply
        })
}

fn refuse_body(world: &World, error: BodyError) -> Reply {
    let answer = match error {
        BodyError::TooLarge => PlainAnswer::refused(413, "the body is too large"),
        _ => PlainAnswer::refused(400, "the body did not arrive"),
    };
    plain(world, answer)
}

/// `Tue, 24 Nov 2026 12:46:00 GMT`.
fn http_date(at: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map(|at| at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
        .unwrap_or_default()
}
