//! Another crate's allocator, with planned iterations on top:
//! `cargo run --release --example replay_other`.

use std::{alloc::System, collections::BTreeMap};

use orionrt::{Planner, ReplayAlloc, ReplayError, arena::RawLock};
use talc::{TalcLock, source::GlobalAllocSource};

/// [`talc`] with memory from the system and with OrionRT's lock.
type Talc = TalcLock<RawLock, GlobalAllocSource<System>>;

#[global_allocator]
static ALLOC: ReplayAlloc<Talc> = ReplayAlloc::new(TalcLock::new(GlobalAllocSource::new(System)));

/// Counts words; each is a string of its own.
fn words(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for word in text.split(' ') {
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    counts
}

fn main() -> Result<(), ReplayError> {
    let text =
        "The bytes of a plan are the bytes of all that live at once, and the Plan is made once "
            .repeat(500);
    let mut session = ALLOC.session(Planner::new());
    for _ in 0..10 {
        // What the iteration returns outlives it, so it comes from talc.
        let most = session.run("words", || {
            words(&text).into_iter().max_by_key(|word| word.1)
        })?;
        assert_eq!(most, Some(("the".to_string(), 1500)));
    }
    println!("{}", session.report());
    Ok(())
}
