//! What passes between services: metrics out of log events, credentials out of instance metadata.

use super::{World, lock, reason};
use crate::cloudwatch::{Bucket, Datum, MetricId};
use crate::emf::MetricPoint;
use crate::imds::{MetadataRequest, RoleCredentials};
use crate::plain::{PlainAnswer, PlainRequest};
use crate::service::{Answer, Call};
use crate::sts;

/// The header in which the lifetime of a token comes back.
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

impl World {
    /// Lets CloudWatch Logs answer, and hands the metrics of its events to CloudWatch.
    pub(super) fn logs_call(&self, call: &Call) -> Answer {
        let mut points = Vec::new();
        let answer = lock(&self.logs).call(call, &mut |point| points.push(point));
        if !points.is_empty() {
            let mut cloudwatch = lock(&self.cloudwatch);
            for datum in points.into_iter().filter_map(datum) {
                let datum = Datum {
                    at: self.clock.mapped(datum.at),
                    ..datum
                };
                cloudwatch.record(&datum);
            }
        }
        answer
    }

    /// Lets instance metadata answer; credentials of the role come from the registry.
    pub(super) fn metadata(&self, request: &PlainRequest) -> PlainAnswer {
        let mut key_id = None;
        let mut imds = lock(&self.imds);
        let asked = MetadataRequest {
            method: &request.method,
            path: &request.path,
            header: &|name| request.header(name),
            now: request.now,
        };
        let answer = imds.handle(&asked, &mut || {
            let issued = self.credentials.issue(request.now);
            key_id = Some(issued.key_id.clone());
            RoleCredentials {
                key_id: issued.key_id,
                secret: issued.secret,
                token: issued.token,
                expires: issued.expires,
            }
        });
        let role = imds.instance.role.clone().unwrap_or_default();
        let instance = imds.instance.instance_id.clone();
        drop(imds);
        if let Some(key_id) = key_id {
            let session = sts::assumed_role_arn(&self.settings.account, &role, &instance);
            lock(&self.sts).remember(&key_id, &session);
        }
        let ttl = answer.ttl_seconds;
        PlainAnswer {
            status: answer.status,
            headers: ttl
                .map(|ttl| (TTL_HEADER, ttl.to_string()))
                .into_iter()
                .collect(),
            ..PlainAnswer::new(answer.content_type, answer.body)
        }
    }

    /// Changes what instance metadata tells: `POST /_local/instance`.
    pub(super) fn change_instance(&self, request: &PlainRequest) -> PlainAnswer {
        if request.method != "POST" {
            return PlainAnswer::refused(405, "method not allowed");
        }
        let mut imds = lock(&self.imds);
        let before = imds.instance.tags.clone();
        match imds.instance.change(&request.body, request.now) {
            Ok(()) => {
                // Tags that metadata does not show are still there for EC2's DescribeTags.
                if imds.instance.tags.is_some() {
                    imds.hidden_tags = None;
                } else if before.is_some() {
                    imds.hidden_tags = before;
                }
                PlainAnswer::json(&serde_json::json!({}))
            }
            Err(error) => PlainAnswer::refused(400, reason(&error)),
        }
    }
}

/// A point as CloudWatch keeps it; none without values.
fn datum(point: MetricPoint) -> Option<Datum> {
    let mut buckets = point.values.iter().map(|value| Bucket::of(*value, 1.0));
    let mut bucket = buckets.next()?;
    buckets.for_each(|other| bucket.merge(&other));
    let mut dimensions = point.dimensions;
    dimensions.sort();
    Some(Datum {
        id: MetricId {
            namespace: point.namespace,
            name: point.name,
            dimensions,
        },
        unit: point.unit,
        at: point.timestamp,
        high_resolution: point.resolution_seconds == 1,
        bucket,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use plimsoll_core::clock::{ManualClock, UnixMillis};

    use super::*;
    use crate::contents::Contents;
    use crate::service::Service;
    use crate::state::Settings;
    use crate::value::Value;

    const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

    fn world() -> World {
        World::new(Settings::default(), Arc::new(ManualClock::at(NOW)))
    }

    fn call(world: &World, service: Service, operation: &str, key_id: &str, json: &str) -> Value {
        let call = Call {
            operation: operation.to_owned(),
            input: serde_json::from_str(json).expect("valid test input"),
            now: NOW,
            region: "us-east-1".to_owned(),
            key_id: key_id.to_owned(),
        };
        world.dispatch(service, &call).expect(operation)
    }

    #[test]
    fn metrics_in_log_events_are_found_in_cloudwatch() {
        let world = world();
        let logs =
            |operation: &str, json: &str| call(&world, Service::Logs, operation, "local", json);
        logs("CreateLogGroup", r#"{"logGroupName":"g"}"#);
        logs(
            "CreateLogStream",
            r#"{"logGroupName":"g","logStreamName":"s"}"#,
        );
        let message = r#"{"_aws":{"Timestamp":1795524360000,"CloudWatchMetrics":[{"Namespace":"Shop",
            "Dimensions":[["zone","az"]],"Metrics":[{"Name":"orders"}]}]},
            "az":"a","zone":"z","orders":[1,2,4]}"#;
        let events = serde_json::json!({
            "logGroupName": "g", "logStreamName": "s",
            "logEvents": [{"timestamp": NOW.0, "message": message}],
        });
        logs("PutLogEvents", &events.to_string());
        let statistics = r#"{"Namespace":"Shop","MetricName":"orders","Period":60,
            "Dimensions":[{"Name":"az","Value":"a"},{"Name":"zone","Value":"z"}],
            "StartTime":1795524300,"EndTime":1795524420,"Statistics":["Sum","SampleCount"]}"#;
        let found = call(
            &world,
            Service::CloudWatch,
            "GetMetricStatistics",
            "local",
            statistics,
        );
        let point = &found.member("Datapoints").items()[0];
        let number = |name| point.member(name).number();
        assert_eq!(
            (number("Sum"), number("SampleCount")),
            (Some(7.0), Some(3.0))
        );
    }

    #[test]
    fn credentials_of_instance_metadata_belong_to_the_role_of_the_instance() {
        let world = world();
        let send = |method: &str, path: &str, header: (&str, &str)| {
            let answer = world.plain(&PlainRequest {
                method: method.to_owned(),
                path: path.to_owned(),
                headers: vec![(header.0.to_owned(), header.1.to_owned())],
                now: NOW,
                ..PlainRequest::default()
            });
            assert_eq!(answer.status, 200, "{path}");
            String::from_utf8(answer.body.to_vec()).expect("text")
        };
        let token = send("PUT", "/latest/api/token", (TTL_HEADER, "60"));
        let path = "/latest/meta-data/iam/security-credentials/plimsoll-agent";
        let document = send("GET", path, ("x-aws-ec2-metadata-token", &token));
        let document: Value = serde_json::from_str(&document).expect("JSON");
        let key_id = document.member("AccessKeyId").text().expect("a key");
        assert!(world.credentials.find(key_id).is_some());
        let caller = call(&world, Service::Sts, "GetCallerIdentity", key_id, "{}");
        assert_eq!(
            caller.member("Arn").text(),
            Some("arn:aws:sts::123456789012:assumed-role/plimsoll-agent/i-0123456789abcdef0")
        );
    }

    #[test]
    fn flags_fill_the_world_and_a_bad_one_is_named() {
        let world = world();
        let mut contents = Contents {
            topics: vec!["alerts".to_owned()],
            cost: None,
            cost_jump: Some(crate::cost::Jump {
                region: "ap-southeast-1".to_owned(),
                usd: 900.0,
            }),
            log_memory: 1,
            guardduty: None,
            cloudtrail: None,
        };
        contents.fill(&world).expect("valid");
        let arn = "arn:aws:sns:us-east-1:123456789012:alerts".to_owned();
        assert_eq!(lock(&world.sns).arns(), [arn]);
        let jumped = |row: &crate::cost::CostRow| row.region == "ap-southeast-1";
        assert!(lock(&world.cost).rows().iter().any(jumped));
        contents.cost_jump = None;
        contents.cost = Some("/nowhere/costs.csv".into());
        let error = contents.fill(&world).expect_err("no such file").to_string();
        assert_eq!(error, "cannot read /nowhere/costs.csv");
    }
}
