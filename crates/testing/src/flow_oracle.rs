//! What is alive together under control flow, by running all paths.
//!
//! Every choice of branches and every number of iterations up to a limit is unrolled into a
//! *trace*, a list of operators. Traces with a common beginning are one path until they part:
//! whoever runs the beginning does not know yet how it goes on, so all that any of them still reads
//! must be kept. Shares no code with liveness, lifetimes and plans.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};

use orionrt_plan::{Graph, Lifetimes, TensorId, graph::Construct};

/// All traces of a graph with at most so many iterations of each loop; `None` if there are more
/// than `most`.
pub fn traces(graph: &Graph, iterations: usize, most: usize) -> Option<Vec<Vec<usize>>> {
    Unroller {
        constructs: graph.constructs(),
        iterations,
        most,
    }
    .range(0..graph.ops().len(), 0)
}

struct Unroller<'g> {
    constructs: &'g [Construct],
    iterations: usize,
    most: usize,
}

impl Unroller<'_> {
    /// The traces of some steps, whose constructs are among those from `first` on.
    fn range(&self, steps: Range<usize>, first: usize) -> Option<Vec<Vec<usize>>> {
        let mut traces = vec![Vec::new()];
        let (mut step, mut first) = (steps.start, first);
        while step < steps.end {
            let begins = |construct: &Construct| construct.ops().start.index() == step;
            let ends = |construct: &Construct| construct.ops().end.index() <= steps.end;
            let mut constructs =
                (first..self.constructs.len()).map(|at| (at, &self.constructs[at]));
            let construct = constructs.find(|(_, construct)| begins(construct) && ends(construct));
            let (next, ways) = match construct {
                None => (step + 1, vec![vec![step]]),
                Some((at, construct)) => {
                    first = at + 1;
                    (
                        construct.ops().end.index(),
                        self.construct(construct, first)?,
                    )
                }
            };
            traces = self.followed_by(&traces, &ways)?;
            step = next;
        }
        Some(traces)
    }

    fn construct(&self, construct: &Construct, first: usize) -> Option<Vec<Vec<usize>>> {
        let steps = |part: &Range<orionrt_plan::OpId>| part.start.index()..part.end.index();
        match construct {
            Construct::Exclusive { branches } => {
                let mut ways = Vec::new();
                for branch in branches {
                    ways.extend(self.range(steps(branch), first)?);
                }
                Some(ways)
            }
            Construct::Repeated { body } => {
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

/// The steps that change places together: operators that are in no construct, and constructs that
/// are in no other one.
pub fn units(graph: &Graph) -> Vec<Range<usize>> {
    let mut units = Vec::new();
    let mut step = 0;
    while step < graph.ops().len() {
        let constructs = graph.constructs().iter().map(Construct::ops);
        let here = constructs.filter(|ops| ops.start.index() == step);
        let end = here.map(|ops| ops.end.index()).max().unwrap_or(step + 1);
        units.push(step..end);
        step = end;
    }
    units
}

/// What a trace computes: for each operator that runs, its name and the values of its operands, in
/// the order of the names; for the graph, the values of its outputs. `None` if an operand has not
/// been written.
pub fn computed(graph: &Graph, trace: &[usize]) -> Option<Vec<(String, Vec<u64>)>> {
    let mut values: HashMap<TensorId, u64> = HashMap::new();
    for input in graph.inputs() {
        values.insert(*input, hash(&("input", input.index())));
    }
    let mut computed = Vec::new();
    for &step in trace {
        let op = &graph.ops()[step];
        let operands = op.reads().iter().map(|read| values.get(read).copied());
        let operands = operands.collect::<Option<Vec<u64>>>()?;
        for result in op.writes() {
            values.insert(*result, hash(&(op.name(), &operands, result.index())));
        }
        computed.push((op.name().to_string(), operands));
    }
    let outputs = graph.outputs().iter().map(|id| values.get(id).copied());
    computed.push(("outputs".to_string(), outputs.collect::<Option<_>>()?));
    computed.sort();
    Some(computed)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::alloc::Layout;

    use orionrt_plan::GraphBuilder;

    use super::*;

    /// x is read by one branch and y by the other; then z is carried through a loop.
    pub(crate) fn graph() -> Graph {
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
}
