//! What it costs to rerun each operator.
//!
//! Stands on [`Graph`]. Invariant: there is one number of seconds for each operator, not negative
//! and not NaN.

use alloc::vec::Vec;

use crate::graph::{Graph, Op, TensorSet};

/// The seconds that each operator of a graph takes, in the graph's order.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::{GraphBuilder, fit::OperatorCosts};
/// let mut g = GraphBuilder::new();
/// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 500]>()));
/// g.op("relu").reads([x]).writes([y]);
/// let graph = g.output(y).build()?;
/// assert_eq!(OperatorCosts::from_bytes(&graph, 1000.0).seconds(), [1.0]);
/// assert!(OperatorCosts::from_seconds([0.5]).is_some());
/// # Ok::<(), orionrt_plan::GraphError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorCosts(Vec<f64>);

impl OperatorCosts {
    /// The bytes in a second that [`Fit`](super::Fit) assumes operators to read and write if it is
    /// not given their costs: 10⁹.
    pub const BYTES_PER_SECOND: f64 = 1e9;

    /// Costs in seconds, one for each operator. An infinite cost forbids to rerun the operator, as
    /// for one that draws random numbers or reads a file. `None` if a cost is negative or NaN.
    #[must_use]
    pub fn from_seconds(seconds: impl IntoIterator<Item = f64>) -> Option<Self> {
        let seconds: Vec<f64> = seconds.into_iter().collect();
        let is_valid = seconds.iter().all(|&cost| cost >= 0.0);
        is_valid.then_some(Self(seconds))
    }

    /// An estimate: the bytes of operands and results over so many bytes in a second, which is
    /// positive. A view costs nothing.
    #[must_use]
    pub fn from_bytes(graph: &Graph, bytes_per_second: f64) -> Self {
        let seconds = |op: &Op| {
            let views: TensorSet = op.views().iter().map(|view| view.result).collect();
            if op.writes().iter().all(|&id| views.contains(id)) {
                return 0.0;
            }
            let used = op.reads().iter().chain(op.writes());
            let sizes = used.filter_map(|&id| graph.tensor(id));
            let bytes: f64 = sizes.map(|tensor| tensor.layout().size() as f64).sum();
            (bytes / bytes_per_second).max(0.0)
        };
        Self(graph.ops().iter().map(seconds).collect())
    }

    /// The seconds of each operator, in the graph's order.
    #[must_use]
    pub fn seconds(&self) -> &[f64] {
        &self.0
    }
}
