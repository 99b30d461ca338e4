//! Graphs with concatenations: of results of other operators, of inputs, and of concatenations,
//! some of whose operands are used again, written over, outputs or views of others.

use std::alloc::Layout;

use orionrt_plan::{Graph, GraphBuilder, TensorId};
use proptest::{collection::vec, prelude::*};

/// The most operands of an operator.
const MOST_READS: usize = 6;

/// An operator to be made. A number that names a tensor is taken modulo five, and counts the latest
/// tensors.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum JoiningOp {
    /// It reads these tensors and writes one of this size, modulo 32.
    Compute(Vec<u8>, u8),
    /// Its result may be written over this tensor.
    Over(u8),
    /// Its result is a view of this tensor: all of it, or what is after its first byte.
    View(u8, bool),
    /// Its result has these tensors one after the other, and a byte of its own if that is true.
    Join(Vec<u8>, bool),
}

use JoiningOp::{Compute, Join, Over, View};

struct Maker {
    g: GraphBuilder,
    /// All tensors with their sizes.
    there: Vec<(TensorId, usize)>,
    is_aligned: bool,
}

impl Maker {
    fn add(&mut self, size: usize, alignment: usize) -> TensorId {
        let layout = Layout::from_size_align(size, alignment).expect("small");
        let id = self.g.tensor(format!("t{}", self.there.len()), layout);
        self.there.push((id, size));
        id
    }

    /// A tensor that is no part of another one.
    fn own(&mut self, size: usize) -> TensorId {
        let is_aligned = self.is_aligned && size > 0 && size % 4 == 0;
        self.add(size, if is_aligned { 4 } else { 1 })
    }

    /// One of the five latest tensors.
    fn recent(&self, at: u8) -> (TensorId, usize) {
        let latest = &self.there[self.there.len().saturating_sub(5)..];
        latest[usize::from(at) % latest.len()]
    }

    fn distinct(&self, picks: &[u8]) -> Vec<(TensorId, usize)> {
        let mut picked: Vec<(TensorId, usize)> = Vec::new();
        for &at in picks.iter().take(MOST_READS) {
            let tensor = self.recent(at);
            if !picked.contains(&tensor) {
                picked.push(tensor);
            }
        }
        picked
    }

    fn make(&mut self, name: String, made: &JoiningOp) {
        match made {
            Compute(reads, size) => {
                let reads = self.distinct(reads);
                let result = self.own(usize::from(*size % 32));
                let reads = reads.into_iter().map(|(id, _)| id);
                self.g.op(name).reads(reads).writes([result]);
            }
            Over(of) => {
                let (of, size) = self.recent(*of);
                let result = self.add(size, 1);
                self.g.op(name).in_place(result, of);
            }
            View(of, is_all) => {
                let (of, size) = self.recent(*of);
                let start = usize::from(!is_all).min(size);
                let result = self.add(size - start, 1);
                self.g.op(name).view(result, of, start as u64);
            }
            Join(picks, has_more) => {
                let operands = self.distinct(picks);
                let size: usize = operands.iter().map(|&(_, size)| size).sum();
                let result = self.own(size + usize::from(*has_more));
                let (mut op, mut start) = (self.g.op(name).writes([result]), 0);
                for (operand, size) in operands {
                    op = op.part(operand, result, start as u64);
                    start += size;
                }
            }
        }
    }
}

/// A graph with up to three inputs, at least one, and these operators, the results of some of which
/// are outputs; that of the last one is. If `is_aligned`, tensors of a multiple of four bytes that
/// are no views and are written over nothing have an alignment of four.
pub fn joining_graph(inputs: u8, ops: &[(JoiningOp, bool)], is_aligned: bool) -> Graph {
    let mut maker = Maker {
        g: GraphBuilder::new(),
        there: Vec::new(),
        is_aligned,
    };
    for _ in 0..inputs.clamp(1, 3) {
        let input = maker.own(3);
        maker.g.input(input);
    }
    for (at, (made, is_output)) in ops.iter().enumerate() {
        maker.make(format!("op{at}"), made);
        if *is_output || at == ops.len() - 1 {
            let (result, _) = maker.there[maker.there.len() - 1];
            maker.g.output(result);
        }
    }
    maker.g.build().expect("written before it is read")
}

/// Graphs of fewer than `most` operators, with one or two inputs.
pub fn joining_graphs(most: usize) -> impl Strategy<Value = Graph> {
    let made = prop_oneof![
        4 => (vec(any::<u8>(), 1..3), 1..6u8).prop_map(|(of, size)| Compute(of, size)),
        1 => any::<u8>().prop_map(Over),
        1 => (any::<u8>(), any::<bool>()).prop_map(|(of, is_all)| View(of, is_all)),
        3 => (vec(any::<u8>(), 1..4), prop::bool::weighted(0.1))
            .prop_map(|(of, has_more)| Join(of, has_more)),
    ];
    let ops = vec((made, prop::bool::weighted(0.1)), 1..most);
    (1..3u8, ops, prop::bool::weighted(0.2))
        .prop_map(|(inputs, ops, is_aligned)| joining_graph(inputs, &ops, is_aligned))
}
