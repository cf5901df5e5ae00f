//! Which protocol, service and operation a request is for, and how each protocol is answered.

use std::borrow::Cow;

use bytes::Bytes;

use crate::codec::{DecodeError, cbor, json, query, xml};
use crate::service::{Refusal, Service};
use crate::sigv4;
use crate::value::Value;

/// Prefixes of `x-amz-target`. Source: the services' API models.
const TARGETS: [(&str, Service, Protocol); 5] = [
    (
        "GraniteServiceVersion20100801.",
        Service::CloudWatch,
        Protocol::Json10,
    ),
    ("Logs_20140328.", Service::Logs, Protocol::Json11),
    (
        "AWSInsightsIndexService.",
        Service::CostExplorer,
        Protocol::Json11,
    ),
    (
        "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.",
        Service::CloudTrail,
        Protocol::Json11,
    ),
    (
        "CloudTrail_20131101.",
        Service::CloudTrail,
        Protocol::Json11,
    ),
];

/// The path of CloudWatch's operations in RPC v2 CBOR.
const CBOR_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";

/// How a call is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS JSON 1.0.
    Json10,
    /// AWS JSON 1.1.
    Json11,
    /// Smithy RPC v2 CBOR.
    Cbor,
    /// Forms in, XML out.
    Query,
    /// Paths and JSON.
    Rest,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Route {
    /// How it is written.
    pub(super) protocol: Protocol,
    /// The service.
    pub(super) service: Service,
    /// The operation; empty in the query protocol, where the body tells it.
    pub(super) operation: String,
    /// Members of the input that are in the path or the query.
    pub(super) members: Vec<(String, Value)>,
}

/// Finds the route; `None` when no AWS service here has such a request.
pub(super) fn route(request: &sigv4::Request<'_>) -> Option<Route> {
    let header = |name: &str| {
        let mut found = request.headers.iter().filter(|(header, _)| header == name);
        found.next().map(|(_, value)| value.as_str())
    };
    if request.path.starts_with("/detector") {
        return guardduty(request);
    }
    if request.method != "POST" {
        return None;
    }
    if let Some(operation) = request.path.strip_prefix(CBOR_PATH) {
        return (header("smithy-protocol") == Some("rpc-v2-cbor"))
            .then(|| Route::new(Protocol::Cbor, Service::CloudWatch, operation));
    }
    if request.path != "/" {
        return None;
    }
    if let Some(target) = header("x-amz-target") {
        return TARGETS.iter().find_map(|(prefix, service, protocol)| {
            let operation = target.strip_prefix(prefix)?;
            Some(Route::new(*protocol, *service, operation))
        });
    }
    if !header("content-type")?.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    // Without a signature there is no telling the service; STS then says that one is missing.
    let name = sigv4::scope(request.headers).map(|scope| scope.service);
    let service = name.map_or(Some(Service::Sts), |name| Service::from_name(&name))?;
    Some(Route::new(Protocol::Query, service, ""))
}

/// GuardDuty's paths. Source: the service's API model.
fn guardduty(request: &sigv4::Request<'_>) -> Option<Route> {
    let mut parts = request.path.trim_matches('/').split('/');
    parts.next().filter(|first| *first == "detector")?;
    let detector = parts.next();
    let rest: Vec<_> = parts.collect();
    let operation = match (request.method, detector, rest.as_slice()) {
        ("GET", None, []) => "ListDetectors",
        ("POST", None, []) => "CreateDetector",
        ("GET", Some(_), []) => "GetDetector",
        ("POST", Some(_), []) => "UpdateDetector",
        ("POST", Some(_), ["findings"]) => "ListFindings",
        ("POST", Some(_), ["findings", "get"]) => "GetFindings",
        ("POST", Some(_), ["findings", "statistics"]) => "GetFindingsStatistics",
        ("POST", Some(_), ["findings", "create"]) => "CreateSampleFindings",
        ("POST", Some(_), ["findings", "archive"]) => "ArchiveFindings",
        ("POST", Some(_), ["findings", "unarchive"]) => "UnarchiveFindings",
        _ => return None,
    };
    let mut route = Route::new(Protocol::Rest, Service::GuardDuty, operation);
    if let Some(detector) = detector {
        let detector = query::unescape(&detector.replace('+', "%2B"));
        route
            .members
            .push(("detectorId".to_owned(), detector.into()));
    }
    for (name, value) in query::pairs(request.query) {
        route.members.push((name, value.into()));
    }
    Some(route)
}

impl Route {
    fn new(protocol: Protocol, service: Service, operation: &str) -> Self {
        Self {
            protocol,
            service,
            operation: operation.to_owned(),
            members: Vec::new(),
        }
    }

    /// Reads the input, and in the query protocol the operation.
    ///
    /// # Errors
    /// When the body is not what the protocol says.
    pub(super) fn decode(&mut self, body: &[u8]) -> Result<Value, DecodeError> {
        let mut input = match self.protocol {
            Protocol::Json10 | Protocol::Json11 | Protocol::Rest => json::decode(body)?,
            Protocol::Cbor => cbor::decode(body)?,
            Protocol::Query => query::decode(body)?,
        };
        if self.protocol == Protocol::Query {
            self.operation = input.member("Action").text().unwrap_or_default().to_owned();
        }
        if let Value::Map(members) = &mut input {
            members.append(&mut self.members);
        }
        Ok(input)
    }

    /// Writes an output: its content type (empty for none) and body.
    pub(super) fn encode(&self, output: &Value, request_id: &str) -> (&'static str, Bytes) {
        match self.protocol {
            Protocol::Query if self.service == Service::Ec2 => {
                let xml = xml::encode_ec2(&self.operation, self.namespace(), output, request_id);
                (self.content_type(), xml.into())
            }
            Protocol::Query => {
                let xml = xml::encode(&self.operation, self.namespace(), output, request_id);
                (self.content_type(), xml.into())
            }
            _ if output.is_null() => ("", Bytes::new()),
            Protocol::Cbor => (self.content_type(), cbor::encode(output).into()),
            _ => (self.content_type(), json::encode(output).into()),
        }
    }

    /// Writes a refusal: its content type and body.
    pub(super) fn encode_refusal(&self, refusal: &Refusal, id: &str) -> (&'static str, Bytes) {
        if self.service == Service::Ec2 {
            return (
                self.content_type(),
                xml::encode_ec2_refusal(refusal, id).into(),
            );
        }
        if self.protocol == Protocol::Query {
            let xml = xml::encode_refusal(self.namespace(), refusal, id);
            return (self.content_type(), xml.into());
        }
        let kind: Cow<'_, str> = match self.protocol {
            // RPC v2 CBOR asks for an absolute shape id.
            Protocol::Cbor => format!("com.amazonaws.cloudwatch#{}", refusal.shape).into(),
            _ => refusal.shape.into(),
        };
        let mut members = vec![
            ("__type".to_owned(), Value::from(kind.as_ref())),
            ("message".to_owned(), refusal.message.as_str().into()),
        ];
        let more = refusal.members.iter();
        members.extend(more.map(|(name, value)| ((*name).to_owned(), value.clone())));
        let error = Value::Map(members);
        let body = match self.protocol {
            Protocol::Cbor => cbor::encode(&error),
            _ => json::encode(&error),
        };
        (self.content_type(), body.into())
    }

    fn content_type(&self) -> &'static str {
        match self.protocol {
            Protocol::Json10 => "application/x-amz-json-1.0",
            Protocol::Json11 => "application/x-amz-json-1.1",
            Protocol::Cbor => "application/cbor",
            Protocol::Query => "text/xml",
            Protocol::Rest => "application/json",
        }
    }

    /// The XML namespace of a query service.
    fn namespace(&self) -> &'static str {
        match self.service {
            Service::Sns => "http://sns.amazonaws.com/doc/2010-03-31/",
            Service::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
            Service::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            _ => "http://monitoring.amazonaws.com/doc/2010-08-01/",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Option<(Protocol, Service, String)> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let request = sigv4::Request {
            method,
            path,
            query: "",
            headers: &headers,
            body: b"",
        };
        route(&request).map(|route| (route.protocol, route.service, route.operation))
    }

    #[test]
    fn every_protocol_finds_its_service_and_operation() {
        let form = (
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        );
        let signed = |service: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=k/20260101/r/{service}/aws4_request, \
                 SignedHeaders=host, Signature=0"
            )
        };
        let (sns, s3) = (signed("sns"), signed("s3"));
        let put = |protocol| Some((protocol, Service::CloudWatch, "PutMetricData".to_owned()));
        let target = (
            "x-amz-target",
            "GraniteServiceVersion20100801.PutMetricData",
        );
        assert_eq!(find("POST", "/", &[target]), put(Protocol::Json10));
        assert_eq!(find("GET", "/", &[target]), None);
        let path = "/service/GraniteServiceVersion20100801/operation/PutMetricData";
        let smithy = ("smithy-protocol", "rpc-v2-cbor");
        assert_eq!(find("POST", path, &[smithy]), put(Protocol::Cbor));
        assert_eq!(find("POST", path, &[]), None);
        let trail = ("x-amz-target", "CloudTrail_20131101.LookupEvents");
        let found = find("POST", "/", &[trail]).unwrap();
        assert_eq!(found.1, Service::CloudTrail);
        let found = find("POST", "/", &[form, ("authorization", &sns)]).unwrap();
        assert_eq!((found.0, found.1), (Protocol::Query, Service::Sns));
        assert_eq!(find("POST", "/", &[form, ("authorization", &s3)]), None);
        let found = find("POST", "/detector/12/findings/get", &[]).unwrap();
        assert_eq!(found.2, "GetFindings");
        assert_eq!(find("POST", "/detectors", &[]), None);
        assert_eq!(find("POST", "/nowhere", &[target]), None);
    }
}
