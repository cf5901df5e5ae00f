//! What becomes of messages.

use super::super::support::{NOON, Told, breaking, mining, stop, storing};
use super::*;
use plimsoll_aws::Call;
use plimsoll_aws::testing::{FakeObjects, FakeQueue, denied, unavailable};
use plimsoll_core::clock::ManualClock;
use plimsoll_core::shutdown;
use serde_json::{Value, json};

#[derive(Default)]
struct Aws {
    queue: FakeQueue,
    objects: FakeObjects,
    failures: Arc<Tally>,
}

fn state() -> Arc<State> {
    Arc::new(State::open_in_memory().unwrap())
}

fn source(aws: &Aws, state: &Arc<State>, outlet: Outlet) -> QueueSource<FakeQueue, FakeObjects> {
    QueueSource::new(
        "url".to_owned(),
        Arc::new(aws.queue.clone()),
        Arc::new(aws.objects.clone()),
        Arc::clone(state),
        outlet,
        Arc::clone(&aws.failures),
        Pulse::new("cloudtrail", "url", Arc::new(ManualClock::at(NOON))),
    )
}

/// Lets a collector run over the queue for a minute.
async fn run(aws: &Aws, state: &Arc<State>) -> Told {
    let clock = Arc::new(ManualClock::at(NOON));
    let (outlet, told) = storing(state, &clock);
    let (trigger, shutdown) = shutdown::channel();
    let running = tokio::spawn(source(aws, state, outlet).run(shutdown));
    tokio::time::sleep(Duration::from_mins(1)).await;
    trigger.request();
    running.await.unwrap().unwrap();
    told
}

fn object_created(key: &str) -> String {
    json!({"s3Bucket": "logs", "s3ObjectKey": [key]}).to_string()
}

fn event(kind: &str, detail: &Value) -> String {
    json!({"source": "aws.x", "detail-type": kind, "detail": detail}).to_string()
}

#[tokio::test(start_paused = true)]
async fn an_event_that_comes_by_two_roads_and_twice_counts_once() {
    let (aws, state) = (Aws::default(), state());
    let file = format!("{{\"Records\":[{},{}]}}", stop("a"), stop("b"));
    aws.objects.put("logs", "x.json", file);
    aws.queue
        .send(&event("AWS API Call via CloudTrail", &stop("a")));
    aws.queue.send(&object_created("x.json"));
    aws.queue.send(&object_created("x.json"));
    let told = run(&aws, &state).await;
    assert_eq!(told.findings(), 2);
    assert_eq!(
        told.units().iter().map(|unit| unit.repeated).sum::<u64>(),
        1
    );
    assert!(aws.queue.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_finding_is_updated_by_a_later_version_only() {
    let (aws, state) = (Aws::default(), state());
    let later = mining("2026-11-24T11:00:00Z");
    let earlier = mining("2026-11-24T10:00:00Z");
    for finding in [&later, &later, &earlier] {
        aws.queue.send(&event("GuardDuty Finding", finding));
    }
    assert_eq!(run(&aws, &state).await.findings(), 1);
    aws.objects.put(
        "logs",
        "AWSLogs/1/GuardDuty/eu-west-1/x.jsonl",
        later.to_string(),
    );
    aws.queue
        .send(&object_created("AWSLogs/1/GuardDuty/eu-west-1/x.jsonl"));
    let told = run(&aws, &state).await;
    assert_eq!((told.findings(), told.rejected().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_no_later_try_can_read_is_kept_aside_and_deleted() {
    let (aws, state) = (Aws::default(), state());
    aws.queue.send("hello");
    aws.queue.send(&object_created("none.json"));
    aws.queue.send(&event(
        "AWS API Call via CloudTrail",
        &json!({"eventID": "e"}),
    ));
    aws.queue.send(r#"{"Event":"s3:TestEvent"}"#);
    aws.queue
        .send(&object_created("1/CloudTrail-Digest/x.json"));
    aws.queue
        .send(&event("AWS API Call via CloudTrail", &stop("good")));
    let told = run(&aws, &state).await;
    assert!(aws.queue.is_empty(), "nothing is in the way");
    assert_eq!(told.findings(), 1);
    assert_eq!(
        told.rejected(),
        ["unknown_shape", "missing", "no_event_time"]
    );
    let kept = state.run(|tx| tx.quarantined(100)).await.unwrap();
    assert_eq!(kept.len(), 3);
    assert_eq!(kept[2].origin, "url message message-1");
}

#[tokio::test(start_paused = true)]
async fn a_message_stays_while_waiting_may_help() {
    for error in [unavailable("GetObject"), denied(Call::GetObject)] {
        let (aws, state) = (Aws::default(), state());
        aws.objects.put("logs", "x.json", stop("a").to_string());
        aws.objects.answer(Err(error.clone()));
        aws.queue.send(&object_created("x.json"));
        assert_eq!(run(&aws, &state).await.findings(), 0);
        assert_eq!(aws.queue.len(), 1, "{error}");
        assert_eq!(aws.failures.snapshot(), [(error.reason(), 1)]);
        aws.queue.redeliver();
        assert_eq!(run(&aws, &state).await.findings(), 1);
        assert!(aws.queue.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_may_not_be_read_does_not_hold_up_the_others() {
    let (aws, state) = (Aws::default(), state());
    aws.objects.put("logs", "x.json", stop("a").to_string());
    aws.objects.answer(Err(denied(Call::GetObject)));
    aws.queue.send(&object_created("x.json"));
    for id in 0..30 {
        let event = event("AWS API Call via CloudTrail", &stop(&id.to_string()));
        aws.queue.send(&event);
    }
    assert_eq!(run(&aws, &state).await.findings(), 30);
    assert_eq!(aws.queue.len(), 1, "it comes back");
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_in_any_way_is_told_from_its_neighbours_and_kept_once() {
    let (aws, state) = (Aws::default(), state());
    let mut large = stop("large");
    large["requestParameters"] = json!({"name": "x".repeat(1 << 20)});
    let mut later = stop("later");
    later["fieldOfNextYear"] = json!({"deep": [{"x": null}]});
    let mut nul = stop("nul");
    nul["userAgent"] = json!("a\u{0}b");
    let good = [&large, &later, &nul];
    // Compressed, and cut in the middle of the second record.
    let lines = format!("{}\n{}", stop("first"), stop("second"));
    let cut = &stored(lines.as_bytes())[..lines.len() - 40];
    aws.objects.put("logs", "cut.json.gz", cut.to_vec());
    let mut bytes = format!("{{\"Records\":[{},", stop("before")).into_bytes();
    bytes.extend(b"{\"eventID\": \xff\xfe, \0},");
    bytes.extend(stop("behind").to_string().bytes());
    bytes.extend(b"]}");
    aws.objects.put("logs", "bytes.json", bytes);
    for object in ["cut.json.gz", "bytes.json"] {
        aws.queue.send(&object_created(object));
    }
    for record in good {
        aws.queue
            .send(&event("AWS API Call via CloudTrail", record));
    }
    let broken = ["\0", "{", "\u{fffd}\u{fffd}", "null", "[[[["];
    for body in broken {
        aws.queue.send(body);
    }
    let told = run(&aws, &state).await;
    assert!(aws.queue.is_empty(), "nothing is in the way");
    // first, before and behind; large, later and nul.
    assert_eq!(told.findings(), 6);
    let kept = state.run(|tx| tx.quarantined(100)).await.unwrap();
    let count = |reason: &str| kept.iter().filter(|kept| kept.reason == reason).count();
    assert_eq!(count("unknown_shape"), broken.len());
    assert_eq!(count("broken_gzip"), 1);
    assert_eq!(count("invalid_utf8"), 1);
    assert!(
        count("broken_json") + count("truncated_json") >= 2,
        "{kept:#?}"
    );
    for kept in &kept {
        let longest = kept.sample.len().max(kept.detail.len());
        assert!(longest <= crate::source::json::SAMPLE_BYTES_MAX);
        assert!(!kept.origin.is_empty() && !kept.detail.is_empty());
    }
    aws.queue.redeliver();
    assert!(run(&aws, &state).await.rejected().is_empty(), "told once");
}

/// Gzip without compression, so that what stands before a cut is whole.
fn stored(text: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_message_is_not_deleted_before_its_effects_are_stored() {
    let (aws, state) = (Aws::default(), state());
    aws.objects.put("logs", "x.json", stop("a").to_string());
    aws.queue.send(&object_created("x.json"));
    let (_trigger, shutdown) = shutdown::channel();
    let ended = source(&aws, &state, breaking()).run(shutdown).await;
    assert!(matches!(ended, Err(Ended::Closed(_))));
    assert_eq!(aws.queue.len(), 1);
    aws.queue.redeliver();
    assert_eq!(run(&aws, &state).await.findings(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fails_is_asked_again_after_a_pause() {
    let (aws, state) = (Aws::default(), state());
    aws.queue
        .send(&event("AWS API Call via CloudTrail", &stop("a")));
    for _ in 0..3 {
        aws.queue.answer(Err(unavailable("ReceiveMessage")));
    }
    assert_eq!(run(&aws, &state).await.findings(), 1);
    assert_eq!(aws.failures.total(), 3);
}
