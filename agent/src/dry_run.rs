//! Says what would be called, with size and price, and calls nothing.
//!
//! It stands where the AWS clients stand, so a dry run takes the very road of a real run: the same
//! sources, batches and limits. Nothing is sent and nothing is written.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use plimsoll_aws::{
    Datum, DatumValue, Error, Lifecycle, LifecycleAction, LifecycleResult, LogBatch, LogClass,
    LogGroup, LogsApi, MetricsApi, Refused, ScalingApi,
};
use plimsoll_core::price::Usage;

use crate::batch::metrics::encoded_bytes_max;
use crate::sample::as_value;

/// Prints calls.
pub(crate) struct DryRun {
    out: Mutex<Box<dyn Write + Send>>,
    classes: BTreeMap<String, LogClass>,
    told: Mutex<Told>,
}

/// What would have been done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Told {
    calls: u64,
    datums: u64,
    events: u64,
    usage: Usage,
}

impl std::fmt::Debug for DryRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DryRun").finish_non_exhaustive()
    }
}

impl DryRun {
    /// Prints to `out`. The class of each log group decides its price.
    pub(crate) fn new<'g>(
        out: Box<dyn Write + Send>,
        groups: impl Iterator<Item = &'g LogGroup>,
    ) -> Self {
        Self {
            out: Mutex::new(out),
            classes: groups
                .map(|group| (group.name.clone(), group.class))
                .collect(),
            told: Mutex::default(),
        }
    }

    /// The last line: what all calls together would have cost.
    pub(crate) fn summary(&self) {
        let Told {
            calls,
            datums,
            events,
            usage,
        } = *self.told();
        let usd = usage.usd();
        self.say(&format!(
            "dry run: {calls} calls, {events} log events, {datums} datums, US$ {usd:.6} for calls and \
             log bytes; series are billed by the hour, see `validate`"
        ));
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, line: &str) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody reads any more: that is no reason to stop early.
        drop(writeln!(out, "{line}").and_then(|()| out.flush()));
    }

    fn call(&self, line: &str, events: u64, datums: u64, usage: &Usage) {
        let mut told = self.told();
        told.calls += 1;
        told.events += events;
        told.datums += datums;
        told.usage.api_requests += usage.api_requests;
        told.usage.log_bytes_standard += usage.log_bytes_standard;
        told.usage.log_bytes_infrequent += usage.log_bytes_infrequent;
        drop(told);
        // A sum of nothing is minus zero.
        self.say(&format!("{line} price_usd={:.7}", usage.usd() + 0.0));
    }
}

impl MetricsApi for DryRun {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        let bytes: usize = datums.iter().map(encoded_bytes_max).sum();
        let count = datums.len();
        let usage = Usage {
            api_requests: 1.0,
            ..Usage::default()
        };
        let line =
            format!("PutMetricData namespace={namespace} datums={count} bytes_at_most={bytes}");
        self.call(&line, 0, as_count(count), &usage);
        for datum in datums {
            let dimensions = datum.dimensions().iter();
            let dimensions: Vec<String> = dimensions
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            let (name, unit, time) = (datum.name(), datum.unit().as_str(), datum.time);
            let value = match &datum.value {
                DatumValue::One(value) => format!("{value}"),
                DatumValue::Statistics { count, sum, .. } => format!("sum {sum} of {count}"),
                DatumValue::Distribution(pairs) => {
                    let count: f64 = pairs.iter().map(|(_, count)| count).sum();
                    format!("{count} values of {} different ones", pairs.len())
                }
            };
            self.say(&format!(
                "  {time} {name}{{{}}} {value} {unit}",
                dimensions.join(",")
            ));
        }
        Ok(())
    }
}

impl LogsApi for DryRun {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        let (group, stream) = (&*batch.group, &*batch.stream);
        let billed = as_value(as_count(batch.billed_bytes));
        let usage = match self.classes.get(group).copied().unwrap_or_default() {
            LogClass::Standard => Usage {
                log_bytes_standard: billed,
                ..Usage::default()
            },
            LogClass::InfrequentAccess => Usage {
                log_bytes_infrequent: billed,
                ..Usage::default()
            },
        };
        let (events, bytes) = (batch.events, batch.body.len());
        let line = format!(
            "PutLogEvents group={group} stream={stream} events={events} bytes={bytes} billed_bytes={}",
            batch.billed_bytes
        );
        self.call(&line, as_count(events), 0, &usage);
        Ok(Refused::default())
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        let (name, class) = (&group.name, group.class.as_str());
        let days = group
            .retention_days
            .map_or("never".to_owned(), |days| format!("{days}d"));
        let line = format!("CreateLogGroup group={name} class={class} expires={days}");
        self.call(&line, 0, 0, &Usage::default());
        Ok(())
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        let line = format!("CreateLogStream group={group} stream={stream}");
        self.call(&line, 0, 0, &Usage::default());
        Ok(())
    }
}

/// Nothing is billed for these calls.
impl ScalingApi for DryRun {
    async fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleResult,
    ) -> Result<Lifecycle, Error> {
        let about = about(action);
        let line = format!("CompleteLifecycleAction {about} result={}", result.as_str());
        self.call(&line, 0, 0, &Usage::default());
        Ok(Lifecycle::Taken)
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<Lifecycle, Error> {
        let line = format!("RecordLifecycleActionHeartbeat {}", about(action));
        self.call(&line, 0, 0, &Usage::default());
        Ok(Lifecycle::Taken)
    }

    async fn group_of(&self, instance_id: &str) -> Result<Option<String>, Error> {
        let line = format!("DescribeTags instance={instance_id}");
        self.call(&line, 0, 0, &Usage::default());
        Ok(None)
    }
}

fn about(action: &LifecycleAction) -> String {
    let LifecycleAction {
        group,
        hook,
        instance_id,
    } = action;
    format!("group={group} hook={hook} instance={instance_id}")
}

fn as_count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use plimsoll_aws::Series;
    use plimsoll_core::catalog::LOAD_1;
    use plimsoll_core::clock::UnixMillis;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_call_is_told_with_its_size_and_price() {
        let paper = Paper::default();
        let group = LogGroup {
            name: "g".to_owned(),
            class: LogClass::InfrequentAccess,
            ..LogGroup::default()
        };
        let dry = DryRun::new(Box::new(paper.clone()), [&group].into_iter());
        let datum = Datum {
            series: Arc::new(Series {
                name: Arc::from(LOAD_1.name),
                unit: LOAD_1.unit,
                dimensions: Arc::new([(Arc::from("Host"), Arc::from("web"))]),
            }),
            time: UnixMillis(0),
            value: DatumValue::One(0.5),
            resolution_seconds: 60,
            additive: false,
        };
        dry.put_metric_data("Plimsoll/Host", &[datum])
            .await
            .unwrap();
        let batch = LogBatch {
            group: Arc::from("g"),
            stream: Arc::from("s"),
            body: "{}".into(),
            events: 3,
            billed_bytes: 1_000_000,
        };
        dry.put_log_events(&batch).await.unwrap();
        let wait = LifecycleAction {
            group: "web".to_owned(),
            hook: "drain".to_owned(),
            instance_id: "i-1".to_owned(),
        };
        let ended = dry.complete_lifecycle_action(&wait, LifecycleResult::Continue);
        assert_eq!(ended.await, Ok(Lifecycle::Taken));
        assert_eq!(dry.record_heartbeat(&wait).await, Ok(Lifecycle::Taken));
        assert_eq!(dry.group_of("i-1").await, Ok(None));
        dry.summary();
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        for expected in [
            "PutMetricData namespace=Plimsoll/Host datums=1 bytes_at_most=",
            "price_usd=0.0000100",
            "load_1{Host=web} 0.5 None",
            "PutLogEvents group=g stream=s events=3 bytes=2 billed_bytes=1000000 price_usd=0.0002500",
            "CompleteLifecycleAction group=web hook=drain instance=i-1 result=CONTINUE",
            "RecordLifecycleActionHeartbeat group=web hook=drain instance=i-1 price_usd=0.0000000",
            "DescribeTags instance=i-1",
            "dry run: 5 calls, 3 log events, 1 datums",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
