//! Programs of operators on several streams, recorded once and run in random orders that the waits
//! allow: a plan made for the streams is never refused, and what is not refused has the right
//! contents in every order. What is recorded twice may run again and again.

use std::ops::Range;

use orionrt_devices::{
    DeviceArena, DevicePool, DeviceSlot, DeviceSlotError, Event, HostDevice, StreamId, StreamOrder,
};
use orionrt_plan::{Aliasing, Plan, Planner};
use orionrt_testing::stream_programs::{Op, Program, Tensor};
use proptest::prelude::*;

use crate::plans::{id, plan, pool};

/// What an operator does, as it was recorded: reads and writes of tensors at their bytes.
#[derive(Default)]
struct Command {
    reads: Vec<(usize, Range<u64>)>,
    writes: Vec<(usize, Range<u64>)>,
}

struct Recording<'p> {
    program: &'p Program,
    pool: DevicePool<HostDevice>,
    /// For each tensor that is in use.
    slots: Vec<Option<DeviceSlot<HostDevice>>>,
    /// How many operators, and the caller, are still to use each tensor.
    users: Vec<usize>,
    /// For each operator, the event at its end.
    events: Vec<Event>,
    commands: Vec<Command>,
    outputs: Vec<(usize, Range<u64>)>,
}

fn used(op: &Op) -> Vec<usize> {
    let mut used: Vec<usize> = op.reads.iter().chain(&op.writes).copied().collect();
    used.sort_unstable();
    used.dedup();
    used
}

impl<'p> Recording<'p> {
    fn new(program: &'p Program, plan: &Plan) -> Self {
        let arena = DeviceArena::new(HostDevice::new(1 << 16).unwrap()).unwrap();
        let pool = arena.pool(plan, &StreamOrder::new(5)).unwrap();
        let mut users = vec![0; program.tensors.len()];
        let of_ops = program.ops.iter().flat_map(used);
        for tensor in of_ops.chain(program.outputs.iter().copied()) {
            users[tensor] += 1;
        }
        Self {
            program,
            pool,
            slots: program.tensors.iter().map(|_| None).collect(),
            users,
            events: Vec::new(),
            commands: Vec::new(),
            outputs: Vec::new(),
        }
    }

    fn has_bytes(&self, tensor: usize) -> bool {
        self.pool.plan().lifetimes().rows()[tensor].has_bytes()
    }

    fn claim(&mut self, tensor: usize, stream: StreamId) -> Result<(), DeviceSlotError> {
        if self.has_bytes(tensor) {
            self.slots[tensor] = Some(self.pool.slot(id(tensor), stream)?);
        }
        Ok(())
    }

    fn leave(&mut self, tensor: usize) {
        self.users[tensor] -= 1;
        if self.users[tensor] == 0 {
            self.slots[tensor] = None;
        }
    }

    /// Whether the plan gives a result the bytes of an operand.
    fn is_in_place(&self, (result, operand): (usize, usize)) -> bool {
        let bytes = |tensor| self.pool.plan().bytes(id(tensor)).unwrap();
        let rows = self.pool.plan().lifetimes().rows();
        let root = |t: usize| rows[t].within.map_or(t, |within| within.root.index());
        rows[result].within.is_some()
            && root(result) == root(operand)
            && bytes(result) == bytes(operand)
    }

    /// Records all operators in the order of submission; operator `without.0` does not wait for
    /// `without.1`.
    fn record(&mut self, without: Option<(usize, usize)>) -> Result<(), DeviceSlotError> {
        for &input in &self.program.inputs {
            self.claim(input, StreamId::HOST)?;
        }
        let written = self.pool.signal(StreamId::HOST)?;
        for &input in &self.program.inputs {
            // One that nobody reads is there until the first operator has ended.
            if self.users[input] == 0 && self.program.ops.is_empty() {
                self.slots[input] = None;
            }
        }
        for (step, op) in self.program.ops.iter().enumerate() {
            let stream = StreamId::new(op.stream);
            self.pool.wait(stream, &written)?;
            for &wait in op
                .waits
                .iter()
                .filter(|&&wait| without != Some((step, wait)))
            {
                self.pool.wait(stream, &self.events[wait])?;
            }
            let command = self.operator(op, stream)?;
            self.commands.push(command);
            self.events.push(self.pool.signal(stream)?);
            used(op).into_iter().for_each(|tensor| self.leave(tensor));
            if step == 0 {
                let unread = self
                    .program
                    .inputs
                    .iter()
                    .filter(|&&it| self.users[it] == 0);
                let unread: Vec<usize> = unread.copied().collect();
                unread
                    .into_iter()
                    .for_each(|input| self.slots[input] = None);
            }
        }
        self.events
            .iter()
            .try_for_each(|event| self.pool.wait(StreamId::HOST, event))?;
        for &output in &self.program.outputs {
            if let Some(slot) = &self.slots[output] {
                slot.read_on(StreamId::HOST)?;
                self.outputs.push((output, slot.range()));
            }
        }
        Ok(())
    }

    fn operator(&mut self, op: &Op, stream: StreamId) -> Result<Command, DeviceSlotError> {
        let mut command = Command::default();
        for &read in &op.reads {
            if let Some(slot) = &self.slots[read] {
                slot.read_on(stream)?;
                command.reads.push((read, slot.range()));
            }
        }
        for &result in &op.writes {
            let pairs = op.in_place.iter().copied();
            let pair = { pairs }.find(|&pair| pair.0 == result && self.is_in_place(pair));
            match pair.and_then(|(_, operand)| self.slots[operand].take()) {
                Some(slot) => {
                    slot.write_on(stream)?;
                    self.slots[result] = Some(slot.transfer(id(result))?);
                }
                None => self.claim(result, stream)?,
            }
            if let Some(slot) = &self.slots[result] {
                command.writes.push((result, slot.range()));
            }
        }
        Ok(command)
    }

    /// Runs the operators in a random order that the waits allow. Returns the first tensor that has
    /// other contents than it was written with.
    fn run(&self, seed: u64, without: Option<(usize, usize)>) -> Result<(), usize> {
        let ops = &self.program.ops;
        self.program.inputs.iter().for_each(|&input| {
            if let Some(bytes) = self.bytes_of(input) {
                self.write(input, &bytes);
            }
        });
        let mut left: Vec<usize> = (0..ops.len()).collect();
        let mut state = seed;
        while !left.is_empty() {
            let is_ready = |&&step: &&usize| {
                let earlier = |other: &usize| {
                    let (op, before) = (&ops[step], &ops[*other]);
                    let waits = op.waits.contains(other) && without != Some((step, *other));
                    waits || (before.stream == op.stream && *other < step)
                };
                !left.iter().any(earlier)
            };
            let ready: Vec<usize> = left.iter().filter(is_ready).copied().collect();
            state = state.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
            let step = ready[(state >> 40) as usize % ready.len()];
            left.retain(|&other| other != step);
            self.run_one(&self.commands[step])?;
        }
        self.outputs
            .iter()
            .try_for_each(|(t, bytes)| self.check(*t, bytes))
    }

    fn run_one(&self, command: &Command) -> Result<(), usize> {
        command
            .reads
            .iter()
            .try_for_each(|(t, bytes)| self.check(*t, bytes))?;
        command
            .writes
            .iter()
            .for_each(|(t, bytes)| self.write(*t, bytes));
        Ok(())
    }

    fn bytes_of(&self, tensor: usize) -> Option<Range<u64>> {
        self.pool.buffer(id(tensor)).cloned()
    }

    fn write(&self, tensor: usize, bytes: &Range<u64>) {
        let values = pattern(tensor, bytes);
        self.pool
            .arena()
            .memory()
            .write(bytes.clone(), &values)
            .unwrap();
    }

    fn check(&self, tensor: usize, bytes: &Range<u64>) -> Result<(), usize> {
        let mut values = pattern(tensor, bytes);
        values.fill(0);
        self.pool
            .arena()
            .memory()
            .read(bytes.clone(), &mut values)
            .unwrap();
        (values == pattern(tensor, bytes))
            .then_some(())
            .ok_or(tensor)
    }
}

fn pattern(tensor: usize, bytes: &Range<u64>) -> Vec<u8> {
    let bytes = 0..bytes.end - bytes.start;
    bytes
        .map(|byte| (tensor as u64 * 31 + byte * 7 + 1) as u8)
        .collect()
}

fn programs() -> impl Strategy<Value = Program> {
    let bytes = prop::collection::vec(any::<u8>(), 0..500);
    bytes.prop_map(|bytes| Program::decode(&bytes).on_host().without_views())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_recorded_runs_right_in_every_order_that_its_waits_allow(
        program in programs(),
        seeds in prop::collection::vec(any::<u64>(), 6),
    ) {
        let waits = program.ops.iter().enumerate();
        let waits = waits.flat_map(|(step, op)| op.waits.iter().map(move |&wait| (step, wait)));
        let left_out: Vec<_> = waits.map(Some).take(6).collect();
        for aliasing in [Aliasing::Off, Aliasing::InPlace] {
            let lifetimes = program.graph().lifetimes_with(aliasing);
            let plan = Planner::new().nodes(300).plan(&lifetimes).unwrap();
            let mut complete = Recording::new(&program, &plan);
            prop_assert_eq!(complete.record(None), Ok(()));
            for &seed in &seeds {
                prop_assert_eq!(complete.run(seed, None), Ok(()));
            }
            for &without in &left_out {
                let mut other = Recording::new(&program, &plan);
                if other.record(without).is_ok() {
                    for &seed in &seeds {
                        prop_assert_eq!(other.run(seed, without), Ok(()), "{:?}", without);
                    }
                }
            }
        }
    }
}

/// ```text
/// stream 0   op0 writes t0 ──► op1 reads t0, writes t1 (an output)
/// stream 1                            └──► op2 waits for op1, writes t2 (an output) over t0
/// ```
fn two_streams() -> Program {
    let tensor = Tensor {
        size: 64,
        alignment: 1,
        device: 0,
    };
    let op = |stream: u32, waits: &[usize], reads: &[usize], writes: usize| Op {
        stream,
        waits: waits.to_vec(),
        reads: reads.to_vec(),
        writes: vec![writes],
        ..Op::default()
    };
    Program {
        tensors: vec![tensor; 3],
        ops: vec![op(0, &[], &[], 0), op(0, &[], &[0], 1), op(1, &[1], &[], 2)],
        inputs: Vec::new(),
        outputs: vec![1, 2],
    }
}

#[test]
fn one_wait_left_out_is_refused_and_would_have_given_other_contents() {
    let program = two_streams();
    let plan = Planner::new().plan(&program.graph().lifetimes()).unwrap();
    assert_eq!(plan.peak(), 128);
    let mut recording = Recording::new(&program, &plan);
    recording.record(None).unwrap();
    let runs = |without| {
        (0..40)
            .map(|seed| recording.run(seed, without))
            .collect::<Vec<_>>()
    };
    assert!(runs(None).iter().all(Result::is_ok));
    let without = Some((2, 1));
    assert!(runs(without).contains(&Err(0)));
    let mut other = Recording::new(&program, &plan);
    assert_eq!(
        other.record(without).unwrap_err().to_string(),
        "tensor `t2` cannot be claimed on stream 1 yet: it shares bytes with `t0`, which stream 0 \
         uses, and stream 1 has not waited for that"
    );
}

/// Stream 1 reads what stream 0 writes. A second run overwrites it, which is to wait for the read.
#[test]
fn a_second_recording_tells_whether_runs_may_follow_each_other() {
    let pool = pool(&plan(&[(0, 8)]), 2);
    let [writer, reader] = [0, 1].map(StreamId::new);
    let record = || -> Result<Event, DeviceSlotError> {
        let tensor = pool.slot(id(0), writer)?;
        pool.wait(reader, &pool.signal(writer)?)?;
        tensor.read_on(reader)?;
        Ok(pool.signal(reader)?)
    };
    let read = record().unwrap();
    assert_eq!(
        record().unwrap_err().to_string(),
        "tensor `t0` cannot be used on stream 0 yet: stream 1 uses it, and stream 0 has not waited \
         for that"
    );
    pool.wait(writer, &read).unwrap();
    record().unwrap();
}
