//! The times of a schedule whose transfers run beside its operators, by simulating events.
//!
//! Time goes from one event to the next. At each, every unit that is idle looks at the next of its
//! steps, and starts it if no step before it in the schedule is still to be waited for: that is
//! found by comparing all pairs of steps and the bytes of all pairs of copies. Shares no code with
//! the simulation of the library, which looks at no pairs and knows no events.

use std::ops::Range;

use orionrt_plan::{
    Graph,
    fit::{Compression, CopyId, FitAction, FitSchedule, Memory, OperatorCosts, SlowMemory},
};

/// What a machine is capable of.
#[derive(Clone, Copy, Debug)]
pub struct Speeds<'s> {
    /// The slow memory; one engine serves both directions if it is half duplex.
    pub slow: Option<SlowMemory>,
    /// The codecs.
    pub compression: &'s Compression,
    /// The time of each operator.
    pub costs: &'s OperatorCosts,
}

/// When a step runs.
pub type Time = Range<f64>;

/// What has become of a step.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Waiting,
    Running(f64),
    Done,
}

struct Machine<'m> {
    graph: &'m Graph,
    schedule: &'m FitSchedule,
    speeds: Speeds<'m>,
    states: Vec<State>,
    times: Vec<Time>,
}

/// When each step of a schedule that passes the check runs.
///
/// # Panics
/// If a step waits for ever.
pub fn simulated(graph: &Graph, schedule: &FitSchedule, speeds: Speeds<'_>) -> Vec<Time> {
    let steps = schedule.steps.len();
    let mut machine = Machine {
        graph,
        schedule,
        speeds,
        states: vec![State::Waiting; steps],
        times: vec![0.0..0.0; steps],
    };
    let mut now = 0.0;
    loop {
        while machine.start_one(now) || machine.end_one(now) {}
        let ends = machine.states.iter().filter_map(|state| match state {
            State::Running(end) => Some(*end),
            _ => None,
        });
        match ends.min_by(f64::total_cmp) {
            Some(next) => now = next,
            None => break,
        }
    }
    assert!(machine.states.iter().all(|state| *state == State::Done));
    machine.times
}

impl Machine<'_> {
    /// Which unit does a step.
    fn unit(&self, step: usize) -> u8 {
        let is_shared = self.speeds.slow.is_some_and(|slow| slow.is_half_duplex);
        match self.schedule.steps[step].action {
            FitAction::Spill(_) => 1,
            FitAction::Fetch(_) if is_shared => 1,
            FitAction::Fetch(_) => 2,
            _ => 0,
        }
    }

    /// The seconds of a step.
    fn seconds(&self, step: usize) -> f64 {
        let what = &self.schedule.steps[step];
        let size = |id| {
            let tensor = self.graph.tensor(id).expect("a tensor of the graph");
            tensor.layout().size() as f64
        };
        let slow = |speed: fn(&SlowMemory) -> f64| speed(&self.speeds.slow.expect("slow memory"));
        let codec = |id| self.speeds.compression.codec(id).expect("a codec");
        match what.action {
            FitAction::Run(op) | FitAction::Rerun(op) => self.speeds.costs.seconds()[op.index()],
            FitAction::Spill(id) => size(id) / slow(|slow| slow.write_bytes_per_second),
            FitAction::Fetch(id) => size(id) / slow(|slow| slow.read_bytes_per_second),
            FitAction::Compress(id) => size(id) / codec(id).compress_bytes_per_second,
            FitAction::Expand(id) => size(id) / codec(id).expand_bytes_per_second,
            other => panic!("no such action: {other:?}"),
        }
    }

    /// Starts a step that can start now.
    fn start_one(&mut self, now: f64) -> bool {
        for unit in 0..3 {
            let mut own = (0..self.states.len()).filter(|&step| self.unit(step) == unit);
            let next = own.find(|&step| self.states[step] != State::Done);
            let Some(next) = next.filter(|&step| self.states[step] == State::Waiting) else {
                continue;
            };
            let is_left = |&before: &usize| self.states[before] != State::Done;
            if (0..next)
                .filter(is_left)
                .any(|before| self.awaits(next, before))
            {
                continue;
            }
            let end = now + self.seconds(next);
            self.states[next] = State::Running(end);
            self.times[next] = now..end;
            return true;
        }
        false
    }

    fn end_one(&mut self, now: f64) -> bool {
        let ended = |state: &State| matches!(state, State::Running(end) if *end <= now);
        let Some(step) = self.states.iter().position(ended) else {
            return false;
        };
        self.states[step] = State::Done;
        true
    }

    /// Whether a step awaits the end of one before it in the schedule.
    fn awaits(&self, step: usize, before: usize) -> bool {
        let [later, earlier] = [step, before].map(|at| &self.schedule.steps[at]);
        if earlier.writes.iter().any(|copy| later.reads.contains(copy)) {
            return true;
        }
        let uses = earlier.reads.iter().chain(&earlier.writes).copied();
        let kept = (0..self.schedule.copies.len()).filter(|&at| {
            let is_last = self.schedule.copies[at].steps.end == before + 1;
            is_last && !self.schedule.copies[at].steps.is_empty() && self.holds(at)
        });
        let mut held: Vec<usize> = uses.map(CopyId::index).chain(kept).collect();
        held.dedup();
        let writes = || later.writes.iter().map(|copy| copy.index());
        held.iter()
            .any(|&of| writes().any(|copy| self.share(of, copy)))
    }

    /// Whether a copy ever holds anything.
    fn holds(&self, copy: usize) -> bool {
        let is_it = |id: &CopyId| id.index() == copy;
        let mut steps = self.schedule.steps.iter();
        let is_used = steps.any(|step| step.reads.iter().chain(&step.writes).any(is_it));
        is_used || self.schedule.inputs.iter().flatten().any(is_it)
    }

    /// Whether two copies are one, or have bytes in common.
    fn share(&self, one: usize, other: usize) -> bool {
        one == other || common(self.graph, self.schedule, one, other)
    }
}

/// Whether two copies have a byte in common.
fn common(graph: &Graph, schedule: &FitSchedule, one: usize, other: usize) -> bool {
    let [a, b] = [one, other].map(|at| &schedule.copies[at]);
    let in_both = |byte: u64| byte >= b.offset && byte - b.offset < b.bytes(graph);
    a.memory == b.memory && (a.offset..a.offset + a.bytes(graph)).any(in_both)
}

/// When each copy is in use: from the first step that writes it, or the start for an input, to the
/// last one that uses it, or the end for an output.
fn uses(schedule: &FitSchedule, times: &[Time]) -> Vec<Option<Time>> {
    let end = times.iter().map(|time| time.end).fold(0.0, f64::max);
    let mut uses: Vec<Option<Time>> = vec![None; schedule.copies.len()];
    let mut add = |copy: CopyId, time: Time| {
        let all = uses[copy.index()].get_or_insert(time.clone());
        *all = all.start.min(time.start)..all.end.max(time.end);
    };
    for &copy in schedule.inputs.iter().flatten() {
        add(copy, 0.0..0.0);
    }
    for (step, time) in schedule.steps.iter().zip(times) {
        for &copy in step.reads.iter().chain(&step.writes) {
            add(copy, time.clone());
        }
    }
    for &copy in &schedule.outputs {
        add(copy, end..end);
    }
    uses
}

/// An operand that lies within the result of a concatenation which has nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JoinedPart {
    /// The copy of the operand.
    pub part: CopyId,
    /// That of the result.
    pub whole: CopyId,
    /// Where in the result the operand begins.
    pub start: u64,
}

/// Where operands lie within the results of concatenations: each copy that one reads, ends there,
/// and is where the graph says in a copy that begins there, with the step.
fn joined_at_steps(graph: &Graph, schedule: &FitSchedule) -> Vec<(usize, JoinedPart)> {
    let mut all = Vec::new();
    for (step, what) in schedule.steps.iter().enumerate() {
        let (FitAction::Run(op) | FitAction::Rerun(op)) = what.action else {
            continue;
        };
        let op = &graph.ops()[op.index()];
        for part in op.parts() {
            let read = op.reads().iter().position(|&id| id == part.operand);
            let write = op.writes().iter().position(|&id| id == part.result);
            let [read, write] = [
                what.reads[read.expect("it is read")],
                what.writes[write.expect("it is written")],
            ];
            let [operand, result] = [read, write].map(|id| &schedule.copies[id.index()]);
            let at_once = operand.steps.start < step
                && operand.steps.end == step + 1
                && result.steps.start == step;
            let is_there = operand.offset == result.offset + part.offset;
            if at_once && is_there && operand.memory == result.memory && read != write {
                let joined = JoinedPart {
                    part: read,
                    whole: write,
                    start: part.offset,
                };
                all.push((step, joined));
            }
        }
    }
    all
}

/// The operands that lie within results, in order of their copies.
pub fn joins(graph: &Graph, schedule: &FitSchedule) -> Vec<JoinedPart> {
    let all = joined_at_steps(graph, schedule).into_iter();
    let mut all: Vec<JoinedPart> = all
        .map(|(_, joined)| joined)
        .filter(|joined| schedule.copies[joined.part.index()].bytes(graph) > 0)
        .collect();
    all.sort_unstable();
    all
}

/// Whether, at these times, copies that are in use together have no byte in common, but for the
/// operands and the result of a concatenation while that runs, and those in each memory never have
/// more bytes than its capacity, first that of the fast one.
pub fn has_room(
    graph: &Graph,
    schedule: &FitSchedule,
    times: &[Time],
    capacities: [u64; 2],
) -> bool {
    let uses = uses(schedule, times);
    let used: Vec<(usize, Time)> = (0..)
        .zip(uses)
        .filter_map(|(at, of)| Some((at, of?)))
        .collect();
    let meet = |a: &Time, b: &Time| a.start < b.end && b.start < a.end;
    let all_joined = joined_at_steps(graph, schedule);
    let is_joined = |part: usize, whole: usize| {
        let is_it =
            |joined: &JoinedPart| (joined.part.index(), joined.whole.index()) == (part, whole);
        let step = all_joined.iter().find(|(_, joined)| is_it(joined));
        step.map(|&(step, _)| &times[step])
    };
    let is_apart = used.iter().all(|(one, a)| {
        let mut others = used.iter().filter(|(other, _)| other != one);
        others.all(|&(other, ref b)| {
            // Together only while the concatenation runs.
            let joined = |(part, of): (usize, &Time), (whole, from): (usize, &Time)| {
                let join = is_joined(part, whole);
                join.is_some_and(|join| of.end <= join.end && join.start <= from.start)
            };
            let is_common = common(graph, schedule, *one, other);
            let is_either = || joined((*one, a), (other, b)) || joined((other, b), (*one, a));
            !meet(a, b) || !is_common || is_either()
        })
    });
    let load = |at: f64, memory: Memory| {
        let there = used.iter().filter(|(_, of)| of.start <= at && at < of.end);
        let there: Vec<usize> = there.map(|&(copy, _)| copy).collect();
        let has_own = |part: &&usize| {
            let mut wholes = there.iter();
            !wholes.any(|&whole| is_joined(**part, whole).is_some())
        };
        let copies = there.iter().filter(has_own);
        let copies = copies.map(|&copy| &schedule.copies[copy]);
        let inside = copies.filter(|copy| copy.memory == memory);
        inside.map(|copy| copy.bytes(graph)).sum::<u64>()
    };
    let is_within = times.iter().all(|time| {
        load(time.start, Memory::Fast) <= capacities[0]
            && load(time.start, Memory::Slow) <= capacities[1]
    });
    is_apart && is_within
}

/// The schedule with its steps in the order in which they start, and in that in which they end.
/// Where transfers and operators at the same time do not disturb each other, both compute what the
/// schedule does.
pub fn in_order_of_time(schedule: &FitSchedule, times: &[Time]) -> [FitSchedule; 2] {
    let order = |key: fn(&Time) -> f64| {
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by(|&a, &b| key(&times[a]).total_cmp(&key(&times[b])));
        let mut sorted = schedule.clone();
        sorted.steps = order.iter().map(|&at| schedule.steps[at].clone()).collect();
        sorted
    };
    [order(|time| time.start), order(|time| time.end)]
}
