//! Random graphs with tensors within others: operators with several results, views of views, and
//! results in place, on one stream or more; on one stream, concatenations, too.

use std::alloc::Layout;

use orionrt_plan::{Graph, GraphBuilder, TensorId, graph::OpId};
use proptest::{collection::vec, prelude::*, sample::Index};

#[derive(Clone, Debug)]
struct ResultOf {
    /// 0: bytes of its own; 1: a view; above: in place, where the planner can.
    kind: u8,
    of: Index,
    others: bool,
    start: Index,
    size: Index,
    alignment: u8,
    is_output: bool,
}

#[derive(Clone, Debug)]
struct OpOf {
    reads: Vec<Index>,
    results: Vec<ResultOf>,
    stream: u32,
    waits: Vec<Index>,
    /// What is concatenated after the operator; nothing if there are less than two.
    concatenated: Vec<Index>,
}

fn result() -> impl Strategy<Value = ResultOf> {
    let of = (0..5u8, any::<Index>(), any::<bool>());
    let bytes = (any::<Index>(), any::<Index>(), 0..4u8);
    (of, bytes, prop::bool::weighted(0.1)).prop_map(
        |((kind, of, others), (start, size, alignment), is_output)| ResultOf {
            kind,
            of,
            others,
            start,
            size,
            alignment,
            is_output,
        },
    )
}

/// Graphs of at most 14 operators on `streams` streams.
pub fn graphs(streams: u32) -> impl Strategy<Value = Graph> {
    let waits = vec(any::<Index>(), 0..if streams > 1 { 3 } else { 1 });
    let op = (
        vec(any::<Index>(), 0..3),
        vec(result(), 1..4),
        0..streams,
        waits,
    );
    let op = op.prop_map(|(reads, results, stream, waits)| OpOf {
        reads,
        results,
        stream,
        waits,
        concatenated: Vec::new(),
    });
    (inputs(), vec(op, 1..=14)).prop_map(|(inputs, ops)| build(&inputs, &ops))
}

fn inputs() -> impl Strategy<Value = Vec<(usize, bool)>> {
    vec((0..9usize, prop::bool::weighted(0.2)), 1..4)
}

/// Graphs of at most 20 operators on one stream, of which about half are concatenations.
pub fn graphs_with_parts() -> impl Strategy<Value = Graph> {
    let op = (
        vec(any::<Index>(), 0..2),
        vec(result(), 1..3),
        vec(any::<Index>(), 0..5),
    );
    let op = op.prop_map(|(reads, results, concatenated)| OpOf {
        reads,
        results,
        stream: 0,
        waits: Vec::new(),
        concatenated,
    });
    (inputs(), vec(op, 1..=10)).prop_map(|(inputs, ops)| build(&inputs, &ops))
}

/// A tensor that can be read: its size, where it begins in the root of its views, and its writer.
#[derive(Clone, Copy)]
struct Known {
    id: TensorId,
    size: usize,
    start: usize,
    writer: Option<OpId>,
}

fn bytes(size: usize, alignment: usize) -> Layout {
    Layout::from_size_align(size, alignment).unwrap()
}

fn build(inputs: &[(usize, bool)], ops: &[OpOf]) -> Graph {
    let mut g = GraphBuilder::new();
    let mut known: Vec<Known> = Vec::new();
    let mut ids: Vec<OpId> = Vec::new();
    for &(size, is_output) in inputs {
        let id = g.tensor(format!("t{}", known.len()), bytes(size, 1));
        known.push(Known {
            id,
            size,
            start: 0,
            writer: None,
        });
        g.input(id);
        if is_output {
            g.output(id);
        }
    }
    for op in ops {
        let before = known.clone();
        // Results are made of recent tensors, so that chains arise.
        let recent = &before[before.len().saturating_sub(4)..];
        let mut reads: Vec<Known> = op.reads.iter().map(|at| *at.get(&before)).collect();
        let named = reads.iter().map(|read| read.id).collect::<Vec<_>>();
        let (mut views, mut in_place, mut writes) = (Vec::new(), Vec::new(), Vec::new());
        for result in &op.results {
            let of = *result.of.get(recent);
            let own = 1usize << result.alignment;
            let (size, start, alignment) = match result.kind {
                0 => (result.size.index(9), 0, own),
                1 => {
                    let offset = result.start.index(of.size + 1);
                    let start = of.start + offset;
                    let at_most = 1 << start.trailing_zeros().min(3);
                    let size = result.size.index(of.size - offset + 1);
                    (size, start, own.min(at_most))
                }
                _ => (of.size, 0, own),
            };
            let id = g.tensor(format!("t{}", known.len()), bytes(size, alignment));
            match result.kind {
                0 => {}
                1 => views.push((id, of.id, (start - of.start) as u64)),
                _ => {
                    in_place.push((id, of.id));
                    reads.push(of);
                    let same = |other: &&Known| other.size == size && other.id != of.id;
                    for other in recent.iter().filter(|_| result.others).filter(same) {
                        in_place.push((id, other.id));
                        reads.push(*other);
                    }
                }
            }
            if result.kind == 1 {
                reads.push(of);
            }
            if result.is_output {
                g.output(id);
            }
            writes.push(id);
            known.push(Known {
                id,
                size,
                start,
                writer: None,
            });
        }
        let waits = op
            .waits
            .iter()
            .filter(|_| !ids.is_empty())
            .map(|at| *at.get(&ids));
        let waits = waits.chain(reads.iter().filter_map(|read| read.writer));
        let waits: Vec<OpId> = waits.collect();
        let mut built = g.op("op").reads(named).writes(writes).stream(op.stream);
        if op.stream > 0 || ops.iter().any(|op| op.stream > 0) {
            built = built.after(waits);
        }
        for (result, of, offset) in views {
            built = built.view(result, of, offset);
        }
        for (result, of) in in_place {
            built = built.in_place(result, of);
        }
        ids.push(built.id());
        for result in &mut known[before.len()..] {
            result.writer = ids.last().copied();
        }
        concatenate(&mut g, &mut known, &op.concatenated);
    }
    g.build().unwrap()
}

/// Adds an operator whose result has the bytes of recent tensors one after the other.
fn concatenate(g: &mut GraphBuilder, known: &mut Vec<Known>, picks: &[Index]) {
    if picks.len() < 2 {
        return;
    }
    let recent = &known[known.len().saturating_sub(5)..];
    let operands: Vec<Known> = picks.iter().map(|at| *at.get(recent)).collect();
    let size = operands.iter().map(|operand| operand.size).sum();
    let id = g.tensor(format!("t{}", known.len()), bytes(size, 1));
    let (mut op, mut offset) = (g.op("concatenate"), 0);
    for operand in operands {
        op = op.part(operand.id, id, offset as u64);
        offset += operand.size;
    }
    known.push(Known {
        id,
        size,
        start: 0,
        writer: None,
    });
}

/// An order in which the operators may run: each after the earlier ones on its stream, and after
/// those that it waits for.
pub fn order(graph: &Graph, picks: &[Index]) -> Vec<usize> {
    let ops = graph.ops();
    let mut order: Vec<usize> = Vec::new();
    let mut picks = picks.iter().cycle();
    while order.len() < ops.len() {
        let can_run = |&op: &usize| {
            let before = |other: usize| order.contains(&other);
            let in_stream = (0..op).filter(|&other| ops[other].stream() == ops[op].stream());
            !before(op)
                && in_stream.into_iter().all(before)
                && ops[op].waits().iter().all(|wait| before(wait.index()))
        };
        let ready: Vec<usize> = (0..ops.len()).filter(can_run).collect();
        order.push(*picks.next().unwrap().get(&ready));
    }
    order
}
