//! One archive with what someone who helps wants to see.
//!
//! Lines of logs, dead letters and values of environment variables are never in it; what remains is
//! scrubbed of whatever looks like a secret. It is written with rights for its owner alone, and
//! nothing is sent anywhere.

mod scrubbed;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use plimsoll_core::cli::print;
use plimsoll_core::clock::{Clock, SystemClock};
use rustix::system::uname;
use tar::{Builder, Header};

use crate::Service;
use crate::said::said;
use scrubbed::{configuration, text};

/// The end of the journal that is taken, in lines.
const JOURNAL_LINES: &str = "2000";
/// Bytes of one member; a longer one is cut at its beginning.
const MEMBER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Name and content of a member.
pub type Member = (String, String);

/// What the service says of itself: the findings of its doctor, and its answer to `status`.
#[derive(Debug)]
pub struct Told<'t> {
    /// A file of configuration, a directory of them, or what is neither and cannot be read.
    pub config: &'t Path,
    /// What `doctor` finds.
    pub findings: String,
    /// What `status` answers, or why it does not.
    pub status: String,
}

/// Writes the archive and tells what is in it. Without `output` it is PROGRAM-TIME.tar.gz in this
/// directory; an existing file is kept.
///
/// # Errors
/// What to complain with, when the archive cannot be written.
pub fn bundle(service: &Service, output: Option<PathBuf>, told: &Told<'_>) -> Result<(), String> {
    let usual = || {
        let now = SystemClock.now().as_secs();
        PathBuf::from(format!("{}-{now}.tar.gz", service.program))
    };
    let path = output.unwrap_or_else(usual);
    let members = gather(service, told);
    let written = create(&path).and_then(|file| write(file, service, &members));
    written.map_err(|error| {
        format!("{}: cannot be written: {error}; expected a new file in a directory that this user may write to\n", path.display())
    })?;
    for (name, content) in &members {
        print(&format!("{:>9} bytes  {name}\n", content.len()));
    }
    print(&format!(
        "{}: look through it before you hand it on\n",
        path.display()
    ));
    Ok(())
}

/// Every member, scrubbed.
fn gather(service: &Service, told: &Told<'_>) -> Vec<Member> {
    let mut members = vec![
        ("README.txt".to_owned(), about(service)),
        ("version.txt".to_owned(), version(service)),
    ];
    members.extend(configurations(told.config));
    members.push(("doctor.jsonl".to_owned(), text(&told.findings)));
    members.push(("status.json".to_owned(), text(&told.status)));
    let unit = service.unit();
    for (name, program, words) in COMMANDS {
        let mut words = words.to_vec();
        words.push(&unit);
        members.push((name.to_owned(), text(&said_by(program, &words))));
    }
    for (_, content) in &mut members {
        cut(content);
    }
    members
}

/// Programs whose output tells something about the service, with the unit's name behind.
const COMMANDS: [(&str, &str, &[&str]); 3] = [
    ("unit.txt", "systemctl", &["cat", "--no-pager"]),
    ("unit-state.txt", "systemctl", &["show", "--no-pager"]),
    (
        "journal.txt",
        "journalctl",
        &["--no-pager", "-o", "short-iso", "-n", JOURNAL_LINES, "-u"],
    ),
];

fn about(service: &Service) -> String {
    format!(
        "What {} bundle has gathered on this host. Secrets, as far as they can be told by their\n\
         names and forms, stand as [secret]; lines of logs, dead letters and values of the\n\
         environment were not gathered. Look through it before you hand it on.\n",
        service.program
    )
}

fn version(service: &Service) -> String {
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let kernel = uname();
    format!(
        "{} {}\nLinux {} {}\n{system}",
        service.program,
        service.version,
        kernel.release().to_string_lossy(),
        kernel.machine().to_string_lossy()
    )
}

/// The configuration: a file, or all files of a directory.
fn configurations(path: &Path) -> Vec<Member> {
    let mut files = vec![path.to_owned()];
    if let Ok(entries) = fs::read_dir(path) {
        files = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.sort_unstable();
    }
    let named = files.iter().map(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let content = match fs::read_to_string(file) {
            Ok(content) => configuration(&content),
            Err(error) => format!("cannot be read: {error}\n"),
        };
        (format!("configuration/{name}"), content)
    });
    named.collect()
}

fn said_by(program: &str, words: &[&str]) -> String {
    match said(Command::new(program).args(words)) {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            format!("{said}{}", String::from_utf8_lossy(&output.stderr))
        }
        Err(error) => format!("{program}: {error}\n"),
    }
}

/// Keeps the end of what is too long.
fn cut(content: &mut String) {
    let mut from = content.len().saturating_sub(MEMBER_BYTES_MAX);
    while !content.is_char_boundary(from) {
        from += 1;
    }
    content.drain(..from);
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}

fn write(file: File, service: &Service, members: &[Member]) -> io::Result<()> {
    let seconds = u64::try_from(SystemClock.now().as_secs()).unwrap_or(0);
    let mut archive = Builder::new(GzEncoder::new(file, Compression::default()));
    for (name, content) in members {
        let mut header = Header::new_gnu();
        header.set_size(u64::try_from(content.len()).unwrap_or(0));
        header.set_mode(0o600);
        header.set_mtime(seconds);
        archive.append_data(
            &mut header,
            format!("{}/{name}", service.program),
            content.as_bytes(),
        )?;
    }
    let mut file = archive.into_inner()?.finish()?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_keeps_its_end() {
        let mut long = "é".repeat(MEMBER_BYTES_MAX);
        long.push_str("end");
        cut(&mut long);
        assert!(long.len() <= MEMBER_BYTES_MAX && long.ends_with("end"));
        let mut short = "short".to_owned();
        cut(&mut short);
        assert_eq!(short, "short");
    }

    #[test]
    fn an_archive_that_is_there_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.tar.gz");
        fs::write(&path, "mine").unwrap();
        assert_eq!(
            create(&path).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
