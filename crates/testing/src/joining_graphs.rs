//! Graphs with concatenations: of results of other operators, of inputs, and of concatenations,
//! some of whose operands are used again, written over, outputs or views of others.

use std::alloc::Layout;

use orionrt_plan::{Graph, GraphBuilder, TensorId};
use proptest::{collection::vec, prelude::*, sample::Index};

/// An operator to be made of the latest tensors.
#[derive(Clone, Debug)]
enum Made {
    /// It reads these tensors and writes one of this size.
    Compute(Vec<Index>, usize),
    /// Its result may be written over this tensor.
    Over(Index),
    /// Its result is a view of this tensor: all of it, or what is after its first byte.
    View(Index, bool),
    /// Its result has these tensors one after the other, and some bytes of its own if that is true.
    Join(Vec<Index>, bool),
}

struct Maker {
    g: GraphBuilder,
    /// All tensors with their sizes.
    there: Vec<(TensorId, usize)>,
}

impl Maker {
    fn add(&mut self, size: usize) -> TensorId {
        let layout = Layout::from_size_align(size, 1).expect("small");
        let id = self.g.tensor(format!("t{}", self.there.len()), layout);
        self.there.push((id, size));
        id
    }

    /// One of the five latest tensors.
    fn recent(&self, at: &Index) -> (TensorId, usize) {
        *at.get(&self.there[self.there.len().saturating_sub(5)..])
    }

    fn distinct(&self, picks: &[Index]) -> Vec<(TensorId, usize)> {
        let mut picked: Vec<(TensorId, usize)> = Vec::new();
        for at in picks {
            let tensor = self.recent(at);
            if !picked.contains(&tensor) {
                picked.push(tensor);
            }
        }
        picked
    }

    fn make(&mut self, name: String, made: &Made) {
        match made {
            Made::Compute(reads, size) => {
                let reads = self.distinct(reads);
                let result = self.add(*size);
                let reads = reads.into_iter().map(|(id, _)| id);
                self.g.op(name).reads(reads).writes([result]);
            }
            Made::Over(of) => {
                let (of, size) = self.recent(of);
                let result = self.add(size);
                self.g.op(name).in_place(result, of);
            }
            Made::View(of, is_all) => {
                let (of, size) = self.recent(of);
                let start = usize::from(!is_all).min(size);
                let result = self.add(size - start);
                self.g.op(name).view(result, of, start as u64);
            }
            Made::Join(picks, has_more) => {
                let operands = self.distinct(picks);
                let size: usize = operands.iter().map(|&(_, size)| size).sum();
                let result = self.add(size + usize::from(*has_more));
                let (mut op, mut start) = (self.g.op(name), 0);
                for (operand, size) in operands {
                    op = op.part(operand, result, start as u64);
                    start += size;
                }
            }
        }
    }
}

/// Graphs of fewer than `most` operators, with one or two inputs.
pub fn joining_graphs(most: usize) -> impl Strategy<Value = Graph> {
    let made = prop_oneof![
        4 => (vec(any::<Index>(), 1..3), 1..6usize).prop_map(|(of, size)| Made::Compute(of, size)),
        1 => any::<Index>().prop_map(Made::Over),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(of, is_all)| Made::View(of, is_all)),
        3 => (vec(any::<Index>(), 1..4), prop::bool::weighted(0.1))
            .prop_map(|(of, has_more)| Made::Join(of, has_more)),
    ];
    let ops = vec((made, prop::bool::weighted(0.1)), 1..most);
    (1..3usize, ops).prop_map(|(inputs, ops)| {
        let mut maker = Maker {
            g: GraphBuilder::new(),
            there: Vec::new(),
        };
        for _ in 0..inputs {
            let input = maker.add(3);
            maker.g.input(input);
        }
        let last = ops.len() - 1;
        for (at, (made, is_output)) in ops.iter().enumerate() {
            maker.make(format!("op{at}"), made);
            if *is_output || at == last {
                let (result, _) = maker.there[maker.there.len() - 1];
                maker.g.output(result);
            }
        }
        maker.g.build().expect("written before it is read")
    })
}
