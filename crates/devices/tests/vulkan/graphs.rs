//! Random graphs on several streams: planned, recorded as a program, run by a driver that runs
//! streams in the order that surprises most, and compared with values that no two tensors share.

use std::collections::HashMap;

use orionrt_devices::{
    DeviceArena, DevicePool, DeviceSlot,
    DeviceUse::{Read, Write},
    StreamId, StreamOrder,
    vulkan::{
        VulkanDevice, VulkanKernel, VulkanMemory, VulkanProgram, VulkanProgramRecorder,
        VulkanSignal, VulkanStream, VulkanUse,
    },
};
use orionrt_plan::{GraphBuilder, OpId, Plan, Planner, TensorId};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::support::{affine, by, contrary_device, groups, silent};

/// How many values the input has.
const VALUES: usize = 512;

/// An operator: it reads the input, tensor 0, or the result of an operator before it, and its
/// result, `values` times `factor` plus `term`, has as many values or fewer.
#[derive(Clone, Debug)]
struct Op {
    stream: u32,
    reads: usize,
    /// The result has the operand's values shifted right by this.
    shrinks: u32,
    /// Whether it can write over its operand, if that has as many values.
    in_place: bool,
    factor: u32,
    term: u32,
    /// An operator before it for which it waits without need.
    waits: Option<usize>,
}

#[derive(Clone, Debug)]
struct Network {
    streams: u32,
    ops: Vec<Op>,
}

fn id(tensor: usize) -> TensorId {
    TensorId::new(u32::try_from(tensor).unwrap())
}

fn networks() -> impl Strategy<Value = Network> {
    let ops = |streams| {
        let numbers = (
            0..streams,
            any::<u32>(),
            (0..3_u32, any::<bool>()),
            any::<u32>(),
            any::<u32>(),
        );
        prop::collection::vec((numbers, prop::option::of(any::<u32>())), 1..16)
    };
    let network = move |streams: u32| {
        ops(streams).prop_map(move |list| {
            let op = |(index, (numbers, waits)): (usize, (_, Option<u32>))| {
                let (stream, reads, (shrinks, in_place), factor, term) = numbers;
                let reads: u32 = reads;
                Op {
                    stream,
                    // Mostly one of the last few, so that many tensors are used up.
                    reads: index - (reads as usize % 3).min(index),
                    shrinks: shrinks / 2,
                    in_place: in_place && shrinks < 2,
                    factor,
                    term,
                    waits: waits.filter(|_| index > 0).map(|of| of as usize % index),
                }
            };
            let ops = list.into_iter().enumerate().map(op).collect();
            Network { streams, ops }
        })
    };
    (1..4_u32).prop_flat_map(network)
}

/// Whether the planner has given a result the bytes of the operand that its operator may overwrite.
fn is_in_place(plan: &Plan, operand: TensorId, result: TensorId) -> bool {
    let rows = plan.lifetimes().rows();
    let root = |of: TensorId| rows[of.index()].within.map_or(of, |within| within.root);
    rows[result.index()].within.is_some() && root(operand) == root(result)
}

impl Network {
    /// How many values each tensor has.
    fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![VALUES];
        for op in &self.ops {
            sizes.push((sizes[op.reads] >> op.shrinks).max(1));
        }
        sizes
    }

    /// The operators of other streams for which one waits.
    fn waits(&self, index: usize) -> Vec<usize> {
        let op = &self.ops[index];
        let writer = op.reads.checked_sub(1);
        let before = writer.into_iter().chain(op.waits);
        before
            .filter(|&of| self.ops[of].stream != op.stream)
            .collect()
    }

    fn is_read(&self, tensor: usize, from: usize) -> bool {
        self.ops[from..].iter().any(|op| op.reads == tensor)
    }

    fn plan(&self, device: &VulkanDevice) -> Plan {
        let mut g = GraphBuilder::new();
        let sizes = self.sizes().into_iter().enumerate();
        let tensors: Vec<_> = sizes
            .map(|(index, values)| {
                let layout = device.properties().layout(4 * values as u64).unwrap();
                g.tensor(format!("t{index}"), layout)
            })
            .collect();
        g.input(tensors[0]);
        let mut ids: Vec<OpId> = Vec::new();
        for (index, op) in self.ops.iter().enumerate() {
            let waits: Vec<_> = self.waits(index).into_iter().map(|of| ids[of]).collect();
            let added = g.op(format!("op{index}")).stream(op.stream).after(waits);
            let (from, to) = (tensors[op.reads], tensors[index + 1]);
            let added = match op.in_place {
                true => added.in_place(to, from),
                false => added.reads([from]).writes([to]),
            };
            ids.push(added.id());
        }
        for (index, &tensor) in tensors.iter().enumerate() {
            if !self.is_read(index, 0) {
                g.output(tensor);
            }
        }
        Planner::new()
            .plan(&g.build().unwrap().lifetimes())
            .unwrap()
    }

    /// Records the operators with the claims that a run needs.
    fn record(
        &self,
        device: &VulkanDevice,
        pool: &DevicePool<VulkanMemory>,
        kernel: &VulkanKernel,
    ) -> VulkanProgram {
        let mut program = VulkanProgramRecorder::new(device, pool.order());
        let mut slots: HashMap<usize, DeviceSlot<VulkanMemory>> = HashMap::new();
        // The input is uploaded on stream 0, before the run.
        slots.insert(0, pool.slot(id(0), StreamId::new(0)).unwrap());
        let uploaded = program.signal(StreamId::new(0)).unwrap();
        for stream in 1..self.streams {
            program.wait(StreamId::new(stream), &uploaded).unwrap();
        }
        let mut signals: Vec<VulkanSignal> = Vec::new();
        let sizes = self.sizes();
        for (index, op) in self.ops.iter().enumerate() {
            let stream = StreamId::new(op.stream);
            for of in self.waits(index) {
                program.wait(stream, &signals[of]).unwrap();
            }
            let result = id(index + 1);
            let mut run = |tensors: [VulkanUse<'_>; 2]| {
                let (constants, groups) = (by(op.factor, op.term), groups(sizes[index + 1]));
                program
                    .dispatch(stream, kernel, &tensors, &constants, groups)
                    .unwrap();
            };
            let to = if is_in_place(pool.plan(), id(op.reads), result) {
                let operand = slots.remove(&op.reads).unwrap();
                run([Write(&operand), Write(&operand)]);
                operand.transfer(result).unwrap()
            } else {
                let to = pool.slot(result, stream).unwrap();
                run([Read(&slots[&op.reads]), Write(&to)]);
                to
            };
            slots.insert(index + 1, to);
            if !self.is_read(op.reads, index + 1) {
                slots.remove(&op.reads);
            }
            signals.push(program.signal(stream).unwrap());
        }
        program.finish().unwrap()
    }

    /// The values of all tensors.
    fn values(&self, input: u32) -> Vec<Vec<u32>> {
        let mut tensors = vec![vec![input; VALUES]];
        for (op, values) in self.ops.iter().zip(&self.sizes()[1..]) {
            let from = tensors[op.reads][..*values].iter();
            let result = from.map(|value| value.wrapping_mul(op.factor).wrapping_add(op.term));
            tensors.push(result.collect());
        }
        tensors
    }

    fn check(&self, device: &VulkanDevice, kernel: &VulkanKernel) {
        let plan = self.plan(device);
        let memory = VulkanMemory::allocate(device, plan.peak()).unwrap();
        assert!(memory.allocated() <= plan.peak().next_multiple_of(4096));
        let arena = DeviceArena::new(memory).unwrap();
        let order = StreamOrder::new(self.streams as u16);
        let pool = arena.pool(&plan, &order).unwrap();
        let program = self.record(device, &pool, kernel);
        let stream = |index| VulkanStream::new(device, StreamId::new(index), 1024).unwrap();
        let mut streams: Vec<_> = (0..self.streams).map(stream).collect();
        let buffer = |tensor| pool.buffer(id(tensor)).unwrap();
        for input in [3, 5] {
            streams[0].upload(&[input; VALUES], buffer(0)).unwrap();
            program.submit(&mut streams).unwrap();
            for (tensor, expected) in self.values(input).iter().enumerate() {
                if self.is_read(tensor, 0) {
                    continue;
                }
                let writer = tensor.checked_sub(1).map_or(0, |op| self.ops[op].stream);
                let mut values = vec![0_u32; expected.len()];
                let stream = &mut streams[writer as usize];
                stream.download(buffer(tensor), &mut values).unwrap();
                assert_eq!(&values, expected, "t{tensor}, {:?}", plan.offsets());
            }
        }
    }
}

#[test]
fn networks_on_streams_have_the_values_of_separate_tensors() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let kernel = affine(&device).unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let checked = runner.run(&networks(), |network| {
        network.check(&device, &kernel);
        Ok(())
    });
    checked.unwrap();
    drop((kernel, device));
    silent(&messages);
}
