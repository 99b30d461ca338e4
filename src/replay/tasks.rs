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

/// Whether each request is like one of a task that is done several times. Requests come with their
/// lanes, of which 0 is no helper's.
pub(super) fn of_repeated_tasks(requests: &[(usize, Request)]) -> Vec<bool> {
    let shapes = repeated_shapes(requests);
    let is_part = |(lane, request): &(usize, Request)| {
        *lane > 0 && request.is_planned() && shapes.contains(&shape(request))
    };
    requests.iter().map(is_part).collect()
}

fn shape(request: &Request) -> Shape {
    (request.size, request.alignment)
}

/// What tasks ask for that are done several times.
fn repeated_shapes(requests: &[(usize, Request)]) -> BTreeSet<Shape> {
    let mut repeats: BTreeMap<Vec<Shape>, usize> = BTreeMap::new();
    let mut tasks: BTreeMap<usize, Task> = BTreeMap::new();
    for (lane, shape) in events(requests) {
        let task = tasks.entry(lane).or_default();
        match shape {
            Some(shape) => task.begin(shape),
            None => {
                if let Some(shapes) = task.end() {
                    *repeats.entry(shapes).or_default() += 1;
                }
            }
        }
    }
    let repeated = repeats.into_iter().filter(|(_, times)| *times > 1);
    repeated.flat_map(|(shapes, _)| shapes).collect()
}

/// What helpers ask for, as shapes, and what they release, in order.
fn events(requests: &[(usize, Request)]) -> impl Iterator<Item = (usize, Option<Shape>)> {
    let planned = requests.iter();
    let planned = planned.filter(|(lane, request)| *lane > 0 && request.is_planned());
    let mut events: Vec<(u64, usize, Option<Shape>)> = planned
        .flat_map(|(lane, request)| {
            let upper = request.upper.unwrap_or(request.lower);
            let lower = (request.lower, *lane, Some(shape(request)));
            [lower, (upper, *lane, None)]
        })
        .collect();
    // Each step is one event.
    events.sort_unstable_by_key(|(step, ..)| *step);
    events.into_iter().map(|(_, lane, shape)| (lane, shape))
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

    fn request(lane: usize, size: usize, lower: u64, upper: u64) -> (usize, Request) {
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
        let requests = [request(0, 100, 1, 2), request(0, 100, 3, 4)];
        assert_eq!(of_repeated_tasks(&requests), [false, false]);
    }

    #[test]
    fn a_whole_run_is_no_task() {
        let run = |from: u64| {
            let inner = (1..).step_by(2).take(MOST_REQUESTS);
            let inner = inner.map(move |i| request(1, 50, from + i, from + i + 1));
            core::iter::once(request(1, 60, from, from + 999)).chain(inner)
        };
        let requests: Vec<_> = run(0).chain(run(1000)).collect();
        assert!(of_repeated_tasks(&requests).iter().all(|is_part| !is_part));
    }
}
