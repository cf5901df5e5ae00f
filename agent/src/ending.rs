//! How a run ends that cannot finish its work, and what is told of it.

use std::time::Duration;

use plimsoll_core::clock::{Clock, SystemClock};
use tokio::time::sleep;

use crate::config::Config;
use crate::health::Health;
use crate::{RunError, RunOptions, unsent};

/// Ends work that no longer moves: what is denied is tried for ever, but not by a run that somebody
/// waits for.
pub(crate) async fn unless_stalled(
    work: impl Future<Output = Result<(), RunError>>,
    health: &Health,
    patience: Duration,
) -> Result<(), RunError> {
    let done = || {
        health.lines_read.value()
            + health.events_sent.value()
            + health.events_rejected.total()
            + health.datums_sent.value()
    };
    let stalled = async {
        let mut before = done();
        loop {
            sleep(patience).await;
            if std::mem::replace(&mut before, done()) == before {
                return;
            }
        }
    };
    tokio::select! {
        ended = work => ended,
        () = stalled => Err(RunError::Stalled { waited: patience, bytes: 0 }),
    }
}

/// Tells what is left in the files.
pub(crate) async fn tell_unsent(
    config: &Config,
    options: RunOptions,
    ended: Result<(), RunError>,
) -> Result<(), RunError> {
    let bytes = if config.logs.is_some() && !options.dry_run {
        unsent::record(&config.agent.state_dir, SystemClock.now()).await
    } else {
        0
    };
    ended.map_err(|error| match error {
        RunError::Stalled { waited, .. } => RunError::Stalled { waited, bytes },
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn work_that_moves_may_take_long_and_work_that_does_not_is_ended() {
        let health = Health::default();
        let begun = Instant::now();
        let work = async {
            for _ in 0..100 {
                sleep(PATIENCE / 2).await;
                health.events_sent.add(1);
            }
            std::future::pending().await
        };
        let ended = unless_stalled(work, &health, PATIENCE).await;
        assert!(matches!(
            ended,
            Err(RunError::Stalled {
                waited: PATIENCE,
                ..
            })
        ));
        let took = begun.elapsed();
        assert!((PATIENCE * 51..=PATIENCE * 53).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_ends_is_not_waited_for() {
        let begun = Instant::now();
        let work = async { Ok(()) };
        unless_stalled(work, &Health::default(), PATIENCE)
            .await
            .unwrap();
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
