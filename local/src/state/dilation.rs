//! Times of clients on an accelerated clock: what of a call is mapped, and what is not.
//!
//! Mapped are the times of PutMetricData's datums, of PutLogEvents' events and of metrics in those
//! events. Not mapped are the windows of reads, which mean this clock, and whatever the client
//! compares with its own clock: signatures, tokens, credentials, notices of instance metadata.

use super::World;
use crate::service::{Call, Service};
use crate::value::Value;

impl World {
    /// The call with its times on this clock.
    pub(super) fn on_this_clock(&self, service: Service, call: &Call) -> Call {
        let mut call = call.clone();
        match (service, call.operation.as_str()) {
            (Service::CloudWatch, "PutMetricData") => {
                self.map_list(&mut call.input, "MetricData", &["Timestamp"]);
                if let Some(Value::List(entities)) = held(&mut call.input, "EntityMetricData") {
                    for entity in entities {
                        self.map_list(entity, "MetricData", &["Timestamp"]);
                    }
                }
            }
            (Service::Logs, "PutLogEvents") => {
                self.map_list(&mut call.input, "logEvents", &["timestamp"]);
            }
            (Service::Sts, _) => call.now = self.clock.client_now(),
            _ => {}
        }
        call
    }

    fn map_list(&self, input: &mut Value, list: &str, names: &[&str]) {
        let Some(Value::List(items)) = held(input, list) else {
            return;
        };
        for item in items {
            for name in names {
                if let Some(value) = held(item, name) {
                    self.map(value);
                }
            }
        }
    }

    /// Maps one time: milliseconds where it is a whole number as of log events, else a moment.
    fn map(&self, value: &mut Value) {
        use plimsoll_core::clock::UnixMillis;
        /// From here on a whole number is milliseconds: as seconds it would be the year 5138.
        const MILLIS_FROM: i64 = 100_000_000_000;
        match value {
            Value::Integer(millis) if *millis >= MILLIS_FROM => {
                *millis = self.clock.mapped(UnixMillis(*millis)).0;
            }
            other => {
                if let Some(at) = other.moment() {
                    *other = Value::time(self.clock.mapped(at));
                }
            }
        }
    }
}

fn held<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let Value::Map(members) = value else {
        return None;
    };
    members
        .iter_mut()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}
