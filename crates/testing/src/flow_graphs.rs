//! Random graphs with control flow: branches and loops within each other, results of branches,
//! tensors that are carried from one iteration into the next, views and results in place.
//!
//! A program is made of items; building it keeps account of which tensors every path has written,
//! so that each graph is valid by construction. Names of operators are unique.

use std::alloc::Layout;

use orionrt_plan::{Graph, GraphBuilder, OpId, TensorId};
use proptest::{collection::vec, prelude::*, sample::Index};

/// A result of an operator.
#[derive(Clone, Debug)]
enum Written {
    Own(usize),
    View(Index, Index, Index),
    InPlace(Index),
}

#[derive(Clone, Debug)]
struct MadeOp {
    reads: Vec<Index>,
    writes: Vec<Written>,
    is_output: bool,
}

/// The parts of a program.
#[derive(Clone, Debug)]
enum Item {
    Op(MadeOp),
    /// A second write to a tensor that a loop around it carries, and what is read to write it.
    Rewrite(Index, Index),
    /// Branches, and the sizes of tensors that each of them writes at its end.
    Branches(Vec<Vec<Item>>, Vec<usize>, Vec<Index>),
    /// A body, the sizes of tensors that are carried, and what is read to write them.
    Loop(Vec<Item>, Vec<usize>, Vec<Index>),
}

fn op() -> impl Strategy<Value = MadeOp> {
    let written = prop_oneof![
        3 => (0..6usize).prop_map(Written::Own),
        1 => any::<[Index; 3]>().prop_map(|[of, start, size]| Written::View(of, start, size)),
        2 => any::<Index>().prop_map(Written::InPlace),
    ];
    let parts = (
        vec(any::<Index>(), 0..3),
        vec(written, 0..3),
        prop::bool::weighted(0.1),
    );
    parts.prop_map(|(reads, writes, is_output)| MadeOp {
        reads,
        writes,
        is_output,
    })
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = prop_oneof![
        2 => op().prop_map(Item::Op),
        1 => any::<[Index; 2]>().prop_map(|[to, from]| Item::Rewrite(to, from)),
    ];
    let item = item.prop_recursive(3, 12, 3, |item| {
        let part = vec(item, 0..3);
        let picks = vec(any::<Index>(), 4);
        let sizes = |least| vec(1..6usize, least..3);
        prop_oneof![
            (vec(part.clone(), 2..4), sizes(0), picks.clone())
                .prop_map(|(parts, sizes, picks)| Item::Branches(parts, sizes, picks)),
            (part, sizes(1), picks).prop_map(|(part, sizes, picks)| Item::Loop(part, sizes, picks)),
        ]
    });
    vec(item, 1..5)
}

/// Graphs with few operators and at most 64 tensors.
pub fn graphs() -> impl Strategy<Value = Graph> {
    let graph = (vec((0..6usize, any::<bool>()), 1..3), items());
    let graph = graph.prop_map(|(inputs, items)| build(&inputs, &items));
    graph.prop_filter("at most 64 tensors", |graph| graph.tensors().len() <= 64)
}

/// A tensor that every path has written.
#[derive(Clone, Copy)]
struct Known {
    id: TensorId,
    size: usize,
}

/// What a program may do at one place.
#[derive(Clone, Default)]
struct Scope {
    /// The tensors that every path has written.
    known: Vec<Known>,
    /// Of these, the ones that loops may carry.
    carried: Vec<Known>,
    /// Of these, the ones that may be written here: not yet since the last loop around began.
    open: Vec<Known>,
    /// Whether no construct is around.
    is_outermost: bool,
}

#[derive(Default)]
struct Maker {
    g: GraphBuilder,
    tensors: usize,
}

fn build(inputs: &[(usize, bool)], items: &[Item]) -> Graph {
    let mut maker = Maker::default();
    let mut scope = Scope {
        is_outermost: true,
        ..Scope::default()
    };
    for &(size, is_output) in inputs {
        let input = maker.tensor(size);
        scope.known.push(input);
        maker.g.input(input.id);
        if is_output {
            maker.g.output(input.id);
        }
    }
    maker.add_all(items, &mut scope);
    maker.g.build().expect("each path writes before it reads")
}

impl Maker {
    fn tensor(&mut self, size: usize) -> Known {
        let name = format!("t{}", self.tensors);
        self.tensors += 1;
        let layout = Layout::from_size_align(size, 1).expect("small");
        let id = self.g.tensor(name, layout);
        Known { id, size }
    }

    /// Adds items, which may read what is known and make more known.
    fn add_all(&mut self, items: &[Item], scope: &mut Scope) {
        for item in items {
            match item {
                Item::Op(op) => self.add_op(op, scope),
                Item::Rewrite(to, from) => self.rewrite(to, from, scope),
                Item::Branches(parts, sizes, picks) => {
                    self.add_branches(parts, sizes, picks, scope);
                }
                Item::Loop(body, sizes, picks) => self.add_loop(body, sizes, picks, scope),
            }
        }
    }

    fn rewrite(&mut self, to: &Index, from: &Index, scope: &mut Scope) {
        if !scope.open.is_empty() {
            let to = scope.open.remove(to.index(scope.open.len()));
            self.copy(to, from, &scope.known);
        }
    }

    fn add_op(&mut self, op: &MadeOp, scope: &mut Scope) {
        let known = &mut scope.known;
        let recent = known[known.len().saturating_sub(4)..].to_vec();
        let reads = op.reads.iter().map(|at| at.get(&recent).id);
        let reads: Vec<TensorId> = reads.collect();
        let (mut own, mut views, mut in_place) = (Vec::new(), Vec::new(), Vec::new());
        for written in &op.writes {
            let made = match written {
                Written::Own(size) => {
                    let made = self.tensor(*size);
                    own.push(made.id);
                    made
                }
                Written::View(of, start, size) => {
                    let of = of.get(&recent);
                    let start = start.index(of.size + 1);
                    let made = self.tensor(size.index(of.size - start + 1));
                    views.push((made.id, of.id, start as u64));
                    made
                }
                Written::InPlace(of) => {
                    let of = of.get(&recent);
                    let made = self.tensor(of.size);
                    in_place.push((made.id, of.id));
                    made
                }
            };
            known.push(made);
            if scope.is_outermost && op.is_output {
                self.g.output(made.id);
            }
        }
        let name = format!("op{}", self.g.next_op().index());
        let mut made = self.g.op(name).reads(reads).writes(own);
        for (result, of, start) in views {
            made = made.view(result, of, start);
        }
        for (result, of) in in_place {
            made = made.in_place(result, of);
        }
    }

    /// Writes a tensor, whoever else writes it, and reads one that is known. Where sizes allow it,
    /// the operator says that it could work in place.
    fn copy(&mut self, to: Known, pick: &Index, known: &[Known]) {
        let from = pick.get(known);
        let name = format!("copy{}", self.g.next_op().index());
        let made = self.g.op(name);
        match from.size == to.size && from.id != to.id {
            true => made.in_place(to.id, from.id),
            false => made.reads([from.id]).writes([to.id]),
        };
    }

    fn add_branches(
        &mut self,
        parts: &[Vec<Item>],
        sizes: &[usize],
        picks: &[Index],
        scope: &mut Scope,
    ) {
        let results: Vec<Known> = sizes.iter().map(|&size| self.tensor(size)).collect();
        let mut branches = Vec::new();
        let mut open = scope.open.clone();
        for (part, pick) in parts.iter().zip(picks) {
            let mut inside = scope.clone();
            inside.is_outermost = false;
            let start = self.g.next_op();
            if branches.is_empty() {
                // So that often one branch alone writes a tensor that a loop carries.
                self.rewrite(&picks[0], &picks[3], &mut inside);
            }
            self.add_all(part, &mut inside);
            for &result in &results {
                self.copy(result, pick, &inside.known);
            }
            branches.push(start..self.g.next_op());
            open.retain(|state| inside.is_open(state));
        }
        self.g.exclusive(branches);
        scope.open = open;
        scope.known.extend(results);
    }

    fn add_loop(&mut self, body: &[Item], sizes: &[usize], picks: &[Index], scope: &mut Scope) {
        let states: Vec<Known> = sizes.iter().map(|&size| self.tensor(size)).collect();
        for (&state, pick) in states.iter().zip(picks) {
            self.copy(state, pick, &scope.known);
        }
        scope.known.extend(&states);
        scope.carried.extend(&states);
        let mut inside = scope.clone();
        inside.open = inside.carried.clone();
        inside.is_outermost = false;
        let start: OpId = self.g.next_op();
        self.add_all(body, &mut inside);
        for (&state, pick) in states.iter().zip(&picks[1..]) {
            if inside.is_open(&state) {
                self.copy(state, pick, &inside.known);
            }
        }
        let end = self.g.next_op();
        self.g.repeated(start..end);
        if scope.is_outermost && picks[3].index(2) == 0 {
            self.g.output(states[0].id);
        }
        scope.open.retain(|state| inside.is_open(state));
    }
}

impl Scope {
    fn is_open(&self, state: &Known) -> bool {
        self.open.iter().any(|open| open.id == state.id)
    }
}
