//! Every operator finds its operands as they were written, however the streams interleave.
//!
//! Programs are run symbolically on planned bytes, in random orders that the waits allow, with
//! several operators running at a time.

use orionrt::{Aliasing, Plan, Planner, TensorId, plan::PlanError};
use orionrt_testing::stream_programs::{Op, Program, Tensor};
use proptest::prelude::*;

use crate::programs;

/// The content of a byte: byte i of the value of a tensor, or nothing of use.
type Symbol = Option<(usize, u64)>;

/// A run of a program.
struct Run<'p> {
    program: &'p Program,
    /// One plan for each device.
    plans: Vec<Plan>,
    memory: Vec<Vec<Symbol>>,
    /// The value that each tensor was written with.
    values: Vec<Vec<Symbol>>,
}

impl<'p> Run<'p> {
    fn new(program: &'p Program, plans: Vec<Plan>) -> Self {
        let memory = plans
            .iter()
            .map(|plan| vec![None; plan.peak() as usize])
            .collect();
        let values = vec![Vec::new(); program.tensors.len()];
        let mut run = Self {
            program,
            plans,
            memory,
            values,
        };
        for &input in &program.inputs {
            run.write(input);
        }
        run
    }

    fn plan(&self, tensor: usize) -> &Plan {
        &self.plans[self.program.tensors[tensor].device]
    }

    fn bytes(&mut self, tensor: usize) -> &mut [Symbol] {
        let plan = self.plan(tensor);
        if !plan.lifetimes().rows()[tensor].has_bytes() {
            return &mut [];
        }
        let bytes = plan.bytes(TensorId::new(tensor as u32)).unwrap();
        let memory = &mut self.memory[self.program.tensors[tensor].device];
        &mut memory[bytes.start as usize..bytes.end as usize]
    }

    fn write(&mut self, tensor: usize) {
        let size = self.program.tensors[tensor].size;
        let value: Vec<Symbol> = (0..size).map(|i| Some((tensor, i))).collect();
        self.set(tensor, value);
    }

    fn set(&mut self, tensor: usize, value: Vec<Symbol>) {
        self.bytes(tensor).copy_from_slice(&value);
        self.values[tensor] = value;
    }

    fn check(&mut self, tensor: usize, when: &str) -> Result<(), TestCaseError> {
        let value = self.values[tensor].clone();
        prop_assert_eq!(&*self.bytes(tensor), &value[..], "t{} {}", tensor, when);
        Ok(())
    }

    fn root(&self, tensor: usize) -> usize {
        let within = self.plan(tensor).lifetimes().rows()[tensor].within;
        within.map_or(tensor, |within| within.root.index())
    }

    /// Whether the result shares bytes with an operand, so that it must not be written before the
    /// operand has been read.
    fn is_shared(&self, step: usize, result: usize) -> bool {
        let op = &self.program.ops[step];
        op.reads
            .iter()
            .any(|&read| self.root(read) == self.root(result))
    }

    /// The operands that nobody may write over: all but one read for each result in place.
    fn kept(&self, step: usize) -> Vec<usize> {
        let op = &self.program.ops[step];
        let mut kept = op.reads.clone();
        let taken = op.in_place.iter();
        for pair in taken.filter(|pair| self.root(pair.0) == self.root(pair.1)) {
            let spent = kept.iter().position(|&read| read == pair.1).unwrap();
            kept.swap_remove(spent);
        }
        kept
    }

    /// Begins an operator: checks its operands, and makes the bytes of all results but views
    /// useless.
    fn begin(&mut self, step: usize) -> Result<(), TestCaseError> {
        let op = &self.program.ops[step];
        for &result in &op.writes {
            if !self.is_shared(step, result) {
                self.bytes(result).fill(None);
            }
        }
        let mut reads = op.reads.iter();
        reads.try_for_each(|&read| self.check(read, "at the begin"))?;
        for &(result, of) in &op.in_place {
            if self.root(result) == self.root(of) {
                self.bytes(result).fill(None);
            }
        }
        Ok(())
    }

    /// Ends an operator: checks the operands that nobody wrote over, and writes the results.
    fn end(&mut self, step: usize) -> Result<(), TestCaseError> {
        let op = &self.program.ops[step];
        let mut kept = self.kept(step).into_iter();
        kept.try_for_each(|read| self.check(read, "at the end"))?;
        for &result in &op.writes {
            let view = op.views.iter().find(|view| view.0 == result);
            match view {
                None => self.write(result),
                Some(&(_, of, offset)) => {
                    let (start, size) =
                        (offset as usize, self.program.tensors[result].size as usize);
                    let value = self.values[of][start..start + size].to_vec();
                    match self.is_shared(step, result) {
                        // Nothing is copied.
                        true => self.values[result] = value,
                        false => self.set(result, value),
                    }
                    self.check(result, "as a view")?;
                }
            }
        }
        Ok(())
    }
}

/// Runs a program in an order that the seed picks: at each moment, some operator that may begin or
/// end does so.
fn run(program: &Program, plans: Vec<Plan>, mut seed: u64) -> Result<(), TestCaseError> {
    let mut run = Run::new(program, plans);
    let before = program.before();
    let (mut begun, mut ended) = (0u64, 0u64);
    // In some runs many operators run at once, in others few.
    let eager = seed % 3;
    let all = (1u64 << before.len()) - 1;
    while ended != all {
        let is = |mask: u64, op: usize| mask & 1 << op != 0;
        let can_begin = (0..before.len()).filter(|&op| !is(begun, op) && before[op] & !ended == 0);
        let can_end = (0..before.len()).filter(|&op| is(begun, op) && !is(ended, op));
        let (can_begin, can_end): (Vec<_>, Vec<_>) = (can_begin.collect(), can_end.collect());
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        let pick = (seed >> 33) as usize;
        let begin = can_end.is_empty() || !can_begin.is_empty() && pick % 4 <= eager as usize;
        let among = if begin { can_begin } else { can_end };
        let op = among[pick / 4 % among.len()];
        if begin {
            begun |= 1 << op;
            run.begin(op)?;
        } else {
            ended |= 1 << op;
            run.end(op)?;
        }
    }
    let outputs = program.outputs.iter();
    { outputs }.try_for_each(|&output| run.check(output, "as an output"))
}

fn planner() -> Planner {
    Planner::new().nodes(300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn operands_keep_their_values_in_every_order_that_the_waits_allow(
        program in programs(),
        seeds in prop::collection::vec(any::<u64>(), 12),
    ) {
        let program = program.on_host();
        for aliasing in [Aliasing::Off, Aliasing::Views, Aliasing::InPlace] {
            let plan = planner().plan(&program.graph().lifetimes_with(aliasing)).unwrap();
            for &seed in &seeds {
                run(&program, vec![plan.clone()], seed)?;
            }
        }
    }

    #[test]
    fn operands_keep_their_values_on_several_devices(
        program in programs(),
        seeds in prop::collection::vec(any::<u64>(), 6),
    ) {
        let graph = program.graph();
        let plans = planner().plan_devices(&graph, Aliasing::InPlace).unwrap();
        let plans: Vec<Plan> = plans.iter().map(|(_, plan)| plan.clone()).collect();
        prop_assert_eq!(plans.len(), 3);
        for &seed in &seeds {
            run(&program, plans.clone(), seed)?;
        }
    }
}

/// Negative control: if the plan ignores the streams, operators write over what other streams still
/// read, and the run notices.
#[test]
fn a_plan_that_ignores_the_streams_destroys_operands() {
    let program = two_streams();
    let plan = planner()
        .plan(&program.clone().in_order().graph().lifetimes())
        .unwrap();
    let refused = Plan::new(program.graph().lifetimes(), plan.offsets().to_vec());
    assert!(matches!(refused, Err(PlanError::StreamsOverlap { .. })));
    let failed = (0..100).filter(|&seed| run(&program, vec![plan.clone()], seed).is_err());
    assert!(failed.count() > 10);
}

/// Two chains of four tensors each, submitted one after the other, on streams of their own.
pub fn two_streams() -> Program {
    let mut program = Program::default();
    for step in 0..8 {
        program.tensors.push(Tensor {
            size: 64,
            alignment: 1,
            device: 0,
        });
        program.ops.push(Op {
            stream: step as u32 / 4,
            reads: if step % 4 == 0 {
                Vec::new()
            } else {
                vec![step - 1]
            },
            writes: vec![step],
            ..Op::default()
        });
    }
    program.outputs = vec![3, 7];
    program
}
