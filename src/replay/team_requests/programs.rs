//! Programs of several threads, for tests: what each thread does, and in which order they do it.

use alloc::vec::Vec;

use crate::replay::trace::{Event, EventKind, Recording};
use proptest::prelude::*;

/// What a thread does: asks for so many bytes, or releases the block that it asked for at this
/// turn of its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Ask(usize),
    Release(usize),
}

/// What each thread does, in order; thread 0 runs the iteration.
pub(super) type Program = Vec<Vec<Act>>;

/// Which thread acts next.
pub(super) type Order = Vec<usize>;

/// Two blocks at a time: of a task, or of a thread's own work; their sizes, and whether the
/// inner one ends first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    is_task: bool,
    sizes: [usize; 2],
    is_nested: bool,
}

/// The groups of each thread.
pub(super) fn groups() -> impl Strategy<Value = Vec<Vec<Group>>> {
    let group = (0u8..4, [0usize..4, 0usize..4], any::<bool>());
    let thread = prop::collection::vec(group, 0..12);
    let threads = prop::collection::vec(thread, 1..4);
    threads.prop_map(|threads| {
        let of_thread = |(thread, drawn): (usize, Vec<_>)| {
            let group = |(kind, sizes, is_nested): (u8, [usize; 2], bool)| Group {
                is_task: kind == 0,
                // What threads ask for beside their tasks may be alike, too.
                sizes: match kind {
                    0 => [64, 128],
                    1 => sizes.map(|size| 500 + size),
                    _ => sizes.map(|size| 1000 * (1 + thread) + size),
                },
                is_nested,
            };
            drawn.into_iter().map(group).collect()
        };
        threads.into_iter().enumerate().map(of_thread).collect()
    })
}

pub(super) fn program(groups: &[Vec<Group>]) -> Program {
    let acts = |groups: &Vec<Group>| {
        let acts = groups.iter().enumerate().flat_map(|(i, group)| {
            let ends = if group.is_nested { [1, 0] } else { [0, 1] };
            let asks = group.sizes.map(Act::Ask);
            asks.into_iter()
                .chain(ends.map(|end| Act::Release(4 * i + end)))
        });
        acts.collect()
    };
    groups.iter().map(acts).collect()
}

/// The tasks of helpers, done by others, or at another time.
pub(super) fn stolen(mut groups: Vec<Vec<Group>>, draws: &[[usize; 2]]) -> Vec<Vec<Group>> {
    let Some((_, helpers)) = groups
        .split_first_mut()
        .filter(|(_, helpers)| !helpers.is_empty())
    else {
        return groups;
    };
    let tasks: Vec<Group> = helpers
        .iter_mut()
        .flat_map(|groups| {
            let (tasks, others) = groups.iter().partition(|group| group.is_task);
            *groups = others;
            tasks
        })
        .collect::<Vec<Group>>();
    let draws = draws.iter().chain(core::iter::repeat(&[0, 0]));
    for (task, [thread, at]) in tasks.into_iter().zip(draws) {
        let groups = &mut helpers[thread % helpers.len()];
        groups.insert(at % (groups.len() + 1), task);
    }
    groups
}

/// An order of all that the threads do.
pub(super) fn order(program: &Program, draws: &[usize]) -> Order {
    let mut left: Vec<usize> = program.iter().map(Vec::len).collect();
    let mut draws = draws.iter().copied().chain(core::iter::repeat(0));
    let mut order = Vec::new();
    loop {
        let busy: Vec<usize> = (0..left.len()).filter(|&i| left[i] > 0).collect();
        if busy.is_empty() {
            return order;
        }
        let thread = busy[draws.next().unwrap_or(0) % busy.len()];
        left[thread] -= 1;
        order.push(thread);
    }
}

/// Calls `act` with each thread's acts, in an order.
pub(super) fn walk(program: &Program, order: &Order, mut act: impl FnMut(usize, usize, Act)) {
    let mut turns = alloc::vec![0; program.len()];
    for &thread in order {
        act(thread, turns[thread], program[thread][turns[thread]]);
        turns[thread] += 1;
    }
}

pub(super) fn record(program: &Program, order: &Order) -> Recording {
    let mut events = Vec::new();
    walk(program, order, |thread, turn, act| {
        let (kind, turn, size) = match act {
            Act::Ask(size) => (EventKind::Allocate, turn, size),
            Act::Release(turn) => (EventKind::Free, turn, 1),
        };
        let address = 1 + thread * 10_000 + turn;
        let event = Event::new(kind, address, size, 8);
        events.push(event.on_thread(thread as u32));
    });
    Recording::new(0, events, 0)
}

pub(super) fn draws() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(0usize..6, 0..150)
}

/// The groups of threads of which each takes part.
pub(super) fn groups_of_all() -> impl Strategy<Value = Vec<Vec<Group>>> {
    groups().prop_map(|mut groups| {
        let helpers = groups.split_off(1).into_iter();
        groups.extend(helpers.filter(|groups| !groups.is_empty()));
        groups
    })
}

/// What is done once is no task, but a part of a thread's own work, which is in an order.
pub(super) fn stolen_if_repeated(groups: Vec<Vec<Group>>, draws: &[[usize; 2]]) -> Vec<Vec<Group>> {
    let of_helpers = groups.iter().skip(1).flatten();
    match of_helpers.filter(|group| group.is_task).count() {
        1 => groups,
        _ => stolen(groups, draws),
    }
}

/// Orders of the same work, and who steals which tasks in each of them.
pub(super) type Ways = Vec<(Vec<usize>, Vec<[usize; 2]>)>;

pub(super) fn ways() -> impl Strategy<Value = Ways> {
    let thefts = prop::collection::vec(any::<[usize; 2]>(), 0..40);
    prop::collection::vec((draws(), thefts), 1..24)
}
