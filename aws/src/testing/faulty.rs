//! A wrapper that makes the calls of any implementation slow and unreliable, by a seed.

use std::future::Future;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::script::{lock, throttled, unavailable};
use crate::{
    Alarm, AlarmsApi, CostApi, CostPage, CostQuery, Datum, Error, Lifecycle, LifecycleAction,
    LifecycleResult, LogBatch, LogGroup, LogsApi, MetricsApi, Notification, NotifyApi, ObjectsApi,
    QueueApi, QueueMessage, Refused, ScalingApi, StoredAlarm,
};

/// How often what goes wrong. Shares lie between 0 and 1; together they should not exceed 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Faults {
    /// Decides which calls fail; the same seed fails the same calls.
    pub seed: u64,
    /// The share of calls that are throttled, without effect.
    pub throttled: f64,
    /// The share of calls that are lost before they have an effect.
    pub lost_before: f64,
    /// The share of calls that have their effect, but whose answer is lost.
    pub lost_after: f64,
    /// How long each call takes, on tokio's clock.
    pub latency: Duration,
}

/// Delegates to `A`, with [`Faults`].
#[derive(Debug)]
pub struct Faulty<A> {
    inner: A,
    faults: Faults,
    random: Mutex<fastrand::Rng>,
    failed: AtomicUsize,
}

/// What becomes of one call.
enum Fate {
    Done,
    Throttled,
    LostBefore,
    LostAfter,
}

impl<A> Faulty<A> {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: A, faults: Faults) -> Self {
        Self {
            inner,
            faults,
            random: Mutex::new(fastrand::Rng::with_seed(faults.seed)),
            failed: AtomicUsize::new(0),
        }
    }

    /// What is wrapped.
    #[must_use]
    pub fn inner(&self) -> &A {
        &self.inner
    }

    /// How many calls were made to fail.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failed.load(Ordering::Relaxed)
    }

    fn fate(&self) -> Fate {
        let Faults {
            throttled,
            lost_before,
            lost_after,
            ..
        } = self.faults;
        let dice = lock(&self.random).f64();
        if dice < throttled {
            Fate::Throttled
        } else if dice < throttled + lost_before {
            Fate::LostBefore
        } else if dice < throttled + lost_before + lost_after {
            Fate::LostAfter
        } else {
            Fate::Done
        }
    }

    /// Makes one call, or does not, and gives its answer, or does not.
    async fn around<T>(
        &self,
        call: &'static str,
        effect: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let fate = self.fate();
        if !self.faults.latency.is_zero() {
            tokio::time::sleep(self.faults.latency).await;
        }
        let answer = match fate {
            Fate::Done => return effect.await,
            Fate::Throttled => Err(throttled(call)),
            Fate::LostBefore => Err(unavailable(call)),
            Fate::LostAfter => effect.await.and_then(|_| Err(unavailable(call))),
        };
        self.failed.fetch_add(1, Ordering::Relaxed);
        answer
    }
}

impl<A: LogsApi> LogsApi for Faulty<A> {
    async fn put_log_events(&self, batch: &LogBatch) -> Result<Refused, Error> {
        self.around("PutLogEvents", self.inner.put_log_events(batch))
            .await
    }

    async fn create_log_group(&self, group: &LogGroup) -> Result<(), Error> {
        self.around("CreateLogGroup", self.inner.create_log_group(group))
            .await
    }

    async fn create_log_stream(&self, group: &str, stream: &str) -> Result<(), Error> {
        let effect = self.inner.create_log_stream(group, stream);
        self.around("CreateLogStream", effect).await
    }
}

impl<A: MetricsApi> MetricsApi for Faulty<A> {
    async fn put_metric_data(&self, namespace: &str, datums: &[Datum]) -> Result<(), Error> {
        let effect = self.inner.put_metric_data(namespace, datums);
        self.around("PutMetricData", effect).await
    }
}

impl<A: AlarmsApi> AlarmsApi for Faulty<A> {
    async fn put_alarm(&self, alarm: &Alarm) -> Result<(), Error> {
        self.around("PutMetricAlarm", self.inner.put_alarm(alarm))
            .await
    }

    async fn describe_alarms(&self, prefix: &str) -> Result<Vec<StoredAlarm>, Error> {
        self.around("DescribeAlarms", self.inner.describe_alarms(prefix))
            .await
    }

    async fn put_dashboard(&self, name: &str, body: &str) -> Result<Vec<String>, Error> {
        self.around("PutDashboard", self.inner.put_dashboard(name, body))
            .await
    }

    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, Error> {
        self.around("GetDashboard", self.inner.get_dashboard(name))
            .await
    }
}

impl<A: ScalingApi> ScalingApi for Faulty<A> {
    async fn complete_lifecycle_action(
        &self,
        action: &LifecycleAction,
        result: LifecycleResult,
    ) -> Result<Lifecycle, Error> {
        let effect = self.inner.complete_lifecycle_action(action, result);
        self.around("CompleteLifecycleAction", effect).await
    }

    async fn record_heartbeat(&self, action: &LifecycleAction) -> Result<Lifecycle, Error> {
        let effect = self.inner.record_heartbeat(action);
        self.around("RecordLifecycleActionHeartbeat", effect).await
    }

    async fn group_of(&self, instance_id: &str) -> Result<Option<String>, Error> {
        self.around("DescribeTags", self.inner.group_of(instance_id))
            .await
    }
}

impl<A: NotifyApi> NotifyApi for Faulty<A> {
    async fn publish(&self, topic: &str, notification: &Notification) -> Result<String, Error> {
        self.around("Publish", self.inner.publish(topic, notification))
            .await
    }
}

impl<A: QueueApi> QueueApi for Faulty<A> {
    async fn receive(&self, url: &str, wait: Duration) -> Result<Vec<QueueMessage>, Error> {
        self.around("ReceiveMessage", self.inner.receive(url, wait))
            .await
    }

    async fn delete(&self, url: &str, receipt: &str) -> Result<(), Error> {
        self.around("DeleteMessage", self.inner.delete(url, receipt))
            .await
    }
}

impl<A: ObjectsApi> ObjectsApi for Faulty<A> {
    async fn get_object(&self, bucket: &str, key: &str) -> Result<Bytes, Error> {
        self.around("GetObject", self.inner.get_object(bucket, key))
            .await
    }
}

impl<A: CostApi> CostApi for Faulty<A> {
    async fn daily_cost(&self, query: &CostQuery) -> Result<CostPage, Error> {
        self.around("GetCostAndUsage", self.inner.daily_cost(query))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeMetrics;

    #[tokio::test(start_paused = true)]
    async fn faults_come_in_their_shares_and_lost_answers_keep_their_effect() {
        let faults = Faults {
            seed: 7,
            throttled: 0.2,
            lost_before: 0.1,
            lost_after: 0.1,
            latency: Duration::from_millis(50),
        };
        let api = Faulty::new(FakeMetrics::default(), faults);
        let (mut done, mut throttled, mut lost) = (0, 0, 0);
        for _ in 0..1000 {
            match api.put_metric_data("N", &[]).await {
                Ok(()) => done += 1,
                Err(Error::Throttled { .. }) => throttled += 1,
                Err(_) => lost += 1,
            }
        }
        let kept = api.inner().puts();
        assert!((500..700).contains(&done), "{done}");
        assert!((150..250).contains(&throttled), "{throttled}");
        assert!((150..250).contains(&lost), "{lost}");
        assert!((50..150).contains(&(kept - done)), "{kept} {done}");
        assert_eq!(api.failed(), throttled + lost);
    }
}
