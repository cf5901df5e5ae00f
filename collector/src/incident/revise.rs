//! Compares incidents with what was told before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::{Incident, STRONG_GAP, Status, incident_id};

/// What was told before, as far as it touches the findings at hand.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Incidents by id: those that hold any of the findings, and those that have the id of any fresh
    /// incident.
    pub incidents: BTreeMap<String, Incident>,
    /// Which incident each finding belongs to.
    pub owner: BTreeMap<String, String>,
}

/// Turns freshly correlated incidents into revisions of what is known; gives those that are new or
/// different, and those that turned out to be part of another.
///
/// An incident takes over the id of the one told first among those whose findings it holds. The
/// others are merged into it. When findings part again, the id stays with the earlier part.
#[must_use]
pub fn revise(fresh: Vec<Incident>, known: &Known, now: UnixMillis) -> Vec<Incident> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut changed = Vec::new();
    let mut swallowed: Vec<(String, String)> = Vec::new();
    for mut incident in fresh {
        let mut before: Vec<&Incident> = incident
            .findings
            .iter()
            .filter_map(|finding| known.incidents.get(known.owner.get(finding)?))
            .collect();
        before.sort_by(|a, b| (a.opened, &a.id).cmp(&(b.opened, &b.id)));
        before.dedup_by(|a, b| a.id == b.id);
        let kept = before
            .iter()
            .find(|told| !taken.contains(&told.id))
            .copied();
        incident.id = match kept {
            Some(told) => told.id.clone(),
            None => free_id(&incident.id, &taken, known),
        };
        taken.insert(incident.id.clone());
        let others = before.iter().filter(|told| told.id != incident.id);
        for told in others {
            swallowed.push((told.id.clone(), incident.id.clone()));
            incident.includes.insert(told.id.clone());
            incident.includes.extend(told.includes.iter().cloned());
        }
        if let Some(revision) = revision(incident, kept, now) {
            changed.push(revision);
        }
    }
    // One that lost only some of its findings is still in `taken` and lives on.
    for (id, into) in swallowed {
        if !taken.contains(&id)
            && let Some(told) = known.incidents.get(&id)
            && told.status != (Status::Merged { into: into.clone() })
        {
            taken.insert(id);
            changed.push(Incident {
                status: Status::Merged { into },
                revision: told.revision.saturating_add(1),
                updated: now,
                findings: BTreeSet::new(),
                ..told.clone()
            });
        }
    }
    changed
}

/// The next revision, or `None` when nothing is different.
fn revision(mut incident: Incident, told: Option<&Incident>, now: UnixMillis) -> Option<Incident> {
    let Some(told) = told else {
        incident.opened = now;
        incident.updated = now;
        return Some(incident);
    };
    incident.includes.extend(told.includes.iter().cloned());
    incident.opened = told.opened;
    incident.updated = told.updated;
    incident.revision = told.revision;
    incident.status.clone_from(&told.status);
    if incident == *told {
        return None;
    }
    incident.revision = told.revision.saturating_add(1);
    incident.status = Status::Open;
    incident.updated = now;
    Some(incident)
}

/// An id that nobody has, made from `id` by a rule that gives the same at every run.
fn free_id(id: &str, taken: &BTreeSet<String>, known: &Known) -> String {
    let mut free = id.to_owned();
    while taken.contains(&free) || known.incidents.contains_key(&free) {
        free = incident_id([free.as_str()]);
    }
    free
}

/// Whether an incident that was closed goes on after [`STRONG_GAP`] of quiet, by the times of what
/// happened: it is news again, and told again. Facts about the old events that come in late, such as a bill
/// that is corrected, are none.
#[must_use]
pub fn came_back(incident: &Incident, told: &Incident) -> bool {
    told.status == Status::Closed
        && incident.is_open()
        && incident.time_last.since(told.time_last) > STRONG_GAP
}

/// Closes an incident to which nothing was joined for `quiet`; `None` when it stays as it is.
#[must_use]
pub fn close_quiet(incident: &Incident, quiet: Duration, now: UnixMillis) -> Option<Incident> {
    let over = incident.is_open() && now.since(incident.updated) >= quiet;
    over.then(|| Incident {
        status: Status::Closed,
        ..incident.clone()
    })
}
