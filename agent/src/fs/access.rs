//! Why a file may not be read, and what lets it be: whose it is, with what mode, and the command.
//!
//! It only asks; rights are the administrator's to give.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};
use rustix::process::{geteuid, getgroups};

/// The error, and if it is one of rights, who has them and the remedy.
pub(crate) fn explain(path: &Path, error: &io::Error) -> String {
    let mut told = error.to_string();
    if error.kind() != io::ErrorKind::PermissionDenied {
        return told;
    }
    // A directory on the way that may not be searched hides the rights of all below it.
    let mut parents: Vec<&Path> = path.ancestors().skip(1).collect();
    parents.reverse();
    let closed = parents
        .into_iter()
        .find(|parent| access(*parent, Access::EXEC_OK).is_err());
    let at_fault = closed.unwrap_or(path);
    let Ok(metadata) = std::fs::metadata(at_fault) else {
        return told;
    };
    let user = geteuid().as_raw();
    let denied = Denied {
        path: at_fault,
        directory: metadata.is_dir(),
        owner: &name_of("/etc/passwd", metadata.uid()),
        group: &name_of("/etc/group", metadata.gid()),
        mode: metadata.mode() & 0o7777,
        user: &name_of("/etc/passwd", user),
        member: getgroups()
            .is_ok_and(|groups| groups.iter().any(|group| group.as_raw() == metadata.gid())),
    };
    // Writing to a string does not fail.
    write!(told, "; {}", denied.remedy()).ok();
    told
}

/// What is known about something that may not be read.
struct Denied<'a> {
    path: &'a Path,
    directory: bool,
    owner: &'a str,
    group: &'a str,
    mode: u32,
    /// Who wants to read it.
    user: &'a str,
    /// Whether that user is in the group.
    member: bool,
}

impl Denied<'_> {
    fn remedy(&self) -> String {
        let Self {
            path,
            owner,
            group,
            mode,
            user,
            ..
        } = self;
        let path = path.display();
        let (bits, rights) = if self.directory {
            (0o050, "rx")
        } else {
            (0o040, "r")
        };
        let whose = format!("{path} belongs to {owner}:{group} with mode {mode:04o}");
        // Nobody should join the group of root to read a log.
        if mode & bits == bits && !self.member && *group != "root" {
            return format!("{whose}; `usermod -aG {group} {user}` and a restart let it be read");
        }
        format!("{whose}; `setfacl -m u:{user}:{rights} {path}` lets it be read")
    }
}

/// The name of a user or group in a file such as `/etc/passwd`, or its number.
fn name_of(file: &str, id: u32) -> String {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let number = id.to_string();
    let named = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(&number)).then_some(name.to_owned())
    });
    named.unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_is_the_group_if_it_may_read_and_a_right_of_ones_own_if_not() {
        let check = |group: &str, mode: u32, directory: bool, member: bool, remedy: &str| {
            let denied = Denied {
                path: Path::new("/var/log/app"),
                directory,
                owner: "app",
                group,
                mode,
                user: "plimsoll",
                member,
            };
            let told = denied.remedy();
            let whose = format!("/var/log/app belongs to app:{group} with mode {mode:04o}; ");
            assert!(told.starts_with(&whose) && told.contains(remedy), "{told}");
        };
        check("adm", 0o640, false, false, "`usermod -aG adm plimsoll`");
        check("adm", 0o600, false, false, "`setfacl -m u:plimsoll:r /");
        check("root", 0o640, false, false, "`setfacl -m u:plimsoll:r /");
        check("adm", 0o640, false, true, "`setfacl -m u:plimsoll:r /");
        check("adm", 0o640, true, false, "`setfacl -m u:plimsoll:rx /");
    }

    #[test]
    fn only_an_error_of_rights_has_a_remedy() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(explain(Path::new("/a"), &missing), missing.to_string());
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let directory = std::env::temp_dir();
        let told = explain(&directory, &denied);
        assert!(
            told.contains("belongs to") && told.contains("with mode"),
            "{told}"
        );
        assert_eq!(name_of("/etc/passwd", 0), "root");
        assert_eq!(
            name_of("/etc/passwd", u32::MAX - 5),
            (u32::MAX - 5).to_string()
        );
    }
}
