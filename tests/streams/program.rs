//! Random programs on streams, and what they mean by definition: which operator happens before which, and so which tensors
//! conflict. Shares no code with the library.

// Fuzz targets include this file, too, and each includer uses a part of it.
#![allow(dead_code)]

use std::{alloc::Layout, ops::Range};

use orionrt::{
    Graph, GraphBuilder, Lifetimes, TensorId,
    graph::{DeviceId, OpId},
    lifetimes::Lifetime,
};

/// So many operators fit a mask.
pub const MOST_OPS: usize = 40;

#[derive(Clone, Debug)]
pub struct Tensor {
    pub size: u64,
    pub alignment: u64,
    /// 0 is the host.
    pub device: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Op {
    pub stream: u32,
    pub waits: Vec<usize>,
    pub reads: Vec<usize>,
    /// Views and results in place among them.
    pub writes: Vec<usize>,
    /// Result, of, offset.
    pub views: Vec<(usize, usize, u64)>,
    /// Result, of.
    pub in_place: Vec<(usize, usize)>,
}

#[derive(Clone, Debug, Default)]
pub struct Program {
    pub tensors: Vec<Tensor>,
    pub ops: Vec<Op>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

/// The alignment of each device beside the host.
pub const DEVICES: [u64; 2] = [64, 1];

/// A small number from each byte; zeros when there are no more.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn below(&mut self, end: usize) -> usize {
        let Some((&first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(first) % end.max(1)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}

/// The ids of the first operators of any graph.
pub fn ids(count: usize) -> Vec<OpId> {
    let mut g = GraphBuilder::new();
    (0..count).map(|_| g.op("").id()).collect()
}

impl Program {
    /// The program that some bytes describe; any bytes do. At most [`MOST_OPS`] operators on at most five streams, a tensor
    /// is read only by operators that its writer happens before.
    pub fn decode(bytes: &[u8]) -> Self {
        let mut bytes = Bytes(bytes);
        let mut program = Self::default();
        let streams = 1 + bytes.below(5);
        for _ in 0..bytes.below(4) {
            let input = program.add_tensor(&mut bytes);
            program.inputs.push(input);
        }
        while !bytes.0.is_empty() && program.ops.len() < MOST_OPS {
            program.add_op(&mut bytes, streams);
        }
        program
    }

    fn add_tensor(&mut self, bytes: &mut Bytes<'_>) -> usize {
        self.tensors.push(Tensor {
            size: bytes.below(65) as u64,
            alignment: 1 << bytes.below(4),
            device: [0, 0, 0, 1, 1, 2][bytes.below(6)],
        });
        let tensor = self.tensors.len() - 1;
        if bytes.one_in(8) {
            self.outputs.push(tensor);
        }
        tensor
    }

    fn add_op(&mut self, bytes: &mut Bytes<'_>, streams: usize) {
        let (step, stream) = (self.ops.len(), bytes.below(streams) as u32);
        self.ops.push(Op {
            stream,
            ..Op::default()
        });
        if step > 0 && bytes.one_in(6) {
            let wait = bytes.below(step);
            self.ops[step].waits.push(wait);
        }
        for _ in 0..bytes.below(4) {
            self.add_read(bytes, step);
        }
        for _ in 0..[1, 1, 1, 2, 2, 0][bytes.below(6)] {
            let result = self.add_tensor(bytes);
            self.ops[step].writes.push(result);
        }
        let (result, of) = (self.ops[step].writes.last(), self.ops[step].reads.last());
        if let (Some(&result), Some(&of)) = (result, of) {
            match bytes.below(5) {
                0 => self.make_view(bytes, step, result, of),
                1..=3 => self.make_in_place(step, result, of),
                _ => {}
            }
        }
    }

    /// Most often one of the latest tensors, and one that needs no further wait.
    fn add_read(&mut self, bytes: &mut Bytes<'_>, step: usize) {
        let all = self.tensors.len();
        if all == 0 {
            return;
        }
        let from = if bytes.one_in(4) { all } else { all.min(8) };
        let back = bytes.below(from);
        let tensor = all - 1 - back;
        let Some(writer) = self.writer(tensor) else {
            self.ops[step].reads.push(tensor);
            return;
        };
        if self.before()[step] & 1 << writer == 0 {
            if !bytes.one_in(3) {
                return;
            }
            self.ops[step].waits.push(writer);
        }
        self.ops[step].reads.push(tensor);
    }

    fn make_view(&mut self, bytes: &mut Bytes<'_>, step: usize, result: usize, of: usize) {
        let whole = self.tensors[of].size;
        let offset = bytes.below(whole as usize + 1) as u64;
        let start = self.start(of) + offset;
        self.tensors[result] = Tensor {
            size: bytes.below((whole - offset) as usize + 1) as u64,
            alignment: 1 << start.trailing_zeros().min(3),
            device: self.tensors[of].device,
        };
        self.ops[step].views.push((result, of, offset));
    }

    fn make_in_place(&mut self, step: usize, result: usize, of: usize) {
        let Tensor { size, device, .. } = self.tensors[of];
        (self.tensors[result].size, self.tensors[result].device) = (size, device);
        self.ops[step].in_place.push((result, of));
    }

    /// Where a tensor begins in what it is, after all, a view of.
    fn start(&self, tensor: usize) -> u64 {
        let mut views = self.ops.iter().flat_map(|op| &op.views);
        match views.find(|view| view.0 == tensor) {
            Some(&(_, of, offset)) => self.start(of) + offset,
            None => 0,
        }
    }

    pub fn is_input(&self, tensor: usize) -> bool {
        self.inputs.contains(&tensor)
    }

    pub fn writer(&self, tensor: usize) -> Option<usize> {
        self.ops.iter().position(|op| op.writes.contains(&tensor))
    }

    /// The same with everything on the host.
    pub fn on_host(mut self) -> Self {
        self.tensors.iter_mut().for_each(|tensor| tensor.device = 0);
        self
    }

    /// The same with all alignments 1.
    pub fn unaligned(mut self) -> Self {
        self.tensors
            .iter_mut()
            .for_each(|tensor| tensor.alignment = 1);
        self
    }

    /// The same with results of their own instead of views.
    pub fn without_views(mut self) -> Self {
        self.ops.iter_mut().for_each(|op| op.views.clear());
        self
    }

    /// The same operators one after the other, as nothing is said of streams.
    pub fn in_order(mut self) -> Self {
        for op in &mut self.ops {
            (op.stream, op.waits) = (0, Vec::new());
        }
        self
    }

    pub fn graph(&self) -> Graph {
        let mut g = GraphBuilder::new();
        let [one, two] = DEVICES.map(|alignment| g.device(format!("gpu{alignment}"), alignment));
        let devices = [DeviceId::HOST, one, two];
        let each = self.tensors.iter().enumerate();
        let ids = each.map(|(i, tensor)| {
            let (size, alignment) = (tensor.size as usize, tensor.alignment as usize);
            let layout = Layout::from_size_align(size, alignment).unwrap();
            g.tensor_on(devices[tensor.device], format!("t{i}"), layout)
        });
        let ids: Vec<TensorId> = ids.collect();
        let mut ops: Vec<OpId> = Vec::new();
        for (step, op) in self.ops.iter().enumerate() {
            let mut new = g
                .op(format!("op{step}"))
                .stream(op.stream)
                .after(op.waits.iter().map(|&wait| ops[wait]))
                .reads(op.reads.iter().map(|&read| ids[read]));
            for &(result, of, offset) in &op.views {
                new = new.view(ids[result], ids[of], offset);
            }
            for &(result, of) in &op.in_place {
                new = new.in_place(ids[result], ids[of]);
            }
            let is_alias = |t: &usize| {
                let in_place = op.in_place.iter().any(|pair| pair.0 == *t);
                in_place || op.views.iter().any(|view| view.0 == *t)
            };
            let own = op.writes.iter().filter(|t| !is_alias(t));
            ops.push(new.writes(own.map(|&t| ids[t])).id());
        }
        for &input in &self.inputs {
            g.input(ids[input]);
        }
        for &output in &self.outputs {
            g.output(ids[output]);
        }
        g.build().unwrap()
    }

    /// For each operator, a mask of those that happen before it: all that are before the one before it on its stream, or
    /// before one that it waits for, and these themselves.
    pub fn before(&self) -> Vec<u64> {
        let mut before: Vec<u64> = Vec::new();
        for (step, op) in self.ops.iter().enumerate() {
            let previous = (0..step).rev().find(|&i| self.ops[i].stream == op.stream);
            let edges = op.waits.iter().copied().chain(previous);
            before.push(edges.fold(0, |mask, i| mask | before[i] | 1 << i));
        }
        before
    }

    /// Which tensors must not share bytes, among those that have bytes of their own in `lifetimes`.
    pub fn oracle(&self, lifetimes: &Lifetimes) -> Oracle {
        let rows = lifetimes.rows().to_vec();
        let mut uses = vec![Uses::default(); rows.len()];
        let root = |t: usize| rows[t].within.map_or(t, |within| within.root.index());
        for (step, op) in self.ops.iter().enumerate() {
            for &t in op.reads.iter().chain(&op.writes) {
                uses[root(t)].ops |= 1 << step;
            }
        }
        for t in 0..rows.len() {
            uses[root(t)].at_start |= self.is_input(t);
            uses[root(t)].at_end |= self.outputs.contains(&t);
        }
        for uses in &mut uses {
            // The caller's unread input is there until the first operator has ended.
            if uses.at_start && uses.ops == 0 && !self.ops.is_empty() {
                uses.ops = 1;
            }
        }
        Oracle {
            before: self.before(),
            uses,
            rows,
        }
    }
}

/// When the bytes of a tensor are used: by the caller, and by operators (a mask).
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    at_start: bool,
    ops: u64,
    at_end: bool,
}

pub struct Oracle {
    before: Vec<u64>,
    uses: Vec<Uses>,
    rows: Vec<Lifetime>,
}

impl Oracle {
    /// Whether every use of `a` happens before every use of `b`.
    fn precedes(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.uses[a], self.uses[b]);
        let mut ops = (0..self.before.len()).filter(|&op| b.ops & 1 << op != 0);
        !a.at_end && !b.at_start && ops.all(|op| a.ops & !self.before[op] == 0)
    }

    fn is_used(&self, tensor: usize) -> bool {
        let uses = self.uses[tensor];
        uses.at_start || uses.at_end || uses.ops != 0
    }

    pub fn conflict(&self, a: usize, b: usize) -> bool {
        let exist = [a, b].iter().all(|&t| self.is_used(t) && self.occupies(t));
        exist && a != b && !self.precedes(a, b) && !self.precedes(b, a)
    }

    pub fn occupies(&self, tensor: usize) -> bool {
        let row = &self.rows[tensor];
        row.lower < row.upper && row.size > 0 && row.within.is_none()
    }

    pub fn occupying(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|&t| self.occupies(t)).collect()
    }

    /// Whether two are alive at a common step.
    pub fn meet(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.rows[a], &self.rows[b]);
        a.lower.max(b.lower) < a.upper.min(b.upper)
    }

    pub fn bytes(&self, tensor: usize, offsets: &[u64]) -> Range<u64> {
        offsets[tensor]..offsets[tensor] + self.rows[tensor].size
    }

    /// All pairs that conflict and share bytes, of the tensors asked for.
    pub fn collisions(
        &self,
        offsets: &[u64],
        asked: impl Fn(usize) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for b in (0..self.rows.len()).filter(|&b| asked(b)) {
            for a in (0..b).filter(|&a| asked(a)) {
                let (x, y) = (self.bytes(a, offsets), self.bytes(b, offsets));
                if x.start.max(y.start) < x.end.min(y.end) && self.conflict(a, b) {
                    pairs.push((a, b));
                }
            }
        }
        pairs
    }

    /// The most bytes of tensors that all conflict with each other, by trying all sets.
    pub fn heaviest(&self) -> u64 {
        let tensors = self.occupying();
        let size = |i: usize| self.rows[tensors[i]].size;
        let sets = 0u32..1 << tensors.len();
        let members = |set: u32| (0..tensors.len()).filter(move |&i: &usize| set & 1 << i != 0);
        let all_conflict = |set: &u32| {
            let pairs = members(*set).flat_map(|a| members(*set).map(move |b| (a, b)));
            { pairs }.all(|(a, b)| a >= b || self.conflict(tensors[a], tensors[b]))
        };
        let weights = sets.filter(all_conflict);
        weights
            .map(|set| members(set).map(size).sum())
            .max()
            .unwrap_or(0)
    }
}
