//! `plimsoll-agent bundle`: one archive with what someone who helps wants to see.
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

use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use plimsoll_core::cli::print;
use plimsoll_core::clock::{Clock, SystemClock};
use tar::{Builder, Header};

use super::asking::AskArgs;
use super::{ConfigArgs, PROGRAM, doctor};
use crate::control::question;
use scrubbed::{configuration, text};

/// The end of the journal that is taken, in lines.
const JOURNAL_LINES: &str = "2000";
/// Bytes of one member; a longer one is cut at its beginning.
const MEMBER_BYTES_MAX: usize = 4 * 1024 * 1024;
const ABOUT: &str = "What plimsoll-agent bundle has gathered on this host. Secrets, as far as they can be told by their\n\
                     names and forms, stand as [secret]; lines of logs, dead letters and values of the environment were\n\
                     not gathered. Look through it before you hand it on.\n";

/// Gather what someone who helps wants to see.
#[derive(Debug, Args)]
pub(super) struct BundleArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The archive; else plimsoll-agent-TIME.tar.gz in this directory. An existing file is kept.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the archive and tells what is in it.
pub(super) fn run(args: &BundleArgs) -> Result<(), String> {
    let usual = || PathBuf::from(format!("{PROGRAM}-{}.tar.gz", SystemClock.now().as_secs()));
    let path = args.output.clone().unwrap_or_else(usual);
    let members = gather(args);
    let written = create(&path).and_then(|file| write(file, &members));
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

/// Name and content of each member, scrubbed.
fn gather(args: &BundleArgs) -> Vec<(String, String)> {
    let mut members = vec![
        ("README.txt".to_owned(), ABOUT.to_owned()),
        ("version.txt".to_owned(), version()),
    ];
    members.extend(configurations(&args.config.path()));
    let findings = doctor::findings(&args.config);
    members.push(("doctor.jsonl".to_owned(), text(&findings)));
    let asked = AskArgs::of(&args.config).ask(&question("status"));
    let status = asked.and_then(super::asking::Answers::one);
    let status = status.map_or_else(|none| none.text().to_owned(), |told| told.to_string());
    members.push(("status.json".to_owned(), text(&status)));
    for (name, program, words) in COMMANDS {
        members.push((name.to_owned(), text(&said_by(program, words))));
    }
    for (_, content) in &mut members {
        cut(content);
    }
    members
}

/// Programs whose output tells something about the service.
const COMMANDS: [(&str, &str, &[&str]); 3] = [
    (
        "unit.txt",
        "systemctl",
        &["cat", "--no-pager", "plimsoll-agent.service"],
    ),
    (
        "unit-state.txt",
        "systemctl",
        &["show", "--no-pager", "plimsoll-agent.service"],
    ),
    (
        "journal.txt",
        "journalctl",
        &[
            "--no-pager",
            "-o",
            "short-iso",
            "-n",
            JOURNAL_LINES,
            "-u",
            "plimsoll-agent.service",
        ],
    ),
];

fn version() -> String {
    let (system, kernel) = (
        sysinfo::System::long_os_version(),
        sysinfo::System::kernel_version(),
    );
    format!(
        "{PROGRAM} {}\n{}\nLinux {}\n",
        env!("CARGO_PKG_VERSION"),
        system.unwrap_or_default(),
        kernel.unwrap_or_default()
    )
}

/// The configuration: a file, or all files of a directory.
fn configurations(path: &Path) -> Vec<(String, String)> {
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
    match Command::new(program).args(words).output() {
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

fn write(file: File, members: &[(String, String)]) -> io::Result<()> {
    let seconds = u64::try_from(SystemClock.now().as_secs()).unwrap_or(0);
    let mut archive = Builder::new(GzEncoder::new(file, Compression::default()));
    for (name, content) in members {
        let mut header = Header::new_gnu();
        header.set_size(u64::try_from(content.len()).unwrap_or(0));
        header.set_mode(0o600);
        header.set_mtime(seconds);
        archive.append_data(&mut header, format!("{PROGRAM}/{name}"), content.as_bytes())?;
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
