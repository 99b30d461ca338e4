//! What is alive together under control flow, by running all paths.
//!
//! Every choice of branches and every number of iterations up to a limit is unrolled into a *trace*,
//! a list of operators. Traces with a common beginning are one path until they part: whoever runs
//! the beginning does not know yet how it goes on, so all that any of them still reads must be kept.
//! Shares no code with liveness, lifetimes and plans.

use std::{collections::HashMap, ops::Range};

use orionrt_plan::{Graph, Lifetimes, TensorId, graph::Region};
use proptest::prelude::*;

/// All traces of a graph with at most so many iterations of each loop; `None` if there are more
/// than `most`.
pub fn traces(graph: &Graph, iterations: usize, most: usize) -> Option<Vec<Vec<usize>>> {
    Unroller {
        regions: graph.regions(),
        iterations,
        most,
    }
    .range(0..graph.ops().len(), 0)
}

struct Unroller<'g> {
    regions: &'g [Region],
    iterations: usize,
    most: usize,
}

impl Unroller<'_> {
    /// The traces of some steps, whose regions are among those from `first` on.
    fn range(&self, steps: Range<usize>, first: usize) -> Option<Vec<Vec<usize>>> {
        let mut traces = vec![Vec::new()];
        let (mut step, mut first) = (steps.start, first);
        while step < steps.end {
            let begins = |region: &Region| region.ops().start.index() == step;
            let ends = |region: &Region| region.ops().end.index() <= steps.end;
            let mut regions = (first..self.regions.len()).map(|at| (at, &self.regions[at]));
            let region = regions.find(|(_, region)| begins(region) && ends(region));
            let (next, ways) = match region {
                None => (step + 1, vec![vec![step]]),
                Some((at, region)) => {
                    first = at + 1;
                    (region.ops().end.index(), self.region(region, first)?)
                }
            };
            traces = self.followed_by(&traces, &ways)?;
            step = next;
        }
        Some(traces)
    }

    fn region(&self, region: &Region, first: usize) -> Option<Vec<Vec<usize>>> {
        let steps = |part: &Range<orionrt_plan::OpId>| part.start.index()..part.end.index();
        match region {
            Region::Exclusive { branches } => {
                let mut ways = Vec::new();
                for branch in branches {
                    ways.extend(self.range(steps(branch), first)?);
                }
                Some(ways)
            }
            Region::Repeated { body } => {
                let body = self.range(steps(body), first)?;
                let mut ways = vec![Vec::new()];
                let mut last = ways.clone();
                for _ in 0..self.iterations {
                    last = self.followed_by(&last, &body)?;
                    ways.extend(last.clone());
                }
                Some(ways)
            }
            _ => None,
        }
    }

    fn followed_by(
        &self,
        firsts: &[Vec<usize>],
        seconds: &[Vec<usize>],
    ) -> Option<Vec<Vec<usize>>> {
        if firsts.len() * seconds.len() > self.most {
            return None;
        }
        let pairs = firsts.iter().flat_map(|first| {
            let seconds = seconds.iter();
            seconds.map(move |second| [&first[..], &second[..]].concat())
        });
        Some(pairs.collect())
    }
}

/// A set of at most 64 tensors.
type Set = u64;

fn set(ids: &[TensorId]) -> Set {
    ids.iter().fold(0, |set, id| set | 1 << id.index())
}

/// The sets of tensors that are alive together, one for each moment: an operator of a trace.
pub fn moments(graph: &Graph, traces: &[Vec<usize>]) -> Vec<Set> {
    let mut moments = Vec::new();
    let inputs = set(graph.inputs());
    let traces: Vec<&[usize]> = traces.iter().map(Vec::as_slice).collect();
    let needed = visit(graph, &traces, inputs, &mut moments);
    moments.push(inputs | needed);
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// Visits what follows a common beginning, given what that has written. Returns what is read in any
/// of the traces before it is written.
fn visit(graph: &Graph, traces: &[&[usize]], written: Set, moments: &mut Vec<Set>) -> Set {
    let mut needed = 0;
    let mut by_next: HashMap<usize, Vec<&[usize]>> = HashMap::new();
    for trace in traces {
        match trace.split_first() {
            None => needed |= set(graph.outputs()),
            Some((&next, rest)) => by_next.entry(next).or_default().push(rest),
        }
    }
    for (step, rest) in by_next {
        let op = &graph.ops()[step];
        let (reads, writes) = (set(op.reads()), set(op.writes()));
        let needed_after = visit(graph, &rest, written | writes, moments);
        // The caller fills all inputs before step 0.
        let first = if step == 0 { set(graph.inputs()) } else { 0 };
        moments.push(reads | writes | first | needed_after & (written | writes));
        needed |= reads | needed_after & !writes;
    }
    needed
}

/// The moments with the roots of tensors in the place of tensors.
pub fn of_roots(moments: &[Set], lifetimes: &Lifetimes) -> Vec<Set> {
    let root = |i: usize| {
        let within = lifetimes.rows()[i].within;
        within.map_or(i, |within| within.root.index())
    };
    let members = |moment: Set| (0..lifetimes.len()).filter(move |i| moment >> i & 1 == 1);
    let each = moments.iter().map(|&moment| members(moment));
    each.map(|members| members.fold(0, |set, i| set | 1 << root(i)))
        .collect()
}

/// The most bytes that are alive at one moment.
pub fn load(moments: &[Set], sizes: &[u64]) -> u64 {
    let bytes = |moment: Set| {
        let alive = sizes.iter().enumerate();
        alive
            .filter(|(i, _)| moment >> i & 1 == 1)
            .map(|(_, s)| s)
            .sum()
    };
    moments
        .iter()
        .map(|&moment| bytes(moment))
        .max()
        .unwrap_or(0)
}

/// Whether two tensors are alive at one moment.
pub fn meet(moments: &[Set], a: usize, b: usize) -> bool {
    let both = 1 << a | 1 << b;
    moments.iter().any(|moment| moment & both == both)
}

/// The lowest peak of tensors of which those that meet share no byte, by trying all offsets.
pub fn optimum(moments: &[Set], sizes: &[u64]) -> u64 {
    let mut peaks = load(moments, sizes)..;
    peaks
        .find(|&peak| fits(moments, sizes, peak, &mut Vec::new()))
        .expect("one after the other, they fit")
}

fn fits(moments: &[Set], sizes: &[u64], peak: u64, placed: &mut Vec<u64>) -> bool {
    let this = placed.len();
    let Some(&size) = sizes.get(this) else {
        return true;
    };
    let is_alive = size > 0 && moments.iter().any(|moment| moment >> this & 1 == 1);
    let highest = if is_alive { peak - size } else { 0 };
    for offset in 0..=highest {
        let mut others = placed.iter().enumerate();
        let collides = |(other, &at): (usize, &u64)| {
            offset.max(at) < (offset + size).min(at + sizes[other]) && meet(moments, this, other)
        };
        if is_alive && others.any(collides) {
            continue;
        }
        placed.push(offset);
        let found = fits(moments, sizes, peak, placed);
        placed.pop();
        if found {
            return true;
        }
    }
    false
}

/// An address: a space of memory, and the index of a byte in it.
pub type Address = (usize, u64);

/// A byte of a value: the write that made it, and its index.
type Byte = (usize, u64);

/// A machine that runs traces: each write makes a new value, and each read must find the latest.
pub struct FlowMachine<'g> {
    graph: &'g Graph,
    starts: Vec<Address>,
    /// Whether each tensor has bytes of its own.
    is_root: Vec<bool>,
    values: Vec<Vec<Byte>>,
    memory: HashMap<Address, Byte>,
    writes: usize,
}

impl<'g> FlowMachine<'g> {
    /// The machine before the first operator, with each tensor at its address. A view that has
    /// bytes of its own is a copy.
    pub fn new(graph: &'g Graph, lifetimes: &Lifetimes, starts: Vec<Address>) -> Self {
        let rows = lifetimes.rows().iter();
        Self {
            graph,
            starts,
            is_root: rows.map(|row| row.within.is_none()).collect(),
            values: vec![Vec::new(); graph.tensors().len()],
            memory: HashMap::new(),
            writes: 0,
        }
    }

    fn size(&self, id: TensorId) -> u64 {
        self.graph.tensor(id).expect("of the graph").layout().size() as u64
    }

    fn addresses(&self, id: TensorId) -> impl Iterator<Item = Address> + use<> {
        let ((space, start), size) = (self.starts[id.index()], self.size(id));
        (start..start + size).map(move |at| (space, at))
    }

    fn write(&mut self, id: TensorId) {
        self.writes += 1;
        let (write, size) = (self.writes, self.size(id));
        self.values[id.index()] = (0..size).map(|at| (write, at)).collect();
        for (at, address) in self.addresses(id).enumerate() {
            self.memory.insert(address, (write, at as u64));
        }
    }

    fn holds(&self, id: TensorId) -> bool {
        let value = &self.values[id.index()];
        let mut bytes = self.addresses(id).zip(value);
        value.len() as u64 == self.size(id)
            && bytes.all(|(address, byte)| self.memory.get(&address) == Some(byte))
    }

    fn meet(&self, a: TensorId, b: TensorId) -> bool {
        let b: Vec<Address> = self.addresses(b).collect();
        self.addresses(a).any(|address| b.contains(&address))
    }

    /// Runs the operators of a trace.
    pub fn run(mut self, trace: &[usize]) -> Result<(), TestCaseError> {
        let graph = self.graph;
        graph.inputs().iter().for_each(|&input| self.write(input));
        for &step in trace {
            let op = &graph.ops()[step];
            for &read in op.reads() {
                prop_assert!(self.holds(read), "step {}: {} is gone", step, read);
            }
            for &result in op.writes() {
                self.check_result(step, result)?;
            }
            // Views first: operands are still whole.
            for view in op.views() {
                let (space, start) = self.starts[view.of.index()];
                if !self.is_root[view.result.index()] {
                    let start = (space, start + view.offset);
                    prop_assert_eq!(self.starts[view.result.index()], start);
                    let size = self.size(view.result) as usize;
                    let whole = &self.values[view.of.index()];
                    self.values[view.result.index()] =
                        whole[view.offset as usize..][..size].to_vec();
                }
            }
            for &result in op.writes() {
                let is_view = op.views().iter().any(|view| view.result == result);
                if self.is_root[result.index()] || !is_view {
                    self.write(result);
                }
            }
            for &result in op.writes() {
                prop_assert!(self.holds(result), "step {}: {}", step, result);
            }
        }
        for &output in graph.outputs() {
            prop_assert!(self.holds(output), "output {} is gone", output);
        }
        Ok(())
    }

    /// A result lies over no operand but the one in whose place it is declared, and over no other
    /// result.
    fn check_result(&self, step: usize, result: TensorId) -> Result<(), TestCaseError> {
        let op = &self.graph.ops()[step];
        let is_view = op.views().iter().any(|view| view.result == result);
        if is_view && !self.is_root[result.index()] {
            return Ok(());
        }
        for &read in op.reads().iter().filter(|&&read| self.meet(result, read)) {
            let mut pairs = op.in_place().iter();
            let is_declared = pairs.any(|pair| (pair.result, pair.of) == (result, read));
            // A tensor that is read and written is carried: the operator reads it first.
            prop_assert!(
                is_declared && self.starts[read.index()] == self.starts[result.index()]
                    || read == result,
                "step {}: {} over {}",
                step,
                result,
                read
            );
        }
        let mut others = op.writes().iter().filter(|&&other| other != result);
        prop_assert!(
            !others.any(|&other| self.meet(result, other)),
            "step {}",
            step
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::Layout;

    use orionrt_plan::GraphBuilder;

    use super::*;

    /// x is read by one branch and y by the other; then z is carried through a loop.
    fn graph() -> Graph {
        let mut g = GraphBuilder::new();
        let bytes = Layout::new::<[u8; 8]>();
        let [x, y, z, t] = ["x", "y", "z", "t"].map(|name| g.tensor(name, bytes));
        g.op("load").writes([x, y]);
        let start = g.next_op();
        g.op("then").reads([x]).writes([z]);
        let middle = g.next_op();
        g.op("else").reads([y]).writes([z]);
        let end = g.next_op();
        g.op("step").reads([z]).writes([t]);
        g.op("copy").reads([t]).writes([z]);
        let last = g.next_op();
        g.exclusive([start..middle, middle..end])
            .repeated(end..last);
        g.output(z)
            .build()
            .expect("each path writes before it reads")
    }

    #[test]
    fn traces_take_each_branch_and_each_number_of_iterations() {
        let expected = [
            vec![0, 1],
            vec![0, 1, 3, 4],
            vec![0, 1, 3, 4, 3, 4],
            vec![0, 2],
            vec![0, 2, 3, 4],
            vec![0, 2, 3, 4, 3, 4],
        ];
        let mut found = traces(&graph(), 2, 100).expect("few");
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(traces(&graph(), 2, 5), None);
    }

    #[test]
    fn what_any_continuation_reads_is_alive() {
        let graph = graph();
        let moments = moments(&graph, &traces(&graph, 2, 100).expect("few"));
        let [x, y, z, t] = [0, 1, 2, 3];
        // No path reads both x and y, but until the branch is chosen either may be read.
        assert!(meet(&moments, x, y) && meet(&moments, x, z) && meet(&moments, z, t));
        assert!(!meet(&moments, x, t));
        assert_eq!(load(&moments, &[8; 4]), 16);
        assert_eq!(optimum(&moments, &[8; 4]), 24);
    }

    #[test]
    fn values_that_are_gone_are_noticed() {
        let graph = graph();
        let lifetimes = graph.lifetimes();
        let run = |starts: [u64; 4], trace: &[usize]| {
            let starts = starts.map(|start| (0, start)).to_vec();
            FlowMachine::new(&graph, &lifetimes, starts).run(trace)
        };
        let trace = [0, 1, 3, 4];
        assert!(run([0, 8, 16, 0], &trace).is_ok());
        // y lies over x, t over z.
        assert!(run([0, 0, 16, 8], &trace).is_err());
        assert!(run([0, 8, 16, 16], &trace).is_err());
    }
}
