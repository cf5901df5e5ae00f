//! From a selection to the matches of the journal. Pure.
//!
//! The journal finds matching entries by its index, so what is not selected is never read. Its
//! matches know "or" and "and", not "not".

use crate::config::{Boot, JournalSelection};

/// The message of systemd-coredump about a program that crashed.
/// Source: systemd's `sd-messages.h`, `SD_MESSAGE_COREDUMP`.
const COREDUMP: &str = "MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1";
/// How an entry may have been received, the kernel's own ones aside.
/// Source: systemd's manual, systemd.journal-fields(7), `_TRANSPORT=`.
const TRANSPORTS: [&str; 5] = ["audit", "driver", "syslog", "journal", "stdout"];

/// A step in building a match, with the meaning that `sd_journal_add_match(3)` gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// This `FIELD=value`: beside others of the same field any of them, beside other fields all.
    Match(String),
    /// What comes before or what comes after, up to the next `And`.
    Or,
    /// Everything before and everything after.
    And,
}

/// The steps for `selection`. Groups that nothing was added to have no effect.
pub(crate) fn steps(selection: &JournalSelection, boot: u128) -> Vec<Step> {
    let mut steps = Vec::new();
    for unit in &selection.units {
        of_unit(unit, &mut steps);
    }
    steps.push(Step::And);
    let identifiers = &selection.identifiers;
    any_of("SYSLOG_IDENTIFIER", identifiers, &mut steps);
    if let Some(least) = selection.priority {
        any_of("PRIORITY", 0..=least, &mut steps);
    }
    match selection.kernel {
        Some(true) => any_of("_TRANSPORT", ["kernel"], &mut steps),
        Some(false) => any_of("_TRANSPORT", TRANSPORTS, &mut steps),
        None => {}
    }
    steps.extend(selection.matches.iter().cloned().map(Step::Match));
    steps.push(Step::And);
    if selection.boot == Boot::Current {
        any_of("_BOOT_ID", [format!("{boot:032x}")], &mut steps);
    }
    steps
}

fn any_of<T: ToString>(field: &str, values: impl IntoIterator<Item = T>, steps: &mut Vec<Step>) {
    let values = values.into_iter();
    steps.extend(values.map(|value| Step::Match(format!("{field}={}", value.to_string()))));
    steps.push(Step::And);
}

/// What a unit wrote, and what systemd, its helpers and systemd-coredump say about it, as
/// `journalctl --unit` shows it. Source: systemd's manual, journalctl(1), `-u`.
fn of_unit(unit: &str, steps: &mut Vec<Step>) {
    let mut about = |conditions: &[&str], field: &str| {
        let conditions = conditions
            .iter()
            .map(|term| Step::Match((*term).to_owned()));
        steps.extend(conditions);
        steps.extend([Step::Match(format!("{field}={unit}")), Step::Or]);
    };
    about(&[], "_SYSTEMD_UNIT");
    about(&["_PID=1"], "UNIT");
    about(&["_UID=0"], "OBJECT_SYSTEMD_UNIT");
    about(&["_UID=0", COREDUMP], "COREDUMP_UNIT");
    if unit
        .rsplit_once('.')
        .is_some_and(|(_, suffix)| suffix == "slice")
    {
        about(&[], "_SYSTEMD_SLICE");
    }
}

/// Whether an entry with these fields passes the steps: what the journal itself does.
#[cfg(test)]
pub(crate) fn passes(steps: &[Step], has: &dyn Fn(&str) -> bool) -> bool {
    steps.split(|step| *step == Step::And).all(|group| {
        let mut empty = true;
        let any = group.split(|step| *step == Step::Or).any(|terms| {
            let terms: Vec<&str> = terms
                .iter()
                .map(|step| match step {
                    Step::Match(term) => term.as_str(),
                    _ => "",
                })
                .collect();
            empty &= terms.is_empty();
            let field = |term: &str| term.split_once('=').map(|(name, _)| name.to_owned());
            !terms.is_empty()
                && terms.iter().all(|term| {
                    let mut same = terms.iter().filter(|other| field(other) == field(term));
                    same.any(|term| has(term))
                })
        });
        any || empty
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(selection: &JournalSelection, entry: &[&str], wanted: bool) {
        let steps = steps(selection, 0xab);
        let has = |term: &str| entry.contains(&term);
        assert_eq!(passes(&steps, &has), wanted, "{selection:?} {entry:?}");
    }

    #[test]
    fn values_of_one_key_are_alternatives_and_different_keys_must_all_hold() {
        let selection = JournalSelection {
            identifiers: vec!["a".to_owned(), "b".to_owned()],
            priority: Some(1),
            ..JournalSelection::default()
        };
        check(&selection, &["SYSLOG_IDENTIFIER=b", "PRIORITY=0"], true);
        check(&selection, &["SYSLOG_IDENTIFIER=a", "PRIORITY=1"], true);
        check(&selection, &["SYSLOG_IDENTIFIER=a", "PRIORITY=2"], false);
        check(&selection, &["SYSLOG_IDENTIFIER=a"], false);
        check(&selection, &["SYSLOG_IDENTIFIER=c", "PRIORITY=0"], false);
        check(&JournalSelection::default(), &["MESSAGE=anything"], true);
    }

    #[test]
    fn a_unit_is_what_it_wrote_and_what_systemd_says_about_it() {
        let selection = JournalSelection {
            units: vec!["a.service".to_owned(), "b.slice".to_owned()],
            matches: vec!["_COMM=x".to_owned(), "_COMM=y".to_owned()],
            ..JournalSelection::default()
        };
        check(&selection, &["_SYSTEMD_UNIT=a.service", "_COMM=x"], true);
        check(&selection, &["_SYSTEMD_UNIT=a.service", "_COMM=z"], false);
        check(&selection, &["_PID=1", "UNIT=a.service", "_COMM=y"], true);
        check(&selection, &["_PID=2", "UNIT=a.service", "_COMM=y"], false);
        check(&selection, &["_SYSTEMD_SLICE=b.slice", "_COMM=y"], true);
        check(
            &selection,
            &["_UID=0", COREDUMP, "COREDUMP_UNIT=a.service", "_COMM=x"],
            true,
        );
    }

    #[test]
    fn the_kernel_and_the_boot_are_selected() {
        let selection = |kernel, boot| JournalSelection {
            boot,
            kernel,
            ..JournalSelection::default()
        };
        let current = format!("_BOOT_ID={}ab", "0".repeat(30));
        let (kernel, other) = ("_TRANSPORT=kernel", "_TRANSPORT=stdout");
        check(&selection(Some(true), Boot::All), &[kernel], true);
        check(&selection(Some(true), Boot::All), &[other], false);
        check(&selection(Some(false), Boot::All), &[other], true);
        check(&selection(Some(false), Boot::All), &[kernel], false);
        check(&selection(None, Boot::Current), &[kernel, &current], true);
        check(&selection(None, Boot::Current), &["_BOOT_ID=12"], false);
    }
}
