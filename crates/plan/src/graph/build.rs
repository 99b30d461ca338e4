//! The checks that turn what was declared into a [`Graph`].
//!
//! Stands on [`GraphBuilder`] and [`HappensBefore`]. Invariant: what [`GraphBuilder::build`]
//! accepts is what [`Graph`] promises.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::ToString,
    vec,
    vec::Vec,
};

use super::{
    builder::GraphBuilder,
    checked::Graph,
    control_flow::ControlFlow,
    error::{AliasMistake, GraphError},
    named::Mention,
    op::{InPlace, Op, Part, View},
    paths::Writers,
    tensor::Device,
    tensor_set::TensorSet,
};
use crate::csr::Csr;
use crate::ids::{DeviceId, TensorId};
use crate::streams::HappensBefore;

/// The most counts of operators that happen before others: 256 MiB.
const MOST_CLOCKS: usize = 1 << 26;

impl GraphBuilder {
    /// Checks everything that was declared.
    ///
    /// # Errors
    /// The first mistake of the first check that fails; see [`GraphError`].
    pub fn build(&mut self) -> Result<Graph, GraphError> {
        self.check_names()?;
        self.check_devices()?;
        let control_flow = self.control_flow()?;
        let writers = self.writers(control_flow.as_ref())?;
        let inputs = self.check_reads(&writers.first)?;
        let outputs = self.check_outputs(&writers.first, &inputs)?;
        if let Some(flow) = &control_flow {
            self.check_paths(flow, &writers, &outputs)?;
        }
        self.check_aliases(&writers)?;
        self.check_total()?;
        let happens_before = self.check_streams(&writers.first)?;
        let donated = self.check_donated(&inputs)?;
        let (output_aliases, waits) =
            self.check_output_aliases(&inputs, &outputs, &writers, happens_before.as_ref())?;
        let mut ops = self.ops.clone();
        for (writer, readers) in waits {
            ops[writer].waits.extend(readers);
        }
        let host = Device {
            name: "host".to_string(),
            alignment: 1,
        };
        Ok(Graph {
            tensors: self.tensors.clone(),
            ops,
            devices: core::iter::once(host)
                .chain(self.devices.iter().cloned())
                .collect(),
            inputs,
            outputs,
            donated,
            output_aliases,
            happens_before,
            control_flow,
        })
    }

    pub(super) fn check_id(
        &self,
        id: TensorId,
        mention: impl FnOnce() -> Mention,
    ) -> Result<(), GraphError> {
        if id.index() < self.tensors.len() {
            return Ok(());
        }
        Err(GraphError::UnknownTensor {
            id,
            mention: mention(),
            declared: self.tensors.len(),
        })
    }

    fn check_names(&self) -> Result<(), GraphError> {
        if u32::try_from(self.tensors.len()).is_err() {
            return Err(GraphError::TooManyTensors);
        }
        let mut seen = BTreeMap::new();
        for (index, tensor) in self.tensors.iter().enumerate() {
            if let Some(first) = seen.insert(tensor.name.as_str(), index) {
                return Err(GraphError::DuplicateName {
                    name: tensor.name.clone(),
                    first: TensorId::from_index(first),
                    second: TensorId::from_index(index),
                });
            }
        }
        Ok(())
    }

    /// The steps that write each tensor.
    fn writers(&self, flow: Option<&ControlFlow>) -> Result<Writers, GraphError> {
        let mut declared = vec![false; self.tensors.len()];
        for &id in &self.inputs {
            self.check_id(id, || Mention::Inputs)?;
            declared[id.index()] = true;
        }
        let mut writers = Writers::new(self.tensors.len());
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.writes {
                self.check_id(id, || Mention::Op(self.named_op(step)))?;
                self.note_writer(&mut writers, id, step, flow)?;
                if declared[id.index()] {
                    return Err(GraphError::InputWritten {
                        tensor: self.named(id),
                        writer: self.named_op(step),
                    });
                }
            }
        }
        Ok(writers)
    }

    /// Refuses reads that come before the write; returns the inputs, declared and found.
    fn check_reads(&self, writers: &[Option<usize>]) -> Result<Vec<TensorId>, GraphError> {
        let mut is_input = vec![false; self.tensors.len()];
        for &id in &self.inputs {
            is_input[id.index()] = true;
        }
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.reads {
                self.check_id(id, || Mention::Op(self.named_op(step)))?;
                match writers[id.index()] {
                    Some(writer) if writer >= step => {
                        return Err(GraphError::ReadBeforeWritten {
                            tensor: self.named(id),
                            reader: self.named_op(step),
                            writer: self.named_op(writer),
                        });
                    }
                    Some(_) => {}
                    None => is_input[id.index()] = true,
                }
            }
        }
        Ok(ids_where(&is_input))
    }

    fn check_outputs(
        &self,
        writers: &[Option<usize>],
        inputs: &[TensorId],
    ) -> Result<Vec<TensorId>, GraphError> {
        let mut is_output = vec![false; self.tensors.len()];
        for &id in &self.outputs {
            self.check_id(id, || Mention::Outputs)?;
            if writers[id.index()].is_none() && inputs.binary_search(&id).is_err() {
                return Err(GraphError::NoSuchOutput {
                    tensor: self.named(id),
                });
            }
            is_output[id.index()] = true;
        }
        Ok(ids_where(&is_output))
    }

    fn check_devices(&self) -> Result<(), GraphError> {
        // The host is not in the list, and has number 0.
        for (device, id) in self.devices.iter().zip(1..) {
            if !device.alignment.is_power_of_two() {
                return Err(GraphError::DeviceAlignment {
                    device: DeviceId::new(id),
                    name: device.name.clone(),
                    alignment: device.alignment,
                });
            }
        }
        for (index, tensor) in self.tensors.iter().enumerate() {
            if tensor.device.index() > self.devices.len() {
                return Err(GraphError::UnknownDevice {
                    tensor: self.named(TensorId::from_index(index)),
                    device: tensor.device,
                });
            }
        }
        Ok(())
    }

    /// Refuses views and results in place that cannot share bytes as declared. Their tensors are
    /// operands and results, whose ids have been checked.
    fn check_aliases(&self, writers: &Writers) -> Result<(), GraphError> {
        // Where each tensor begins in its root, the tensor with bytes of its own.
        let mut starts = vec![0u64; self.tensors.len()];
        for (step, op) in self.ops.iter().enumerate() {
            if let Some((result, of, mistake)) = self.alias_mistake(op, &starts) {
                return Err(GraphError::BadAlias {
                    op: self.named_op(step),
                    result: self.named(result),
                    of: self.named(of),
                    mistake,
                });
            }
            // Tensors with several writers have bytes of their own.
            let has_several =
                |view: &&View| writers.are_several(view.result) || writers.are_several(view.of);
            for view in op.views.iter().filter(|view| !has_several(view)) {
                starts[view.result.index()] = starts[view.of.index()] + view.offset;
            }
        }
        Ok(())
    }

    /// The first mistake of an operator's views and results in place: `(result, operand, mistake)`.
    fn alias_mistake(&self, op: &Op, starts: &[u64]) -> Option<(TensorId, TensorId, AliasMistake)> {
        let mut views = TensorSet::default();
        for view in &op.views {
            let (result, of) = (view.result, view.of);
            let mistake = match views.insert(result) {
                true => self.view_mistake(view, starts[of.index()]),
                false => Some(AliasMistake::Twice),
            };
            if let Some(mistake) = mistake {
                return Some((result, of, mistake));
            }
        }
        let in_place = op.in_place.iter().find_map(|pair| {
            let mistake = match views.contains(pair.result) {
                true => Some(AliasMistake::Twice),
                false => self.in_place_mistake(pair),
            };
            Some((pair.result, pair.of, mistake?))
        });
        in_place.or_else(|| self.part_mistake(op))
    }

    /// The first mistake of an operator's parts.
    fn part_mistake(&self, op: &Op) -> Option<(TensorId, TensorId, AliasMistake)> {
        let of = |part: &Part, mistake| Some((part.result, part.operand, mistake));
        let size = |id: TensorId| self.tensors[id.index()].layout.size() as u64;
        let mut parts: Vec<&Part> = op.parts.iter().collect();
        for part in &parts {
            let [whole, operand] = [part.result, part.operand].map(|id| &self.tensors[id.index()]);
            let (size, of_size) = (size(part.operand), size(part.result));
            let offset = part.offset;
            let end = offset.checked_add(size);
            if whole.device != operand.device {
                return of(part, AliasMistake::OtherDevice);
            }
            if end.is_none_or(|end| end > of_size) {
                let mistake = AliasMistake::PartOutOfBounds {
                    offset,
                    size,
                    of_size,
                };
                return of(part, mistake);
            }
        }
        parts.retain(|part| size(part.operand) > 0);
        parts.sort_by_key(|part| (part.result, part.offset));
        let mut pairs = parts.windows(2);
        let end = |part: &Part| part.offset + size(part.operand);
        let overlap =
            |pair: &&[&Part]| pair[0].result == pair[1].result && pair[1].offset < end(pair[0]);
        let pair = pairs.find(overlap)?;
        of(pair[1], AliasMistake::PartsOverlap)
    }

    /// What is wrong with a view of a tensor that begins at `start` in its root.
    fn view_mistake(&self, view: &View, start: u64) -> Option<AliasMistake> {
        let (result, of) = (
            &self.tensors[view.result.index()],
            &self.tensors[view.of.index()],
        );
        let (size, alignment) = (result.layout.size() as u64, result.layout.align() as u64);
        let (offset, whole) = (view.offset, of.layout.size() as u64);
        let end = offset.checked_add(size);
        if result.device != of.device {
            Some(AliasMistake::OtherDevice)
        } else if end.is_none_or(|end| end > whole) {
            let of_size = whole;
            Some(AliasMistake::OutOfBounds {
                offset,
                size,
                of_size,
            })
        } else if (start + offset) % alignment != 0 {
            let offset = start + offset;
            Some(AliasMistake::Misaligned { offset, alignment })
        } else {
            None
        }
    }

    fn in_place_mistake(&self, pair: &InPlace) -> Option<AliasMistake> {
        let (result, of) = (
            &self.tensors[pair.result.index()],
            &self.tensors[pair.of.index()],
        );
        let sizes = [result, of].map(|tensor| tensor.layout.size() as u64);
        if result.device != of.device {
            Some(AliasMistake::OtherDevice)
        } else if sizes[0] != sizes[1] {
            let [size, of_size] = sizes;
            Some(AliasMistake::OtherSize { size, of_size })
        } else {
            None
        }
    }

    /// The relation that streams and waits make; `None` if the operators simply follow each other.
    /// Every write must happen before the reads.
    fn check_streams(
        &self,
        writers: &[Option<usize>],
    ) -> Result<Option<HappensBefore>, GraphError> {
        let mut waits = Csr::default();
        for (step, op) in self.ops.iter().enumerate() {
            if let Some(&waits_for) = op.waits.iter().find(|wait| wait.index() >= step) {
                let op = self.named_op(step);
                return Err(GraphError::WaitsForLater { op, waits_for });
            }
            waits.push(op.waits.iter().map(|wait| wait.index() as u32));
        }
        let streams: Vec<u32> = self.ops.iter().map(|op| op.stream).collect();
        let width = streams.iter().collect::<BTreeSet<_>>().len();
        if streams.len().saturating_mul(width) > MOST_CLOCKS {
            return Err(GraphError::TooManyStreams {
                ops: streams.len(),
                streams: width,
                most: MOST_CLOCKS,
            });
        }
        let relation = HappensBefore::new(streams, waits);
        if relation.is_total() {
            return Ok(None);
        }
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.reads {
                let writer = writers[id.index()];
                let races = |&writer: &usize| !relation.precedes(writer as u32, step as u32);
                if let Some(writer) = writer.filter(races) {
                    return Err(GraphError::Race {
                        tensor: self.named(id),
                        reader: self.named_op(step),
                        writer: self.named_op(writer),
                    });
                }
            }
        }
        Ok(Some(relation))
    }

    /// Keeps the sum of all sizes below 2⁶³ bytes, so that no plan's arithmetic can overflow.
    fn check_total(&self) -> Result<(), GraphError> {
        let shares =
            |op: &Op| !(op.views.is_empty() && op.in_place.is_empty() && op.parts.is_empty());
        let has_shared = self.ops.iter().any(shares) || !self.output_aliases.is_empty();
        let aligns = self.tensors.iter().map(|tensor| tensor.layout.align());
        // Tensors that share bytes get the strictest alignment of any of them.
        let shared = match has_shared {
            true => aligns.max().unwrap_or(1) as u64,
            false => 1,
        };
        let mut total = 0u64;
        for (index, tensor) in self.tensors.iter().enumerate() {
            let device = tensor.device.index().checked_sub(1);
            let device = device.map_or(1, |index| self.devices[index].alignment);
            let alignment = (tensor.layout.align() as u64).max(shared).max(device);
            // A plan adds at most what rounds the size up to the alignment.
            let padded = (tensor.layout.size() as u64).checked_next_multiple_of(alignment);
            total = padded
                .and_then(|padded| total.checked_add(padded))
                .filter(|&sum| i64::try_from(sum).is_ok())
                .ok_or_else(|| GraphError::SizeOverflow {
                    tensor: self.named(TensorId::from_index(index)),
                    size: tensor.layout.size(),
                })?;
        }
        Ok(())
    }
}

/// The ids of the tensors whose flag is set.
fn ids_where(flags: &[bool]) -> Vec<TensorId> {
    let set = flags.iter().enumerate().filter(|(_, set)| **set);
    set.map(|(index, _)| TensorId::from_index(index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use core::alloc::Layout;

    /// The steps that it takes to declare and check an operator with so many views and as many
    /// results in place, and to find the lifetimes.
    #[cfg(feature = "std")]
    fn steps_for_aliases(count: u64) -> u64 {
        let (_, steps) = crate::work::during(|| {
            let mut graph = GraphBuilder::new();
            let byte = Layout::new::<u8>();
            let whole = Layout::from_size_align(count as usize, 1).expect("small");
            let x = graph.tensor("x", whole);
            let mut tensors = |name: &str| -> Vec<TensorId> {
                let names = (0..count).map(|i| format!("{name}{i}"));
                names.map(|name| graph.tensor(name, byte)).collect()
            };
            let [parts, operands, results] = ["part", "operand", "result"].map(&mut tensors);
            graph.op("load").writes([x]).writes(operands.clone());
            let mut op = graph.op("split");
            for (i, &part) in (0..).zip(&parts) {
                op = op.view(part, x, i);
            }
            for (&result, &operand) in results.iter().zip(&operands) {
                op = op.in_place(result, operand);
            }
            op.reads(operands).writes(parts).writes(results.clone());
            graph.outputs = results;
            let lifetimes = graph.build().expect("valid").lifetimes();
            assert_eq!(lifetimes.load(), 2 * count);
        });
        steps
    }

    #[cfg(feature = "std")]
    #[test]
    fn many_views_and_results_in_place_of_one_operator_take_near_linear_steps() {
        let [few, many] = [1000, 10_000].map(steps_for_aliases);
        assert!(many > 10_000 && many < few * 10 * 2, "{few}, {many}");
    }

    #[test]
    fn many_operators_that_each_have_a_stream_are_refused_with_the_limit() {
        let build = |ops: usize, streams: u32| {
            let mut graph = GraphBuilder::new();
            let each = 0..ops;
            each.for_each(|i| {
                let tensor = graph.tensor(format!("t{i}"), Layout::new::<u8>());
                let op = graph.op(format!("op{i}"));
                let _ = op.writes([tensor]).stream(i as u32 % streams);
            });
            graph.build()
        };
        let refused = build(8200, 8200).unwrap_err();
        let (ops, streams, most) = (8200, 8200, MOST_CLOCKS);
        assert_eq!(refused, GraphError::TooManyStreams { ops, streams, most });
        let message = "8200 operators run on 8200 streams; \
                       the product of both must be at most 67108864";
        assert!(format!("{refused}").ends_with(message), "{refused}");
        assert!(build(8200, 3).is_ok());
    }
}
