//! The builder of graphs: takes whatever is declared.
//!
//! Stands on tensors and operators. It keeps no invariant: `build` checks everything at the end.

use alloc::{string::String, vec::Vec};
use core::{alloc::Layout, ops::Range};

use super::{
    checked::Graph,
    construct::Construct,
    declared::Declared,
    op::{InPlace, Op, Part, View},
    output_alias::OutputAlias,
    tensor::{Device, Tensor},
};
use crate::ids::{DeviceId, OpId, TensorId};

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
    pub(super) tensors: Vec<Tensor>,
    pub(super) ops: Vec<Op>,
    /// What the last of them uses.
    pub(super) declared: Declared,
    /// All devices but the host.
    pub(super) devices: Vec<Device>,
    pub(super) inputs: Vec<TensorId>,
    pub(super) outputs: Vec<TensorId>,
    pub(super) donated: Vec<TensorId>,
    pub(super) output_aliases: Vec<OutputAlias>,
    pub(super) constructs: Vec<Construct>,
}

impl GraphBuilder {
    /// A builder of an empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a tensor in the memory of the host. Names must be unique, which `build` checks.
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

    /// Declares a device with memory of its own, in which every tensor starts at a multiple of
    /// `alignment` bytes: 256 or 512 for a GPU. To move data between devices, add an operator that
    /// reads a tensor on the one and writes a tensor on the other.
    pub fn device(&mut self, name: impl Into<String>, alignment: u64) -> DeviceId {
        self.devices.push(Device {
            name: name.into(),
            alignment,
        });
        DeviceId::from_index(self.devices.len())
    }

    /// Adds the next operator in execution order. The returned value takes what it reads and
    /// writes.
    pub fn op(&mut self, name: impl Into<String>) -> OpBuilder<'_> {
        self.ops.push(Op {
            name: name.into(),
            reads: Vec::new(),
            writes: Vec::new(),
            views: Vec::new(),
            in_place: Vec::new(),
            parts: Vec::new(),
            stream: 0,
            waits: Vec::new(),
        });
        self.declared.clear();
        let last = self.ops.len() - 1;
        OpBuilder {
            id: OpId::from_index(last),
            op: &mut self.ops[last],
            declared: &mut self.declared,
        }
    }

    /// The id that the next operator will get: the end of a branch or of a loop's body.
    #[must_use]
    pub fn next_op(&self) -> OpId {
        OpId::from_index(self.ops.len())
    }

    /// Declares that exactly one of these branches runs each time, as the bodies of an `If` do.
    /// Each branch begins where the one before it ends, and may have no operators. Tensors of
    /// different branches are never alive together.
    ///
    /// Operators of different branches may write one tensor, the result of the `If`. On every path
    /// a tensor must be written before it is read. A single branch always runs: it keeps its
    /// operators together in every [order](crate::Graph::in_order).
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let bytes = |size| Layout::from_size_align(size, 1);
    /// let [x, a, b, y] = [("x", 1), ("a", 100), ("b", 200), ("y", 10)]
    ///     .map(|(name, size)| g.tensor(name, bytes(size).expect("small")));
    /// let start = g.next_op();
    /// g.op("widen").reads([x]).writes([a]);
    /// g.op("reduce").reads([a]).writes([y]);
    /// let middle = g.next_op();
    /// g.op("widen").reads([x]).writes([b]);
    /// g.op("reduce").reads([b]).writes([y]);
    /// let end = g.next_op();
    /// g.exclusive([start..middle, middle..end]).output(y);
    /// assert_eq!(g.build()?.lifetimes().load(), 210);
    /// # Ok::<(), orionrt_plan::GraphError>(())
    /// ```
    pub fn exclusive(&mut self, branches: impl IntoIterator<Item = Range<OpId>>) -> &mut Self {
        let branches = branches.into_iter().collect();
        self.constructs.push(Construct::Exclusive { branches });
        self
    }

    /// Declares that these operators run any number of times, zero included, one iteration after
    /// another, as the body of a `Loop` does. What the body reads from outside stays alive until
    /// the last iteration has ended.
    ///
    /// A tensor that is written before the loop may be written again by operators of its body: it
    /// is *carried* from one iteration into the next. Of two constructs with the same operators,
    /// the one declared first lies within the other.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let bytes = Layout::new::<[u8; 8]>();
    /// let [x, state, next] = ["x", "state", "next"].map(|name| g.tensor(name, bytes));
    /// g.op("init").reads([x]).writes([state]);
    /// let start = g.next_op();
    /// g.op("step").reads([state]).writes([next]);
    /// g.op("copy").reads([next]).writes([state]);
    /// let end = g.next_op();
    /// g.repeated(start..end).output(state);
    /// assert_eq!(g.build()?.lifetimes().load(), 16);
    /// # Ok::<(), orionrt_plan::GraphError>(())
    /// ```
    pub fn repeated(&mut self, body: Range<OpId>) -> &mut Self {
        self.constructs.push(Construct::Repeated { body });
        self
    }

    /// Declares a graph input: the caller fills it before step 0, and no operator may write it.
    ///
    /// A tensor that operators read and none writes is an input even if it is not declared as one.
    pub fn input(&mut self, tensor: TensorId) -> &mut Self {
        self.inputs.push(tensor);
        self
    }

    /// Declares a graph output: it stays alive after the last operator.
    pub fn output(&mut self, tensor: TensorId) -> &mut Self {
        self.outputs.push(tensor);
        self
    }

    /// Declares that the caller does not need the value of a graph input any more, so that results
    /// in place may be written over it. Without this, no result in place takes the bytes of an
    /// input. Tensors that are written after its last reader may have them either way.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// g.op("relu").in_place(y, x);
    /// g.output(y);
    /// assert_eq!(g.build()?.lifetimes().load(), 200);
    /// let graph = g.donate(x).build()?;
    /// assert_eq!(graph.lifetimes().load(), 100);
    /// assert!(graph.is_donated(x));
    /// # Ok::<(), orionrt_plan::GraphError>(())
    /// ```
    pub fn donate(&mut self, input: TensorId) -> &mut Self {
        self.donated.push(input);
        self
    }

    /// Declares that a graph output has the bytes of a graph input, as the new value of a state or
    /// of a key-value cache has those of the old one: both have one offset in every plan, whatever
    /// the [`Aliasing`](crate::Aliasing). XLA calls this input-output aliasing. The input is
    /// [donated](Self::donate), and no other tensor takes its bytes.
    ///
    /// The operator that writes the output comes after all that read the input, in every order and
    /// on every stream, or it is declared to write over it [in place](OpBuilder::in_place). For
    /// that, it [waits](super::Op::waits) for these operators in the built graph.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{GraphBuilder, Planner};
    /// let mut g = GraphBuilder::new();
    /// let [past, present] = ["past", "present"].map(|n| g.tensor(n, Layout::new::<[u8; 100]>()));
    /// let [token, y] = ["token", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 10]>()));
    /// g.op("append").reads([token]).in_place(present, past);
    /// g.op("attend").reads([present]).writes([y]);
    /// g.output(present).output(y).alias_output(present, past);
    /// let plan = Planner::new().plan(&g.build()?.lifetimes())?;
    /// assert_eq!(plan.offset(present), plan.offset(past));
    ///
    /// g.op("compare").reads([past]); // reads the old value after the new one is written
    /// let refused = g.build().unwrap_err().to_string();
    /// assert!(refused.starts_with("output 'present' cannot have the bytes of input 'past'"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alias_output(&mut self, output: TensorId, input: TensorId) -> &mut Self {
        self.output_aliases.push(OutputAlias::new(output, input));
        self
    }
}

/// A builder with everything that a graph declares, for adding to it. Ids stay what they are;
/// inputs that were found are declared ones.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::{Graph, GraphBuilder};
/// let mut g = GraphBuilder::new();
/// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
/// g.op("relu").in_place(y, x);
/// let graph = g.output(y).build()?;
/// let donated = GraphBuilder::from(graph).donate(x).build()?;
/// assert_eq!(donated.lifetimes().load(), 100);
/// # Ok::<(), orionrt_plan::GraphError>(())
/// ```
impl From<Graph> for GraphBuilder {
    fn from(graph: Graph) -> Self {
        // Of two constructs with the same operators, the inner one is declared first.
        let constructs = graph.constructs().iter().rev().cloned().collect();
        Self {
            constructs,
            tensors: graph.tensors,
            ops: graph.ops,
            declared: Declared::default(),
            devices: graph.devices.into_iter().skip(1).collect(),
            inputs: graph.inputs,
            outputs: graph.outputs,
            donated: graph.donated,
            output_aliases: graph.output_aliases,
        }
    }
}

/// The operator that [`GraphBuilder::op`] has just added.
#[derive(Debug)]
pub struct OpBuilder<'g> {
    id: OpId,
    op: &'g mut Op,
    declared: &'g mut Declared,
}

impl OpBuilder<'_> {
    /// Adds tensors that the operator reads.
    pub fn reads(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        for tensor in tensors {
            // An operand that a view or a result in place has added is not read twice.
            if self.declared.reads(tensor) {
                self.op.reads.push(tensor);
            }
        }
        self
    }

    /// Adds tensors that the operator writes.
    pub fn writes(self, tensors: impl IntoIterator<Item = TensorId>) -> Self {
        for tensor in tensors {
            if self.declared.writes(tensor) {
                self.op.writes.push(tensor);
            }
        }
        self
    }

    /// Declares that `result` is a view: it has no bytes of its own, but those of `of` from byte
    /// `offset` on, and keeps `of` alive. Reshapes, casts to the same type (both with offset 0) and
    /// contiguous slices are views. Adds `of` to the operands and `result` to the results.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let x = g.tensor("x", Layout::array::<u8>(100)?);
    /// let rows = g.tensor("rows", Layout::array::<u8>(40)?);
    /// let y = g.tensor("y", Layout::array::<u8>(10)?);
    /// g.op("load").writes([x]);
    /// g.op("slice").view(rows, x, 20);
    /// g.op("reduce").reads([rows]).writes([y]);
    /// assert_eq!(g.output(y).build()?.lifetimes().load(), 110);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn view(self, result: TensorId, of: TensorId, offset: u64) -> Self {
        self.op.views.push(View::new(result, of, offset));
        self.add(result, of)
    }

    /// Declares that `result` may take the bytes of `of`, which has the same size: the operator can
    /// write over its operand, as element-wise operators can. This is used only if nobody needs
    /// `of` afterwards. If a result is declared with several operands, the first possible one is
    /// taken. Adds `of` to the operands and `result` to the results.
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
        self.op.in_place.push(InPlace::new(result, of));
        self.add(result, of)
    }

    /// Declares that `result` has the bytes of `operand` from byte `offset` on, as the result of a
    /// concatenation along the outermost axis has those of all operands. With
    /// [`Aliasing::Parts`](crate::Aliasing::Parts), the operand lies there from its write on, where
    /// that is safe, and the operator has nothing to do for it. Adds `operand` to the operands and
    /// `result` to the results.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{Aliasing, GraphBuilder};
    /// let mut g = GraphBuilder::new();
    /// let [a, b] = ["a", "b"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// let whole = g.tensor("whole", Layout::new::<[u8; 200]>());
    /// g.op("load").writes([a]);
    /// g.op("load").writes([b]);
    /// g.op("concatenate").part(a, whole, 0).part(b, whole, 100);
    /// let graph = g.output(whole).build()?;
    /// assert_eq!(graph.lifetimes().load(), 400);
    /// assert_eq!(graph.lifetimes_with(Aliasing::Parts).load(), 200);
    /// # Ok::<(), orionrt_plan::GraphError>(())
    /// ```
    pub fn part(self, operand: TensorId, result: TensorId, offset: u64) -> Self {
        self.op.parts.push(Part::new(operand, result, offset));
        self.add(result, operand)
    }

    fn add(self, result: TensorId, of: TensorId) -> Self {
        let (reads, writes) = self.declared.shares(result, of);
        self.op.reads.extend(reads.then_some(of));
        self.op.writes.extend(writes.then_some(result));
        self
    }

    /// Puts the operator on a stream. Operators of one stream run in order; those of different
    /// streams run side by side, unless one [waits](Self::after) for the other.
    pub fn stream(self, stream: u32) -> Self {
        self.op.stream = stream;
        self
    }

    /// Makes the operator wait until these have ended: each records an event, which is awaited.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::GraphBuilder;
    /// let mut g = GraphBuilder::new();
    /// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// let load = g.op("load").writes([x]).stream(1).id();
    /// // On stream 0. Without the wait, `build` refuses the graph: there is a race for x.
    /// g.op("relu").reads([x]).writes([y]).after([load]);
    /// assert!(g.output(y).build().is_ok());
    /// ```
    pub fn after(self, ops: impl IntoIterator<Item = OpId>) -> Self {
        self.op.waits.extend(ops);
        self
    }

    /// The operator's id, for others that wait for it.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id
    }
}
