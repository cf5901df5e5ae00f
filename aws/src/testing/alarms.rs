//! Alarms and dashboards in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::script::{Script, lock};
use crate::{Alarm, AlarmState, AlarmsApi, Error, StoredAlarm};

/// Keeps alarms and dashboards by name. A new alarm has not enough data; a replaced one keeps its
/// state, as in CloudWatch.
#[derive(Clone, Debug, Default)]
pub struct FakeAlarms(Arc<State>);

#[derive(Debug, Default)]
struct State {
    script: Script<()>,
    alarms: Mutex<BTreeMap<String, StoredAlarm>>,
    dashboards: Mutex<BTreeMap<String, String>>,
    writes: Mutex<Vec<String>>,
}

impl FakeAlarms {
    /// Lays down the answer of the next write that has none yet. A scripted error writes nothing.
    pub fn answer(&self, answer: Result<(), Error>) {
        self.0.script.push(Some(answer));
    }

    /// Puts an alarm into a state, as a passing threshold would. Nothing happens without the alarm.
    pub fn set_state(&self, name: &str, state: AlarmState, reason: &str) {
        if let Some(stored) = lock(&self.0.alarms).get_mut(name) {
            stored.state = state;
            reason.clone_into(&mut stored.reason);
        }
    }

    /// All alarms with their tags, by name.
    #[must_use]
    pub fn alarms(&self) -> BTreeMap<String, StoredAlarm> {
        lock(&self.0.alarms).clone()
    }

    /// All dashboards, by name.
    #[must_use]
    pub fn dashboards(&self) -> BTreeMap<String, String> {
        lock(&self.0.dashboards).clone()
    }

    /// The names of what was written, in order, with repetition.
    #[must_use]
    pub fn writes(&self) -> Vec<String> {
        lock(&self.0.writes).clone()
    }
}

impl AlarmsApi for FakeAlarms {
    async fn put_alarm(&self, alarm: &Alarm) -> Result<(), Error> {
        self.0.script.next().transpose()?;
        lock(&self.0.writes).push(alarm.name.clone());
        lock(&self.0.alarms)
            .entry(alarm.name.clone())
            .and_modify(|stored| {
                // Tags are set when the alarm is made and stay.
                let tags = std::mem::take(&mut stored.alarm.tags);
                stored.alarm = Alarm {
                    tags,
                    ..alarm.clone()
                };
            })
            .or_insert_with(|| StoredAlarm {
                alarm: alarm.clone(),
                state: AlarmState::InsufficientData,
                reason: "Unchecked: Initial alarm creation".to_owned(),
            });
        Ok(())
    }

    async fn describe_alarms(&self, prefix: &str) -> Result<Vec<StoredAlarm>, Error> {
        let alarms = lock(&self.0.alarms);
        let found = alarms
            .values()
            .filter(|stored| stored.alarm.name.starts_with(prefix));
        Ok(found
            .cloned()
            .map(|mut stored| {
                stored.alarm.tags.clear();
                stored
            })
            .collect())
    }

    async fn put_dashboard(&self, name: &str, body: &str) -> Result<Vec<String>, Error> {
        self.0.script.next().transpose()?;
        lock(&self.0.writes).push(name.to_owned());
        lock(&self.0.dashboards).insert(name.to_owned(), body.to_owned());
        Ok(Vec::new())
    }

    async fn get_dashboard(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(lock(&self.0.dashboards).get(name).cloned())
    }
}
