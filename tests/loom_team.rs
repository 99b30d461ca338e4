//! Interleavings of helpers that take part in an iteration, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom_team`.
//!
//! Two helpers join the team of an iteration that is lent to them, and ask for blocks of the same
//! size at the same time; whoever gets one writes to a cell that stands for its bytes. A request
//! counts for nothing if it comes before the loan begins, or after it has ended. These models fail
//! if joining is not one atomic step, if a loan ends before its borrowers have left, or without
//! having synchronised with them, or if the counts are taken before that.
#![cfg(loom)]

use loom::{model::Builder, sync::Arc, thread};
use orionrt::model::{Asked, ModelTeam, ScopedLend, begin, run_as};

/// Runs a model with so many preemptions at most. With more there are too many interleavings.
fn model(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(move || {
        begin();
        run();
    });
}

/// The numbers of two threads that look at the same member first.
const THREADS: [u32; 2] = [2, 4];

type Lend = Arc<ScopedLend<ModelTeam>>;

/// Lends a team to helpers for one iteration; returns its hits, and the requests it refused.
fn lend(lend: &Lend, team: &mut ModelTeam) -> (u64, u64) {
    team.begin();
    // SAFETY: the team outlives the loan, which ends below.
    let loan = unsafe { lend.lend(team) }.expect("nobody else lends");
    lend.end(loan);
    team.take_counts()
}

/// Asks once as this thread, if a team is lent.
fn ask(lend: &Lend) -> Option<Asked> {
    lend.borrow().map(|team| team.ask())
}

/// Two helpers that ask once each.
fn helpers(lend: &Lend) -> Vec<thread::JoinHandle<Option<Asked>>> {
    let helper = |number| {
        let lend = Arc::clone(lend);
        thread::spawn(move || {
            run_as(number);
            ask(&lend)
        })
    };
    THREADS.map(helper).into()
}

fn blocks(asked: &[Option<Asked>]) -> Vec<u32> {
    let block = |asked: &Option<Asked>| match asked {
        Some(Asked::Block(block)) => Some(*block),
        _ => None,
    };
    asked.iter().filter_map(block).collect()
}

fn check_two_helpers(are_of_tasks: bool) {
    model(3, move || {
        let shared: Lend = Arc::new(ScopedLend::new());
        let helpers = helpers(&shared);
        let mut team = ModelTeam::new(2, 2, are_of_tasks);
        let counts = lend(&shared, &mut team);
        let asked = helpers.into_iter().map(|helper| helper.join().unwrap());
        let asked: Vec<Option<Asked>> = asked.collect();
        let blocks = blocks(&asked);
        // There is a place and a block for each, and none for both.
        assert_eq!(blocks.len(), asked.iter().flatten().count(), "{asked:?}");
        assert!(blocks.len() < 2 || blocks[0] != blocks[1], "{asked:?}");
        assert_eq!(counts, (blocks.len() as u64, 0), "{asked:?}");
    });
}

#[test]
fn two_helpers_get_a_block_each_and_are_counted() {
    check_two_helpers(false);
}

#[test]
fn two_helpers_with_tasks_get_a_block_each_and_are_counted() {
    check_two_helpers(true);
}

/// One of them gets the only place.
#[test]
fn a_helper_that_finds_no_place_is_counted_too() {
    model(3, || {
        let shared: Lend = Arc::new(ScopedLend::new());
        let helpers = helpers(&shared);
        let counts = lend(&shared, &mut ModelTeam::new(1, 2, false));
        let asked = helpers.into_iter().map(|helper| helper.join().unwrap());
        let asked: Vec<Option<Asked>> = asked.collect();
        let of = |one: Asked| asked.iter().filter(|asked| **asked == Some(one)).count() as u64;
        assert_eq!(
            counts,
            (blocks(&asked).len() as u64, of(Asked::Refused)),
            "{asked:?}"
        );
        assert!(counts.0 == 1 || counts == (0, 0), "{asked:?}");
    });
}

/// A block that one of them releases may be the other's then, with what was written to it. Each
/// iteration counts what was asked for in it.
#[test]
fn helpers_hand_on_a_block_from_iteration_to_iteration() {
    model(2, || {
        let shared: Lend = Arc::new(ScopedLend::new());
        let helper = THREADS.map(|number| {
            let lend = Arc::clone(&shared);
            thread::spawn(move || {
                run_as(number);
                let team = lend.borrow()?;
                let asked = team.ask();
                if let Asked::Block(block) = asked {
                    team.release(block);
                }
                Some(asked)
            })
        });
        let mut team = ModelTeam::new(2, 1, false);
        let counts = [lend(&shared, &mut team), lend(&shared, &mut team)];
        let asked = helper.map(|helper| helper.join().unwrap());
        let hits = blocks(&asked).len() as u64;
        assert_eq!(counts[0].0 + counts[1].0, hits, "{asked:?}");
        assert!(hits > 0 || asked == [None, None], "{asked:?}");
    });
}
