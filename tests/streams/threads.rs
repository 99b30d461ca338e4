//! Streams as threads, events as flags, and tensors in their slots: however the threads interleave,
//! every allocation succeeds and every operand keeps its value. With a plan that ignores the
//! streams, an allocation fails.
//!
//! A tensor is freed by the user that ends last; a result in place is transferred from its operand.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use orionrt::{
    Aliasing, Arena, Lifetimes, Plan, Planner, TensorId, TensorPool,
    plan::PlanError,
    slots::{Slot, SlotBox},
};
use orionrt_testing::stream_programs::{Op, Program};
use proptest::prelude::*;

use crate::{contents::two_streams, programs};

type Bytes<'p> = Arc<SlotBox<u8, &'p TensorPool<Arena>>>;

/// A tensor while it is alive.
#[derive(Default)]
struct Cell<'p> {
    bytes: Mutex<Option<Bytes<'p>>>,
    /// Users that have not ended: operators, and the caller.
    users: AtomicUsize,
}

struct Run<'p> {
    program: &'p Program,
    pool: &'p TensorPool<Arena>,
    cells: Vec<Cell<'p>>,
    /// Set when the operator has ended and has freed the tensors of which it was the last user.
    events: Vec<AtomicBool>,
    has_failed: AtomicBool,
}

/// When an operator may pause.
#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Begin,
    Middle,
    End,
}

fn id(tensor: usize) -> TensorId {
    TensorId::new(tensor as u32)
}

fn pattern(tensor: usize, byte: usize) -> u8 {
    (tensor * 31 + byte * 7 + 1) as u8
}

impl<'p> Run<'p> {
    fn new(program: &'p Program, pool: &'p TensorPool<Arena>) -> Result<Self, String> {
        let cells = program.tensors.iter().map(|_| Cell::default()).collect();
        let events = program.ops.iter().map(|_| AtomicBool::new(false));
        let run = Self {
            program,
            pool,
            cells,
            events: events.collect(),
            has_failed: AtomicBool::new(false),
        };
        for op in &program.ops {
            for used in used(op) {
                run.cells[used].users.fetch_add(1, Ordering::Relaxed);
            }
        }
        for &callers in program.inputs.iter().chain(&program.outputs) {
            run.cells[callers].users.fetch_add(1, Ordering::Relaxed);
        }
        for &input in &program.inputs {
            let bytes = run.allocate(input)?;
            run.store(input, bytes);
        }
        program.inputs.iter().for_each(|&input| run.leave(input));
        Ok(run)
    }

    fn allocate(&self, tensor: usize) -> Result<SlotBox<u8, &'p TensorPool<Arena>>, String> {
        self.pool
            .filled(id(tensor), 0)
            .map_err(|error| error.to_string())
    }

    /// Fills a tensor and publishes it.
    fn store(&self, tensor: usize, mut bytes: SlotBox<u8, &'p TensorPool<Arena>>) {
        let each = bytes.iter_mut().enumerate();
        each.for_each(|(i, byte)| *byte = pattern(tensor, i));
        *self.cells[tensor].bytes.lock().unwrap() = Some(Arc::new(bytes));
    }

    fn check(&self, tensor: usize) -> Result<(), String> {
        let bytes = self.cells[tensor].bytes.lock().unwrap().clone();
        let bytes = bytes.ok_or_else(|| format!("t{tensor} is gone"))?;
        let mut each = bytes.iter().enumerate();
        match each.find(|&(i, &byte)| byte != pattern(tensor, i)) {
            None => Ok(()),
            Some((i, byte)) => Err(format!("byte {i} of t{tensor} is {byte}")),
        }
    }

    /// Ends a use; the end of the last one frees the tensor.
    fn leave(&self, tensor: usize) {
        let cell = &self.cells[tensor];
        if cell.users.fetch_sub(1, Ordering::AcqRel) == 1 {
            drop(cell.bytes.lock().unwrap().take());
        }
    }

    /// The operand whose bytes the plan gives to a result.
    fn operand_of(&self, op: &Op, result: usize) -> Option<usize> {
        let rows = self.pool.plan().lifetimes().rows();
        let root = rows[result].within?.root.index();
        let root_of = |t: usize| rows[t].within.map_or(t, |within| within.root.index());
        let mut pairs = op.in_place.iter();
        pairs
            .find(|pair| pair.0 == result && root_of(pair.1) == root)
            .map(|pair| pair.1)
    }

    fn has_ended(&self, step: usize) -> bool {
        self.events[step].load(Ordering::Acquire)
    }

    fn wait(&self, step: usize) -> Result<(), String> {
        while !self.has_ended(step) {
            if self.has_failed.load(Ordering::Relaxed) {
                return Err("another stream has failed".to_string());
            }
            thread::yield_now();
        }
        Ok(())
    }

    fn execute(&self, step: usize, pause: &impl Fn(&Self, usize, Moment)) -> Result<(), String> {
        let op = &self.program.ops[step];
        op.waits.iter().try_for_each(|&wait| self.wait(wait))?;
        pause(self, step, Moment::Begin);
        let (taken, own): (Vec<usize>, Vec<usize>) = op
            .writes
            .iter()
            .partition(|&&t| self.operand_of(op, t).is_some());
        let own = own.into_iter().map(|t| Ok((t, self.allocate(t)?)));
        let own: Vec<_> = own.collect::<Result<_, String>>()?;
        op.reads.iter().try_for_each(|&read| self.check(read))?;
        let mut kept: BTreeSet<usize> = op.reads.iter().copied().collect();
        for result in taken {
            let operand = self.operand_of(op, result).unwrap();
            kept.remove(&operand);
            let bytes = self.cells[operand].bytes.lock().unwrap().take();
            let bytes =
                Arc::try_unwrap(bytes.unwrap()).map_err(|_| format!("t{operand} is read still"))?;
            let bytes = Slot::transfer(bytes, id(result)).map_err(|error| error.to_string())?;
            self.store(result, bytes);
        }
        pause(self, step, Moment::Middle);
        own.into_iter().for_each(|(t, bytes)| self.store(t, bytes));
        kept.iter().try_for_each(|&read| self.check(read))?;
        pause(self, step, Moment::End);
        used(op).into_iter().for_each(|t| self.leave(t));
        self.events[step].store(true, Ordering::Release);
        Ok(())
    }

    /// Runs all streams at once. Returns the first error.
    fn run(&self, pause: impl Fn(&Self, usize, Moment) + Sync) -> Result<(), String> {
        let ops = &self.program.ops;
        let streams: BTreeSet<u32> = ops.iter().map(|op| op.stream).collect();
        let error = Mutex::new(None);
        let stream = |stream: u32| {
            let mut steps = (0..ops.len()).filter(|&step| ops[step].stream == stream);
            if let Err(message) = steps.try_for_each(|step| self.execute(step, &pause))
                && !self.has_failed.swap(true, Ordering::Relaxed)
            {
                *error.lock().unwrap() = Some(message);
            }
        };
        thread::scope(|scope| {
            let stream = &stream;
            streams
                .iter()
                .for_each(|&number| drop(scope.spawn(move || stream(number))));
        });
        if let Some(message) = error.into_inner().unwrap() {
            return Err(message);
        }
        self.program
            .outputs
            .iter()
            .try_for_each(|&output| self.check(output))
    }
}

/// The tensors that an operator reads or writes.
fn used(op: &Op) -> BTreeSet<usize> {
    op.reads.iter().chain(&op.writes).copied().collect()
}

fn run(
    program: &Program,
    plan: &Plan,
    pause: impl Fn(&Run<'_>, usize, Moment) + Sync,
) -> Result<(), String> {
    let arena = Arena::builder().capacity(1 << 20).build().unwrap();
    let pool = TensorPool::new(arena, plan).unwrap();
    let run = Run::new(program, &pool)?;
    run.run(pause)?;
    for (t, cell) in run.cells.iter().enumerate() {
        let is_kept = cell.bytes.lock().unwrap().is_some();
        assert_eq!(is_kept, program.outputs.contains(&t), "t{t} at the end");
        assert_eq!(pool.is_live(id(t)), is_kept && program.tensors[t].size > 0);
    }
    Ok(())
}

/// Pauses at random: not at all, by yielding, by spinning, or by sleeping.
fn random_pause(seed: u64) -> impl Fn(&Run<'_>, usize, Moment) + Sync {
    move |_, step, moment| {
        let mixed =
            (seed ^ (step * 3 + moment as usize) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        match mixed >> 60 {
            0..4 => thread::yield_now(),
            4..6 => (0..mixed >> 52).for_each(|_| std::hint::spin_loop()),
            6 => thread::sleep(Duration::from_micros(mixed >> 54 & 63)),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn streams_on_threads_find_their_slots_free_and_their_operands_unchanged(
        program in programs(),
        seeds in prop::collection::vec(any::<u64>(), 4),
    ) {
        let program = program.on_host().without_views();
        for aliasing in [Aliasing::Off, Aliasing::InPlace] {
            let lifetimes = program.graph().lifetimes_with(aliasing);
            let plan = Planner::new().nodes(300).plan(&lifetimes).unwrap();
            for &seed in &seeds {
                prop_assert_eq!(run(&program, &plan, random_pause(seed)), Ok(()));
            }
        }
    }
}

/// Makes the streams meet: stream 1 begins when operator 0 has ended, and operator 1 waits until
/// operator 4, the first of stream 1, has ended.
fn meet(run: &Run<'_>, step: usize, moment: Moment) {
    let until = match step {
        4 if moment == Moment::Begin => 0,
        1 if moment == Moment::Begin => 4,
        _ => return,
    };
    while !run.has_ended(until) && !run.has_failed.load(Ordering::Relaxed) {
        thread::yield_now();
    }
}

#[test]
fn with_a_plan_that_ignores_the_streams_an_allocation_fails_when_they_meet() {
    let program = two_streams();
    let streams = program.graph().lifetimes();
    let plan = Planner::new().plan(&streams).unwrap();
    assert_eq!((plan.peak(), plan.lower_bound()), (256, 256));
    assert_eq!(run(&program, &plan, meet), Ok(()));

    // If stream 1 came after stream 0, t4 could have the bytes of t0.
    let intervals: Lifetimes = program.clone().in_order().graph().lifetimes();
    let offsets = vec![0, 64, 0, 64, 0, 128, 0, 128];
    let ignorant = Plan::new(intervals, offsets.clone()).unwrap();
    assert_eq!(
        run(&program, &ignorant, meet),
        Err("tensor 't4' shares bytes with 't0', which is alive".to_string())
    );
    assert!(matches!(
        Plan::new(streams, offsets),
        Err(PlanError::StreamsOverlap { .. })
    ));
}
