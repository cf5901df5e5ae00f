//! What becomes of the files of a directory.

use super::super::support::{NOON, Told, breaking, stop, storing};
use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use plimsoll_core::clock::ManualClock;
use plimsoll_core::shutdown;
use std::io::Write as _;

fn pulse() -> Arc<Pulse> {
    Pulse::new("cloudtrail", "directory", Arc::new(ManualClock::at(NOON)))
}

struct Place {
    folder: tempfile::TempDir,
    state: Arc<State>,
    clock: Arc<ManualClock>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            state: Arc::new(State::open_in_memory().unwrap()),
            clock: Arc::new(ManualClock::at(NOON)),
        }
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    fn source(&self, outlet: Outlet) -> DirectorySource {
        let root = self.folder.path().to_owned();
        let (every, state) = (Duration::from_secs(5), Arc::clone(&self.state));
        DirectorySource::new(root, Format::CloudTrail, every, state, outlet, pulse())
    }

    /// One pass of a collector that was just started.
    async fn pass(&self) -> Told {
        let (outlet, told) = storing(&self.state, &self.clock);
        let (_trigger, shutdown) = shutdown::channel();
        self.source(outlet).run_once(shutdown).await.unwrap();
        told
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_file_is_read_once_and_again_only_when_it_changes() {
    let place = Place::new();
    let file = format!("{{\"Records\":[{},{}]}}", stop("a"), stop("b"));
    place.write("AWSLogs/1/CloudTrail/x.json.gz", gzip(&file));
    let lines = place.write("lines.json", stop("c").to_string());
    assert_eq!(place.pass().await.findings(), 3);
    assert_eq!(place.pass().await.units(), [], "a restart reads nothing");

    fs::write(&lines, format!("{}\n{}", stop("c"), stop("d"))).unwrap();
    let told = place.pass().await;
    assert_eq!(told.findings(), 1, "only the new event");
    assert_eq!(told.units()[0].repeated, 1);

    fs::remove_file(&lines).unwrap();
    place.pass().await;
    let done = place
        .state
        .run(|tx| tx.files_done(Path::new("/")))
        .await
        .unwrap();
    assert_eq!(done.len(), 1, "the file that is gone is forgotten");
}

#[tokio::test]
async fn what_cannot_be_read_is_reported_once_and_never_in_the_way() {
    let place = Place::new();
    place.write("1.json", "this is not JSON");
    place.write("2.json.gz", &gzip(&stop("cut").to_string())[..40]);
    place.write("3.json", [0xff, 0xfe, 0]);
    place.write("4.json", "");
    place.write("8.json", r#"{"Records":[{"eventID""#);
    place.write("5.json", stop("good").to_string());
    place.write("CloudTrail-Digest/6.json", "not looked at");
    place.write(".hidden.json", "not looked at");
    place.write("7.json.tmp", "not looked at");
    let told = place.pass().await;
    assert_eq!(told.findings(), 1);
    let mut reasons = told.rejected();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(
        reasons,
        [
            "broken_gzip",
            "broken_json",
            "invalid_utf8",
            "truncated_json"
        ]
    );
    let kept = place.state.run(|tx| tx.quarantined(100)).await.unwrap();
    assert!(
        kept.iter()
            .any(|one| one.origin.ends_with("1.json") && one.sample.starts_with("this is not"))
    );
    assert_eq!(place.pass().await.units(), []);
}

#[tokio::test]
async fn a_file_that_was_completed_later_is_no_longer_kept_aside() {
    let place = Place::new();
    let whole = stop("a").to_string();
    let path = place.write("x.json", whole.get(..20).unwrap());
    assert_eq!(place.pass().await.rejected(), ["truncated_json"]);
    fs::write(path, &whole).unwrap();
    assert_eq!(place.pass().await.findings(), 1);
    let kept = place.state.run(|tx| tx.quarantined(100)).await.unwrap();
    assert_eq!(kept, []);
}

#[tokio::test]
async fn a_file_whose_effects_were_not_stored_is_read_again() {
    let place = Place::new();
    place.write("x.json", stop("a").to_string());
    let (_trigger, shutdown) = shutdown::channel();
    let ended = place.source(breaking()).run_once(shutdown).await;
    assert!(matches!(ended, Err(Ended::Closed(_))));
    assert_eq!(place.pass().await.findings(), 1);
    assert_eq!(place.pass().await.findings(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_new_file_is_noticed_and_a_missing_directory_told_once() {
    let place = Place::new();
    let root = place.folder.path().join("later");
    let (outlet, told) = storing(&place.state, &place.clock);
    let (trigger, shutdown) = shutdown::channel();
    let (every, state) = (Duration::from_secs(5), Arc::clone(&place.state));
    let source = DirectorySource::new(root, Format::CloudTrail, every, state, outlet, pulse());
    let running = tokio::spawn(source.run(shutdown));
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(told.rejected(), ["unreadable"]);
    place.write("later/x.json", stop("a").to_string());
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(told.findings(), 1);
    trigger.request();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_hint_brings_a_file_in_long_before_the_next_look() {
    let place = Place::new();
    place.write("first.json", stop("a").to_string());
    let (outlet, told) = storing(&place.state, &place.clock);
    let (trigger, shutdown) = shutdown::channel();
    let (root, state) = (place.folder.path().to_owned(), Arc::clone(&place.state));
    let hour = Duration::from_hours(1);
    let source = DirectorySource::new(root, Format::CloudTrail, hour, state, outlet, pulse());
    let running = tokio::spawn(source.run(shutdown));
    let count = async |wanted| {
        while told.findings() < wanted {
            tokio::task::yield_now().await;
        }
    };
    count(1).await;
    place.write("day/second.json", stop("b").to_string());
    let soon = Duration::from_mins(1);
    tokio::time::timeout(soon, count(2)).await.unwrap();
    trigger.request();
    running.await.unwrap().unwrap();
}
