//! What systemd is told: ready, alive, how it goes, stopping. Outside of systemd all of it does
//! nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// How often the line of `systemctl status` is renewed, at most.
const STATUS_EVERY: Duration = Duration::from_secs(20);

/// The service is up.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// A new configuration is being read; [`ready`] follows. The time is what `Type=notify-reload` asks
/// for, see systemd.service(5).
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => log::debug!("systemd could not be told: {error}"),
    }
}

/// The service drains and will end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Says from now on that the runtime still turns, twice per watchdog period if the unit has a
/// watchdog, and what `status` says whenever that has changed. `None` where nobody listens. The task
/// must be aborted at the end.
#[must_use]
pub fn alive(status: impl Fn() -> String + Send + 'static) -> Option<JoinHandle<()>> {
    std::env::var_os("NOTIFY_SOCKET")?;
    let watchdog = sd_notify::watchdog_enabled().map(|period| period / 2);
    let watchdog = watchdog.filter(|period| !period.is_zero());
    let period = watchdog.map_or(STATUS_EVERY, |period| period.min(STATUS_EVERY));
    Some(tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = String::new();
        loop {
            ticks.tick().await;
            if watchdog.is_some() {
                tell(&[NotifyState::Watchdog]);
            }
            let now = status();
            if now != said {
                tell(&[NotifyState::Status(&now)]);
                said = now;
            }
        }
    }))
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        log::debug!("systemd could not be told: {error}");
    }
}
