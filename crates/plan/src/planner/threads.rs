//! One strategy in several threads, each with a seed of its own. What one of them proves holds for
//! all.

use alloc::vec::Vec;

#[cfg(feature = "std")]
use super::budget::Cancel;
use super::strategy::{Strategy, Task};

/// The best offsets that any thread proposes. Without `std` there is one thread.
pub(super) fn place(strategy: &dyn Strategy, task: &Task<'_>, threads: usize) -> Vec<u64> {
    #[cfg(feature = "std")]
    if threads > 1 {
        return portfolio(strategy, task, threads);
    }
    let _ = threads;
    strategy.place(task)
}

/// Runs the strategy in every thread; the first to reach the goal ends the others.
#[cfg(feature = "std")]
fn portfolio(strategy: &dyn Strategy, task: &Task<'_>, threads: usize) -> Vec<u64> {
    let done = Cancel::new();
    let task_of = |thread: u64| Task {
        budget: task.budget.clone().cancelled_by(&done),
        seed: task.seed.wrapping_add(thread),
        start: task.start.clone(),
        proven: task.proven.clone(),
        ..*task
    };
    let place = |task: Task<'_>| {
        let offsets = strategy.place(&task);
        let proven = task.proven.get();
        let is_out_of_reach = task.capacity.is_some_and(|capacity| capacity < proven);
        if is_out_of_reach || task.peak(&offsets) <= task.goal.max(proven) {
            done.cancel();
        }
        (offsets, proven)
    };
    let place = &place;
    std::thread::scope(|scope| {
        let spawn = |thread| {
            let task = task_of(thread);
            let builder = std::thread::Builder::new();
            builder.spawn_scoped(scope, move || place(task)).ok()
        };
        // If the system refuses a thread, those that there are search.
        let others: Vec<_> = (1..threads as u64).map_while(spawn).collect();
        let own = place(task_of(0));
        // A thread that panics, in a user's strategy, has proposed nothing.
        let rest = others.into_iter().filter_map(|other| other.join().ok());
        let is_complete = |(offsets, _): &(Vec<u64>, u64)| offsets.len() == task.buffers.len();
        let all = core::iter::once(own).chain(rest.filter(is_complete));
        let all = all.map(|(offsets, proven)| {
            task.prove(proven);
            offsets
        });
        let mut all: Vec<_> = all.collect();
        all.sort_by_cached_key(|offsets| task.peak(offsets));
        all.swap_remove(0)
    })
}
