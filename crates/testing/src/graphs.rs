//! Graphs made from numbers: operators that read tensors written before, with views, results in
//! place and waits where they are asked for.

use std::alloc::Layout;

use orionrt_plan::{Graph, GraphBuilder, TensorId, graph::OpId};
use proptest::{collection::vec, prelude::*, sample::select};

/// A result of an operator. A number that names an operand is taken modulo how many there are.
#[derive(Clone, Debug)]
pub enum Written {
    /// A tensor of its own with this size.
    Own(usize),
    /// A view: which operand, at most how many bytes, and from which byte on, modulo where it may
    /// begin.
    View(usize, usize, usize),
    /// A result in the place of an operand; if true, in that of any other operand of its size,
    /// too.
    InPlace(usize, bool),
}

use Written::{InPlace, Own, View};

/// An operator to be made.
#[derive(Clone, Debug)]
pub struct MadeOp {
    /// The tensors that it reads, counted back from the latest.
    pub reads: Vec<usize>,
    /// Its results.
    pub writes: Vec<Written>,
    /// Whether its first result is an output of the graph.
    pub is_output: bool,
    /// An earlier operator that it waits for, counted back from the latest.
    pub waits: Option<usize>,
}

#[derive(Default)]
struct Maker {
    g: GraphBuilder,
    there: Vec<TensorId>,
    sizes: Vec<usize>,
    ops: Vec<OpId>,
}

impl Maker {
    fn add(&mut self, size: usize) -> TensorId {
        let layout = Layout::from_size_align(size, 1).expect("small");
        let id = self.g.tensor(format!("t{}", self.there.len()), layout);
        self.there.push(id);
        self.sizes.push(size);
        id
    }

    fn add_op(&mut self, op: &MadeOp) {
        let back = |len: usize, at: usize| len - 1 - at % len;
        let known = self.there.len();
        let reads = op.reads.iter().filter(|_| known > 0);
        let reads: Vec<TensorId> = reads.map(|&r| self.there[back(known, r)]).collect();
        let operand = |which: usize| reads.get(which % reads.len().max(1)).copied();
        let (mut own, mut views, mut in_place) = (Vec::new(), Vec::new(), Vec::new());
        for result in &op.writes {
            match *result {
                View(which, size, start) if !reads.is_empty() => {
                    let of = operand(which).expect("some");
                    let whole = self.sizes[of.index()];
                    let size = size.min(whole);
                    let view = self.add(size);
                    views.push((view, of, start % (whole - size + 1)));
                }
                InPlace(which, is_any) if !reads.is_empty() => {
                    let of = operand(which).expect("some");
                    let size = self.sizes[of.index()];
                    let result = self.add(size);
                    in_place.push((result, of));
                    let others = reads.iter().filter(|_| is_any);
                    let others = others.filter(|&&o| o != of && self.sizes[o.index()] == size);
                    in_place.extend(others.map(|&other| (result, other)));
                }
                Own(size) | View(_, size, _) | InPlace(size, _) => own.push(self.add(size)),
            }
        }
        let name = format!("op{}", self.ops.len());
        let mut made = self.g.op(name).reads(reads).writes(own);
        for (view, of, start) in views {
            made = made.view(view, of, start as u64);
        }
        for (result, of) in in_place {
            made = made.in_place(result, of);
        }
        if let (Some(waits), false) = (op.waits, self.ops.is_empty()) {
            made = made.after([self.ops[back(self.ops.len(), waits)]]);
        }
        self.ops.push(made.id());
        if let (true, Some(&first)) = (op.is_output, self.there.get(known)) {
            self.g.output(first);
        }
    }
}

/// A graph with inputs of these sizes, some of which are outputs, too, and these operators.
pub fn graph(inputs: &[usize], ops: &[MadeOp]) -> Graph {
    let mut maker = Maker::default();
    for (index, &size) in inputs.iter().enumerate() {
        let id = maker.add(size);
        maker.g.input(id);
        if size % 7 == 1 && index > 0 {
            maker.g.output(id);
        }
    }
    ops.iter().for_each(|op| maker.add_op(op));
    maker.g.build().expect("written before it is read")
}

/// The operators of a graph, built anew in another order.
pub fn in_order(graph: &Graph, order: &[usize]) -> Graph {
    let mut g = GraphBuilder::new();
    for (_, tensor) in graph.tensors() {
        g.tensor(tensor.name(), tensor.layout());
    }
    let mut ids = vec![None; order.len()];
    for &index in order {
        let op = &graph.ops()[index];
        let waits = op.waits().iter();
        let waits = waits.map(|wait| ids[wait.index()].expect("it has run"));
        let made = g.op(op.name()).reads(op.reads().to_vec());
        let mut made = made.writes(op.writes().to_vec()).stream(op.stream());
        made = made.after(waits);
        for view in op.views() {
            made = made.view(view.result, view.of, view.offset);
        }
        for pair in op.in_place() {
            made = made.in_place(pair.result, pair.of);
        }
        ids[index] = Some(made.id());
    }
    for &id in graph.inputs() {
        g.input(id);
    }
    for &id in graph.outputs() {
        g.output(id);
    }
    for &id in graph.donated() {
        g.donate(id);
    }
    for alias in graph.output_aliases() {
        g.alias_output(alias.output, alias.input);
    }
    g.build().expect("a valid order")
}

/// Graphs of fewer than `most` operators whose tensors all have bytes of their own.
pub fn plain_graphs(most: usize) -> impl Strategy<Value = Graph> {
    let op = (
        vec(0..1000usize, 0..4),
        vec((0..40usize).prop_map(Own), 0..3),
        prop::bool::weighted(0.15),
    );
    let op = op.prop_map(|(reads, writes, is_output)| MadeOp {
        reads,
        writes,
        is_output,
        waits: None,
    });
    let parts = (vec(0..30usize, 0..4), vec(op, 0..most));
    parts.prop_map(|(inputs, ops)| graph(&inputs, &ops))
}

/// Graphs of fewer than `most` operators with views, results in place and waits. Operators read the
/// latest `reach` tensors.
pub fn sharing_graphs(most: usize, reach: usize) -> impl Strategy<Value = Graph> {
    // Few sizes, since a result in place has the size of its operand.
    let sizes = || select(vec![0, 1, 10, 20, 20, 20, 33]);
    let result = prop_oneof![
        2 => sizes().prop_map(Own),
        1 => (0..9usize, sizes(), 0..9usize).prop_map(|(of, size, start)| View(of, size, start)),
        2 => (0..9usize, any::<bool>()).prop_map(|(of, is_any)| InPlace(of, is_any)),
    ];
    let op = (
        vec(0..reach, 0..4),
        vec(result, 0..4),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.15, 0..reach),
    );
    let op = op.prop_map(|(reads, writes, is_output, waits)| MadeOp {
        reads,
        writes,
        is_output,
        waits,
    });
    let parts = (vec(sizes(), 0..3), vec(op, 0..most));
    parts.prop_map(|(inputs, ops)| graph(&inputs, &ops))
}

/// A series-parallel graph: each operator writes one tensor.
#[derive(Clone, Debug)]
pub enum SeriesParallel {
    /// One operator with its result.
    Op(Written),
    /// The second reads what the first writes.
    Series(Box<SeriesParallel>, Box<SeriesParallel>),
    /// Both read the same tensor, and an operator with this result reads what both write.
    Parallel(Box<SeriesParallel>, Box<SeriesParallel>, Written),
}

impl SeriesParallel {
    /// Adds the operators, which read tensor `read`. Returns the tensor that the last one writes.
    fn add(&self, ops: &mut Vec<MadeOp>, read: usize) -> usize {
        let (reads, result) = match self {
            Self::Op(result) => (vec![read], result),
            Self::Series(first, second) => {
                let middle = first.add(ops, read);
                return second.add(ops, middle);
            }
            Self::Parallel(left, right, result) => {
                (vec![left.add(ops, read), right.add(ops, read)], result)
            }
        };
        // Tensor 0 is the input, and every operator writes one.
        ops.push(MadeOp {
            reads: reads.iter().map(|read| ops.len() - read).collect(),
            writes: vec![result.clone()],
            is_output: false,
            waits: None,
        });
        ops.len()
    }

    /// The graph, with one input.
    pub fn graph(&self) -> Graph {
        let mut ops = Vec::new();
        self.add(&mut ops, 0);
        graph(&[5], &ops)
    }
}

/// Series-parallel graphs of about so many operators.
pub fn series_parallel(operators: u32) -> impl Strategy<Value = SeriesParallel> {
    let result = || {
        prop_oneof![
            3 => (1..60usize).prop_map(Own),
            1 => (1..60usize, 0..9usize).prop_map(|(size, start)| View(0, size, start)),
            1 => (0..2usize).prop_map(|of| InPlace(of, true)),
        ]
    };
    result()
        .prop_map(SeriesParallel::Op)
        .prop_recursive(6, operators, 2, move |part| {
            let pair = (part.clone(), part).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
            prop_oneof![
                pair.clone().prop_map(|(a, b)| SeriesParallel::Series(a, b)),
                (pair, result())
                    .prop_map(|((a, b), result)| SeriesParallel::Parallel(a, b, result)),
            ]
        })
}
