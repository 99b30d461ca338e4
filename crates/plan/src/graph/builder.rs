//! The builder of graphs: takes whatever is declared, and checks all of it at the end.
//!
//! Invariant: what [`GraphBuilder::build`] lets through is what [`Graph`] promises.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::alloc::Layout;

use super::{AliasMistake, Device, DeviceId, Graph, GraphError, InPlace, Op, OpId, Tensor, View};
use crate::ids::TensorId;
use crate::streams::Order;
use crate::table::Table;

/// Collects tensors and operators; [`build`](Self::build) checks them.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::GraphBuilder;
///
/// let mut g = GraphBuilder::new();
/// let x = g.tensor("x", Layout::array::<f32>(1024)?);
/// let y = g.tensor("y", Layout::array::<f32>(1024)?);
/// g.op("relu").reads([x]).writes([y]);
/// let graph = g.output(y).build()?;
/// assert_eq!(graph.ops()[0].name(), "relu");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    tensors: Vec<Tensor>,
    ops: Vec<Op>,
    /// Without the host.
    devices: Vec<Device>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
}

impl GraphBuilder {
    /// A graph with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a tensor that needs `layout` bytes. Names must be unique, which `build` checks.
    pub fn tensor(&mut self, name: impl Into<String>, layout: Layout) -> TensorId {
        self.tensor_on(DeviceId::HOST, name, layout)
    }

    /// Declares a tensor in the memory of a device.
    pub fn tensor_on(
        &mut self,
        device: DeviceId,
        name: impl Into<String>,
        layout: Layout,
    ) -> TensorId {
        let id = TensorId::from_index(self.tensors.len());
        self.tensors.push(Tensor {
            name: name.into(),
            layout,
            device,
        });
        id
    }

    /// Declares a device with memory of its own, in which every tensor starts at a multiple of `alignment` bytes: 256 or 512 for a
    /// GPU. What is to be elsewhere is copied by an operator that reads here and writes there.
    pub fn device(&mut self, name: impl Into<String>, alignment: u64) -> DeviceId {
        self.devices.push(Device {
            name: name.into(),
            alignment,
        });
        DeviceId(self.devices.len() as u32)
    }

    /// Adds the next operator in execution order; say what it reads and writes on the returned value.
    pub fn op(&mut self, name: impl Into<String>) -> OpBuilder<'_> {
        self.ops.push(Op {
            name: name.into(),
            reads: Vec::new(),
            writes: Vec::new(),
            views: Vec::new(),
            in_place: Vec::new(),
            stream: 0,
            waits: Vec::new(),
        });
        let last = self.ops.len() - 1;
        OpBuilder {
            id: OpId(last as u32),
            op: &mut self.ops[last],
        }
    }

    /// Declares a graph input: the caller fills it before step 0, and no operator may write it.
    ///
    /// A tensor that operators read and none writes is an input without being declared.
    pub fn input(&mut self, tensor: TensorId) -> &mut Self {
        self.inputs.push(tensor);
        self
    }

    /// Declares a graph output: it stays alive after the last operator.
    pub fn output(&mut self, tensor: TensorId) -> &mut Self {
        self.outputs.push(tensor);
        self
    }

    /// Checks everything that was declared.
    ///
    /// # Errors
    /// The first mistake in execution order; see [`GraphError`].
    pub fn build(&mut self) -> Result<Graph, GraphError> {
        self.check_names()?;
        self.check_devices()?;
        let writers = self.writers()?;
        let inputs = self.check_reads(&writers)?;
        let outputs = self.check_outputs(&writers, &inputs)?;
        self.check_aliases()?;
        self.check_total()?;
        let order = self.check_order(&writers)?;
        let host = Device {
            name: "host".to_string(),
            alignment: 1,
        };
        Ok(Graph {
            tensors: self.tensors.clone(),
            ops: self.ops.clone(),
            devices: core::iter::once(host)
                .chain(self.devices.iter().cloned())
                .collect(),
            inputs,
            outputs,
            order,
        })
    }

    fn name(&self, id: TensorId) -> String {
        self.tensors[id.index()].name.clone()
    }

    fn known(&self, id: TensorId, place: impl FnOnce() -> String) -> Result<(), GraphError> {
        if id.index() < self.tensors.len() {
            return Ok(());
        }
        Err(GraphError::UnknownTensor {
            id,
            place: place(),
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
                    tensor: tensor.name.clone(),
                    first: TensorId::from_index(first),
                    second: TensorId::from_index(index),
                });
            }
        }
        Ok(())
    }

    /// The step that writes each tensor; `None` where the caller does.
    fn writers(&self) -> Result<Vec<Option<usize>>, GraphError> {
        let mut declared = alloc::vec![false; self.tensors.len()];
        for &id in &self.inputs {
            self.known(id, || "the graph inputs".to_string())?;
            declared[id.index()] = true;
        }
        let mut writers: Vec<Option<usize>> = alloc::vec![None; self.tensors.len()];
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.writes {
                self.known(id, || place(step, &op.name))?;
                let first = match writers[id.index()].replace(step) {
                    Some(first) => Some(place(first, &self.ops[first].name)),
                    None if declared[id.index()] => Some("the caller (graph input)".to_string()),
                    None => None,
                };
                if let Some(first) = first {
                    return Err(GraphError::WrittenTwice {
                        tensor: self.name(id),
                        first,
                        second: place(step, &op.name),
                    });
                }
            }
        }
        Ok(writers)
    }

    /// Refuses reads that come before the write; returns the inputs, declared and found.
    fn check_reads(&self, writers: &[Option<usize>]) -> Result<Vec<TensorId>, GraphError> {
        let mut is_input = alloc::vec![false; self.tensors.len()];
        for &id in &self.inputs {
            is_input[id.index()] = true;
        }
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.reads {
                self.known(id, || place(step, &op.name))?;
                match writers[id.index()] {
                    Some(writer) if writer >= step => {
                        return Err(GraphError::ReadBeforeWritten {
                            tensor: self.name(id),
                            reader: place(step, &op.name),
                            writer: place(writer, &self.ops[writer].name),
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
        let mut is_output = alloc::vec![false; self.tensors.len()];
        for &id in &self.outputs {
            self.known(id, || "the graph outputs".to_string())?;
            if writers[id.index()].is_none() && inputs.binary_search(&id).is_err() {
                return Err(GraphError::NoSuchOutput {
                    tensor: self.name(id),
                });
            }
            is_output[id.index()] = true;
        }
        Ok(ids_where(&is_output))
    }

    fn check_devices(&self) -> Result<(), GraphError> {
        let bad = |device: &&Device| !device.alignment.is_power_of_two();
        if let Some(device) = self.devices.iter().find(bad) {
            return Err(GraphError::DeviceAlignment {
                device: device.name.clone(),
                alignment: device.alignment,
            });
        }
        let unknown = |tensor: &&Tensor| tensor.device.index() > self.devices.len();
        match self.tensors.iter().find(unknown) {
            None => Ok(()),
            Some(tensor) => Err(GraphError::UnknownDevice {
                tensor: tensor.name.clone(),
                device: tensor.device,
            }),
        }
    }

    /// Refuses views and results in place that cannot be. Their tensors are among what the operator reads and writes, which has been
    /// checked.
    fn check_aliases(&self) -> Result<(), GraphError> {
        // Where each tensor begins in the one that it is, after all, a view of.
        let mut starts = alloc::vec![0u64; self.tensors.len()];
        for (step, op) in self.ops.iter().enumerate() {
            let mistake = self.alias_mistakes(op, &starts).next();
            if let Some((result, of, mistake)) = mistake {
                return Err(GraphError::BadAlias {
                    op: place(step, &op.name),
                    result: self.name(result),
                    of: self.name(of),
                    mistake,
                });
            }
            for view in &op.views {
                starts[view.result.index()] = starts[view.of.index()] + view.offset;
            }
        }
        Ok(())
    }

    fn alias_mistakes(
        &self,
        op: &Op,
        starts: &[u64],
    ) -> impl Iterator<Item = (TensorId, TensorId, AliasMistake)> {
        let is_view = |views: &[View], result| views.iter().any(|view| view.result == result);
        let views = op.views.iter().enumerate().map(move |(i, view)| {
            let twice = is_view(&op.views[..i], view.result).then_some(AliasMistake::Twice);
            (
                view.result,
                view.of,
                twice.or_else(|| self.view_mistake(view, starts[view.of.index()])),
            )
        });
        let in_place = op.in_place.iter().map(move |pair| {
            let twice = is_view(&op.views, pair.result).then_some(AliasMistake::Twice);
            (
                pair.result,
                pair.of,
                twice.or_else(|| self.in_place_mistake(pair)),
            )
        });
        let all = views.chain(in_place);
        all.filter_map(|(result, of, mistake)| Some((result, of, mistake?)))
    }

    /// `start` is where the tensor begins that it is a view of, in the one with bytes of its own.
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
            let of = whole;
            Some(AliasMistake::OutOfBounds { offset, size, of })
        } else if !(start + offset).is_multiple_of(alignment) {
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
            let [size, of] = sizes;
            Some(AliasMistake::OtherSize { size, of })
        } else {
            None
        }
    }

    /// The order that streams and waits make, unless the operators simply follow each other; every read must come after the
    /// write in it.
    fn check_order(&self, writers: &[Option<usize>]) -> Result<Option<Order>, GraphError> {
        let mut waits = Table::default();
        for (step, op) in self.ops.iter().enumerate() {
            if let Some(&waits) = op.waits.iter().find(|wait| wait.index() >= step) {
                let op = place(step, &op.name);
                return Err(GraphError::WaitsForLater { op, waits });
            }
            waits.push(op.waits.iter().map(|wait| wait.0));
        }
        let order = Order::new(self.ops.iter().map(|op| op.stream).collect(), waits);
        if order.is_total() {
            return Ok(None);
        }
        for (step, op) in self.ops.iter().enumerate() {
            for &id in &op.reads {
                if let Some(writer) = writers[id.index()]
                    && !order.precedes(writer as u32, step as u32)
                {
                    return Err(GraphError::Race {
                        tensor: self.name(id),
                        reader: place(step, &op.name),
                        writer: place(writer, &self.ops[writer].name),
                    });
                }
            }
        }
        Ok(Some(order))
    }

    /// Keeps the sum of all sizes below 2⁶³ bytes, so that no plan's arithmetic can overflow.
    fn check_total(&self) -> Result<(), GraphError> {
        let shares = |op: &Op| !op.views.is_empty() || !op.in_place.is_empty();
        let aligns = self.tensors.iter().map(|tensor| tensor.layout.align());
        // What shares bytes has the strictest alignment of all that do.
        let shared = match self.ops.iter().any(shares) {
            true => aligns.max().unwrap_or(1) as u64,
            false => 1,
        };
        let mut total = 0u64;
        for tensor in &self.tensors {
            let device = tensor.device.index().checked_sub(1);
            let device = device.map_or(1, |index| self.devices[index].alignment);
            let alignment = (tensor.layout.align() as u64).max(shared).max(device);
            // Rounding up to the alignment is what a plan may at most add to a size.
            let padded = (tensor.layout.size() as u64).checked_next_multiple_of(alignment);
            total = padded
                .and_then(|padded| total.checked_add(padded))
                .filter(|&sum| i64::try_from(sum).is_ok())
                .ok_or_else(|| GraphError::SizeOverflow {
                    tensor: tensor.name.clone(),
                    size: tensor.layout.size(),
                })?;
        }
        Ok(())
    }
}

fn place(step: usize, name: &str) -> String {
    alloc::format!("operator '{name}' (step {step})")
}

fn ids_where(flags: &[bool]) -> Vec<TensorId> {
    let set = flags.iter().enumerate().filter(|(_, set)| **set);
    set.map(|(index, _)| TensorId::from_index(index)).collect()
}

/// The operator that [`GraphBuilder::op`] has just added.
#[derive(Debug)]
pub struct OpBuilder<'g> {
    id: OpId,
    op: &'g mut Op,
}

impl OpBuilder<'_> {
    /// Adds tensors that the operator reads.
    pub fn reads(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        for tensor in tensors {
            // What a view or a result in place has added is not read twice for being named again.
            if !(self.op.takes_bytes_of(tensor) && self.op.reads.contains(&tensor)) {
                self.op.reads.push(tensor);
            }
        }
        self
    }

    /// Adds tensors that the operator writes.
    pub fn writes(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        for tensor in tensors {
            if !(self.op.gives_bytes_to(tensor) && self.op.writes.contains(&tensor)) {
                self.op.writes.push(tensor);
            }
        }
        self
    }

    /// Declares that `result` is a view: the bytes of `of` from byte `offset` on, none of its own. It keeps `of` alive. A reshape is one
    /// (with offset 0), and so are a cast to the same type and a contiguous slice. Adds `of` to what the operator reads, and `result` to what it
    /// writes.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let [x, rows] = [("x", 100), ("rows", 40)].map(|(name, bytes)| g.tensor(name, Layout::array::<u8>(bytes).unwrap()));
    /// let y = g.tensor("y", Layout::array::<u8>(10)?);
    /// g.op("load").writes([x]);
    /// g.op("slice").view(rows, x, 20);
    /// g.op("reduce").reads([rows]).writes([y]);
    /// assert_eq!(g.output(y).build()?.lifetimes().load(), 110);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn view(self, result: TensorId, of: TensorId, offset: u64) -> Self {
        self.op.views.push(View { result, of, offset });
        self.touches(result, of)
    }

    /// Declares that `result` may take the bytes of `of`, which has as many: the operator can write over what it reads, as those that compute
    /// element by element can. It is used only where nobody needs `of` afterwards. Of several for one result, the first that can be is taken.
    /// Adds `of` to what the operator reads, and `result` to what it writes.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// g.op("load").writes([x]);
    /// g.op("relu").in_place(y, x);
    /// assert_eq!(g.output(y).build()?.lifetimes().load(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn in_place(self, result: TensorId, of: TensorId) -> Self {
        self.op.in_place.push(InPlace { result, of });
        self.touches(result, of)
    }

    fn touches(self, result: TensorId, of: TensorId) -> Self {
        if !self.op.reads.contains(&of) {
            self.op.reads.push(of);
        }
        if !self.op.writes.contains(&result) {
            self.op.writes.push(result);
        }
        self
    }

    /// Has the operator run on a stream: in order with the others there, and at any time relative to those of other streams, but for what it
    /// [waits](Self::after) for.
    pub fn stream(self, stream: u32) -> Self {
        self.op.stream = stream;
        self
    }

    /// Has the operator begin when these have ended: each records an event, for which it waits.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// let load = g.op("load").writes([x]).stream(1).id();
    /// g.op("relu").reads([x]).writes([y]).after([load]);      // on stream 0; without the wait it is refused as a race
    /// assert!(g.output(y).build().is_ok());
    /// ```
    pub fn after(self, ops: impl IntoIterator<Item = OpId>) -> Self {
        self.op.waits.extend(ops);
        self
    }

    /// The operator's position, for others that wait for it.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id
    }
}
