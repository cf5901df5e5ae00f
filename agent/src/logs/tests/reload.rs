//! Other targets while the road runs.

use super::*;

impl Place {
    /// Tells the running agent to follow `files` of the log directory, each to a stream.
    fn reload(&self, files: &[(&str, &str)]) {
        let mut wanted = config(&self.logs());
        wanted.files = files
            .iter()
            .map(|(name, stream)| FileTarget {
                include: vec![self.logs().join(name).display().to_string()],
                start: StartPosition::Beginning,
                stream: (*stream).to_owned(),
                ..wanted.files[0].clone()
            })
            .collect();
        let (road, _) = self.running.as_ref().unwrap();
        road.reload(Some(wanted));
    }
}

fn messages(fake: &FakeLogs, stream: &str) -> Vec<String> {
    let events = fake.events("g", stream).into_iter();
    events.map(|(_, message)| message).collect()
}

#[tokio::test(start_paused = true)]
async fn a_reload_sends_on_from_where_files_were_and_a_file_that_is_wanted_again_goes_on_there() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::strict());
    let (kept, dropped) = (
        place.logs().join("kept.log"),
        place.logs().join("dropped.log"),
    );
    append(&kept, "one\n");
    append(&dropped, "uno\n");
    place.start(&fake, Mode::Follow).await;
    until_delivered(&fake, 2).await;

    place.reload(&[("kept.log", "other"), ("new.log", "new")]);
    append(&place.logs().join("new.log"), "new one\n");
    until_delivered(&fake, 3).await;
    append(&kept, "two\n");
    append(&dropped, "dos\n");
    until_delivered(&fake, 4).await;
    assert_eq!(messages(&fake, "kept.log"), ["one"]);
    assert_eq!(messages(&fake, "other"), ["two"]);
    assert_eq!(messages(&fake, "new"), ["new one"]);

    place.reload(&[("kept.log", "other"), ("dropped.log", "again")]);
    until_delivered(&fake, 5).await;
    assert_eq!(messages(&fake, "again"), ["dos"]);
    append(&place.logs().join("new.log"), "nobody wants this\n");
    append(&kept, "three\n");
    until_delivered(&fake, 6).await;
    assert_eq!(place.end().await.unsent_bytes, 0);
    assert_eq!(arrived(&fake).len(), 6);
    assert!(arrived(&fake).values().all(|count| *count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_reload_to_nothing_keeps_the_road_and_its_positions() {
    let mut place = Place::new();
    let fake = Arc::new(FakeLogs::strict());
    let file = place.logs().join("a.log");
    append(&file, "one\n");
    place.start(&fake, Mode::Follow).await;
    until_delivered(&fake, 1).await;
    place.running.as_ref().unwrap().0.reload(None);
    sleep(Duration::from_secs(30)).await;
    append(&file, "two\n");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(arrived(&fake).len(), 1);
    place.reload(&[("a.log", "a.log")]);
    until_delivered(&fake, 2).await;
    place.end().await;
    assert_eq!(messages(&fake, "a.log"), ["one", "two"]);
}
