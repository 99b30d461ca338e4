//! A recording as lifetimes.
//!
//! Stands on the files above it. Invariant: the rows are those of the CSV file that
//! `Recording::write_csv` writes.

#![forbid(unsafe_code)]

use orionrt::{
    Lifetimes,
    lifetimes::{Lifetime, LifetimesError},
    replay::Recording,
};

use super::{
    allocated::{Allocated, label},
    error::TraceError,
    facts::TraceFacts,
    read::{FORMAT, read},
};
use crate::{args::SourceArgs, failure::Failure};

/// Whether a file that begins with these bytes is a recording: JSON with a field that says so.
pub(crate) fn looks_like_trace(head: &[u8]) -> bool {
    const NAME: &[u8] = b"\"format\"";
    let is_value = |text: &[u8]| {
        let value = text.trim_ascii_start().strip_prefix(b":");
        let value = value.and_then(|value| value.trim_ascii_start().strip_prefix(b"\""));
        let rest = value.and_then(|value| value.strip_prefix(FORMAT.as_bytes()));
        rest.is_some_and(|rest| rest.starts_with(b"\""))
    };
    let is_at = |at: usize| head[at..].strip_prefix(NAME).is_some_and(is_value);
    head.trim_ascii_start().starts_with(b"{") && (0..head.len()).any(is_at)
}

/// Loads a recording.
pub(crate) fn load(args: &SourceArgs, bytes: &[u8]) -> Result<(Lifetimes, TraceFacts), Failure> {
    let loaded = parse(bytes, args.model.keeps_graph);
    loaded.map_err(|error| Failure::file(&args.input, error))
}

/// Reads a recording, and where the blocks were if it is to be drawn.
fn parse(bytes: &[u8], is_drawn: bool) -> Result<(Lifetimes, TraceFacts), TraceError> {
    let recording = read(bytes)?;
    let lifetimes = lifetimes(&recording)?;
    if lifetimes.is_empty() {
        return Err(TraceError::Empty);
    }
    let lanes = 0..recording.lanes();
    let requests = lanes.flat_map(|lane| recording.requests(lane));
    let left_out: Vec<u64> = requests
        .filter(|request| !request.is_planned())
        .map(|request| request.size as u64)
        .collect();
    let facts = TraceFacts {
        events: recording.events().len(),
        lost: recording.lost(),
        threads: recording.lanes(),
        blocks: lifetimes.len(),
        left_out: left_out.len(),
        left_out_bytes: left_out.into_iter().fold(0, u64::saturating_add),
        allocated: is_drawn.then(|| Allocated::of_all(&recording)),
    };
    Ok((lifetimes, facts))
}

/// The planned requests of all lanes.
pub(super) fn lifetimes(recording: &Recording) -> Result<Lifetimes, LifetimesError> {
    let mut rows: Vec<(String, Lifetime)> = Vec::new();
    for lane in 0..recording.lanes() {
        let requests = recording.requests(lane).iter().enumerate();
        let planned = requests.filter(|(_, request)| request.is_planned());
        let of_lane = recording.lifetimes(lane)?;
        let names = planned.map(|(index, _)| label(lane, index));
        rows.extend(names.zip(of_lane.rows().iter().copied()));
    }
    Lifetimes::from_named(rows)
}

#[cfg(test)]
mod tests {
    use orionrt::replay::{Event, EventKind};
    use proptest::prelude::*;

    use super::*;

    fn json(recording: &Recording) -> Vec<u8> {
        let mut bytes = Vec::new();
        recording.write_json(&mut bytes).expect("a vector");
        bytes
    }

    #[test]
    fn blocks_of_all_threads_are_planned_and_drawn_where_they_were() {
        let event =
            |kind, address, size, thread| Event::new(kind, address, size, 16).on_thread(thread);
        let recording = Recording::new(
            4,
            vec![
                event(EventKind::Allocate, 0x5000, 100, 9),
                event(EventKind::Allocate, 0x9010, 50, 4),
                event(EventKind::Free, 0x5000, 100, 4),
                event(EventKind::Free, 0x9010, 50, 9),
                event(EventKind::Allocate, 0x5000, 7, 4),
            ],
            3,
        );
        let bytes = json(&recording);
        assert!(looks_like_trace(&bytes));
        let (lifetimes, facts) = parse(&bytes, true).expect("a recording");
        let rows: Vec<_> = lifetimes
            .iter()
            .map(|(_, name, row)| (name, row.lower, row.upper, row.size, row.alignment))
            .collect();
        assert_eq!(rows, [("r0", 1, 3, 50, 16), ("lane1.r0", 0, 2, 100, 16)]);
        assert_eq!((facts.events, facts.lost, facts.threads), (5, 3, 2));
        assert_eq!(
            (facts.blocks, facts.left_out, facts.left_out_bytes),
            (2, 1, 7)
        );
        let placed = facts.allocated.and_then(|of| of.plan()).expect("addresses");
        assert_eq!(placed.offsets(), [0, 0x1010]);
        let (_, facts) = parse(&bytes, false).expect("a recording");
        assert!(facts.allocated.is_none(), "nothing is to be drawn");
    }

    #[test]
    fn a_recording_is_known_by_its_field_and_not_by_a_word() {
        for (head, is_trace) in [
            ("\n{\"version\": 1, \"format\" :\n \"orionrt-trace\"", true),
            ("orionrt-trace", false),
            ("[{\"format\":\"orionrt-trace\"}]", false),
            ("{\"format\":\"orionrt-traces\"", false),
            ("{\"filename\":\"orionrt-trace\",\"format\":\"\"", false),
            ("{\"format\":orionrt-trace", false),
            ("{\"format\":\"orionrt-trace", false),
        ] {
            assert_eq!(looks_like_trace(head.as_bytes()), is_trace, "{head}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| parse(text.as_bytes(), true).expect_err(text).to_string();
        let of = |version: u32, events: &str| {
            let begin = r#"{"format":"orionrt-trace","lost":0,"lanes":[],"#;
            format!(r#"{begin}"version":{version},"events":[{events}]}}"#)
        };
        assert!(error(&of(2, "")).contains("version 2, expected 1"));
        let other = of(1, "").replace("-trace", "-plan");
        assert!(error(&other).contains("'orionrt-plan', expected 'orionrt-trace'"));
        let long = of(1, "").replace("-trace", &"-".repeat(9999));
        assert!(error(&long).len() < 200, "{}", error(&long));
        assert!(error(&of(1, "")).contains("no block that is allocated and freed"));
        assert!(error("{").contains("expected what Recording::write_json writes"));
        let event = |kind: &str, alignment: u32| {
            let begin = r#"{"time_ns":0,"thread":1,"address":9,"size":9,"#;
            format!(r#"{begin}"kind":"{kind}","alignment":{alignment}}}"#)
        };
        assert!(error(&of(1, &event("grow", 1))).contains("unknown variant `grow`"));
        let odd = [event("allocate", 3), event("free", 3)].join(",");
        assert!(error(&of(1, &odd)).contains("the blocks of the recording: buffer 0"));
    }

    proptest! {
        /// The rows are those of the CSV that the library writes of the same recording.
        #[test]
        fn a_recording_has_the_lifetimes_of_its_csv(
            events in proptest::collection::vec(
                (0_usize..4, 0_usize..6, 1_usize..99, 0_u32..3),
                0..40,
            ),
        ) {
            let kinds =
                [EventKind::Allocate, EventKind::Free, EventKind::Resize, EventKind::Resized];
            let events = events.into_iter().map(|(kind, address, size, thread)| {
                Event::new(kinds[kind], address * 4096, size, 8).on_thread(thread)
            });
            let recording = Recording::new(1, events.collect(), 0);
            let mut csv = Vec::new();
            recording.write_csv(&mut csv).expect("a vector");
            let expected = Lifetimes::read_csv(&csv[..]).expect("CSV");
            match parse(&json(&recording), true) {
                Ok((found, _)) => prop_assert_eq!(found, expected),
                Err(TraceError::Empty) => prop_assert!(expected.is_empty()),
                Err(error) => return Err(TestCaseError::fail(error.to_string())),
            }
        }
    }
}
