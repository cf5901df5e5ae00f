//! Users and groups by name, and files tried as another user.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use crate::said::said;

/// Whom the service runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub(super) user: u32,
    pub(super) group: u32,
    /// Its home directory.
    pub(super) home: String,
    /// Its other groups, those of the unit included.
    pub(super) others: Vec<u32>,
}

const USERS: &str = "/etc/passwd";
const GROUPS: &str = "/etc/group";

/// The user `name` with the groups that it is in and `more`; or what does not exist.
///
/// # Errors
/// The name of the user or of the first group that is not there.
pub(super) fn account(name: &str, more: &[String]) -> Result<Account, String> {
    let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
    let (mut users, mut groups) = (read(USERS)?, read(GROUPS)?);
    // A directory of users that is not on this host.
    users.push_str(&elsewhere(&["passwd", name]));
    for group in more {
        groups.push_str(&elsewhere(&["group", group]));
    }
    find(name, more, &users, &groups)
}

/// What the name service knows; nothing where there is no `getent`.
fn elsewhere(words: &[&str]) -> String {
    let told = said(Command::new("getent").args(words));
    told.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// Source: `passwd(5)` and `group(5)`.
fn find(name: &str, more: &[String], users: &str, groups: &str) -> Result<Account, String> {
    let users = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let user = users
        .filter(|fields| fields.first() == Some(&name))
        .find_map(|fields| {
            let number = |index: usize| fields.get(index)?.parse().ok();
            let home = (*fields.get(5)?).to_owned();
            Some((number(2)?, number(3)?, home))
        });
    let (user, group, home) = user.ok_or_else(|| format!("there is no user `{name}`"))?;
    let groups: Vec<(&str, u32, &str)> = groups
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            Some((
                *fields.first()?,
                fields.get(2)?.parse().ok()?,
                *fields.get(3)?,
            ))
        })
        .collect();
    let mut others = BTreeSet::new();
    for wanted in more {
        let found = groups.iter().find(|(group, ..)| group == wanted);
        let (_, number, _) = found.ok_or_else(|| format!("there is no group `{wanted}`"))?;
        others.insert(*number);
    }
    let member = groups
        .iter()
        .filter(|(_, _, members)| members.split(',').any(|one| one == name));
    others.extend(member.map(|(_, number, _)| *number));
    Ok(Account {
        user,
        group,
        home,
        others: others.into_iter().collect(),
    })
}

/// The name of a user, or its number.
#[must_use]
pub fn name(user: u32) -> String {
    let users = fs::read_to_string(USERS).unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(user)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| user.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0::/root:/bin/sh\nplimsoll:x:998:997::/:/usr/sbin/nologin\n";
    const GROUPS: &str =
        "root:x:0:\nadm:x:4:syslog,plimsoll\nplimsoll:x:997:\nsystemd-journal:x:101:\n";

    #[test]
    fn an_account_has_its_own_groups_and_those_of_the_unit() {
        let more = ["systemd-journal".to_owned()];
        let found = find("plimsoll", &more, USERS, GROUPS);
        let expected = Account {
            user: 998,
            group: 997,
            home: "/".to_owned(),
            others: vec![4, 101],
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let none = find("nobody-here", &[], USERS, GROUPS);
        assert_eq!(none, Err("there is no user `nobody-here`".to_owned()));
        let more = ["wheel".to_owned()];
        let none = find("plimsoll", &more, USERS, GROUPS);
        assert_eq!(none, Err("there is no group `wheel`".to_owned()));
    }
}
