//! A plan as a trace for Perfetto, in the JSON format of Chrome's traces: a step takes a
//! microsecond.
//!
//! ```text
//! operators      ┃ conv ┃ relu ┃ add ┃        one slice a step
//! alive, bytes   ▂▂▂▂▂▂▆▆▆▆▆▆▆▃▃▃▃▃▃           the load
//! tensors 1      ┃ x          ┃ z     ┃       a slice for each range of steps at which a tensor is
//! tensors 2             ┃ y          ┃        alive; tensors of a track never overlap
//! ```
//!
//! Invariant: slices of a track do not overlap; events are written one by one, in the order of
//! their tracks.

#![forbid(unsafe_code)]

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{self, Write},
    ops::Range,
};

use orionrt::{Plan, TensorId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::input::ModelGraph;

/// The most tensors of an operator that are listed.
const LISTED: usize = 100;

/// A process in the trace, which is a group of tracks.
#[derive(Clone, Copy, Serialize)]
#[serde(into = "u32")]
enum Group {
    Operators,
    Memory,
    Tensors,
}

impl From<Group> for u32 {
    fn from(group: Group) -> Self {
        match group {
            Group::Operators => 1,
            Group::Memory => 2,
            Group::Tensors => 3,
        }
    }
}

/// Writes the trace. `model` is the graph that the plan is for, if it is for one.
pub(crate) fn write(
    plan: &Plan,
    model: Option<&ModelGraph>,
    output: &mut dyn Write,
) -> io::Result<()> {
    let mut trace = Trace::begin(plan, output)?;
    if let Some(model) = model {
        trace.operators(model)?;
    }
    trace.load()?;
    trace.tensors()?;
    trace.output.write_all(b"\n]}\n")
}

struct Trace<'t> {
    plan: &'t Plan,
    output: &'t mut dyn Write,
    /// The step that is at the beginning.
    first: i64,
    is_first: bool,
}

impl<'t> Trace<'t> {
    fn begin(plan: &'t Plan, output: &'t mut dyn Write) -> io::Result<Self> {
        output.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        let rows = plan.lifetimes().rows().iter();
        let alive = rows.filter(|row| row.occupies());
        let first = alive.map(|row| row.lower).min().unwrap_or(0).min(0);
        Ok(Self {
            plan,
            output,
            first,
            is_first: true,
        })
    }

    fn event(&mut self, event: &Value) -> io::Result<()> {
        self.output
            .write_all(if self.is_first { b"\n" } else { b",\n" })?;
        self.is_first = false;
        Ok(serde_json::to_writer(&mut *self.output, event)?)
    }

    /// The microsecond of a step.
    fn at(&self, step: i64) -> u64 {
        step.abs_diff(self.first)
    }

    fn name(&mut self, group: Group, name: &str) -> io::Result<()> {
        self.event(&json!({
            "ph": "M", "name": "process_name", "pid": group, "args": {"name": name}
        }))?;
        self.event(&json!({
            "ph": "M", "name": "process_sort_index", "pid": group, "args": {"sort_index": group}
        }))
    }

    fn name_track(&mut self, group: Group, track: usize, name: &str) -> io::Result<()> {
        self.event(&json!({
            "ph": "M", "name": "thread_name", "pid": group, "tid": track, "args": {"name": name}
        }))
    }

    fn operators(&mut self, model: &ModelGraph) -> io::Result<()> {
        self.name(Group::Operators, "operators")?;
        self.name_track(Group::Operators, 1, "operators")?;
        let ops = model.graph.ops().iter().zip(&model.operator_types);
        for (step, (op, kind)) in (0..).zip(ops) {
            let event = json!({
                "ph": "X", "name": op.name(), "cat": kind, "ts": self.at(step), "dur": 1,
                "pid": Group::Operators, "tid": 1,
                "args": {
                    "type": kind,
                    "reads": self.names_of(op.reads()),
                    "writes": self.names_of(op.writes()),
                }
            });
            self.event(&event)?;
        }
        Ok(())
    }

    /// The names of some tensors, the first of many.
    fn names_of(&self, tensors: &[TensorId]) -> Vec<String> {
        let lifetimes = self.plan.lifetimes();
        let names = tensors.iter().filter_map(|&tensor| lifetimes.name(tensor));
        let mut listed: Vec<String> = names.take(LISTED).map(Into::into).collect();
        if tensors.len() > LISTED {
            listed.push(format!("and {} more", tensors.len() - LISTED));
        }
        listed
    }

    fn load(&mut self) -> io::Result<()> {
        self.name(Group::Memory, "memory")?;
        let mut end = None;
        for (steps, load) in self.plan.lifetimes().load_profile() {
            if let Some(end) = end.filter(|&end| end < steps.start) {
                self.counter(end, 0)?;
            }
            self.counter(steps.start, load)?;
            end = Some(steps.end);
        }
        end.map_or(Ok(()), |end| self.counter(end, 0))
    }

    fn counter(&mut self, step: i64, load: u64) -> io::Result<()> {
        self.event(&json!({
            "ph": "C", "name": "alive, bytes", "ts": self.at(step), "pid": Group::Memory,
            "args": {"bytes": load}
        }))
    }

    fn tensors(&mut self) -> io::Result<()> {
        self.name(Group::Tensors, "tensors")?;
        let slices = slices(self.plan);
        let tracks = tracks(slices.iter().map(|slice| slice.0.clone()));
        for track in 1..=tracks.iter().copied().max().unwrap_or(0) {
            self.name_track(Group::Tensors, track, &format!("tensors {track}"))?;
        }
        for ((steps, tensor), track) in slices.into_iter().zip(tracks) {
            let lifetimes = self.plan.lifetimes();
            let (Some(row), Some(offset)) = (lifetimes.get(tensor), self.plan.offset(tensor))
            else {
                continue;
            };
            let event = json!({
                "ph": "X", "name": lifetimes.name(tensor), "cat": "tensor",
                "ts": self.at(steps.start), "dur": steps.end.abs_diff(steps.start),
                "pid": Group::Tensors, "tid": track,
                "args": {"bytes": row.size, "offset": offset}
            });
            self.event(&event)?;
        }
        Ok(())
    }
}

/// The ranges of steps at which tensors are alive, in the order of their starts.
fn slices(plan: &Plan) -> Vec<(Range<i64>, TensorId)> {
    let lifetimes = plan.lifetimes();
    let tensors = lifetimes.iter().filter(|(_, _, row)| row.occupies());
    let slices =
        tensors.flat_map(|(id, _, _)| lifetimes.live_ranges(id).map(move |steps| (steps, id)));
    let mut slices: Vec<_> = slices.collect();
    slices.sort_by_key(|(steps, id)| (steps.start, id.index()));
    slices
}

/// The track of each range: the lowest one that is free where it starts. Ranges come in the order
/// of their starts, tracks count from 1.
fn tracks(ranges: impl Iterator<Item = Range<i64>>) -> Vec<usize> {
    let mut busy: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
    let mut free: BinaryHeap<Reverse<usize>> = BinaryHeap::new();
    let mut count = 0;
    let track = |range: Range<i64>| {
        while let Some(&Reverse((end, track))) = busy.peek() {
            if end > range.start {
                break;
            }
            busy.pop();
            free.push(Reverse(track));
        }
        let track = free.pop().map_or_else(
            || {
                count += 1;
                count
            },
            |Reverse(track)| track,
        );
        busy.push(Reverse((range.end, track)));
        track
    };
    ranges.map(track).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use orionrt::Lifetimes;
    use proptest::prelude::*;

    fn trace(rows: &[(&str, i64, i64, u64, u64)], offsets: &[u64]) -> Vec<Value> {
        let lifetimes = Lifetimes::from_rows(rows.iter().copied()).unwrap();
        let plan = Plan::new(lifetimes, offsets.into()).unwrap();
        let mut text = Vec::new();
        write(&plan, None, &mut text).unwrap();
        let trace: Value = serde_json::from_slice(&text).unwrap();
        trace["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn the_load_is_a_counter_and_tensors_are_slices() {
        let rows = [
            ("a", -3, 2, 100, 1),
            ("\"b\"", 1, 4, 300, 1),
            ("never", 1, 1, 8, 1),
        ];
        let events = trace(&rows, &[0, 100, 0]);
        let of = |phase: &str| {
            let events = events.iter().filter(|event| event["ph"] == phase);
            events.cloned().collect::<Vec<_>>()
        };
        let counted: Vec<_> = of("C")
            .iter()
            .map(|event| {
                (
                    event["ts"].as_u64().unwrap(),
                    event["args"]["bytes"].clone(),
                )
            })
            .collect();
        let expected = [(0, 100), (4, 400), (5, 300), (7, 0)].map(|(ts, load)| (ts, json!(load)));
        assert_eq!(counted, expected);
        let slices = of("X");
        assert_eq!(slices.len(), 2);
        assert_eq!(slices[1]["name"], "\"b\"");
        assert_eq!(
            (&slices[1]["ts"], &slices[1]["dur"]),
            (&json!(4), &json!(3))
        );
        assert_eq!(slices[1]["args"], json!({"bytes": 300, "offset": 100}));
        assert_ne!(slices[0]["tid"], slices[1]["tid"]);
    }

    #[test]
    fn steps_may_span_all_of_i64() {
        let events = trace(&[("a", i64::MIN, i64::MAX, 8, 1)], &[0]);
        assert!(events.iter().any(|event| event["dur"] == json!(u64::MAX)));
    }

    proptest! {
        #[test]
        fn slices_of_a_track_do_not_overlap(
            mut ranges in proptest::collection::vec((0i64..50, 1i64..20), 0..60),
        ) {
            ranges.sort_unstable();
            let ranges = ranges.iter().map(|&(start, length)| start..start + length);
            let tracks = tracks(ranges.clone());
            let ranges: Vec<_> = ranges.collect();
            let most = (0..70).map(|step| ranges.iter().filter(|r| r.contains(&step)).count());
            prop_assert_eq!(tracks.iter().copied().max().unwrap_or(0), most.max().unwrap());
            for (i, a) in ranges.iter().enumerate() {
                for (j, b) in ranges.iter().enumerate().skip(i + 1) {
                    let overlap = a.start.max(b.start) < a.end.min(b.end);
                    prop_assert!(!overlap || tracks[i] != tracks[j]);
                }
            }
        }
    }
}
