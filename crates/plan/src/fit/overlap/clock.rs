//! The times of all steps: one pass over the schedule.
//!
//! Stands on `seconds` and `free_bytes`. Whatever a step waits for comes before it in the schedule.
//! Invariant: a step starts at 0 or when the step that is noted as its cause ends.

use alloc::{vec, vec::Vec};

use super::{
    super::schedule::{CopyId, FitSchedule, FitStep, Memory},
    free_bytes::{FreeBytes, Since},
    seconds::Unit,
};
use crate::graph::Graph;

/// Stands for no step.
pub(super) const NONE: usize = usize::MAX;

/// The times of all steps.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    pub(super) starts: Vec<f64>,
    pub(super) ends: Vec<f64>,
    /// The step for which each step waits longest; [`NONE`] for one that starts at once.
    pub(super) causes: Vec<usize>,
    /// The end of the last step.
    pub(super) seconds: f64,
    /// How long no operator runs.
    pub(super) waited: f64,
}

/// The latest of what a step waits for.
#[derive(Clone, Copy)]
struct Latest(Since);

impl Latest {
    fn after(&mut self, since: Since) {
        if since.seconds > self.0.seconds {
            self.0 = since;
        }
    }
}

/// What a copy is to the steps that come next.
#[derive(Clone, Copy)]
struct CopyState {
    /// When what it holds is there.
    ready: Since,
    /// When all steps that use it so far have ended.
    used: Since,
    is_used: bool,
}

/// What is known while the pass goes on.
struct Pass<'s> {
    schedule: &'s FitSchedule,
    /// The bytes of each copy.
    sizes: Vec<u64>,
    copies: Vec<CopyState>,
    free: [FreeBytes; 2],
    /// The copies by the last step at which the plan keeps them.
    given_up: Vec<(usize, usize)>,
    clock: Clock,
}

/// The times of a schedule that has passed the check, with the unit and the seconds of each step.
pub(super) fn times(
    schedule: &FitSchedule,
    graph: &Graph,
    units: &[Unit],
    seconds: &[f64],
) -> Clock {
    let mut pass = Pass::new(schedule, graph);
    let mut last = [Since {
        seconds: 0.0,
        step: NONE,
    }; Unit::COUNT];
    let mut next_given_up = 0;
    for (at, (&unit, &seconds)) in units.iter().zip(seconds).enumerate() {
        let before = &mut last[unit as usize];
        let start = pass.start(at, *before);
        let end = start.seconds + seconds;
        if unit == Unit::Operators && start.seconds > before.seconds {
            pass.clock.waited += start.seconds - before.seconds;
        }
        *before = Since {
            seconds: end,
            step: at,
        };
        pass.end(at, start, end);
        while let Some(&(step, copy)) = pass.given_up.get(next_given_up) {
            if step > at {
                break;
            }
            pass.give_up(copy, at);
            next_given_up += 1;
        }
    }
    let mut clock = pass.clock;
    clock.seconds = clock.ends.iter().copied().fold(0.0, f64::max);
    let operators = last[Unit::Operators as usize].seconds;
    if clock.seconds > operators {
        clock.waited += clock.seconds - operators;
    }
    clock
}

impl<'s> Pass<'s> {
    fn new(schedule: &'s FitSchedule, graph: &Graph) -> Self {
        let at_once = Since {
            seconds: 0.0,
            step: NONE,
        };
        let unused = CopyState {
            ready: at_once,
            used: at_once,
            is_used: false,
        };
        let mut copies = vec![unused; schedule.copies.len()];
        for input in schedule.inputs.iter().flatten() {
            copies[input.index()].is_used = true;
        }
        let kept = schedule.copies.iter().enumerate();
        let kept = kept.filter(|(_, copy)| !copy.steps.is_empty());
        let mut given_up: Vec<_> = kept.map(|(at, copy)| (copy.steps.end - 1, at)).collect();
        given_up.sort_unstable();
        Self {
            sizes: schedule.copies.iter().map(|of| of.bytes(graph)).collect(),
            copies,
            free: Default::default(),
            given_up,
            clock: Clock::default(),
            schedule,
        }
    }

    /// When a step starts, if the one before it on its unit ends at `before`.
    fn start(&self, at: usize, before: Since) -> Since {
        let step = &self.schedule.steps[at];
        let mut latest = Latest(before);
        for copy in &step.reads {
            latest.after(self.copies[copy.index()].ready);
        }
        for copy in &step.writes {
            let state = self.copies[copy.index()];
            latest.after(state.used);
            let of = &self.schedule.copies[copy.index()];
            let size = self.sizes[copy.index()];
            if !state.is_used && size > 0 {
                let free = &self.free[memory(of.memory)];
                if let Some(since) = free.free_since(of.offset..of.offset + size) {
                    latest.after(since);
                }
            }
        }
        self.join(step, &mut latest);
        latest.0
    }

    /// The operands whose bytes a step joins to a result have to be free of what else uses them: a
    /// spill may still read them.
    fn join(&self, step: &FitStep, latest: &mut Latest) {
        let in_fast = |copy: &CopyId| {
            let (of, size) = (
                &self.schedule.copies[copy.index()],
                self.sizes[copy.index()],
            );
            let is_there = of.memory == Memory::Fast && size > 0;
            is_there.then(|| of.offset..of.offset + size)
        };
        let fresh = step.writes.iter();
        let fresh = fresh.filter(|copy| !self.copies[copy.index()].is_used);
        let mut fresh: Vec<_> = fresh.filter_map(in_fast).collect();
        fresh.sort_unstable_by_key(|bytes| bytes.start);
        for copy in &step.reads {
            let Some(bytes) = in_fast(copy) else {
                continue;
            };
            let below = fresh.partition_point(|of| of.start < bytes.end);
            if below > 0 && fresh[below - 1].end > bytes.start {
                latest.after(self.copies[copy.index()].used);
            }
        }
    }

    /// Notes the times of a step.
    fn end(&mut self, at: usize, start: Since, end: f64) {
        let step = &self.schedule.steps[at];
        let ended = Since {
            seconds: end,
            step: at,
        };
        for (copy, is_written) in step
            .reads
            .iter()
            .map(|copy| (copy, false))
            .chain(step.writes.iter().map(|copy| (copy, true)))
        {
            let state = &mut self.copies[copy.index()];
            state.is_used = true;
            if ended.seconds >= state.used.seconds {
                state.used = ended;
            }
            if is_written {
                state.ready = ended;
            }
        }
        self.clock.starts.push(start.seconds);
        self.clock.ends.push(end);
        self.clock.causes.push(start.step);
    }

    /// A copy has had the last step at which the plan keeps it.
    fn give_up(&mut self, copy: usize, step: usize) {
        let (of, size) = (&self.schedule.copies[copy], self.sizes[copy]);
        let state = self.copies[copy];
        if size == 0 || !state.is_used {
            return;
        }
        let mut since = Latest(state.used);
        since.after(Since {
            seconds: self.clock.ends[step],
            step,
        });
        self.free[memory(of.memory)].give_up(of.offset..of.offset + size, since.0);
    }
}

fn memory(memory: Memory) -> usize {
    memory as usize
}
