//! Looks from time to time what the parameters hold that the configuration was read from.
//!
//! The waits of a fleet that was started in one instant drift apart, and grow while Parameter Store
//! cannot be asked: its rate is shared by all that ask in an account and Region. Whether what it
//! holds is new, and what becomes of it, is decided by the reloader. Nothing is kept here.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::health::Health;

/// Up to this the waits double after failures, unless the interval itself is longer.
const FAILED_WAIT_MAX: Duration = Duration::from_hours(1);
/// How long one look may take; then it has failed.
const ASKING_MAX: Duration = Duration::from_mins(1);
/// Texts that wait for the reloader: while it is at work, a second look would see the same.
const TEXTS_MAX: usize = 1;

/// Looks that go on until this is dropped.
#[derive(Debug)]
pub(crate) struct Checks {
    texts: mpsc::Receiver<String>,
    task: JoinHandle<()>,
}

impl Checks {
    /// Begins to ask `interval` from now, more or less, and goes on. Failures are counted in `health`.
    pub(super) fn start<Asking>(
        interval: Duration,
        health: Arc<Health>,
        seed: u64,
        ask: impl Fn() -> Asking + Send + 'static,
    ) -> Self
    where
        Asking: Future<Output = Result<String, String>> + Send,
    {
        let (sender, texts) = mpsc::channel(TEXTS_MAX);
        let mut rng = Rng::with_seed(seed);
        let task = tokio::spawn(async move {
            let mut failures = 0;
            loop {
                sleep(wait(interval, failures, &mut rng)).await;
                let answer = timeout(ASKING_MAX, ask()).await;
                let answer = answer.unwrap_or_else(|_| Err("there was no answer".to_owned()));
                match answer {
                    Ok(text) => {
                        failures = 0;
                        if sender.send(text).await.is_err() {
                            return;
                        }
                    }
                    Err(why) => {
                        health.problems.add("config_check_failed", 1);
                        if failures == 0 {
                            log::warn!(
                                "whether the configuration has changed is not known, and the one in \
                                 force stays: {why}"
                            );
                        }
                        failures = failures.saturating_add(1);
                    }
                }
            }
        });
        Self { texts, task }
    }

    /// What the parameters hold, as soon as they were asked the next time. May be dropped unfinished.
    pub(super) async fn next(&mut self) -> String {
        match self.texts.recv().await {
            Some(text) => text,
            // The task ends only with this.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Checks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Half to one and a half of the interval, doubled for each failure in a row.
fn wait(interval: Duration, failures: u32, rng: &mut Rng) -> Duration {
    let factor = 2_u32.saturating_pow(failures);
    let longest = interval.max(FAILED_WAIT_MAX);
    interval
        .saturating_mul(factor)
        .min(longest)
        .mul_f64(0.5 + rng.f64())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    const INTERVAL: Duration = Duration::from_mins(5);

    #[test]
    fn waits_lie_around_the_interval_and_double_up_to_an_hour() {
        let mut rng = Rng::with_seed(7);
        let (mut sum, count) = (Duration::ZERO, 1000);
        for _ in 0..count {
            let drawn = wait(INTERVAL, 0, &mut rng);
            assert!(drawn >= INTERVAL / 2 && drawn <= INTERVAL * 3 / 2);
            sum += drawn;
        }
        let mean = sum / count;
        assert!(
            mean > INTERVAL * 9 / 10 && mean < INTERVAL * 11 / 10,
            "{mean:?}"
        );
        for (failures, nominal) in [(1, INTERVAL * 2), (3, INTERVAL * 8), (99, FAILED_WAIT_MAX)] {
            let drawn = wait(INTERVAL, failures, &mut rng);
            assert!(
                drawn >= nominal / 2 && drawn <= nominal * 3 / 2,
                "{failures}"
            );
        }
        let day = Duration::from_hours(24);
        assert!(
            wait(day, 9, &mut rng) >= day / 2,
            "never sooner than without failures"
        );
    }

    /// Checks whose answers are these, the last one again and again, and when each was asked for.
    fn checks(
        answers: Vec<Result<&'static str, &'static str>>,
    ) -> (Checks, Arc<Health>, Arc<Mutex<Vec<Duration>>>) {
        let (health, asked) = (
            Arc::new(Health::default()),
            Arc::new(Mutex::new(Vec::new())),
        );
        let (begun, times) = (Instant::now(), Arc::clone(&asked));
        let ask = move || {
            let mut times = times.lock().unwrap();
            let answer = answers[times.len().min(answers.len() - 1)];
            times.push(begun.elapsed());
            std::future::ready(answer.map(str::to_owned).map_err(str::to_owned))
        };
        let checks = Checks::start(INTERVAL, Arc::clone(&health), 7, ask);
        (checks, health, asked)
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_counted_and_waited_out_and_then_the_text_is_told() {
        let failed = Err("throttled");
        let (mut checks, health, asked) = checks(vec![failed, failed, failed, Ok("new")]);
        assert_eq!(checks.next().await, "new");
        assert_eq!(health.problems.snapshot(), [("config_check_failed", 3)]);
        let asked = asked.lock().unwrap().clone();
        // The fourth follows three waits of 5, 10 and 20 minutes and one of 40, each at least half of it.
        assert!(asked[3] >= INTERVAL * 15 / 2, "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_answer_the_waits_are_short_again() {
        let (mut checks, _, asked) = checks(vec![Err("throttled"), Ok("one"), Ok("two")]);
        assert_eq!(checks.next().await, "one");
        assert_eq!(checks.next().await, "two");
        let asked = asked.lock().unwrap().clone();
        assert!(asked[2] <= asked[1] + INTERVAL * 3 / 2, "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_gets_no_answer_is_given_up_and_counted() {
        let health = Arc::new(Health::default());
        let _checks = Checks::start(INTERVAL, Arc::clone(&health), 7, std::future::pending);
        sleep(INTERVAL * 3 / 2 + ASKING_MAX + Duration::from_secs(1)).await;
        assert_eq!(health.problems.snapshot(), [("config_check_failed", 1)]);
    }
}
