//! Streams that change with the day of the events.

use super::*;
use crate::derive::Refiner;
use crate::derive::timestamp::{Format, OutOfWindow, Timestamps};
use jiff::tz::TimeZone;

#[test]
fn lines_go_to_the_stream_of_their_day_and_positions_join() {
    let line = |hours: i64, text: &str| format!("{} {text}\n", START.0 + hours * 3_600_000);
    let content = line(-30, "a") + &line(-29, "b") + &line(0, "c");
    let mut logs = Followed::new(StartPosition::Beginning, &[("app.log", &content)]);
    let target = FileTarget {
        include: vec![format!("{}/app*.log", logs.directory.path().display())],
        start: StartPosition::Beginning,
        stream: "{file_name}/{date}".to_owned(),
        refiner: Some(Arc::new(Refiner {
            timestamps: Some(Timestamps {
                formats: vec![Format::parse("epoch_ms").unwrap()],
                zone: TimeZone::UTC,
                search_bytes: 0,
                out_of_window: OutOfWindow::Keep,
                trim: false,
            }),
            ..Refiner::default()
        })),
        ..FileTarget::default()
    };
    logs.reader.targets = Targets::new(vec![target]).unwrap();
    let day = |hours: i64| {
        let time = UnixMillis(START.0 + hours * 3_600_000).to_string();
        format!("app.log/{}", time.split('T').next().unwrap())
    };

    let chunks = logs.chunks();
    let streams: Vec<(&str, u32)> = chunks
        .iter()
        .map(|chunk| (&*chunk.stream.name, chunk.count()))
        .collect();
    assert_eq!(streams, [(&*day(-30), 2), (&*day(0), 1)]);
    assert_eq!(chunks[0].position(2), chunks[1].position(0));
    assert_eq!(chunks[1].position(1), content.len() as u64);
    drop(chunks);

    logs.append("app.log", &line(1, "d"));
    let later = logs.chunks();
    assert_eq!(&*later[0].stream.name, day(1));
    drop(later);
    let now = logs.now;
    logs.reader.scan(now);
    assert_eq!(
        logs.reader.streams.len(),
        1,
        "streams of days gone by are dropped"
    );
}
