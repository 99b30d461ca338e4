//! A machine that follows a schedule with spills, fetches, compressed forms and reruns, byte by
//! byte, and says whether each operator finds what it would find without them.
//!
//! What an operator writes depends on every byte that it reads. So a tensor that is not where it
//! should be, or is not all of it, changes what comes out. A compressed form is a ticket, of other
//! bytes each time, for what it was made of: if one bit of it is wrong, nothing comes back. Knows
//! nothing of lifetimes, of the steps of copies or of rules: it looks at offsets and bytes, and at
//! what was written to a copy last, in which a part begins where the graph says.

use std::collections::HashMap;

use orionrt_plan::{
    Graph, TensorId,
    fit::{CopyId, FitAction, FitSchedule, Memory},
    graph::{Op, Part},
};

use crate::random::mix;

/// What an operator computes: a result's bytes from those of all operands.
fn computed(op: usize, result: usize, operands: &[Vec<u8>], size: usize) -> Vec<u8> {
    let mut seed = mix((op as u64) << 32 | result as u64);
    for operand in operands {
        seed = operand
            .iter()
            .fold(mix(seed), |seed, &byte| mix(seed ^ u64::from(byte)));
    }
    let byte = |at: usize| mix(seed.wrapping_add(at as u64)) as u8;
    (0..size).map(byte).collect()
}

/// What an operator writes to a result: of a concatenation, the operands where it has them.
fn written(op: &Op, at: usize, result: usize, operands: &[Vec<u8>], size: usize) -> Vec<u8> {
    let mut bytes = computed(at, result, operands, size);
    let id = op.writes()[result];
    for part in op.parts().iter().filter(|part| part.result == id) {
        let read = op.reads().iter().position(|&read| read == part.operand);
        let operand = &operands[read.expect("a part is an operand")];
        let start = part.offset as usize;
        bytes[start..start + operand.len()].copy_from_slice(operand);
    }
    bytes
}

/// What stands for the operator that writes the inputs: a number above those of all operators,
/// which machines of 32 bits have, too.
const CALLER: usize = i32::MAX as usize;

/// What the caller fills an input with.
fn filled(input: TensorId, size: usize) -> Vec<u8> {
    computed(CALLER, input.index(), &[], size)
}

fn size(graph: &Graph, id: TensorId) -> usize {
    graph.tensor(id).map_or(0, |tensor| tensor.layout().size())
}

/// The operand that a result is a view of, and where in it.
fn view_of(op: &Op, result: TensorId) -> Option<(TensorId, usize)> {
    let view = op.views().iter().find(|view| view.result == result)?;
    Some((view.of, view.offset as usize))
}

/// The bytes of all tensors, each with a place of its own.
fn reference(graph: &Graph) -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = vec![Vec::new(); graph.tensors().len()];
    for &input in graph.inputs() {
        values[input.index()] = filled(input, size(graph, input));
    }
    for (at, op) in graph.ops().iter().enumerate() {
        let operands: Vec<Vec<u8>> = op
            .reads()
            .iter()
            .map(|id| values[id.index()].clone())
            .collect();
        for (which, &result) in op.writes().iter().enumerate() {
            let size = size(graph, result);
            values[result.index()] = match view_of(op, result) {
                Some((of, start)) => values[of.index()][start..start + size].to_vec(),
                None => written(op, at, which, &operands, size),
            };
        }
    }
    values
}

/// The tensor that is no view whose bytes a tensor is.
fn root(graph: &Graph, mut id: TensorId) -> TensorId {
    let views = || graph.ops().iter().flat_map(|op| op.views());
    while let Some(view) = views().find(|view| view.result == id) {
        id = view.of;
    }
    id
}

/// Where each tensor begins in the tensor that is no view whose bytes it is.
fn starts(graph: &Graph) -> Vec<usize> {
    let mut starts = vec![0; graph.tensors().len()];
    for op in graph.ops() {
        for view in op.views() {
            starts[view.result.index()] = starts[view.of.index()] + view.offset as usize;
        }
    }
    starts
}

struct Machine<'m> {
    graph: &'m Graph,
    schedule: &'m FitSchedule,
    memories: [Vec<u8>; 2],
    /// Where tensors begin in those that are no views.
    starts: Vec<usize>,
    /// The tensor that was written to each copy last.
    holds: Vec<Option<TensorId>>,
    /// What each compressed form stands for.
    tickets: HashMap<Vec<u8>, Vec<u8>>,
}

impl Machine<'_> {
    /// The memory and the first byte of a copy.
    fn place(&self, copy: CopyId) -> Option<(usize, usize)> {
        let copy = self.schedule.copy(copy)?;
        Some((
            usize::from(copy.memory == Memory::Slow),
            copy.offset as usize,
        ))
    }

    /// Where a tensor begins in a copy that holds it, or something that it is a part of: a view may
    /// be a copy of its own.
    fn start(&self, copy: CopyId, id: TensorId) -> Option<usize> {
        let of = self.schedule.copy(copy)?;
        let held = self.holds[copy.index()].unwrap_or(of.tensor);
        let start = self.starts[id.index()];
        if held == id {
            return Some(0);
        }
        let root = |id: TensorId| root(self.graph, id);
        let parts = self.graph.ops().iter().flat_map(|op| op.parts());
        let has_bytes = |part: &&Part| size(self.graph, part.operand) > 0;
        let mut parts = parts.filter(has_bytes).filter(|part| part.result == held);
        let part = parts.find(|part| root(part.operand) == root(id) && root(id) != held);
        // The operand may be a view, as the tensor may be.
        let start_in = |part: &Part| {
            let before = self.starts[part.operand.index()];
            (part.offset as usize + start).checked_sub(before)
        };
        part.map_or(Some(start), start_in)
    }

    /// A tensor has been written to a copy.
    fn put(&mut self, copy: CopyId, id: TensorId) {
        self.holds[copy.index()] = Some(id);
    }

    fn read(&self, copy: CopyId, start: usize, size: usize) -> Option<Vec<u8>> {
        let (memory, offset) = self.place(copy)?;
        let first = offset.checked_add(start)?;
        let bytes = self.memories[memory].get(first..first.checked_add(size)?)?;
        Some(bytes.to_vec())
    }

    fn write(&mut self, copy: CopyId, bytes: &[u8]) -> Option<()> {
        let (memory, offset) = self.place(copy)?;
        let end = offset.checked_add(bytes.len())?;
        let target = self.memories[memory].get_mut(offset..end)?;
        target.copy_from_slice(bytes);
        Some(())
    }
}

impl Machine<'_> {
    /// Writes a ticket for the bytes of a tensor in one copy to another one.
    fn compress(&mut self, from: CopyId, to: CopyId, size: usize) -> Option<()> {
        let bytes = self.read(from, 0, size)?;
        let length = self.schedule.copy(to)?.compressed? as usize;
        let number = self.tickets.len() as u64;
        let byte = |at: u64| match at {
            0 => number as u8,
            at => mix(number << 32 | at) as u8,
        };
        let ticket: Vec<u8> = (0..length as u64).map(byte).collect();
        self.write(to, &ticket)?;
        self.tickets.insert(ticket, bytes);
        Some(())
    }

    /// Writes what the ticket in one copy stands for to another one.
    fn expand(&mut self, from: CopyId, to: CopyId, size: usize) -> Option<()> {
        let length = self.schedule.copy(from)?.compressed? as usize;
        let ticket = self.read(from, 0, length)?;
        let bytes = self
            .tickets
            .get(&ticket)
            .filter(|bytes| bytes.len() == size)?;
        let bytes = bytes.clone();
        self.write(to, &bytes)
    }
}

/// Whether a schedule computes what the graph computes, with these many bytes of each memory.
pub fn computes(graph: &Graph, schedule: &FitSchedule, [fast, slow]: [usize; 2]) -> bool {
    executed(graph, schedule, [fast, slow]).is_some()
}

/// `None` at the first byte that is not as it should be.
fn executed(graph: &Graph, schedule: &FitSchedule, [fast, slow]: [usize; 2]) -> Option<()> {
    let values = reference(graph);
    let memories = [vec![0xa5; fast], vec![0xa5; slow]];
    let mut machine = Machine {
        graph,
        schedule,
        memories,
        starts: starts(graph),
        holds: vec![None; schedule.copies.len()],
        tickets: HashMap::new(),
    };
    for (&input, copy) in graph.inputs().iter().zip(&schedule.inputs) {
        if let &Some(copy) = copy {
            machine.write(copy, &values[input.index()])?;
            machine.put(copy, input);
        }
    }
    for step in &schedule.steps {
        match step.action {
            FitAction::Run(op) | FitAction::Rerun(op) => {
                let at = op.index();
                let op = graph.ops().get(at)?;
                let mut operands = Vec::new();
                for (&id, &copy) in op.reads().iter().zip(&step.reads) {
                    let start = machine.start(copy, id)?;
                    let bytes = machine.read(copy, start, size(graph, id))?;
                    (bytes == values[id.index()]).then_some(())?;
                    operands.push(bytes);
                }
                for (which, (&id, &copy)) in op.writes().iter().zip(&step.writes).enumerate() {
                    let bytes = match view_of(op, id) {
                        None => written(op, at, which, &operands, size(graph, id)),
                        Some((of, start)) => {
                            let operand = op.reads().iter().position(|&read| read == of)?;
                            if step.reads.get(operand) == Some(&copy) {
                                continue;
                            }
                            operands[operand][start..start + size(graph, id)].to_vec()
                        }
                    };
                    machine.write(copy, &bytes)?;
                    machine.put(copy, id);
                }
            }
            FitAction::Fetch(tensor) if step.reads.is_empty() => {
                let to = *step.writes.first()?;
                machine.write(to, &values[tensor.index()])?;
                machine.put(to, tensor);
            }
            FitAction::Spill(tensor) | FitAction::Fetch(tensor) => {
                let (from, to) = (*step.reads.first()?, *step.writes.first()?);
                let bytes = machine.read(from, 0, size(graph, tensor))?;
                machine.write(to, &bytes)?;
                machine.holds[to.index()] = machine.holds[from.index()];
            }
            FitAction::Compress(tensor) => {
                let (from, to) = (*step.reads.first()?, *step.writes.first()?);
                machine.compress(from, to, size(graph, tensor))?;
                machine.holds[to.index()] = machine.holds[from.index()];
            }
            FitAction::Expand(tensor) => {
                let (from, to) = (*step.reads.first()?, *step.writes.first()?);
                machine.expand(from, to, size(graph, tensor))?;
                machine.holds[to.index()] = machine.holds[from.index()];
            }
            _ => return None,
        }
    }
    for (&output, &copy) in graph.outputs().iter().zip(&schedule.outputs) {
        let start = machine.start(copy, output)?;
        let bytes = machine.read(copy, start, size(graph, output))?;
        (bytes == values[output.index()]).then_some(())?;
    }
    Some(())
}
