//! The variables that the service has: those of its process, or those that its unit would give it.
//!
//! They may hold secrets; they are handed to a child and told to nobody.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

/// Names with their values.
pub(super) type Variables = Vec<(OsString, OsString)>;

/// Those of a running process; `None` if it tells nobody.
pub(super) fn of_process(pid: &str) -> Option<Variables> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let pairs = bytes.split(|byte| *byte == 0).filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
        Some((
            OsString::from_vec(name.to_vec()),
            OsString::from_vec(value.to_vec()),
        ))
    });
    Some(pairs.collect())
}

/// Those that a unit gives, as `systemctl show` tells them: `Environment`, and the files of
/// `EnvironmentFiles`, which come later and count more.
pub(super) fn of_unit(environment: &str, files: &str) -> Variables {
    let mut all: Variables = words(environment)
        .iter()
        .filter_map(|one| pair(one))
        .collect();
    // `/etc/x.env (ignore_errors=yes)`; of several files only the first is told.
    let file = files.split(" (").next().unwrap_or_default();
    let text = fs::read_to_string(file).unwrap_or_default();
    all.extend(of_file(&text));
    all
}

/// Lines of an `EnvironmentFile=`. Source: systemd.exec(5).
fn of_file(text: &str) -> Variables {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.starts_with(['#', ';']));
    lines
        .filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            let value = words(value.trim()).join(" ");
            pair(&format!("{}={value}", name.trim()))
        })
        .collect()
}

fn pair(word: &str) -> Option<(OsString, OsString)> {
    let (name, value) = word.split_once('=')?;
    Some((name.into(), value.into()))
}

/// Words between spaces, of which quotes keep those inside together and a backslash keeps the next
/// character.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' | '\'' if quote == Some(letter) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            '\\' if quote != Some('\'') => word.get_or_insert_default().extend(letters.next()),
            ' ' | '\t' if quote.is_none() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &Variables) -> Vec<String> {
        let one = |(name, value): &(OsString, OsString)| {
            format!("{}={}", name.display(), value.display())
        };
        variables.iter().map(one).collect()
    }

    #[test]
    fn a_unit_gives_its_own_variables_and_those_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("agent.env");
        let text = "# AWS_PROFILE=no\n\nHTTPS_PROXY = \"http://p:3128\"\nNO_PROXY='a, b'\nEMPTY=\n";
        fs::write(&file, text).unwrap();
        let files = format!("{} (ignore_errors=yes)", file.display());
        let found = of_unit("A=1 \"B=two words\" C=x\\ y", &files);
        let expected = [
            "A=1",
            "B=two words",
            "C=x y",
            "HTTPS_PROXY=http://p:3128",
            "NO_PROXY=a, b",
            "EMPTY=",
        ];
        assert_eq!(told(&found), expected);
        assert!(of_unit("", "/no/such/file").is_empty());
    }

    #[test]
    fn a_process_tells_its_variables() {
        let own = of_process("self").unwrap();
        assert!(own.iter().any(|(name, _)| name == "PATH"));
        assert!(of_process("no-such").is_none());
    }
}
