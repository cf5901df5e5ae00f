//! The hook of an instance that begins: completed once for each boot, after the first delivery.
//!
//! What was delivered is counted by the sinks; here is only looked whether anything was. The boot
//! is remembered on disk, so that a restart of the agent says nothing a second time.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::{Lifecycle, LifecycleResult, ScalingApi};
use tokio::time::{Instant, sleep};

use super::{World, hook};

/// How often is looked whether something was delivered.
const LOOK: Duration = Duration::from_secs(1);
/// How long completing is tried: no hook waits longer. Source: EC2 Auto Scaling user guide, "Key
/// considerations for lifecycle hooks".
const PATIENCE: Duration = Duration::from_hours(48);
/// The file that remembers the boot, below the state directory.
const FILE: &str = "launch-hook";
/// A name for this boot. Source: `proc_sys_kernel(5)`, `random/boot_id`.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Completes the hook, if there is one and this boot has not.
pub(super) async fn complete<A: ScalingApi>(world: Arc<World<A>>, state_dir: PathBuf) {
    let Some(name) = world.config.launch_hook.as_deref().filter(|_| world.acts) else {
        return;
    };
    let file = state_dir.join(FILE);
    let boot = fs::read_to_string(BOOT_ID).unwrap_or_default();
    let before = fs::read_to_string(&file).unwrap_or_default();
    if !boot.is_empty() && before == boot {
        return;
    }
    while world.health.events_sent.value() + world.health.datums_sent.value() == 0 {
        sleep(LOOK).await;
    }
    let until = Instant::now() + PATIENCE;
    let action = hook::action(world.known.clone(), name).await;
    let result = LifecycleResult::Continue;
    match hook::complete(&*world.api, &action, result, until, &world.health).await {
        Ok(done) => {
            let already = if done == Lifecycle::Over {
                " already"
            } else {
                ""
            };
            log::info!(hook = name; "the launch of this instance is completed{already}");
            if let Err(error) = fs::write(&file, boot) {
                log::warn!("{FILE} cannot be written: {error}; a restart completes the hook again");
            }
        }
        Err(why) => log::error!(hook = name; "the launch hook is not completed: {why}"),
    }
}
