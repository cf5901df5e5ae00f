//! Replays recorded samples as if they happened now.
//!
//! Copies the files of `cloudtrail/` and `guardduty/` from one folder to another, one at a time,
//! with every time moved so that the newest is a moment ago. CloudTrail files arrive compressed,
//! as CloudTrail delivers them. A file appears whole or not at all: it is written beside its
//! place and renamed. What cannot be parsed is copied as it is, because broken input is part of
//! what is replayed. Nothing of the samples is ever changed in place.

mod shift;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::config::parse_duration;
use serde_json::Value;

/// The newest time of the samples becomes this long ago: deliveries are never from the future.
const NEWEST_AGE: Duration = Duration::from_secs(3);
/// The kinds of samples: the folder, and whether its files are delivered compressed.
const KINDS: [(&str, bool); 2] = [("cloudtrail", true), ("guardduty", false)];

/// What to replay, where to and how fast.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The folder with the samples, which has folders `cloudtrail` and `guardduty`.
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The folder to deliver to; it gets the same two folders.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// The time from the first delivery to the last.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    pub spread: Duration,
}

/// A sample could not be read or delivered.
#[derive(Debug, thiserror::Error)]
#[error("{what} {path}", path = path.display())]
pub struct ReplayError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Delivers the samples; `told` hears of each file as it arrives.
///
/// # Errors
/// When a folder or file cannot be read or written; what was delivered before stays.
pub async fn run(
    options: &Options,
    clock: &dyn Clock,
    mut told: impl FnMut(&Path),
) -> Result<usize, ReplayError> {
    let samples = read(&options.from)?;
    let by = distance(&samples, clock.now());
    let gaps = u32::try_from(samples.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let pause = options.spread.checked_div(gaps).unwrap_or_default();
    for (place, sample) in samples.iter().enumerate() {
        if place > 0 {
            tokio::time::sleep(pause).await;
        }
        told(&deliver(sample, by, &options.to)?);
    }
    Ok(samples.len())
}

/// One recorded file.
#[derive(Debug)]
struct Sample {
    kind: &'static str,
    compressed: bool,
    name: OsString,
    bytes: Vec<u8>,
    /// The document, when the bytes are one.
    document: Option<Value>,
    newest: Option<Timestamp>,
}

/// Reads all samples, in the order in which they would have been delivered. Those without a
/// time come last.
fn read(from: &Path) -> Result<Vec<Sample>, ReplayError> {
    let mut samples = Vec::new();
    for (kind, compressed) in KINDS {
        let folder = from.join(kind);
        let entries = fs::read_dir(&folder).map_err(failed("cannot list", &folder))?;
        for entry in entries {
            let entry = entry.map_err(failed("cannot list", &folder))?;
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let bytes = fs::read(&path).map_err(failed("cannot read", &path))?;
            let document: Option<Value> = serde_json::from_slice(&bytes).ok();
            let newest = document.as_ref().and_then(shift::newest);
            samples.push(Sample {
                kind,
                compressed,
                name: entry.file_name(),
                bytes,
                document,
                newest,
            });
        }
    }
    samples.sort_by(|a, b| {
        let order = |sample: &Sample| (sample.newest.is_none(), sample.newest);
        order(a).cmp(&order(b)).then_with(|| a.name.cmp(&b.name))
    });
    Ok(samples)
}

/// How far the times must move.
fn distance(samples: &[Sample], now: UnixMillis) -> SignedDuration {
    let newest = samples.iter().filter_map(|sample| sample.newest).max();
    newest.map_or(SignedDuration::ZERO, |newest| {
        let target = (now - NEWEST_AGE).as_secs();
        SignedDuration::from_secs(target.saturating_sub(newest.as_second()))
    })
}

/// Writes one sample to its place and tells where that is.
fn deliver(sample: &Sample, by: SignedDuration, to: &Path) -> Result<PathBuf, ReplayError> {
    let bytes = match sample.document.clone() {
        Some(mut document) => {
            shift::shift(&mut document, by);
            document.to_string().into_bytes()
        }
        None => sample.bytes.clone(),
    };
    let folder = to.join(sample.kind);
    fs::create_dir_all(&folder).map_err(failed("cannot create", &folder))?;
    let mut place = folder.join(&sample.name);
    if sample.compressed {
        place.as_mut_os_string().push(".gz");
    }
    // A hidden name with another ending: whoever watches the folder for JSON does not see it.
    let mut hidden = OsString::from(".");
    hidden.push(&sample.name);
    hidden.push(".part");
    let hidden = folder.join(hidden);
    write(&hidden, &bytes, sample.compressed).map_err(failed("cannot write", &hidden))?;
    fs::rename(&hidden, &place).map_err(failed("cannot rename", &hidden))?;
    Ok(place)
}

fn write(path: &Path, bytes: &[u8], compressed: bool) -> io::Result<()> {
    if !compressed {
        return fs::write(path, bytes);
    }
    let mut encoder = GzEncoder::new(fs::File::create(path)?, Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()?.sync_all()
}

/// Names the path in an error.
fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReplayError {
    let path = path.to_owned();
    move |source| ReplayError { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;
    use plimsoll_core::clock::ManualClock;
    use std::io::Read;

    fn sample(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn unpacked(path: &Path) -> String {
        let mut text = String::new();
        GzDecoder::new(fs::File::open(path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn samples_arrive_in_order_of_time_over_the_spread_and_end_just_now() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        sample(
            from.path(),
            "cloudtrail/1.json",
            r#"{"eventTime":"2026-01-01T00:02:00Z"}"#,
        );
        sample(
            from.path(),
            "guardduty/2.json",
            r#"{"createdAt":"2026-01-01T00:01:00Z"}"#,
        );
        sample(
            from.path(),
            "cloudtrail/0.json",
            r#"{"Records":[{"eventTime":"#,
        );
        sample(from.path(), "cloudtrail/README", "not a sample");
        let options = Options {
            from: from.path().to_owned(),
            to: to.path().to_owned(),
            spread: Duration::from_secs(10),
        };
        // 2026-02-01T00:00:03Z.
        let clock = ManualClock::at(UnixMillis(1_769_904_003_000));
        let started = tokio::time::Instant::now();
        let mut arrivals = Vec::new();
        let count = run(&options, &clock, |path| {
            let place = path.strip_prefix(to.path()).unwrap().display().to_string();
            arrivals.push((place, started.elapsed().as_secs()));
        });
        assert_eq!(count.await.unwrap(), 3);
        let expected = [
            ("guardduty/2.json", 0),
            ("cloudtrail/1.json.gz", 5),
            ("cloudtrail/0.json.gz", 10),
        ];
        assert_eq!(arrivals, expected.map(|(place, at)| (place.to_owned(), at)));
        assert_eq!(
            unpacked(&to.path().join("cloudtrail/1.json.gz")),
            r#"{"eventTime":"2026-02-01T00:00:00Z"}"#
        );
        assert_eq!(
            unpacked(&to.path().join("cloudtrail/0.json.gz")),
            r#"{"Records":[{"eventTime":"#,
            "broken input arrives as it is"
        );
        assert!(
            !to.path().join("cloudtrail/.1.json.part").exists(),
            "nothing half-written stays"
        );
    }

    #[tokio::test]
    async fn a_missing_folder_is_named() {
        let options = Options {
            from: PathBuf::from("/nowhere"),
            to: PathBuf::from("/nowhere"),
            spread: Duration::ZERO,
        };
        let error = run(&options, &ManualClock::default(), |_| {})
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot list /nowhere/cloudtrail");
    }
}
