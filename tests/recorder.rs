//! `Recorder` under a whole program: what it logs while threads allocate, in which order, and in
//! every file form.
//!
//! There is one recording at a time for the process, so the tests take turns; the test harness may
//! allocate at any time.

use std::{
    alloc::System,
    collections::BTreeMap,
    hint::black_box,
    sync::{Mutex, MutexGuard, PoisonError, mpsc::sync_channel},
    thread,
};

use orionrt::{
    Recorder,
    replay::{Event, EventKind, OverflowPolicy, Recording},
};

#[global_allocator]
static ALLOC: Recorder<System> = Recorder::new(System);

/// One test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start(events: usize, overflow: OverflowPolicy) {
    assert_eq!(ALLOC.start(events, overflow), Ok(true));
}

fn stop() -> Recording {
    ALLOC.stop().expect("it was started")
}

/// Vectors that grow, and blocks that come and go.
fn work(seed: usize) {
    let mut kept = Vec::new();
    for i in 0..200 {
        let mut numbers: Vec<usize> = (0..i % 17).map(|n| n * seed).collect();
        numbers.push(i);
        numbers.extend(0..i % 50);
        if i % 3 == 0 {
            kept.push(black_box(numbers));
        }
    }
    kept.truncate(10);
    kept.shrink_to_fit();
}

/// Records a whole program: one thread, then several at once.
fn recorded_program() -> Recording {
    start(1 << 20, OverflowPolicy::Oldest);
    work(0);
    thread::scope(|scope| {
        for seed in 1..5 {
            scope.spawn(move || work(seed));
        }
    });
    let recording = stop();
    assert_eq!(recording.lost(), 0);
    recording
}

#[test]
fn only_what_happens_between_start_and_stop_is_recorded() {
    let _turn = turn();
    assert!(ALLOC.stop().is_none());
    start(1000, OverflowPolicy::Oldest);
    assert_eq!(ALLOC.start(1000, OverflowPolicy::Newest), Ok(false));
    assert!(format!("{ALLOC:?}").contains("is_recording: true"));
    drop(black_box(vec![1u8; 12345]));
    let recording = stop();
    assert!(ALLOC.stop().is_none());
    drop(black_box(vec![1u8; 54321]));
    let has = |size| {
        recording
            .requests(0)
            .iter()
            .any(|request| request.size == size)
    };
    assert!(has(12345) && !has(54321));
    assert_eq!(recording.lost(), 0);
    start(1000, OverflowPolicy::Oldest);
    assert!(
        stop()
            .requests(0)
            .iter()
            .all(|request| request.size != 12345)
    );
    assert!(ALLOC.start(usize::MAX, OverflowPolicy::Oldest).is_err());
    assert!(ALLOC.stop().is_none());
}

#[test]
fn a_full_log_counts_the_events_it_has_lost() {
    let _turn = turn();
    for overflow in [OverflowPolicy::Oldest, OverflowPolicy::Newest] {
        start(100, overflow);
        (1..=500).for_each(|size| drop(black_box(Vec::<u8>::with_capacity(1000 + size))));
        let recording = stop();
        assert_eq!(recording.events().len(), 100);
        // The harness may have added some.
        assert!(
            (900..1000).contains(&recording.lost()),
            "{}",
            recording.lost()
        );
        let has = |size| recording.events().iter().any(|event| event.size == size);
        assert_eq!(
            (has(1001), has(1500)),
            match overflow {
                OverflowPolicy::Oldest => (true, false),
                _ => (false, true),
            }
        );
    }
}

/// One thread allocates, another one releases: a released address is granted again at once.
fn transfer(blocks: usize) {
    let (give, take) = sync_channel(2);
    thread::scope(|scope| {
        scope.spawn(move || take.into_iter().for_each(drop::<Vec<u8>>));
        for _ in 0..blocks {
            // Too large for the thread caches of the system's allocator.
            let block = black_box(Vec::with_capacity(5000));
            give.send(block).expect("somebody takes it");
        }
        drop(give);
    });
}

/// Checks a trace, event by event: it panics at what no real program can have done.
#[derive(Default)]
struct TraceChecker {
    live: BTreeMap<usize, Event>,
    resizing: BTreeMap<u32, Event>,
    freed: usize,
}

impl TraceChecker {
    fn grant(&mut self, event: &Event) {
        let other = self.live.insert(event.address, *event);
        assert!(
            other.is_none(),
            "twice without a release: {other:?}, {event:?}"
        );
    }

    fn take(&mut self, event: &Event) -> bool {
        let was = self.live.remove(&event.address);
        // A block that is not known is from before the recording.
        was.inspect(|was| {
            let layout = (was.size, was.alignment);
            assert_eq!(layout, (event.size, event.alignment), "{was:?}, {event:?}");
        })
        .is_some()
    }

    fn observe(&mut self, event: &Event) {
        assert!(event.address > 0 && event.size > 0 && event.alignment.is_power_of_two());
        match event.kind {
            EventKind::Allocate => self.grant(event),
            EventKind::Free => self.freed += usize::from(self.take(event)),
            EventKind::Resize => {
                self.take(event);
                assert!(self.resizing.insert(event.thread, *event).is_none());
            }
            EventKind::Resized => {
                assert!(self.resizing.remove(&event.thread).is_some());
                self.grant(event);
            }
            other => panic!("unknown kind {other:?}"),
        }
    }
}

#[test]
fn events_are_in_an_order_that_a_real_program_can_have() {
    let _turn = turn();
    for _ in 0..10 {
        let recording = recorded_program();
        let mut checker = TraceChecker::default();
        recording
            .events()
            .iter()
            .for_each(|event| checker.observe(event));
        assert!(checker.resizing.is_empty() && checker.freed >= 5 * 200);
        assert!(recording.lanes() >= 5 && recording.requests(0).len() >= 200);
        for lane in 0..recording.lanes() {
            let own = recording
                .requests(lane)
                .iter()
                .map(|request| request.lower as usize);
            let times = own.map(|step| recording.events()[step].time_ns);
            assert!(times.is_sorted());
        }
        // Almost all blocks are gone.
        let left = recording
            .requests(0)
            .iter()
            .filter(|request| request.upper.is_none());
        assert!(left.count() < 10);
    }
}

#[test]
fn a_release_is_logged_before_its_address_is_granted_again() {
    let _turn = turn();
    for _ in 0..2 {
        start(1 << 20, OverflowPolicy::Oldest);
        transfer(20_000);
        let mut checker = TraceChecker::default();
        let recording = stop();
        recording
            .events()
            .iter()
            .for_each(|event| checker.observe(event));
        assert!(checker.freed >= 20_000);
    }
}

#[test]
fn threads_allocate_undisturbed_while_recordings_start_and_stop() {
    let _turn = turn();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|seed| scope.spawn(move || (0..20).for_each(|_| work(seed))))
            .collect();
        let mut events = 0;
        while workers.iter().any(|worker| !worker.is_finished()) {
            start(10_000, OverflowPolicy::Newest);
            thread::yield_now();
            events += stop().events().len();
        }
        assert!(events > 0);
    });
}

#[cfg(feature = "files")]
mod files {
    use std::collections::BTreeSet;

    use orionrt::{Lifetimes, Planner};
    use serde_json::Value;

    use super::*;

    fn json(write: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut text = Vec::new();
        write(&mut text);
        serde_json::from_slice(&text).expect("JSON")
    }

    #[test]
    fn csv_is_the_planners_input() {
        let _turn = turn();
        let recording = recorded_program();
        let mut text = Vec::new();
        recording
            .write_csv(&mut text)
            .expect("memory takes everything");
        let lifetimes = Lifetimes::read_csv(&text[..]).expect("as it was written");
        let planned = (0..recording.lanes()).flat_map(|lane| recording.requests(lane));
        let planned: Vec<_> = planned.filter(|request| request.is_planned()).collect();
        assert_eq!(lifetimes.len(), planned.len());
        for (row, request) in lifetimes.rows().iter().zip(&planned) {
            let upper = request.upper.expect("planned");
            assert_eq!((row.lower as u64, row.upper as u64), (request.lower, upper));
            assert_eq!(row.size, request.largest as u64);
            assert_eq!(row.alignment, request.alignment as u64);
        }
        let mut names = lifetimes.iter().map(|(_, name, _)| name);
        assert!(names.any(|name| name.starts_with("lane")));
        let plan = Planner::new().nodes(1000).plan(&lifetimes).expect("a plan");
        assert!(plan.peak() >= plan.lower_bound() && plan.peak() < lifetimes.total_bytes());
    }

    #[test]
    fn json_has_everything() {
        let _turn = turn();
        let recording = recorded_program();
        let value = json(|text| recording.write_json(text).expect("memory takes everything"));
        assert_eq!(value["format"], "orionrt-trace");
        assert_eq!((&value["version"], &value["lost"]), (&1.into(), &0.into()));
        let events = value["events"].as_array().expect("a list");
        assert_eq!(events.len(), recording.events().len());
        for (value, event) in events.iter().zip(recording.events()) {
            let kind = format!("{:?}", event.kind).to_lowercase();
            assert_eq!(value["kind"], kind);
            assert_eq!(
                (&value["address"], &value["size"]),
                (&event.address.into(), &event.size.into())
            );
            assert_eq!(
                (&value["thread"], &value["time_ns"]),
                (&event.thread.into(), &event.time_ns.into())
            );
            assert_eq!(value["alignment"], event.alignment);
        }
        let lanes = value["lanes"].as_array().expect("a list");
        assert_eq!(lanes.len(), recording.lanes());
        for (i, lane) in lanes.iter().enumerate() {
            let requests = lane["requests"].as_array().expect("a list");
            assert_eq!(requests.len(), recording.requests(i).len());
            for (value, request) in requests.iter().zip(recording.requests(i)) {
                assert_eq!(value["upper"].as_u64(), request.upper);
                assert_eq!(
                    (&value["lower"], &value["largest"]),
                    (&request.lower.into(), &request.largest.into())
                );
            }
        }
    }

    #[test]
    fn a_chrome_trace_has_a_bar_for_every_lifetime() {
        let _turn = turn();
        let recording = recorded_program();
        let value = json(|text| {
            recording
                .write_chrome_trace(text)
                .expect("memory takes everything")
        });
        let events = value["traceEvents"].as_array().expect("a list");
        let mut begun: BTreeMap<u64, &Value> = BTreeMap::new();
        let (mut ids, mut bars, mut counters) = (BTreeSet::new(), 0, Vec::new());
        for event in events {
            assert!(event["ts"].as_f64().is_some_and(|ts| ts >= 0.0), "{event}");
            match event["ph"].as_str().expect("a phase") {
                "b" => {
                    let id = event["id"].as_u64().expect("a number");
                    assert!(begun.insert(id, event).is_none() && ids.insert(id));
                }
                "e" => {
                    let begin = begun
                        .remove(&event["id"].as_u64().expect("a number"))
                        .expect("begun");
                    assert!(begin["ts"].as_f64() <= event["ts"].as_f64());
                    for field in ["name", "cat", "tid", "pid"] {
                        assert_eq!(begin[field], event[field]);
                    }
                    bars += 1;
                }
                "C" => counters.push(event["args"]["bytes"].as_u64().expect("not negative")),
                other => panic!("phase {other}"),
            }
        }
        assert!(begun.is_empty());
        let ended = (0..recording.lanes()).flat_map(|lane| recording.requests(lane));
        assert_eq!(
            bars,
            ended.filter(|request| request.upper.is_some()).count()
        );
        let resizes = recording.events().iter();
        let resizes = resizes.filter(|event| event.kind == EventKind::Resize);
        assert_eq!(counters.len() + resizes.count(), recording.events().len());
        // Almost all blocks are gone by the end.
        let (peak, last) = (counters.iter().max(), counters.last());
        assert!(
            last.map(|last| 4 * last) < peak.copied(),
            "{last:?} of {peak:?}"
        );
    }
}
