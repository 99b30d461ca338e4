//! Sessions in files: what was saved is replayed without a recording, what does not fit only
//! misses, and files that nobody has written are refused with a reason or harmless.
#![cfg(feature = "files")]

use std::{alloc::System, error::Error as _};

use orionrt::{
    Planner, ReplayAlloc,
    replay::{LoadError, RequestMistake, Session},
};
use orionrt_testing::{
    blocks::{Block, in_thread, layout},
    programs::{Live, Step},
    random::Random,
};
use proptest::prelude::*;

type Alloc = ReplayAlloc<System>;

const MODEL: &str = "a test, version 1";

fn session(alloc: &Alloc) -> Session<'_, System, u32> {
    alloc.session(Planner::new().nodes(100)).threshold(64)
}

/// Blocks of random sizes, a few of them alive together; a seed always gives the same.
fn part(alloc: &Alloc, seed: u64) {
    let (mut random, mut live) = (Random(seed), Vec::new());
    for tag in 0..40 {
        live.push(Block::new(alloc, random.layout(20_000), tag));
        if live.len() > 4 {
            live.swap_remove(random.below(live.len())).free_dirty(alloc);
        }
    }
    live.into_iter().for_each(|block| block.free_dirty(alloc));
}

fn saved(session: &Session<'_, System, u32>) -> Vec<u8> {
    let mut file = Vec::new();
    session.save(MODEL, &mut file).expect("a vector takes all");
    file
}

/// A file with the plans of two keys, and the hits that an iteration of each has.
fn saved_keys(alloc: &Alloc) -> (Vec<u8>, [u64; 2]) {
    let mut session = session(alloc);
    for _ in 0..2 {
        for key in [1, 2] {
            session
                .run(key, || part(alloc, key.into()))
                .expect("it runs");
        }
    }
    let hits = [0, 1].map(|i| session.report().keys[i].last.hits);
    assert!(hits.iter().all(|&hits| hits > 15), "{hits:?}");
    (saved(&session), hits)
}

#[test]
fn a_session_starts_in_replay_with_what_another_one_has_saved() {
    let (file, hits) = saved_keys(&Alloc::new(System));
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    assert_eq!(session.load(MODEL, &file[..]).expect("it was saved"), 2);
    // What was loaded is saved again, used or not.
    assert_eq!(saved(&session), file);
    for key in [2, 1] {
        session
            .run(key, || part(&alloc, key.into()))
            .expect("it runs");
    }
    assert_eq!(saved(&session), file);
    let keys = session.report().keys;
    for (key, hits) in keys.iter().zip([hits[1], hits[0]]) {
        assert_eq!((key.recorded, key.replayed), (0, 1));
        assert_eq!((key.counts.hits, key.counts.misses.total()), (hits, 0));
        assert!(key.planned_bytes >= key.lower_bound && key.lower_bound > 0);
        assert!(key.total_bytes > key.planned_bytes);
    }
}

#[test]
fn plans_with_lanes_are_saved_too() {
    let run = |session: &mut Session<'_, System, u32>, alloc: &Alloc| {
        let iteration = || {
            part(alloc, 1);
            in_thread(|| part(alloc, 2));
        };
        session.run(7, iteration).expect("it runs");
        session.report().keys[0].clone()
    };
    let alloc = Alloc::new(System);
    let mut first = session(&alloc).lanes(1).threshold(100);
    let hits = [run(&mut first, &alloc), run(&mut first, &alloc)][1]
        .counts
        .hits;
    let mut second = session(&alloc).lanes(1).threshold(100);
    assert_eq!(second.load(MODEL, &saved(&first)[..]).expect("saved"), 1);
    drop(first);
    let key = run(&mut second, &alloc);
    // Whoever wants no lanes gets none.
    let (file, other) = (saved(&second), Alloc::new(System));
    let mut third = session(&other).lanes(0).threshold(100);
    assert_eq!(third.load(MODEL, &file[..]).expect("saved"), 1);
    let own = run(&mut third, &other);
    assert!(own.counts.hits > 0 && own.counts.hits < hits, "{own}");
    assert_eq!((own.recorded, own.counts.misses.total()), (0, 0));
    assert!(own.total_bytes < key.total_bytes, "{own}");
    assert_eq!(
        (key.recorded, key.counts.hits, key.counts.misses.total()),
        (0, hits, 0)
    );
}

/// A file of an iteration that needs little itself, beside a helper that needs a lot.
#[test]
fn without_helpers_the_bytes_of_helpers_are_not_resident() {
    let alloc = Alloc::new(System);
    let block = |size: usize| Block::new(&alloc, layout(size, 64), 1);
    let iteration = || {
        let own = [3000, 5000].map(block);
        in_thread(|| block(3 << 20).free(&alloc));
        own.into_iter().for_each(|block| block.free_dirty(&alloc));
    };
    let mut first = session(&alloc);
    (0..2).for_each(|_| first.run(1, iteration).expect("it runs"));
    let planned = first.report().keys[0].planned_bytes;
    assert!(planned > 3 << 20);
    let file = saved(&first);
    drop(first);
    let mut alone = session(&alloc).lanes(0);
    assert_eq!(alone.load(MODEL, &file[..]).expect("it was saved"), 1);
    (0..2).for_each(|_| alone.run(1, iteration).expect("it runs"));
    let report = alone.report();
    let key = &report.keys[0];
    assert_eq!((key.recorded, key.last.hits), (0, 2), "{key}");
    assert!(key.planned_bytes <= 8064, "{key}");
    assert_eq!(key.total_bytes, 8000, "{key}");
    assert_eq!(report.region_bytes, 8192);
    // It is saved as what it is now.
    let again = saved(&alone);
    assert!(again.len() < file.len());
    let mut next = session(&alloc);
    assert_eq!(next.load(MODEL, &again[..]).expect("it was saved"), 1);
    next.run(1, || [3000, 5000].map(|size| block(size).free(&alloc)))
        .expect("it runs");
    assert_eq!(next.report().keys[0].last.hits, 2);
}

/// Two helpers one after the other, and side by side when the plan comes from a file.
#[test]
fn a_loaded_plan_whose_helpers_miss_much_is_recorded_once() {
    let alloc = Alloc::new(System);
    let block = |size: usize| Block::new(&alloc, layout(size, 8), 1);
    let iteration = |are_together: bool| {
        let own = block(1_000_000);
        let first = in_thread(|| {
            let block = block(20_000);
            match are_together {
                true => Some(block),
                false => {
                    block.free(&alloc);
                    None
                }
            }
        });
        in_thread(|| block(21_000).free(&alloc));
        let both = [Some(own), first].into_iter().flatten();
        both.for_each(|block| block.free(&alloc));
    };
    let mut session = session(&alloc);
    (0..2).for_each(|_| session.run(1, || iteration(false)).expect("it runs"));
    let file = saved(&session);
    for (rounds, recorded) in [(2, 0), (3, 0), (4, 1), (20, 1)] {
        let mut session = self::session(&alloc);
        assert_eq!(session.load(MODEL, &file[..]).expect("it was saved"), 1);
        // As it was recorded, so that nothing is to be learnt.
        (0..20).for_each(|_| session.run(1, || iteration(false)).expect("it runs"));
        assert_eq!(session.report().keys[0].counts.misses.total(), 0);
        for _ in 0..rounds {
            session.run(1, || iteration(true)).expect("it runs");
        }
        let key = &session.report().keys[0];
        assert_eq!(key.recorded, recorded, "{key}");
        assert_eq!(key.counts.misses.occupied, rounds.min(3), "{key}");
    }
}

#[test]
fn a_plan_that_does_not_fit_misses_and_the_key_is_recorded() {
    let (file, hits) = saved_keys(&Alloc::new(System));
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    session.load(MODEL, &file[..]).expect("it was saved");
    for _ in 0..3 {
        // The other key's iteration.
        session.run(1, || part(&alloc, 2)).expect("it runs");
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.replayed), (1, 2));
    assert!(key.counts.misses.total() > 10);
    assert_eq!((key.last.hits, key.last.misses.total()), (hits[1], 0));
}

#[test]
fn a_plan_for_another_threshold_is_passed_over_and_the_key_is_recorded() {
    let (file, hits) = saved_keys(&Alloc::new(System));
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).threshold(5000);
    assert_eq!(session.load(MODEL, &file[..]).expect("it was saved"), 0);
    for _ in 0..2 {
        session.run(1, || part(&alloc, 1)).expect("it runs");
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.replayed), (1, 1), "{key}");
    // Requests below the threshold of the session pass by.
    assert!(key.last.small > 0 && key.last.hits < hits[0], "{key}");
}

#[test]
fn a_key_that_is_forgotten_loses_what_was_loaded() {
    let (file, _) = saved_keys(&Alloc::new(System));
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    session.load(MODEL, &file[..]).expect("it was saved");
    session.run(2, || part(&alloc, 2)).expect("it runs");
    (1..=2).for_each(|key| session.forget(&key));
    for key in [1, 2] {
        session
            .run(key, || part(&alloc, key.into()))
            .expect("it runs");
    }
    let keys = session.report().keys;
    assert!(keys.iter().all(|key| key.recorded == 1), "{keys:?}");
}

#[test]
fn a_key_that_is_planned_keeps_its_plan() {
    let (file, _) = saved_keys(&Alloc::new(System));
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    for _ in 0..2 {
        session.run(1, || part(&alloc, 9)).expect("it runs");
    }
    assert_eq!(session.load(MODEL, &file[..]).expect("it was saved"), 1);
    session.run(1, || part(&alloc, 9)).expect("it runs");
    assert_eq!(session.report().keys[0].last.misses.total(), 0);
}

#[test]
fn a_key_that_was_refused_takes_what_is_loaded() {
    let (file, hits) = saved_keys(&Alloc::new(System));
    let alloc = Alloc::new(System).with_reserved_limit(16 << 20);
    let mut session = session(&alloc);
    let large = || Block::new(&alloc, layout(64 << 20, 8), 1).free(&alloc);
    (0..2).for_each(|_| session.run(1, large).expect("it runs"));
    assert_eq!(session.report().keys[0].plain.no_addresses, 1);
    assert_eq!(session.load(MODEL, &file[..]).expect("it was saved"), 2);
    session.run(1, || part(&alloc, 1)).expect("it runs");
    assert_eq!(session.report().keys[0].last.hits, hits[0]);
}

#[test]
fn a_refused_file_says_where_and_why() {
    let alloc = Alloc::new(System);
    let mut session = session(&alloc);
    let mut refused = |text: &str| {
        let error = session.load(MODEL, text.as_bytes()).expect_err(text);
        assert!(!error.to_string().is_empty());
        error
    };
    assert!(matches!(refused(""), LoadError::File(_)));
    assert!(refused("[]").source().is_some());
    let session_of = |keys: &str| {
        format!(
            r#"{{"format": "orionrt-replay", "version": 2, "fingerprint": "{MODEL}",
                "keys": [{keys}]}}"#
        )
    };
    let version = session_of("").replace(": 2", ": 3");
    assert!(
        refused(&version)
            .to_string()
            .contains("version 3, expected")
    );
    let other = session_of("").replace(MODEL, "another");
    assert!(matches!(
        refused(&other),
        LoadError::OtherFingerprint { found, expected } if found == "another" && expected == MODEL
    ));
    let key = |lanes: &str| {
        format!(
            r#"{{"key": "1", "threshold": 0, "lower_bound": 0, "total_bytes": 0,
                "lanes": [{lanes}]}}"#
        )
    };
    let none = session_of(&key(""));
    assert!(matches!(refused(&none), LoadError::NoLanes { key } if key == "1"));
    let empty = key(r#"{"requests": []}"#);
    let twice = session_of(&format!("{empty}, {empty}"));
    assert!(matches!(refused(&twice), LoadError::KeyTwice { key } if key == "1"));
    let (max, range) = (u64::MAX, 1u64 << 38);
    let (size, alignment) = (64, 8);
    for (request, expected) in [
        (
            r#""size": 0, "alignment": 8"#.into(),
            RequestMistake::Size { size: 0 },
        ),
        (
            format!(r#""size": {max}, "alignment": 8"#),
            RequestMistake::Size { size: max },
        ),
        (
            r#""size": 64, "alignment": 12"#.into(),
            RequestMistake::Alignment { alignment: 12 },
        ),
        (
            r#""size": 64, "alignment": 8, "offset": 8"#.into(),
            RequestMistake::Half,
        ),
        (
            r#""size": 64, "alignment": 8, "room": 64"#.into(),
            RequestMistake::Half,
        ),
        (
            r#""size": 64, "alignment": 8, "offset": 4, "room": 64"#.into(),
            RequestMistake::Offset {
                offset: 4,
                alignment,
            },
        ),
        (
            r#""size": 64, "alignment": 4194304, "offset": 0, "room": 64"#.into(),
            RequestMistake::Offset {
                offset: 0,
                alignment: 4 << 20,
            },
        ),
        (
            r#""size": 64, "alignment": 8, "offset": 0, "room": 63"#.into(),
            RequestMistake::Room { room: 63, size },
        ),
        (
            format!(r#""size": 64, "alignment": 8, "offset": 8, "room": {max}"#),
            RequestMistake::Room { room: max, size },
        ),
        (
            format!(
                r#""size": 64, "alignment": 8, "offset": {}, "room": 64"#,
                (1u64 << 63) - 64
            ),
            RequestMistake::Room { room: 64, size },
        ),
        (
            // One byte beyond the range of all regions.
            format!(
                r#""size": 64, "alignment": 8, "offset": {}, "room": 65"#,
                range - 64
            ),
            RequestMistake::Room { room: 65, size },
        ),
    ] {
        let fine = r#"{"place": 0, "size": 1, "alignment": 1}"#;
        let lane = format!(r#"{{"requests": [{fine}, {{"place": 1, {request}}}]}}"#);
        let error = refused(&session_of(&key(&format!(r#"{{"requests": []}}, {lane}"#))));
        let LoadError::Request {
            key,
            lane,
            request,
            mistake,
        } = &error
        else {
            panic!("{request}: {error}");
        };
        assert_eq!(
            (key.as_str(), *lane, *request, *mistake),
            ("1", 1, 1, expected),
            "{error}"
        );
    }
    // Of helpers: no place, one that is taken, one before the last, and one too many.
    for (places, expected) in [
        (["", ""], None),
        ([r#""place": 1, "#, r#""place": 1, "#], Some(1)),
        ([r#""place": 1, "#, r#""place": 0, "#], Some(0)),
        ([r#""place": 0, "#, r#""place": 2, "#], Some(2)),
    ] {
        let request = |place| format!(r#"{{{place}"size": 1, "alignment": 1}}"#);
        let [first, second] = places.map(request);
        let lanes = format!(r#"{{"requests": []}}, {{"requests": [{first}, {second}]}}"#);
        let error = refused(&session_of(&key(&lanes)));
        assert!(
            matches!(
                error,
                LoadError::Request { lane: 1, mistake: RequestMistake::Place { place }, .. }
                    if place == expected
            ),
            "{error}"
        );
    }
    // Nothing of all that was taken.
    session.run(1, || part(&alloc, 1)).expect("it runs");
    assert_eq!(session.report().keys[0].recorded, 1);
}

/// A file with the plan of key 1: lanes of one request each, whose block has 64 bytes and ends
/// there. The lanes after the first are those of helpers.
#[cfg(target_pointer_width = "64")]
fn file_of_lanes(ends: &[u64]) -> String {
    let lane = |(i, end): (usize, &u64)| {
        let place = i
            .checked_sub(1)
            .map_or(String::new(), |place| format!(r#""place": {place}, "#));
        let offset = end - 64;
        let bytes = format!(r#""offset": {offset}, "room": 64"#);
        format!(r#"{{"requests": [{{{place}"size": 64, "alignment": 8, {bytes}}}]}}"#)
    };
    let lanes: Vec<_> = ends.iter().enumerate().map(lane).collect();
    format!(
        r#"{{"format": "orionrt-replay", "version": 2, "fingerprint": "{MODEL}", "keys": [
            {{"key": "1", "threshold": 64, "lower_bound": 0, "total_bytes": 0,
              "lanes": [{}]}}]}}"#,
        lanes.join(", ")
    )
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_plan_beyond_all_addresses_is_recorded_anew_and_takes_nothing_from_other_keys() {
    const RANGE: u64 = 1 << 38;
    let alloc = Alloc::new(System);
    let mut session = session(&alloc).lanes(3).budget(1 << 20);
    for _ in 0..2 {
        session.run(2, || part(&alloc, 2)).expect("it runs");
    }
    let file = file_of_lanes(&[64, RANGE]);
    assert_eq!(session.load(MODEL, file.as_bytes()).expect("it could"), 1);
    for _ in 0..3 {
        session.run(1, || part(&alloc, 1)).expect("it runs");
    }
    let keys = session.report().keys;
    let [other, key] = &keys[..] else {
        panic!("two keys");
    };
    assert_eq!((key.recorded, key.replayed), (1, 2), "{key}");
    assert!(key.last.hits > 15, "{key}");
    assert_eq!(other.regions_given_up, 0, "{other}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Requests that match those of the program, with blocks anywhere.
    #[test]
    fn blocks_never_overlap_whatever_a_file_says(
        requests in proptest::collection::vec(
            (0usize..4, 0u64..40, 0u64..200, any::<bool>()), 1..20,
        ),
        order in proptest::collection::vec((0usize..4, 0usize..20), 1..60),
    ) {
        const SIZES: [u64; 4] = [64, 100, 256, 1000];
        let request = |&(size, offset, more, is_planned): &(usize, u64, u64, bool)| {
            let size = SIZES[size];
            let place = format!(r#", "offset": {}, "room": {}"#, offset * 8, size + more);
            let place = if is_planned { place } else { String::new() };
            format!(r#"{{"size": {size}, "alignment": 8{place}}}"#)
        };
        let requests: Vec<String> = requests.iter().map(request).collect();
        let file = format!(
            r#"{{"format": "orionrt-replay", "version": 2, "fingerprint": "{MODEL}", "keys": [
                {{"key": "1", "threshold": 64, "lower_bound": 0, "total_bytes": 0, "lanes": [
                {{"requests": [{}]}}]}}]}}"#,
            requests.join(", ")
        );
        let alloc = Alloc::new(System);
        let mut session = session(&alloc);
        session.load(MODEL, file.as_bytes()).expect("each request is sound");
        let steps = order.iter().flat_map(|&(size, other)| {
            let size = SIZES[size] as usize;
            [
                Step::Allocate { size, alignment: 8, is_zeroed: other % 2 == 0 },
                if other % 3 == 0 { Step::Free(other) } else { Step::Resize(other, size + other) },
            ]
        });
        let steps: Vec<Step> = steps.collect();
        let mut live = Live::default();
        for _ in 0..3 {
            session.run(1, || live.run(&alloc, &steps)).expect("it runs");
        }
        live.check();
    }

    /// Bytes that are changed anywhere are refused, or are another file.
    #[test]
    fn a_damaged_file_is_refused_or_harmless(
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let alloc = Alloc::new(System);
        let (mut file, _) = saved_keys(&alloc);
        for (at, byte) in damages {
            let at = at.index(file.len());
            // No digits, so that no region gets large.
            if !byte.is_ascii_digit() {
                file[at] = byte;
            }
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        let mut session = session(&alloc);
        let _ = session.load(MODEL, &file[..]);
        for key in [1, 2, 1] {
            session.run(key, || part(&alloc, key.into())).expect("it runs");
        }
    }

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let alloc = Alloc::new(System);
        prop_assert!(session(&alloc).load(MODEL, &bytes[..]).is_err());
    }
}
