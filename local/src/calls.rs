//! The ledger: every call with its size, its outcome and its price.
//!
//! The page, the summary and the tests read from it what a client really did and what AWS would
//! have charged. It keeps the last calls in a ring and totals for each operation.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use plimsoll_core::clock::UnixMillis;
use plimsoll_core::price::{LOG_EVENT_OVERHEAD, Usage};

use crate::service::Service;
use crate::value::Value;

/// Calls kept one by one; the oldest are forgotten, their totals stay.
pub const RECENT_MAX: usize = 1_000;
/// Different operations with totals of their own. A client chooses the operation's name, so the
/// map needs a bound; what is beyond it is totalled under `other`.
const OPERATIONS_MAX: usize = 256;
/// The longest operation name that is kept.
const NAME_MAX: usize = 64;
/// Kinds of calls of programs that are kept.
const PROGRAM_CALLS_MAX: usize = 1000;
/// The longest client name that is kept.
const CLIENT_MAX: usize = 256;

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it came in, by the stand-in's clock.
    pub at: UnixMillis,
    /// The service.
    pub service: Service,
    /// The operation.
    pub operation: String,
    /// What the client calls itself in `User-Agent`; empty for nothing.
    pub client: String,
    /// Bytes of the body as sent.
    pub request_bytes: u64,
    /// The HTTP status; 0 when the connection was closed without an answer.
    pub status: u16,
    /// The error's name; empty when it went well.
    pub error: String,
    /// The injected fault; empty for none.
    pub fault: &'static str,
    /// Events, datums, queries or whatever the call carries many of.
    pub items: u64,
    /// What the bill counts; nothing for a call that failed.
    pub usage: Usage,
    /// The same in US$ by list price.
    pub usd: f64,
}

/// The totals of an operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Total {
    /// All calls.
    pub calls: u64,
    /// Calls that took effect.
    pub accepted: u64,
    /// Calls refused as too fast.
    pub throttled: u64,
    /// Calls that failed in another way.
    pub failed: u64,
    /// Bytes of all bodies as sent.
    pub request_bytes: u64,
    /// Items of the calls that took effect.
    pub items: u64,
    /// What the calls that took effect used.
    pub usage: Usage,
    /// The same in US$.
    pub usd: f64,
}

/// What a call carries, read from its input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// See [`Entry::items`].
    pub items: u64,
    /// What the bill counts.
    pub usage: Usage,
}

impl Load {
    /// The same for a log group of the class `INFREQUENT_ACCESS`, where a byte costs half.
    #[must_use]
    pub fn of_infrequent_access(mut self) -> Self {
        let bytes = std::mem::take(&mut self.usage.log_bytes_standard);
        self.usage.log_bytes_infrequent += bytes;
        self
    }
}

/// The ledger.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    started: Option<UnixMillis>,
    recent: VecDeque<Entry>,
    totals: BTreeMap<(Service, String), Total>,
    programs: BTreeSet<(String, Service, String)>,
}

impl Ledger {
    /// Writes a call down. `load` is booked only if the call took effect.
    pub fn record(&self, mut entry: Entry, load: Load, effect: bool) {
        if entry.operation.len() > NAME_MAX {
            entry.operation = entry.operation.chars().take(NAME_MAX).collect();
        }
        if entry.client.len() > CLIENT_MAX {
            entry.client = entry.client.chars().take(CLIENT_MAX).collect();
        }
        entry.items = load.items;
        entry.usage = if effect { load.usage } else { Usage::default() };
        // A sum of nothing is -0.0, which is no price to show.
        entry.usd = entry.usage.usd() + 0.0;
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.started.get_or_insert(entry.at);
        let Book {
            recent,
            totals,
            programs,
            ..
        } = &mut *guard;
        if programs.len() < PROGRAM_CALLS_MAX
            && let Some(program) = program(&entry.client)
        {
            programs.insert((program.to_owned(), entry.service, entry.operation.clone()));
        }
        let mut key = (entry.service, entry.operation.clone());
        if totals.len() >= OPERATIONS_MAX && !totals.contains_key(&key) {
            "other".clone_into(&mut key.1);
        }
        let total = totals.entry(key).or_default();
        total.calls += 1;
        total.request_bytes += entry.request_bytes;
        if effect {
            total.accepted += 1;
            total.items += load.items;
            total.usd += entry.usd;
            add(&mut total.usage, &load.usage);
        } else if entry.error.starts_with("Throttl") {
            total.throttled += 1;
        } else {
            total.failed += 1;
        }
        if recent.len() >= RECENT_MAX {
            recent.pop_front();
        }
        recent.push_back(entry);
    }

    /// The last `count` calls, newest first.
    #[must_use]
    pub fn recent(&self, count: usize) -> Vec<Entry> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.recent.iter().rev().take(count).cloned().collect()
    }

    /// Program, service and operation of each kind of call of a program that gives its name.
    #[must_use]
    pub fn programs(&self) -> Vec<(String, Service, String)> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.programs.iter().cloned().collect()
    }

    /// When the first call came in.
    #[must_use]
    pub fn started(&self) -> Option<UnixMillis> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .started
    }

    /// The totals by service and operation.
    #[must_use]
    pub fn totals(&self) -> Vec<(Service, String, Total)> {
        let guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard
            .totals
            .iter()
            .map(|((service, operation), total)| (*service, operation.clone(), total.clone()))
            .collect()
    }

    /// What all calls used together.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for (_, _, total) in self.totals() {
            add(&mut sum, &total.usage);
        }
        sum
    }
}

/// The name of the program, without its version. Source: AWS SDKs and Tools reference guide,
/// "Application ID": `app/NAME` in `User-Agent`.
fn program(client: &str) -> Option<&str> {
    let mut words = client.split_ascii_whitespace();
    let name = words.find_map(|word| word.strip_prefix("app/"))?;
    Some(name.rsplit_once('-').map_or(name, |(name, _)| name))
}

/// What a call carries. Sizes of log events are booked as AWS does: bytes of the message and 26,
/// at the price of the class `STANDARD`.
#[must_use]
pub fn load(service: Service, operation: &str, input: &Value) -> Load {
    let request = Usage {
        api_requests: 1.0,
        ..Usage::default()
    };
    let many = |count: usize, usage: Usage| Load {
        items: u64::try_from(count).unwrap_or(u64::MAX),
        usage,
    };
    match (service, operation) {
        (Service::CloudWatch, "PutMetricData") => {
            many(input.member("MetricData").items().len(), request)
        }
        (Service::CloudWatch, "GetMetricData") => {
            let queries = input.member("MetricDataQueries").items();
            let metrics = queries
                .iter()
                .filter(|query| !query.member("MetricStat").is_null())
                .count();
            let usage = Usage {
                metrics_read: u32::try_from(metrics).map_or(0.0, f64::from),
                ..Usage::default()
            };
            many(queries.len(), usage)
        }
        (Service::CloudWatch, _) => many(1, request),
        (Service::Logs, "PutLogEvents") => {
            let events = input.member("logEvents").items();
            let bytes: u64 = events.iter().map(event_bytes).sum();
            #[expect(clippy::cast_precision_loss, reason = "a request is at most 16 MiB")]
            let usage = Usage {
                log_bytes_standard: bytes as f64,
                ..Usage::default()
            };
            many(events.len(), usage)
        }
        (Service::CostExplorer, _) => many(
            1,
            Usage {
                cost_explorer_requests: 1.0,
                ..Usage::default()
            },
        ),
        (Service::Sns, "Publish") => many(
            1,
            Usage {
                sns_publishes: 1.0,
                ..Usage::default()
            },
        ),
        _ => many(1, Usage::default()),
    }
}

fn event_bytes(event: &Value) -> u64 {
    let message = event.member("message").text().map_or(0, str::len);
    u64::try_from(message).unwrap_or(0) + LOG_EVENT_OVERHEAD
}

fn add(sum: &mut Usage, more: &Usage) {
    sum.metric_months += more.metric_months;
    sum.api_requests += more.api_requests;
    sum.metrics_read += more.metrics_read;
    sum.log_bytes_standard += more.log_bytes_standard;
    sum.log_bytes_infrequent += more.log_bytes_infrequent;
    sum.alarm_months += more.alarm_months;
    sum.alarm_high_resolution_months += more.alarm_high_resolution_months;
    sum.dashboard_months += more.dashboard_months;
    sum.cost_explorer_requests += more.cost_explorer_requests;
    sum.sns_publishes += more.sns_publishes;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(operation: &str, status: u16, error: &str) -> Entry {
        Entry {
            at: UnixMillis(0),
            service: Service::Logs,
            operation: operation.to_owned(),
            request_bytes: 10,
            status,
            error: error.to_owned(),
            fault: "",
            client: String::new(),
            items: 0,
            usage: Usage::default(),
            usd: 0.0,
        }
    }

    #[test]
    fn log_events_are_booked_with_their_overhead_and_only_when_taken() {
        let event = |text: &str| Value::map([("message", text.into())]);
        let input = Value::map([("logEvents", Value::List(vec![event("four"), event("")]))]);
        let load = load(Service::Logs, "PutLogEvents", &input);
        assert_eq!(load.items, 2);
        let ledger = Ledger::default();
        ledger.record(entry("PutLogEvents", 200, ""), load, true);
        ledger.record(
            entry("PutLogEvents", 400, "ThrottlingException"),
            load,
            false,
        );
        ledger.record(entry("PutLogEvents", 500, "InternalFailure"), load, false);
        let totals = ledger.totals();
        let total = &totals[0].2;
        assert!((total.usage.log_bytes_standard - 56.0).abs() < 1e-9);
        assert_eq!(
            (
                total.calls,
                total.accepted,
                total.throttled,
                total.failed,
                total.items
            ),
            (3, 1, 1, 1, 2)
        );
        assert!((ledger.usage().usd() - 56e-9 * 0.5).abs() < 1e-15);
    }

    #[test]
    fn a_program_is_known_by_the_name_that_it_gives() {
        let agent = "aws-sdk-rust/1.3.16 os/linux lang/rust/1.95 app/plimsoll-agent-0.1.0";
        assert_eq!(program(agent), Some("plimsoll-agent"));
        assert_eq!(program("Boto3/1.43 md/Botocore#1.43"), None);
        let ledger = Ledger::default();
        for client in [agent, agent, "curl"] {
            let mut entry = entry("PutLogEvents", 200, "");
            client.clone_into(&mut entry.client);
            ledger.record(entry, Load::default(), true);
        }
        let expected = (
            "plimsoll-agent".to_owned(),
            Service::Logs,
            "PutLogEvents".to_owned(),
        );
        assert_eq!(ledger.programs(), [expected]);
    }

    #[test]
    fn the_ring_and_the_table_of_operations_are_bounded() {
        let ledger = Ledger::default();
        for number in 0..2 * RECENT_MAX {
            let name = format!("Operation{number}{}", "x".repeat(100));
            ledger.record(entry(&name, 200, ""), Load::default(), true);
        }
        assert_eq!(ledger.recent(usize::MAX).len(), RECENT_MAX);
        let totals = ledger.totals();
        assert_eq!(totals.len(), OPERATIONS_MAX + 1);
        assert_eq!(
            totals.iter().map(|(_, _, total)| total.calls).sum::<u64>(),
            2 * RECENT_MAX as u64
        );
    }
}
