//! Streams and events: what happens before what.

use orionrt_devices::{Event, OrderError, StreamId, StreamOrder};
use orionrt_testing::stream_history::StreamHistory;
use proptest::prelude::*;

use crate::plans::{participant, stream};

#[test]
fn a_wait_is_passed_on_by_later_events() {
    let order = StreamOrder::new(3);
    let [a, b, c] = [0, 1, 2].map(StreamId::new);
    let first = order.signal(a).unwrap();
    order.wait(b, &first).unwrap();
    let second = order.signal(b).unwrap();
    assert_eq!(order.has_waited(c, &first), Ok(false));
    order.wait(c, &second).unwrap();
    assert_eq!(order.has_waited(c, &first), Ok(true));
    let third = order.signal(a).unwrap();
    assert_eq!(order.has_waited(c, &third), Ok(false));
    assert_eq!(order.has_waited(a, &third), Ok(true));
    assert_eq!(third.stream(), a);
}

#[test]
fn streams_and_events_of_others_are_refused() {
    let order = StreamOrder::new(2);
    let missing = StreamId::new(2);
    let error = order.signal(missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no stream 2: the device has 2 streams, counted from 0"
    );
    let event = order.signal(StreamId::HOST).unwrap();
    assert_eq!(order.wait(missing, &event).unwrap_err(), error);
    let other = StreamOrder::new(2);
    let stream = StreamId::HOST;
    assert_eq!(
        other.wait(StreamId::new(0), &event),
        Err(OrderError::OtherOrder { stream })
    );
    assert_eq!(
        other.has_waited(StreamId::new(0), &event),
        Err(OrderError::OtherOrder { stream })
    );
    let same = order.clone();
    assert_eq!(same.wait(StreamId::new(0), &event), Ok(()));
    assert_eq!(order.has_waited(StreamId::new(0), &event), Ok(true));
}

#[test]
fn the_largest_number_of_streams_needs_little_memory() {
    let order = StreamOrder::new(u16::MAX);
    let last = StreamId::new(u32::from(u16::MAX) - 1);
    let event = order.signal(last).unwrap();
    order.wait(StreamId::HOST, &event).unwrap();
    assert_eq!(order.has_waited(StreamId::HOST, &event), Ok(true));
    assert!(order.signal(StreamId::new(u32::from(u16::MAX))).is_err());
}

/// One of four participants signals, or waits for an event that there is.
#[derive(Clone, Debug)]
enum Action {
    Signal(usize),
    Wait(usize, prop::sample::Index),
}

fn action() -> impl Strategy<Value = Action> {
    let wait = (0..4usize, any::<prop::sample::Index>());
    prop_oneof![
        (0..4usize).prop_map(Action::Signal),
        wait.prop_map(|(by, event)| Action::Wait(by, event)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn streams_have_waited_for_what_can_be_reached_by_going_back(
        actions in prop::collection::vec(action(), 0..60),
    ) {
        let order = StreamOrder::new(3);
        let mut history = StreamHistory::default();
        let mut events: Vec<(usize, Event)> = Vec::new();
        for action in actions {
            match action {
                Action::Signal(by) => {
                    let event = order.signal(stream(by)).unwrap();
                    prop_assert_eq!(participant(event.stream()), by);
                    events.push((history.signal(by), event));
                }
                Action::Wait(by, which) if !events.is_empty() => {
                    let (step, event) = which.get(&events);
                    order.wait(stream(by), event).unwrap();
                    history.wait(by, *step);
                }
                Action::Wait(..) => {}
            }
        }
        for (step, event) in &events {
            for by in 0..4 {
                let waited = order.has_waited(stream(by), event).unwrap();
                prop_assert_eq!(waited, history.is_before_next(*step, by), "{} {:?}", by, event);
            }
        }
    }
}
