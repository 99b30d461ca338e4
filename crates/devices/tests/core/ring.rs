//! Staging rings against the state of every byte.

use orionrt_devices::{RingError, StagingRing};
use orionrt_testing::staging_bytes::StagingBytes;
use proptest::prelude::*;

#[test]
fn what_never_fits_is_refused_at_once() {
    let mut ring = StagingRing::new(1023, 4);
    let (needed, bytes) = (1021, 1020);
    assert_eq!(ring.take(1021), Err(RingError::TooLarge { needed, bytes }));
    let needed = u64::MAX;
    assert_eq!(
        ring.take(needed),
        Err(RingError::TooLarge { needed, bytes })
    );
    assert_eq!(ring.take(1020), Ok(0..1020));
    assert_eq!(ring.take(0), Ok(0..0));
    assert_eq!(ring.take(1), Err(RingError::NotSubmitted { needed: 1 }));
    ring.submit(8);
    ring.submit(9); // without bytes
    let full = ring.take(1).unwrap_err();
    assert_eq!(
        full.to_string(),
        "the staging buffer has no room for 1 bytes until submission 8 has ended"
    );
    ring.complete(7);
    assert_eq!(ring.take(1), Err(full));
    ring.complete(9);
    assert_eq!((ring.taken(), ring.take(1017)), (0, Ok(0..1017)));
    let mut none = StagingRing::new(0, 0);
    assert!(none.take(1).is_err() && none.take(0) == Ok(0..0));
    let mut all = StagingRing::new(u64::MAX, 1);
    assert!(all.take(u64::MAX).is_err() && all.take(1 << 40).is_ok());
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Take(u64),
    Submit,
    /// This many of the submissions that have not ended.
    Complete(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1..40u64).prop_map(Action::Take),
        2 => Just(Action::Submit),
        1 => (0..4u64).prop_map(Action::Complete),
    ]
}

/// Fails unless it is right that a range of so many bytes is refused.
fn check_refusal(
    error: RingError,
    needed: u64,
    ended: u64,
    submitted: u64,
    bytes: &StagingBytes,
) -> Result<(), TestCaseError> {
    let room_after = |submission| {
        let mut bytes = bytes.clone();
        bytes.complete(submission);
        bytes.room(needed as usize).is_some()
    };
    let first = (ended..=submitted).find(|&submission| room_after(submission));
    match error {
        RingError::Full {
            needed: said,
            wait_for,
        } => {
            prop_assert_eq!((said, Some(wait_for)), (needed, first));
        }
        RingError::NotSubmitted { needed: said } => {
            prop_assert_eq!((said, None), (needed, first));
        }
        other => prop_assert!(false, "{}", other),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn ranges_are_free_and_in_order_and_refusals_name_the_first_submission_that_helps(
        (capacity, alignment) in (40..100u64, prop::sample::select(vec![1, 4])),
        actions in prop::collection::vec(action(), 0..80),
    ) {
        let mut ring = StagingRing::new(capacity, alignment);
        let mut bytes = StagingBytes::new(capacity as usize, alignment as usize);
        let (mut submitted, mut ended) = (0, 0);
        for action in actions {
            match action {
                Action::Take(needed) => match ring.take(needed) {
                    Ok(range) => {
                        prop_assert_eq!(range.end - range.start, needed);
                        let start = range.start as usize;
                        prop_assert_eq!(Some(start), bytes.room(needed as usize));
                        bytes.take(start..range.end as usize);
                    }
                    Err(error) => {
                        prop_assert_eq!(bytes.room(needed as usize), None);
                        check_refusal(error, needed, ended, submitted, &bytes)?;
                    }
                },
                Action::Submit => {
                    submitted += 1;
                    ring.submit(submitted);
                    bytes.submit(submitted);
                }
                Action::Complete(more) => {
                    ended = submitted.min(ended + more);
                    ring.complete(ended);
                    bytes.complete(ended);
                }
            }
        }
    }
}
