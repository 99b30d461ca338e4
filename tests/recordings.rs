//! Recordings of any events: no panic, and for traces of real programs the lifetimes that a
//! quadratic oracle finds.

use std::collections::BTreeSet;

use orionrt::{
    Planner,
    replay::{Event, EventKind, Recording, Request},
};
use orionrt_testing::plan_oracle::{Row, load, peak_of};
use proptest::prelude::*;

fn event(kind: EventKind, thread: u32, address: usize, size: usize) -> Event {
    Event::new(kind, address, size, 8).on_thread(thread)
}

// ---- any events

fn kind() -> impl Strategy<Value = EventKind> {
    prop_oneof![
        Just(EventKind::Allocate),
        Just(EventKind::Free),
        Just(EventKind::Resize),
        Just(EventKind::Resized),
    ]
}

/// Few addresses and threads, so that they meet; sizes and alignments of every kind.
fn any_event() -> impl Strategy<Value = Event> {
    let size = prop_oneof![4 => 0usize..100, 1 => any::<usize>()];
    let alignment =
        prop_oneof![4 => (0u32..30).prop_map(|shift| 1usize << shift), 1 => any::<usize>()];
    (kind(), any::<u64>(), 0u32..4, 0usize..6, size, alignment).prop_map(
        |(kind, time_ns, thread, address, size, alignment)| {
            let event = Event::new(kind, address, size, alignment);
            event.on_thread(thread).at(time_ns)
        },
    )
}

fn is_sane(recording: &Recording, request: &Request) -> bool {
    let event = |step: u64| &recording.events()[step as usize];
    let birth = event(request.lower);
    birth.kind == EventKind::Allocate
        && (birth.size, birth.alignment) == (request.size, request.alignment)
        && request.largest >= request.size
        && request
            .upper
            .is_none_or(|upper| upper > request.lower && event(upper).kind == EventKind::Free)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_events_make_a_recording(
        events in proptest::collection::vec(any_event(), 0..60), opener in 0u32..6, lost: u64,
    ) {
        let recording = Recording::new(opener, events.clone(), lost);
        prop_assert_eq!((recording.events(), recording.lost()), (&events[..], lost));
        let allocations = events.iter().filter(|event| event.kind == EventKind::Allocate);
        let lanes = 0..recording.lanes();
        let requests = lanes.clone().flat_map(|lane| recording.requests(lane));
        prop_assert_eq!(requests.clone().count(), allocations.count());
        for request in requests {
            prop_assert!(is_sane(&recording, request), "{request:?}");
        }
        for lane in lanes {
            prop_assert!(recording.requests(lane).is_sorted_by_key(|request| request.lower));
            let planned = recording.requests(lane).iter().filter(|request| request.is_planned());
            if let Ok(lifetimes) = recording.lifetimes(lane) {
                prop_assert_eq!(lifetimes.len(), planned.count());
            }
        }
        prop_assert_eq!(recording.requests(recording.lanes()), &[]);
        #[cfg(feature = "files")]
        {
            let sink = std::io::sink;
            recording.write_json(sink()).expect("a sink takes everything");
            recording.write_chrome_trace(sink()).expect("a sink takes everything");
            let _ = recording.write_csv(sink());
        }
    }
}

// ---- programs

/// What a program of one thread does. Its blocks get the address that was released last, or a new
/// one.
#[derive(Clone, Copy, Debug)]
enum Act {
    Allocate(usize),
    Free(usize),
    Resize(usize, usize, bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0usize..100).prop_map(Act::Allocate),
        2 => any::<usize>().prop_map(Act::Free),
        1 => (any::<usize>(), 0usize..100, any::<bool>())
            .prop_map(|(which, size, moves)| Act::Resize(which, size, moves)),
    ]
}

/// The events of a program; `before` blocks are from before the recording.
fn trace(acts: &[Act], before: usize) -> Vec<Event> {
    let mut live: Vec<usize> = (1..=before).collect();
    let (mut free, mut fresh, mut events) = (Vec::new(), before, Vec::new());
    let mut address = |free: &mut Vec<usize>| {
        free.pop().unwrap_or_else(|| {
            fresh += 1;
            fresh
        })
    };
    for act in acts {
        match *act {
            Act::Allocate(size) => {
                live.push(address(&mut free));
                events.push(event(EventKind::Allocate, 1, live[live.len() - 1], size));
            }
            Act::Free(_) | Act::Resize(..) if live.is_empty() => {}
            Act::Free(which) => {
                let gone = live.swap_remove(which % live.len());
                events.push(event(EventKind::Free, 1, gone, 0));
                free.push(gone);
            }
            Act::Resize(which, size, moves) => {
                let which = which % live.len();
                events.push(event(EventKind::Resize, 1, live[which], 0));
                if moves {
                    let to = address(&mut free);
                    free.push(std::mem::replace(&mut live[which], to));
                }
                events.push(event(EventKind::Resized, 1, live[which], size));
            }
        }
    }
    events
}

/// The request that an allocation makes, found by following its block through all later events.
fn followed(events: &[Event], birth: usize) -> Request {
    let Event {
        mut address,
        size,
        alignment,
        ..
    } = events[birth];
    let mut request = Request::new(size, alignment, birth as u64);
    for (step, event) in events.iter().enumerate().skip(birth + 1) {
        if event.address != address {
            continue;
        }
        match event.kind {
            EventKind::Free => {
                request.upper = Some(step as u64);
                return request;
            }
            EventKind::Resize => {
                let resized = &events[step + 1];
                address = resized.address;
                request.largest = request.largest.max(resized.size);
            }
            _ => {}
        }
    }
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_lifetimes_of_a_program_are_those_of_the_oracle(
        acts in proptest::collection::vec(act(), 0..150), before in 0usize..4,
    ) {
        let events = trace(&acts, before);
        let births = (0..events.len()).filter(|&i| events[i].kind == EventKind::Allocate);
        let expected: Vec<Request> = births.map(|birth| followed(&events, birth)).collect();
        let recording = Recording::new(1, events, 0);
        prop_assert_eq!(recording.requests(0), &expected[..]);
        prop_assert_eq!(recording.lanes(), 1);
    }

    #[test]
    fn requests_that_live_together_have_bytes_of_their_own(
        acts in proptest::collection::vec(act(), 0..80), shift in 0u32..7,
    ) {
        let recording = Recording::new(1, trace(&acts, 0), 0);
        let lifetimes = recording.lifetimes(0).expect("small");
        let planner = Planner::new().alignment(1 << shift).nodes(1000);
        let plan = planner.plan(&lifetimes).expect("a plan");
        // The oracle gets what was asked for, not what the plan says.
        let planned = recording.requests(0).iter().enumerate().filter(|(_, r)| r.is_planned());
        let rows: Vec<Row> = planned
            .zip(lifetimes.rows())
            .map(|((i, request), row)| {
                let mut row = *row;
                (row.lower, row.upper) = (request.lower as i64, request.upper.unwrap() as i64);
                row.size = request.largest as u64;
                (format!("r{i}"), row)
            })
            .collect();
        let names: BTreeSet<&str> = lifetimes.iter().map(|(_, name, _)| name).collect();
        prop_assert_eq!(names, rows.iter().map(|(name, _)| name.as_str()).collect());
        prop_assert_eq!(peak_of(&rows, plan.offsets()), Ok(plan.peak()));
        prop_assert_eq!(plan.load(), load(&rows));
    }
}

// ---- several threads

proptest! {
    #[test]
    fn requests_that_live_together_in_steps_live_together_in_time(
        acts in proptest::collection::vec(act(), 0..80),
        ticks in proptest::collection::vec(0u64..3, 400),
        early in proptest::collection::vec(0u64..6, 400),
    ) {
        // A clock that often stands still, near the end of its range; threads may log late what
        // they read.
        let mut events = trace(&acts, 0);
        let mut now = i64::MAX as u64 - 500;
        let mut latest = Vec::new();
        let clock = ticks.iter().cycle().zip(early.iter().cycle());
        for (event, (tick, early)) in events.iter_mut().zip(clock) {
            now += tick;
            event.time_ns = now - early;
            latest.push(event.time_ns.max(latest.last().copied().unwrap_or(0)));
        }
        let recording = Recording::new(0, events.clone(), 0);
        for lane in 0..recording.lanes() {
            let steps = recording.lifetimes(lane).unwrap();
            let times = recording.timed_lifetimes(lane).unwrap();
            prop_assert_eq!(steps.len(), times.len());
            for (a, at) in steps.rows().iter().zip(times.rows()) {
                prop_assert_eq!(at.lower, (latest[a.lower as usize] as i64).min(i64::MAX - 1));
                prop_assert_eq!((a.size, a.alignment), (at.size, at.alignment));
                for (b, bt) in steps.rows().iter().zip(times.rows()) {
                    prop_assert!(!a.conflicts(b) || at.conflicts(bt), "{at:?} {bt:?}");
                }
            }
        }
    }
}

#[test]
fn threads_are_lanes_in_the_order_of_their_first_requests() {
    use EventKind::{Allocate, Free, Resize, Resized};
    let events = vec![
        event(Allocate, 7, 100, 1),
        event(Allocate, 5, 200, 2),
        event(Allocate, 7, 300, 3),
        event(Resize, 5, 100, 1),
        // Meanwhile another thread gets its old address.
        event(Allocate, 7, 100, 4),
        event(Resized, 5, 400, 9),
        event(Free, 6, 400, 9),
        event(Free, 7, 100, 4),
        event(Allocate, 3, 500, 5),
    ];
    let recording = Recording::new(3, events, 0);
    let lane = |lane| {
        let requests = recording.requests(lane).iter();
        requests
            .map(|r| (r.size, r.largest, r.lower, r.upper))
            .collect::<Vec<_>>()
    };
    assert_eq!(recording.lanes(), 3);
    assert_eq!(lane(0), [(5, 5, 8, None)]);
    assert_eq!(
        lane(1),
        [(1, 9, 0, Some(6)), (3, 3, 2, None), (4, 4, 4, Some(7))]
    );
    assert_eq!(lane(2), [(2, 2, 1, None)]);
}

#[test]
fn strict_and_empty_requests_are_not_planned() {
    let request = |size, alignment, upper| {
        let mut request = Request::new(size, alignment, 0);
        request.upper = upper;
        request
    };
    assert!(request(1, 2 << 20, Some(1)).is_planned());
    assert!(!request(1, 4 << 20, Some(1)).is_planned());
    assert!(!request(0, 1, Some(1)).is_planned());
    assert!(!request(1, 1, None).is_planned());
}

/// Threads whose events are missing release blocks and get their addresses.
#[test]
fn a_release_that_the_trace_lacks_ends_no_lifetime() {
    use EventKind::{Allocate, Free, Resize, Resized};
    let uppers = |events: &[(EventKind, usize)]| {
        let events = events
            .iter()
            .map(|&(kind, address)| event(kind, 1, address, 8));
        let recording = Recording::new(1, events.collect(), 0);
        let requests = recording.requests(0).iter();
        requests.map(|request| request.upper).collect::<Vec<_>>()
    };
    // The address is granted again: the first block is gone, but its end is unknown.
    assert_eq!(
        uppers(&[(Allocate, 1), (Allocate, 1), (Free, 1)]),
        [None, Some(2)]
    );
    // A resize left the address, which belongs to a block from elsewhere now.
    assert_eq!(
        uppers(&[(Allocate, 1), (Resize, 1), (Resized, 2), (Free, 1)]),
        [None]
    );
    // A block from before the recording moves to an address whose release the trace lacks.
    assert_eq!(
        uppers(&[(Allocate, 2), (Resize, 1), (Resized, 2), (Free, 2)]),
        [None]
    );
    // A resize whose end is missing.
    assert_eq!(uppers(&[(Allocate, 1), (Resize, 1), (Free, 1)]), [None]);
    assert_eq!(
        uppers(&[(Free, 1), (Resized, 1), (Allocate, 1), (Free, 1)]),
        [Some(3)]
    );
}
