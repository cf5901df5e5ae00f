//! What comes out of files, whatever they are packed in and in whichever order they come.

use super::*;
use crate::detect::RuleSet;
use crate::source::support::stop;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;

fn detectors() -> Detectors {
    Detectors {
        rules: RuleSet::few(),
        ..Detectors::default()
    }
}

async fn look(paths: &[&Path]) -> Report {
    let paths: Vec<PathBuf> = paths.iter().map(|path| (*path).to_owned()).collect();
    let mut seen = Vec::new();
    let report = investigate(&paths, detectors(), |done, all| seen.push((done, all)));
    let report = report.await.unwrap();
    let (done, all) = seen[seen.len() - 1];
    assert_eq!(done, all, "the last word is that all is done");
    report
}

/// Rule and event of every finding, whatever file they were in.
fn found(report: &Report) -> Vec<(String, String)> {
    let findings = report.files.iter().flat_map(|file| &file.findings);
    let mut all: Vec<_> = findings
        .map(|found| {
            assert!(found.incident.is_some(), "{}", found.finding.title);
            let finding = &found.finding;
            (finding.rule.clone(), finding.evidence[0].reference.clone())
        })
        .collect();
    all.sort();
    all
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn the_same_events_give_the_same_findings_in_files_archives_and_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = ["e-1", "e-2"].map(|id| stop(id).to_string());
    let [first, second] = ["a.json", "b.json"].map(|name| folder.path().join(name));
    fs::write(&first, &one).unwrap();
    fs::write(&second, &two).unwrap();
    let forwards = look(&[&first, &second]).await;
    assert_eq!(found(&forwards).len(), 2);
    assert!(forwards.problems.is_empty(), "{:?}", forwards.problems);
    assert_eq!(found(&look(&[&second, &first]).await), found(&forwards));
    assert_eq!(found(&look(&[folder.path()]).await), found(&forwards));
    // Twice the same event is one.
    assert_eq!(
        found(&look(&[&first, folder.path()]).await),
        found(&forwards)
    );

    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in [
        ("x/a.json", one.into_bytes()),
        ("b.json.gz", packed(two.as_bytes())),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        archive
            .append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    let bytes = archive.into_inner().unwrap();
    for (name, bytes) in [("all.tar", bytes.clone()), ("all.tar.gz", packed(&bytes))] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let report = look(&[&path]).await;
        assert_eq!(found(&report), found(&forwards), "{name}");
        assert!(report.files[0].name.ends_with(&format!("{name}:x/a.json")));
        fs::remove_file(path).unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_counted_with_its_place_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let whole = packed(stop("e-1").to_string().as_bytes());
    write("a.json.gz", &whole[..whole.len() / 2]);
    write("b.json", b"{\"Records\": [{\"eventID\": \"x\"}, 7, ");
    write("c.json", stop("e-2").to_string().as_bytes());
    let nowhere = folder.path().join("nowhere");
    let torn = folder.path().join("torn.tar.gz");
    fs::write(&torn, &whole[..9]).unwrap();
    let report = look(&[folder.path(), &nowhere, &torn]).await;
    assert_eq!(found(&report).len(), 1);
    let (count, place) = &report.problems["unreadable"];
    assert_eq!(*count, 2, "{:?}", report.problems);
    assert!(place.contains("nowhere"), "{place}");
    assert!(
        report.problems.contains_key("broken_gzip"),
        "{:?}",
        report.problems
    );
    assert!(report.problems.len() >= 3, "{:?}", report.problems);
}
