//! The constants of a program in a block of device memory.
//!
//! Stands on [`gpu`](super::gpu) and [`program`](super::program). Invariant: the block is filled
//! once, and no shader writes it.

#![forbid(unsafe_code)]

use std::{collections::HashMap, ops::Range};

use orionrt_devices::DeviceMemory;

use super::{
    gpu::Gpu,
    program::{Operand, Program},
};
use crate::failure::Failure;

/// Weights, biases and sizes on a device.
pub struct Constants<G: Gpu> {
    /// The buffer of each range, by its start.
    buffers: HashMap<u64, G::Buffer>,
    block: G::Block,
}

impl<G: Gpu> Constants<G> {
    /// The constants of `program`.
    ///
    /// # Errors
    /// The device has no memory for them.
    pub fn new(gpu: &G, program: &Program) -> Result<Self, Failure> {
        let bytes = program.constants();
        let block = gpu.block(bytes.len() as u64)?;
        let whole = block.buffer(0..bytes.len() as u64).map_err(Failure::demo)?;
        gpu.upload(&block, &whole, bytes)?;
        let mut buffers = HashMap::new();
        let dispatches = program.steps().iter().flatten();
        for operand in dispatches.flat_map(|dispatch| &dispatch.operands) {
            if let Operand::Constant(range) = operand {
                let buffer = block.buffer(range.clone()).map_err(Failure::demo)?;
                buffers.insert(range.start, buffer);
            }
        }
        Ok(Self { buffers, block })
    }

    /// The bytes of the block.
    pub fn bytes(&self) -> u64 {
        self.block.bytes()
    }

    /// The buffer of a constant of the program.
    ///
    /// # Errors
    /// It is not one of the program's.
    pub fn buffer(&self, range: &Range<u64>) -> Result<&G::Buffer, Failure> {
        let missing = || Failure::demo(format!("there is no constant at {range:?}"));
        self.buffers.get(&range.start).ok_or_else(missing)
    }
}
