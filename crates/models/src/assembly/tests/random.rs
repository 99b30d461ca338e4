//! Programs of all shapes, executed on all paths.

use std::collections::HashSet;

use proptest::prelude::*;

use super::choices::{CONSTANT_BYTES, MOST_ITERATIONS};
use super::draft::{Draft, body, branches, node, state};
use super::unrolled::{check_all_paths, check_optimum};
use crate::program::{AliasKind, Control, Node, ValueId};

/// How deep bodies lie within each other.
const DEPTH: usize = 3;

/// Numbers that decide what a program has; at the end, everything is the simplest.
struct Decisions<'d> {
    numbers: &'d [u8],
    at: usize,
}

impl Decisions<'_> {
    fn below(&mut self, most: usize) -> usize {
        let number = self.numbers.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(number) % most
    }

    fn is_over(&self) -> bool {
        self.at >= self.numbers.len()
    }
}

/// A value that nodes may read.
#[derive(Clone, Copy)]
struct Known {
    value: ValueId,
    bytes: u64,
    /// Whether all of its bytes are written on every path.
    is_whole: bool,
}

/// Makes programs.
struct Maker<'d> {
    draft: Draft,
    decisions: Decisions<'d>,
    made: usize,
}

impl Maker<'_> {
    fn tensor(&mut self, bytes: u64) -> Known {
        self.made += 1;
        let value = self.draft.tensor(&format!("v{}", self.made), bytes);
        Known {
            value,
            bytes,
            is_whole: true,
        }
    }

    fn constant(&mut self) -> Known {
        self.made += 1;
        let bytes = CONSTANT_BYTES;
        Known {
            value: self.draft.constant(&format!("w{}", self.made), bytes),
            bytes,
            is_whole: true,
        }
    }

    fn name(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}{}", self.made)
    }

    fn pick(&mut self, scope: &[Known]) -> Known {
        // The latest values are read most.
        let back = self.decisions.below(scope.len().min(4));
        scope[scope.len() - 1 - back]
    }

    /// Nodes that read the values of a scope and add their results to it.
    fn nodes(&mut self, scope: &mut Vec<Known>, depth: usize, most: usize) -> Vec<Node> {
        let mut nodes = Vec::new();
        for _ in 0..1 + self.decisions.below(most) {
            let kinds = if depth == DEPTH { 7 } else { 9 };
            let node = match self.decisions.below(kinds) {
                5 => {
                    let constant = self.constant();
                    scope.push(constant);
                    self.simple(scope, 0)
                }
                6 => self.joined(scope),
                7 => self.branches(scope, depth),
                8 => self.looped(scope, depth),
                kind => self.simple(scope, kind),
            };
            nodes.push(node);
            if self.decisions.is_over() {
                break;
            }
        }
        nodes
    }

    fn simple(&mut self, scope: &mut Vec<Known>, kind: usize) -> Node {
        let [x, z] = [(); 2].map(|()| self.pick(scope));
        let name = self.name("N");
        let (node, result) = match kind {
            0 | 1 => {
                let bytes = 1 + self.decisions.below(8) as u64;
                let y = self.tensor(bytes);
                (node(&name, &[x.value, z.value], &[y.value]), y)
            }
            2 | 3 => {
                let y = self.tensor(x.bytes);
                let made = node(&name, &[x.value, z.value], &[y.value]);
                let made = made.alias(y.value, x.value, AliasKind::InPlace);
                (made.alias(y.value, z.value, AliasKind::InPlace), y)
            }
            _ if x.is_whole => {
                let start = self.decisions.below(x.bytes as usize) as u64;
                let bytes = 1 + self.decisions.below((x.bytes - start) as usize) as u64;
                let y = self.tensor(bytes);
                let made = node(&name, &[x.value], &[y.value]);
                (made.alias(y.value, x.value, AliasKind::View(start)), y)
            }
            _ => {
                let y = self.tensor(2);
                (node(&name, &[x.value], &[y.value]), y)
            }
        };
        scope.push(result);
        node
    }

    /// A concatenation of some values, with a few bytes more behind them. One value may be there
    /// twice.
    fn joined(&mut self, scope: &mut Vec<Known>) -> Node {
        let name = self.name("Join");
        let operands: Vec<Known> = (0..2 + self.decisions.below(2))
            .map(|_| self.pick(scope))
            .collect();
        let bytes = operands.iter().map(|known| known.bytes).sum::<u64>();
        let more = self.decisions.below(2) as u64;
        let y = self.tensor(bytes + more);
        let values: Vec<ValueId> = operands.iter().map(|known| known.value).collect();
        let mut made = node(&name, &once(values), &[y.value]);
        let mut start = 0;
        for known in operands {
            if known.is_whole {
                made = made.alias(y.value, known.value, AliasKind::Part(start));
            }
            start += known.bytes;
        }
        scope.push(y);
        made
    }

    fn branches(&mut self, scope: &mut Vec<Known>, depth: usize) -> Node {
        let name = self.name("If");
        let condition = self.pick(scope);
        let mut results: Vec<Vec<Known>> = Vec::new();
        let mut all = Vec::new();
        let count = 1 + self.decisions.below(2);
        for _ in 0..2 {
            let mut inside = scope.clone();
            let nodes = self.nodes(&mut inside, depth + 1, 3);
            results.push((0..count).map(|_| self.pick(&inside)).collect());
            all.push(nodes);
        }
        let mut writes = Vec::new();
        for (a, b) in results[0].iter().zip(&results[1]) {
            let mut y = self.tensor(a.bytes.max(b.bytes));
            y.is_whole = a.bytes == b.bytes && a.is_whole && b.is_whole;
            scope.push(y);
            writes.push(y.value);
        }
        let reads: Vec<_> = captures(&all.iter().flatten().collect::<Vec<_>>());
        let reads = [&[condition.value][..], &reads].concat();
        let values = results
            .iter()
            .map(|values| values.iter().map(|v| v.value).collect());
        let parts = ["then_branch", "else_branch"]
            .into_iter()
            .zip(all)
            .zip(values);
        let parts = parts.map(|((name, nodes), values)| (name, nodes, values));
        let control = branches(parts.collect());
        node(&name, &with_results(reads, &control, scope), &writes).with(control)
    }

    fn looped(&mut self, scope: &mut Vec<Known>, depth: usize) -> Node {
        let name = self.name("Loop");
        let mut inside = scope.clone();
        let mut states = Vec::new();
        for _ in 0..1 + self.decisions.below(3) {
            let initial = self.pick(scope);
            let mut input = self.tensor(initial.bytes);
            input.is_whole = initial.is_whole;
            inside.push(input);
            states.push((initial, input));
        }
        let mut looped = body(vec![]);
        let mut wholes = Vec::new();
        if self.decisions.below(2) == 1 {
            let received = self.tensor(2);
            looped.received.push(received.value);
            inside.push(received);
        }
        if self.decisions.below(2) == 1 {
            let (slice, whole) = (self.tensor(3), self.pick(scope));
            looped.slices.push((slice.value, whole.value));
            wholes.push(whole.value);
            inside.push(slice);
        }
        let own = inside.len() - scope.len();
        looped.nodes = self.nodes(&mut inside, depth + 1, 3);
        let mut writes = Vec::new();
        let mut results = Vec::new();
        for (initial, input) in &states {
            let mut fits = inside.clone();
            fits.retain(|known| known.bytes == input.bytes && known.is_whole == input.is_whole);
            let output = self.pick(&fits);
            let result = (self.decisions.below(3) != 0).then(|| {
                let mut result = self.tensor(input.bytes);
                result.is_whole = input.is_whole;
                result
            });
            let result_value = result.map(|known| known.value);
            looped.states.push(state(
                initial.value,
                input.value,
                output.value,
                result_value,
            ));
            writes.extend(result_value);
            results.extend(result);
        }
        if self.decisions.below(2) == 1 {
            let element = self.pick(&inside[scope.len()..scope.len() + own]);
            let whole = self.tensor(element.bytes * MOST_ITERATIONS as u64);
            looped.stacked.push((element.value, whole.value));
            writes.push(whole.value);
            results.push(whole);
        }
        looped.tested.push(self.pick(&inside).value);
        let mut reads: Vec<_> = states.iter().map(|(initial, _)| initial.value).collect();
        reads.extend(wholes);
        reads.extend(captures(&looped.nodes.iter().collect::<Vec<_>>()));
        let outside = |value: &ValueId| scope.iter().any(|known| known.value == *value);
        let ends = looped.states.iter().map(|state| state.output);
        let ends = ends.chain(looped.tested.iter().copied());
        reads.extend(ends.filter(outside));
        reads.retain(|value| outside(value));
        scope.extend(results);
        node(&name, &once(reads), &writes).with(Control::Loop(looped))
    }
}

/// What nodes read that they do not write.
fn captures(nodes: &[&Node]) -> Vec<ValueId> {
    let written: HashSet<_> = nodes.iter().flat_map(|node| &node.writes).collect();
    let read = nodes.iter().flat_map(|node| &node.reads);
    once(
        read.filter(|value| !written.contains(value))
            .copied()
            .collect(),
    )
}

/// What an `If` reads: also values from outside that are results of its branches.
fn with_results(mut reads: Vec<ValueId>, control: &Control, scope: &[Known]) -> Vec<ValueId> {
    if let Control::Branches(branches) = control {
        reads.extend(branches.iter().flat_map(|branch| &branch.results));
    }
    reads.retain(|value| scope.iter().any(|known| known.value == *value));
    once(reads)
}

fn once(values: Vec<ValueId>) -> Vec<ValueId> {
    let mut seen = HashSet::new();
    values
        .into_iter()
        .filter(|&value| seen.insert(value))
        .collect()
}

fn program(numbers: &[u8], nodes: usize, depth: usize) -> Draft {
    let decisions = Decisions { numbers, at: 0 };
    let mut maker = Maker {
        draft: Draft::default(),
        decisions,
        made: 0,
    };
    let mut scope = Vec::new();
    for name in ["x", "z"] {
        let bytes = 1 + maker.decisions.below(6) as u64;
        let value = maker.draft.input(name, bytes);
        let is_whole = true;
        scope.push(Known {
            value,
            bytes,
            is_whole,
        });
    }
    // The caller fills the inputs before any branch or loop.
    let first = maker.tensor(3);
    let inputs = [scope[0].value, scope[1].value];
    maker.draft.add(node("First", &inputs, &[first.value]));
    scope.push(first);
    let nodes = maker.nodes(&mut scope, depth, nodes);
    let last = maker.pick(&scope).value;
    for node in nodes {
        maker.draft.add(node);
    }
    maker.draft.output(last);
    maker.draft
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// With every way to share bytes, every operand is intact on every path, and tensors conflict
    /// exactly where they are alive together on some path.
    #[test]
    fn operands_are_intact_on_every_path(numbers in prop::collection::vec(any::<u8>(), 0..120)) {
        let draft = program(&numbers, 5, 0);
        if let Err(problem) = check_all_paths(&draft, 300) {
            let listing = super::draft::listing(&draft.model());
            return Err(TestCaseError::fail(format!("{problem}\n{listing:#?}")));
        }
    }

    /// Without branches and loops, operands lie within concatenations, also within several.
    #[test]
    fn operands_within_results_are_intact(numbers in prop::collection::vec(any::<u8>(), 0..120)) {
        let draft = program(&numbers, 12, DEPTH);
        if let Err(problem) = check_all_paths(&draft, 1) {
            let listing = super::draft::listing(&draft.model());
            return Err(TestCaseError::fail(format!("{problem}\n{listing:#?}")));
        }
    }

    /// Small programs are planned at the least peak of all placements.
    #[test]
    fn small_programs_are_planned_at_their_optimum(
        numbers in prop::collection::vec(any::<u8>(), 0..30),
    ) {
        let draft = program(&numbers, 2, DEPTH - 1);
        if draft.model().graph.tensors().len() <= 10 {
            check_optimum(&draft);
        }
    }
}
