//! What the spool promises, on a disk that is whole, full, read-only or damaged.

use std::fs;

use plimsoll_aws::{Datum, DatumValue, Series};
use plimsoll_core::catalog::LOAD_1;
use plimsoll_core::clock::UnixMillis;
use proptest::prelude::*;

use super::record::HEAD;
use super::*;
use crate::fs::HostFs;
use crate::spool::faulty::Shaky;

const MIB: u64 = 1024 * 1024;

fn batch(namespace: &str, values: &[f64]) -> MetricBatch {
    let datums = values.iter().map(|value| Datum {
        series: Arc::new(Series {
            name: Arc::from(LOAD_1.name),
            unit: LOAD_1.unit,
            dimensions: Arc::new([]),
        }),
        time: UnixMillis(60_000),
        value: DatumValue::One(*value),
        resolution_seconds: 60,
        additive: false,
    });
    MetricBatch {
        namespace: Arc::from(namespace),
        datums: datums.collect(),
    }
}

struct Bench {
    directory: tempfile::TempDir,
    health: Arc<Health>,
    bytes_max: u64,
    fs: Shaky,
}

impl Bench {
    fn new(bytes_max: u64) -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            health: Arc::default(),
            bytes_max,
            fs: Shaky::default(),
        }
    }

    fn open(&self) -> Spool<Shaky> {
        let health = Arc::clone(&self.health);
        Spool::open(
            self.fs.clone(),
            self.directory.path(),
            self.bytes_max,
            health,
        )
        .unwrap()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let names = fs::read_dir(self.directory.path()).unwrap();
        let mut paths: Vec<PathBuf> = names.map(|name| name.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|is| is == "spool"));
        paths.sort();
        paths
    }
}

fn keep<F: SpoolFs>(spool: &mut Spool<F>, batch: &MetricBatch) -> RecordId {
    let id = spool.append(batch, State::Pending).unwrap();
    spool.restore(&[id]);
    id
}

/// The values of all that is taken for a call, and whether they are in doubt.
fn values(taken: &[Taken]) -> Vec<(f64, bool)> {
    let all = taken.iter().flat_map(|one| {
        let datums = one.batch.datums.iter();
        datums.map(|datum| (datum.value.sum(), one.in_doubt))
    });
    all.collect()
}

fn ids(taken: &[Taken]) -> Vec<RecordId> {
    taken.iter().map(|one| one.id).collect()
}

#[test]
fn batches_of_one_namespace_are_taken_together_oldest_first_up_to_a_call() {
    let bench = Bench::new(MIB);
    let mut spool = bench.open();
    keep(&mut spool, &batch("A", &[1.0; 600]));
    keep(&mut spool, &batch("B", &[2.0]));
    keep(&mut spool, &batch("A", &[3.0; 400]));
    keep(&mut spool, &batch("A", &[4.0]));
    drop(spool);
    let mut spool = bench.open();
    let sizes = |taken: &[Taken]| -> Vec<(Arc<str>, usize)> {
        let all = taken.iter().map(|one| &one.batch);
        all.map(|one| (Arc::clone(&one.namespace), one.datums.len()))
            .collect()
    };
    let first = spool.take(usize::MAX).unwrap();
    assert_eq!(sizes(&first), [("A".into(), 600), ("A".into(), 400)]);
    spool.done(&ids(&first));
    let second = spool.take(usize::MAX).unwrap();
    assert_eq!(sizes(&second), [("B".into(), 1)]);
    spool.done(&ids(&second));
    let third = spool.take(usize::MAX).unwrap();
    assert_eq!(sizes(&third), [("A".into(), 1)]);
    spool.done(&ids(&third));
    assert_eq!(spool.take(usize::MAX).unwrap(), []);
    assert_eq!(bench.segments(), Vec::<PathBuf>::new());
    assert_eq!(bench.health.datums_dropped.total(), 0);
}

#[test]
fn only_what_was_tried_when_the_agent_ended_is_in_doubt() {
    let bench = Bench::new(MIB);
    let mut spool = bench.open();
    for value in [1.0, 2.0, 3.0, 4.0] {
        keep(&mut spool, &batch(&format!("N{value}"), &[value]));
    }
    let done = spool.take(usize::MAX).unwrap();
    spool.done(&ids(&done));
    let failed = spool.take(usize::MAX).unwrap();
    spool.restore(&ids(&failed));
    assert_eq!(
        spool.take(usize::MAX).unwrap(),
        failed,
        "restored to where it was"
    );
    spool.restore(&ids(&failed));
    let fresh = spool.append(&batch("N5", &[5.0]), State::Trying).unwrap();
    assert!(fresh > ids(&failed)[0]);
    spool.waiting.remove(&ids(&failed)[0]);
    let tried = spool.take(usize::MAX).unwrap();
    assert_eq!(values(&tried), [(3.0, false)]);
    drop(spool);

    let mut spool = bench.open();
    let mut all = Vec::new();
    while let taken @ [_, ..] = &*spool.take(usize::MAX).unwrap() {
        all.extend(values(taken));
    }
    assert_eq!(all, [(2.0, false), (3.0, true), (4.0, false), (5.0, true)]);
    drop(spool);
    let mut spool = bench.open();
    spool.take(usize::MAX).unwrap();
    assert!(
        values(&spool.take(usize::MAX).unwrap())[0].1,
        "still in doubt"
    );
}

#[test]
fn doubt_outlives_a_try_that_surely_failed() {
    let bench = Bench::new(MIB);
    let mut spool = bench.open();
    spool.append(&batch("N", &[1.0]), State::Trying).unwrap();
    for _ in 0..2 {
        drop(spool);
        spool = bench.open();
        let taken = spool.take(usize::MAX).unwrap();
        assert_eq!(values(&taken), [(1.0, true)]);
        spool.restore(&ids(&taken));
    }
}

#[test]
fn at_its_size_the_oldest_go_and_are_counted_but_never_what_is_under_way() {
    let bench = Bench::new(MIB);
    let mut spool = bench.open();
    let each: Vec<f64> = (0..1000).map(f64::from).collect();
    keep(&mut spool, &batch("N", &[-1.0]));
    let under_way = spool.take(usize::MAX).unwrap();
    let mut kept = 0;
    while bench.health.datums_dropped.total() == 0 {
        keep(&mut spool, &batch("N", &each));
        kept += 1;
    }
    let bytes: u64 = bench
        .segments()
        .iter()
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!((MIB / 2..=MIB).contains(&bytes), "{bytes}");
    let dropped = bench.health.datums_dropped.snapshot();
    assert_eq!(
        dropped,
        [("spool_full", 1000 * kept - spool.datums() as u64)]
    );
    spool.restore(&ids(&under_way));
    assert_eq!(values(&spool.take(usize::MAX).unwrap())[0], (-1.0, false));
}

#[test]
fn a_damaged_batch_costs_only_itself_and_a_torn_tail_is_dropped_and_counted() {
    let bench = Bench::new(MIB);
    let mut spool = bench.open();
    let second = [1.0, 2.0, 3.0].map(|value| keep(&mut spool, &batch("N", &[value])))[1];
    drop(spool);
    let path = &bench.segments()[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[usize::try_from(second.at).unwrap() + HEAD] ^= 1;
    bytes.truncate(bytes.len() - 1);
    fs::write(path, bytes).unwrap();
    let mut spool = bench.open();
    assert_eq!(values(&spool.take(usize::MAX).unwrap()), [(1.0, false)]);
    assert_eq!(bench.health.problems.snapshot(), [("spool_damaged", 2)]);
    assert_eq!(
        bench.health.datums_dropped.snapshot(),
        [("spool_damaged", 2)]
    );
}

#[test]
fn a_segment_of_another_version_is_kept_aside() {
    let bench = Bench::new(MIB);
    let path = bench.directory.path().join("00000000000000ff.spool");
    fs::write(&path, b"plimsoll metrics 9\nwho knows").unwrap();
    let mut spool = bench.open();
    assert_eq!(bench.segments(), Vec::<PathBuf>::new());
    assert_eq!(fs::read(path.with_extension("unknown")).unwrap().len(), 28);
    assert_eq!(bench.health.problems.snapshot(), [("spool_version", 1)]);
    let id = keep(&mut spool, &batch("N", &[1.0]));
    assert_eq!(id.segment, 0x100, "a name is not used again");
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing_behind_and_passes() {
    for first in [false, true] {
        let bench = Bench::new(MIB);
        let mut spool = bench.open();
        if first {
            keep(&mut spool, &batch("N", &[1.0]));
        }
        bench.fs.set_full(true);
        for _ in 0..3 {
            let error = spool
                .append(&batch("N", &[2.0]), State::Pending)
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        bench.fs.set_full(false);
        keep(&mut spool, &batch("N", &[3.0]));
        drop(spool);
        let taken = values(&bench.open().take(usize::MAX).unwrap());
        let expected = [(1.0, false), (3.0, false)];
        assert_eq!(taken, expected[usize::from(!first)..]);
        assert_eq!(bench.health.problems.total(), 0);
    }
}

#[test]
fn nothing_is_taken_that_a_read_only_disk_could_not_remember() {
    let bench = Bench::new(MIB);
    let mut spool = bench.open();
    keep(&mut spool, &batch("N", &[1.0]));
    bench.fs.set_read_only(true);
    assert!(spool.take(usize::MAX).is_err());
    assert_eq!(spool.datums(), 1);
    bench.fs.set_read_only(false);
    let taken = spool.take(usize::MAX).unwrap();
    // What surely failed may be tried again in this run even if the disk does not know.
    bench.fs.set_read_only(true);
    spool.restore(&ids(&taken));
    assert_eq!(values(&spool.take(usize::MAX).unwrap()), [(1.0, false)]);
}

#[test]
fn a_second_agent_is_refused() {
    let bench = Bench::new(MIB);
    let first = bench.open();
    let second = Spool::open(HostFs, bench.directory.path(), MIB, Arc::default());
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::ResourceBusy);
    drop(first);
    bench.open();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Against a list: whatever is kept, taken, restored, done, and however often it is opened
    /// again, what waits is what is not done.
    #[test]
    fn the_spool_holds_what_a_list_would(steps in proptest::collection::vec(0..5_u8, 1..60)) {
        let bench = Bench::new(8 * MIB);
        let mut spool = bench.open();
        let (mut model, mut taken) = (Vec::new(), Vec::new());
        for (step, number) in steps.into_iter().zip(0_u32..) {
            match step {
                0 | 1 => {
                    model.push(f64::from(number));
                    keep(&mut spool, &batch("N", &[f64::from(number)]));
                }
                2 => taken.extend(spool.take(usize::MAX).unwrap()),
                3 => {
                    for (value, _) in values(&taken) {
                        model.retain(|one| one.total_cmp(&value).is_ne());
                    }
                    spool.done(&ids(&std::mem::take(&mut taken)));
                }
                _ => {
                    if number % 2 == 0 {
                        spool.restore(&ids(&taken));
                    }
                    taken.clear();
                    drop(spool);
                    spool = bench.open();
                }
            }
        }
        drop(spool);
        let left = values(&bench.open().take(usize::MAX).unwrap());
        let left: Vec<f64> = left.into_iter().map(|(value, _)| value).collect();
        prop_assert_eq!(left, model);
    }
}
