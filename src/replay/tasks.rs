//! Which requests of helpers belong to tasks that are done several times in an iteration.
//!
//! A pool of threads does the parts of an operator side by side, and which thread does which part,
//! and when, differs from iteration to iteration. A *task* is what a helper asks for from its first
//! block on until it has none any more. Tasks that ask for the same are parts of one kind of work.
//!
//! ```text
//! worker 1   ├─ a ────────┤   ├─ a ────────┤      ├─ a ──
//!              ├─ b ───┤        ├─ b ───┤            ├─ b
//!            └── a task ──┘   └─ and again ┘
//! ```
//!
//! A thread that waits for others may begin a task within a task. So every request of a helper that
//! is like one of a repeated task counts as a part of one.

#![forbid(unsafe_code)]

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::trace::Request;

/// A task that asks for more is none, but a thread's work as a whole.
const MOST_REQUESTS: usize = 256;

/// The size and the alignment of a request.
type Shape = (usize, usize);

/// The first or the last step of a planned request. In order of steps; what ends at a step does so
/// before anything begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskEvent {
    step: u64,
    pub(super) is_begin: bool,
    /// Of the thread whose request it is.
    pub(super) lane: u32,
    shape: Shape,
}

/// Whether each request of a helper is like one of a task that is done several times. Requests come
/// with their lanes, of which 0 is no helper's.
pub(super) fn of_repeated_tasks(requests: &[(u32, Request)]) -> Vec<bool> {
    let shapes = repeated_shapes(requests);
    let is_part = |(lane, request): &(u32, Request)| *lane > 0 && shapes.contains(&shape(request));
    requests.iter().map(is_part).collect()
}

/// The first and last steps of those requests that are planned, in order.
pub(super) fn events<'r>(requests: impl Iterator<Item = (u32, &'r Request)>) -> Vec<TaskEvent> {
    let of = |(lane, request): (u32, &Request)| {
        let event = |is_begin, step| TaskEvent {
            step,
            is_begin,
            lane,
            shape: shape(request),
        };
        let upper = request.upper.filter(|_| request.is_planned());
        upper.map(|upper| [event(true, request.lower), event(false, upper)])
    };
    let mut events: Vec<TaskEvent> = requests.filter_map(of).flatten().collect();
    events.sort_unstable();
    events
}

fn shape(request: &Request) -> Shape {
    (request.size, request.alignment)
}

/// What tasks ask for that are done several times.
fn repeated_shapes(requests: &[(u32, Request)]) -> BTreeSet<Shape> {
    let mut repeats: BTreeMap<Vec<Shape>, usize> = BTreeMap::new();
    let mut tasks: BTreeMap<u32, Task> = BTreeMap::new();
    let of_helpers = requests.iter().filter(|(lane, _)| *lane > 0);
    for event in events(of_helpers.map(|(lane, request)| (*lane, request))) {
        let task = tasks.entry(event.lane).or_default();
        if event.is_begin {
            task.begin(event.shape);
        } else if let Some(shapes) = task.end() {
            *repeats.entry(shapes).or_default() += 1;
        }
    }
    let repeated = repeats.into_iter().filter(|(_, times)| *times > 1);
    repeated.flat_map(|(shapes, _)| shapes).collect()
}

/// A task under way.
#[derive(Default)]
struct Task {
    shapes: Vec<Shape>,
    live: usize,
    is_long: bool,
}

impl Task {
    fn begin(&mut self, shape: Shape) {
        self.live += 1;
        self.is_long |= self.shapes.len() == MOST_REQUESTS;
        if !self.is_long {
            self.shapes.push(shape);
        }
    }

    /// Ends a block; returns what the task asked for if it was the last one.
    fn end(&mut self) -> Option<Vec<Shape>> {
        self.live -= 1;
        if self.live > 0 {
            return None;
        }
        let task = core::mem::take(self);
        (!task.is_long).then_some(task.shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lane: u32, size: usize, lower: u64, upper: u64) -> (u32, Request) {
        let mut request = Request::new(size, 8, lower);
        request.upper = Some(upper);
        (lane, request)
    }

    #[test]
    fn what_two_tasks_ask_for_is_repeated() {
        let requests = [
            request(0, 5000, 0, 20),
            request(1, 100, 1, 4),
            request(1, 200, 2, 3),
            request(2, 100, 5, 8),
            request(2, 200, 6, 7),
            request(1, 300, 9, 10),
        ];
        let found = of_repeated_tasks(&requests);
        assert_eq!(found, [false, true, true, true, true, false]);
    }

    #[test]
    fn a_task_within_a_task_counts() {
        let requests = [
            request(1, 100, 1, 2),
            request(2, 100, 3, 4),
            request(1, 900, 5, 10),
            request(1, 100, 6, 7),
        ];
        assert_eq!(of_repeated_tasks(&requests), [true, true, false, true]);
    }

    #[test]
    fn the_thread_that_runs_the_iteration_has_no_tasks() {
        let requests = [
            request(0, 100, 1, 2),
            request(0, 100, 3, 4),
            request(1, 100, 5, 6),
        ];
        assert_eq!(of_repeated_tasks(&requests), [false; 3]);
    }

    #[test]
    fn a_whole_run_is_no_task() {
        let run = |from: u64, requests: usize| {
            let inner = (1..).step_by(2).take(requests - 1);
            let inner = inner.map(move |i| request(1, 50, from + i, from + i + 1));
            core::iter::once(request(1, 60, from, from + 999)).chain(inner)
        };
        for (count, expected) in [(MOST_REQUESTS, true), (MOST_REQUESTS + 1, false)] {
            let requests: Vec<_> = run(0, count).chain(run(1000, count)).collect();
            let found = of_repeated_tasks(&requests);
            assert!(found.iter().all(|&is_part| is_part == expected), "{count}");
        }
    }

    #[test]
    fn tasks_are_told_by_what_is_planned() {
        let unplanned = |size, alignment, steps: [u64; 2]| {
            let (lane, mut request) = request(1, size, steps[0], steps[1]);
            request.alignment = alignment;
            (lane, request)
        };
        let requests = [
            request(1, 100, 1, 6),
            unplanned(0, 8, [2, 3]),
            unplanned(50, 1 << 30, [4, 5]),
            request(1, 100, 7, 8),
        ];
        assert_eq!(of_repeated_tasks(&requests), [true, false, false, true]);
    }

    #[test]
    fn what_is_aligned_otherwise_is_another_task() {
        let mut requests = [request(1, 100, 1, 2), request(1, 100, 3, 4)];
        requests[1].1.alignment = 16;
        assert_eq!(of_repeated_tasks(&requests), [false, false]);
        // What it grows to makes no difference.
        requests[1].1.alignment = 8;
        requests[1].1.largest = 900;
        assert_eq!(of_repeated_tasks(&requests), [true, true]);
    }

    #[test]
    fn what_ends_at_a_step_does_so_before_anything_begins() {
        let requests = [
            request(1, 100, 3, 5),
            request(2, 900, 5, 7),
            request(1, 200, 5, 6),
        ];
        let events = events(requests.iter().map(|(lane, request)| (*lane, request)));
        let found: Vec<_> = events
            .iter()
            .map(|event| (event.step, event.is_begin, event.lane))
            .collect();
        let expected = [
            (3, true, 1),
            (5, false, 1),
            (5, true, 1),
            (5, true, 2),
            (6, false, 1),
            (7, false, 2),
        ];
        assert_eq!(found, expected);
    }
}
