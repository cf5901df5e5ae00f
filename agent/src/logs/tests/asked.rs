//! The road when it is asked to hand over what it holds.

use plimsoll_aws::Call;
use plimsoll_aws::testing::denied;

use super::*;
use crate::fs::HostFs;

const HOUR: Duration = Duration::from_hours(1);

impl Place {
    fn barrier(&self) -> Barrier {
        self.running.as_ref().unwrap().0.barrier()
    }

    /// Starts an agent that sends nothing by itself for an hour.
    async fn start_patient(&mut self, api: &Arc<FakeLogs>) {
        self.start(api, Mode::Follow).await;
        let (road, _) = self.running.as_ref().unwrap();
        road.reload(Some(LogsConfig {
            flush_interval: HOUR,
            ..config(&self.logs())
        }));
        sleep(MOMENT * 100).await;
    }

    /// Up to where the disk says that files were delivered, by the end of their names.
    fn positions(&self) -> Vec<u64> {
        let state = self.directory.path().join("state");
        let (store, _) = Store::open(HostFs, &Persistence::ReadOnly(state)).unwrap();
        let files = store.snapshot().files.values();
        files.map(|entry| entry.offset).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn when_asked_everything_is_sent_at_once_and_its_positions_are_on_the_disk() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::strict());
    place.start_patient(&fake).await;
    // More than may be in flight, so that open batches must make room for what follows.
    append(&place.logs().join("a.log"), &"line\n".repeat(50_000));
    append(&place.logs().join("b.log"), "one\nunfinished");
    let begun = Instant::now();
    timeout(FOREVER, place.barrier().settled()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_mins(1));
    let arrived = arrived(&fake);
    assert_eq!((arrived["line"], arrived["one"]), (50_000, 1));
    assert!(!arrived.contains_key("unfinished"), "it may go on");
    let mut positions = place.positions();
    positions.sort_unstable();
    assert_eq!(positions, [4, 250_000]);
    place.end().await;
}

#[tokio::test(start_paused = true)]
async fn lines_that_keep_being_written_do_not_keep_the_answer_back() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::default());
    place.start_patient(&fake).await;
    let path = place.logs().join("a.log");
    append(&path, "first\n");
    let writing = tokio::spawn(async move {
        loop {
            append(&path, "another\n");
            sleep(Duration::from_millis(3)).await;
        }
    });
    timeout(Duration::from_mins(1), place.barrier().settled())
        .await
        .unwrap();
    assert_eq!(arrived(&fake)["first"], 1);
    writing.abort();
    place.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_waited_for() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::default());
    place.start_patient(&fake).await;
    for _ in 0..40 {
        fake.answer(Err(denied(Call::PutLogEvents)));
    }
    append(&place.logs().join("a.log"), "one\n");
    append(&place.logs().join("b.log"), "one\n");
    let mut asked = Box::pin(place.barrier().settled());
    let early = timeout(Duration::from_mins(5), &mut asked).await;
    assert!(early.is_err(), "nothing was accepted");
    timeout(FOREVER, asked).await.unwrap();
    assert_eq!(arrived(&fake)["one"], 2);
    place.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_does_not_keep_the_next_one_from_being_answered() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::default());
    place.start_patient(&fake).await;
    fake.answer(Err(denied(Call::PutLogEvents)));
    append(&place.logs().join("a.log"), "one\n");
    let gave_up = timeout(Duration::from_secs(1), place.barrier().settled()).await;
    assert!(gave_up.is_err());
    timeout(FOREVER, place.barrier().settled()).await.unwrap();
    assert_eq!(arrived(&fake)["one"], 1);
    place.end().await;
}
