//! A new configuration while the collector runs.

use std::time::Duration;

use plimsoll_ops::asking::{Answers, ask};
use plimsoll_ops::protocol::question;

use super::*;

/// Waits, in steps, until `condition` is so.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Whether the state says that a file of this name is done.
fn was_read(state: &Path, name: &str) -> bool {
    let count = "SELECT count(*) FROM files WHERE path LIKE '%/' || ?1";
    let connection = rusqlite::Connection::open(state).unwrap();
    let found: rusqlite::Result<i64> = connection.query_row(count, [name], |row| row.get(0));
    found == Ok(1)
}

/// Whether the collector beside this state says that it refused a configuration.
async fn is_refused(state: &Path) -> bool {
    let place = state.with_file_name(SERVICE.socket);
    let asked = tokio::task::spawn_blocking(move || {
        let answers = ask(&SERVICE, &[place], &question("status"));
        answers.and_then(Answers::one)
    });
    let told = asked.await.unwrap();
    told.is_ok_and(|told| !told["configuration"]["refused"].is_null())
}

#[tokio::test]
async fn a_new_configuration_takes_the_place_of_the_old_and_a_broken_one_does_not() {
    let scene = Scene::new();
    let folder = scene.folder.path();
    let path = folder.join("collector.toml");
    fs::write(&path, scene.text()).unwrap();
    scene.write("cloudtrail/a.json", &attack());
    fs::create_dir(folder.join("other")).unwrap();
    scene.write("other/b.json", &attack());
    let config = Config::load(&path).unwrap_or_else(|wrong| panic!("{:#?}", wrong.lines()));
    let notify = scene.fakes.notify.clone();
    let (order, reload) = mpsc::channel(1);
    let mut clean = scene.text().replace("/cloudtrail", "/other");
    clean.push_str("dashboard = \"\"\n");
    let state = state_of(folder);
    let stop = async move {
        until(|| !notify.published().is_empty()).await;
        let broken = clean.replace("directory", "dirctory");
        fs::write(&path, broken).unwrap();
        order.send(()).await.unwrap();
        while !is_refused(&state).await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        fs::write(&path, &clean).unwrap();
        order.send(()).await.unwrap();
        until(|| was_read(&state, "b.json")).await;
        Ok("SIGTERM")
    };
    let orders = Orders { stop, reload };
    let clock = Arc::new(ManualClock::at(NOW));
    let options = RunOptions::default();
    let health = run_with(config, &scene.fakes, clock, options, orders)
        .await
        .unwrap();
    // The same events lie in both directories, so they are not read for new, and told once.
    assert_eq!(health.signals_read.snapshot()[0], ("cloudtrail", 2));
    assert_eq!(scene.told().len(), 1, "{:?}", scene.told());
    let places: Vec<String> = health
        .pulses()
        .iter()
        .map(|one| one.place.clone())
        .collect();
    assert!(
        places.iter().any(|place| place.ends_with("/other")),
        "{places:?}"
    );
    assert!(
        !places.iter().any(|place| place.ends_with("/cloudtrail")),
        "{places:?}"
    );
}
