//! Random programs of operators on streams, decoded from bytes, and which operator happens before
//! which by definition.
//!
//! Any bytes are a program, so that property tests and fuzz targets share the decoder.

use std::alloc::Layout;

use orionrt_plan::{
    Graph, GraphBuilder, TensorId,
    graph::{DeviceId, OpId},
};

/// The most operators of a program: they fit a mask of 64 bits.
pub const MOST_OPS: usize = 40;

/// A tensor of a program.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// In bytes.
    pub size: u64,
    /// In bytes, a power of two.
    pub alignment: u64,
    /// 0 is the host, 1 and 2 are those of [`DEVICES`].
    pub device: usize,
}

/// An operator of a program; operators and tensors are named by their indices.
#[derive(Clone, Debug, Default)]
pub struct Op {
    /// It runs after the earlier operators of its stream.
    pub stream: u32,
    /// Earlier operators that it waits for.
    pub waits: Vec<usize>,
    /// Its operands.
    pub reads: Vec<usize>,
    /// Its results, with views and results in place.
    pub writes: Vec<usize>,
    /// Each view: the result, the operand that it is a view of, and the first byte there.
    pub views: Vec<(usize, usize, u64)>,
    /// Each result in place, and the operand whose place it takes.
    pub in_place: Vec<(usize, usize)>,
}

/// Operators in the order in which they are submitted.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// All tensors.
    pub tensors: Vec<Tensor>,
    /// All operators.
    pub ops: Vec<Op>,
    /// The tensors that the caller writes.
    pub inputs: Vec<usize>,
    /// The tensors that the caller reads.
    pub outputs: Vec<usize>,
}

/// The alignments of the devices beside the host.
pub const DEVICES: [u64; 2] = [64, 1];

/// Reads a small number from each byte; zeros behind the last one.
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
    /// The program that some bytes describe; any bytes do.
    ///
    /// It has at most [`MOST_OPS`] operators on at most five streams, and each tensor's writer
    /// happens before its readers.
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

    /// Adds an operand: mostly one of the latest tensors, and one that needs no further wait.
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

    /// Where a tensor begins in the root of its views.
    fn start(&self, tensor: usize) -> u64 {
        let mut views = self.ops.iter().flat_map(|op| &op.views);
        match views.find(|view| view.0 == tensor) {
            Some(&(_, of, offset)) => self.start(of) + offset,
            None => 0,
        }
    }

    /// Whether the caller writes the tensor.
    pub fn is_input(&self, tensor: usize) -> bool {
        self.inputs.contains(&tensor)
    }

    /// The operator that writes the tensor.
    pub fn writer(&self, tensor: usize) -> Option<usize> {
        self.ops.iter().position(|op| op.writes.contains(&tensor))
    }

    /// This program with all tensors on the host.
    pub fn on_host(mut self) -> Self {
        self.tensors.iter_mut().for_each(|tensor| tensor.device = 0);
        self
    }

    /// This program with all alignments 1.
    pub fn unaligned(mut self) -> Self {
        self.tensors
            .iter_mut()
            .for_each(|tensor| tensor.alignment = 1);
        self
    }

    /// This program with results of their own in the place of views.
    pub fn without_views(mut self) -> Self {
        self.ops.iter_mut().for_each(|op| op.views.clear());
        self
    }

    /// This program on one stream, without waits.
    pub fn in_order(mut self) -> Self {
        for op in &mut self.ops {
            (op.stream, op.waits) = (0, Vec::new());
        }
        self
    }

    /// The library's graph.
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

    /// For each operator, a mask of those that happen before it: its predecessor on its stream,
    /// those that it waits for, and all that happen before these.
    pub fn before(&self) -> Vec<u64> {
        let mut before: Vec<u64> = Vec::new();
        for (step, op) in self.ops.iter().enumerate() {
            let previous = (0..step).rev().find(|&i| self.ops[i].stream == op.stream);
            let edges = op.waits.iter().copied().chain(previous);
            before.push(edges.fold(0, |mask, i| mask | before[i] | 1 << i));
        }
        before
    }
}
