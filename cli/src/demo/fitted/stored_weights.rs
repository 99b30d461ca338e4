//! The weights of a network in a file, from which they are read when they are needed.
//!
//! Stands on [`MappedFile`]. Invariant: the file has the weights of all nodes, one after the other,
//! and nobody writes them again.

#![forbid(unsafe_code)]

use std::{io, ops::Range};

use allocator_api2::vec::Vec as FileVec;
use orionrt::TensorId;

use super::mapped_file::MappedFile;
use crate::demo::network::Network;

/// The weights of a network in a file.
#[derive(Debug)]
pub struct StoredWeights {
    values: FileVec<f32, MappedFile>,
    /// Where those of each tensor are.
    ranges: Vec<Option<Range<usize>>>,
}

impl StoredWeights {
    /// Writes the weights of a network to a new file, if they are tensors of its graph.
    ///
    /// # Errors
    /// When the system makes no such file.
    pub fn new(network: &Network) -> io::Result<Self> {
        let length = network.weights().map(|(_, weight)| weight.len()).sum();
        let file = MappedFile::new((length * size_of::<f32>()) as u64)?;
        let mut values = FileVec::new_in(file);
        let refused = |_| io::Error::from(io::ErrorKind::OutOfMemory);
        values.try_reserve_exact(length).map_err(refused)?;
        let mut ranges = vec![None; network.graph().tensors().len()];
        for (tensor, weight) in network.weights() {
            let start = values.len();
            values.extend_from_slice(weight);
            ranges[tensor.index()] = Some(start..values.len());
        }
        Ok(Self { values, ranges })
    }

    /// The weight that a tensor is, if it is one.
    pub fn get(&self, tensor: TensorId) -> Option<&[f32]> {
        let range = self.ranges.get(tensor.index())?.clone()?;
        self.values.get(range)
    }
}
