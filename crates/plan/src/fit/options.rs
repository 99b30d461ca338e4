//! What a graph is fitted into, and by which means.
//!
//! Stands on [`OperatorCosts`] and [`Compression`]. Plain values:
//! [`Planner::fit`](crate::Planner::fit) checks them.

use alloc::vec::Vec;

use super::{compression::Compression, costs::OperatorCosts};
use crate::graph::TensorSet;
use crate::ids::TensorId;
use crate::lifetimes::Aliasing;

/// A memory beside the fast one, to which idle tensors are copied: larger, and slower to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct SlowMemory {
    /// Its size in bytes.
    pub capacity: u64,
    /// The bytes that are written to it in a second.
    pub write_bytes_per_second: f64,
    /// The bytes that are read from it in a second.
    pub read_bytes_per_second: f64,
    /// Whether it is never written and read at the same time.
    pub is_half_duplex: bool,
}

impl SlowMemory {
    /// A memory of `capacity` bytes that is written and read at `bytes_per_second`.
    ///
    /// ```
    /// use orionrt_plan::fit::SlowMemory;
    /// let flash = SlowMemory::new(1 << 20, 4e6).write_bytes_per_second(1e5);
    /// assert_eq!((flash.write_bytes_per_second, flash.read_bytes_per_second), (1e5, 4e6));
    /// ```
    #[must_use]
    pub const fn new(capacity: u64, bytes_per_second: f64) -> Self {
        Self {
            capacity,
            write_bytes_per_second: bytes_per_second,
            read_bytes_per_second: bytes_per_second,
            is_half_duplex: false,
        }
    }

    /// Sets the bytes that are written to it in a second.
    #[must_use]
    pub const fn write_bytes_per_second(mut self, bytes: f64) -> Self {
        self.write_bytes_per_second = bytes;
        self
    }

    /// Sets the bytes that are read from it in a second.
    #[must_use]
    pub const fn read_bytes_per_second(mut self, bytes: f64) -> Self {
        self.read_bytes_per_second = bytes;
        self
    }

    /// Whether one transfer engine writes and reads it, as one DMA channel does that reaches flash
    /// over a bus. By default each direction has its own, as on a GPU. It matters where [transfers
    /// run beside operators](super::FitSchedule::overlapped).
    #[must_use]
    pub const fn half_duplex(mut self, is_half_duplex: bool) -> Self {
        self.is_half_duplex = is_half_duplex;
        self
    }
}

/// What to fit a graph into, and how: the argument of [`Planner::fit`](crate::Planner::fit).
///
/// ```
/// use orionrt_plan::fit::{Fit, SlowMemory};
/// let mebibyte = 1 << 20;
/// let fit = Fit::within(4 * mebibyte)
///     .slow(SlowMemory::new(32 * mebibyte, 1.6e9))
///     .recompute(true);
/// assert_eq!(fit.capacity(), 4 * mebibyte);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    pub(super) capacity: u64,
    pub(super) slow: Option<SlowMemory>,
    pub(super) recompute: bool,
    pub(super) compression: Compression,
    pub(super) reorder: bool,
    pub(super) aliasing: Aliasing,
    pub(super) costs: Option<OperatorCosts>,
    pub(super) stored: Vec<TensorId>,
    pub(super) cold_start: bool,
    pub(super) work: u64,
}

impl Fit {
    /// Into this many bytes of fast memory. At first, [another order](Self::reorder) of the
    /// operators is all that may lower what they need; [`slow`](Self::slow) allows spills,
    /// [`compression`](Self::compression) allows compressed forms, and
    /// [`recompute`](Self::recompute) allows reruns.
    #[must_use]
    pub const fn within(capacity: u64) -> Self {
        Self {
            capacity,
            slow: None,
            recompute: false,
            compression: Compression::new(),
            reorder: true,
            aliasing: Aliasing::InPlace,
            costs: None,
            stored: Vec::new(),
            cold_start: false,
            work: 2_000_000,
        }
    }

    /// Allows tensors to be spilled to this memory.
    #[must_use]
    pub fn slow(mut self, slow: SlowMemory) -> Self {
        self.slow = Some(slow);
        self
    }

    /// Whether operators may be rerun. Each of them must then do the same every time, or
    /// [cost](OperatorCosts::from_seconds) infinitely much. The search reruns no operator with more
    /// than 1,024 operands and results together.
    #[must_use]
    pub fn recompute(mut self, recompute: bool) -> Self {
        self.recompute = recompute;
        self
    }

    /// Allows tensors to be kept in compressed form while they are idle.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{GraphBuilder, Planner, fit::{Codec, Compression, Fit, FitAction}};
    /// let mut g = GraphBuilder::new();
    /// let sizes = [("x", 1000), ("skip", 1000), ("a", 2000), ("b", 2000), ("y", 1000)];
    /// let [x, skip, a, b, y] = sizes
    ///     .map(|(name, size)| g.tensor(name, Layout::array::<u8>(size).expect("small")));
    /// g.op("conv 0").reads([x]).writes([skip]);
    /// g.op("conv 1").reads([skip]).writes([a]);
    /// g.op("conv 2").reads([a]).writes([b]); // 5000 bytes are alive: a, b and skip
    /// g.op("add").reads([b, skip]).writes([y]);
    /// let graph = g.output(y).build()?;
    ///
    /// // To a quarter, at 10⁶ bytes in a second.
    /// let compression = Compression::all(Codec::with_ratio(4.0, 1e6));
    /// let fitted = Planner::new().fit(&graph, &Fit::within(4250).compression(compression))?;
    /// let schedule = fitted.schedule();
    /// let actions: Vec<_> = schedule.steps.iter().map(|step| step.action).collect();
    /// assert_eq!((actions[2], actions[4]), (FitAction::Compress(skip), FitAction::Expand(skip)));
    /// let compressed = schedule.steps[2].writes[0];
    /// assert_eq!(schedule.copies[compressed.index()].compressed, Some(250));
    /// assert_eq!(fitted.cost().seconds(), 0.002);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Whether operators may run in [another order](crate::Graph::reordered), as they may by
    /// default.
    #[must_use]
    pub fn reorder(mut self, reorder: bool) -> Self {
        self.reorder = reorder;
        self
    }

    /// The most sharing of bytes between operands and results that the executor supports: views and
    /// results in place by default.
    ///
    /// With [`Aliasing::Parts`], the operands of a concatenation also lie within its result where
    /// all of them are [whole parts](crate::graph::OpBuilder::part) of it that the caller neither
    /// fills nor reads, and that are needed no longer, or only read while the result is there: the
    /// operator then has nothing to do. Its time still counts.
    #[must_use]
    pub fn aliasing(mut self, aliasing: Aliasing) -> Self {
        self.aliasing = aliasing;
        self
    }

    /// What it costs to rerun each operator. By default it is
    /// [estimated](OperatorCosts::from_bytes) at 10⁹ bytes in a second.
    #[must_use]
    pub fn costs(mut self, costs: OperatorCosts) -> Self {
        self.costs = Some(costs);
        self
    }

    /// Declares that the bytes of these inputs exist outside the fast memory, as weights in a file
    /// do. They are never written to the slow memory and take no bytes of it, are read at its
    /// speed, and need not be in the fast memory before their first use. They need a
    /// [slow memory](Self::slow), which may have a capacity of 0.
    #[must_use]
    pub fn stored(mut self, inputs: impl IntoIterator<Item = TensorId>) -> Self {
        self.stored.extend(inputs);
        self
    }

    /// Whether [stored](Self::stored) inputs are all outside the fast memory at the start, so that
    /// each is fetched before its first use, and that time counts. By default the caller also fills
    /// those that have room in the fast memory from the start on, and nothing is added for them.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{GraphBuilder, Planner, fit::{Fit, SlowMemory}};
    /// let mut g = GraphBuilder::new();
    /// let [x, w, y] = ["x", "w", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 1000]>()));
    /// g.op("conv").reads([x, w]).writes([y]);
    /// let graph = g.output(y).build()?;
    /// let fit = Fit::within(3000).slow(SlowMemory::new(0, 1e6)).stored([w]);
    /// assert_eq!(Planner::new().fit(&graph, &fit)?.cost().seconds(), 0.0);
    /// assert_eq!(Planner::new().fit(&graph, &fit.cold_start(true))?.cost().seconds(), 0.001);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn cold_start(mut self, is_cold: bool) -> Self {
        self.cold_start = is_cold;
        self
    }

    /// Limits the search to about this many visited steps of schedules, 2 million by default, for
    /// each order of the operators and each level of [sharing](Self::aliasing), and to as many more
    /// where tensors cannot be placed. A first schedule is looked for whatever that takes, until
    /// the search has reason to think that it will find none.
    ///
    /// The search looks at no clock. The planner that places the tensors does, unless it has a
    /// [number of nodes](crate::Planner::nodes): where its time ends before it finds offsets within
    /// the capacity, the search goes on with less.
    #[must_use]
    pub fn work(mut self, steps: u64) -> Self {
        self.work = steps;
        self
    }

    /// The inputs that exist outside the fast memory; without a slow memory there is nothing from
    /// which they could be read.
    pub(super) fn stored_inputs(&self) -> TensorSet {
        let stored = self.slow.iter().flat_map(|_| &self.stored);
        stored.copied().collect()
    }

    /// The size of the fast memory in bytes.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.capacity
    }
}
