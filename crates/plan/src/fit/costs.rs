//! What it costs to rerun each operator.
//!
//! Stands on [`Graph`]. Invariant: there is one number of seconds for each operator, not negative
//! and not NaN.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

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

    /// The floating-point operations of each operator over so many in a second, which is positive.
    /// An infinite number forbids to rerun the operator. `None` as for
    /// [`from_seconds`](Self::from_seconds).
    ///
    /// ```
    /// use orionrt_plan::fit::OperatorCosts;
    /// let costs = OperatorCosts::from_flops([2e9, 5e8], 1e9).expect("positive numbers");
    /// assert_eq!(costs.seconds(), [2.0, 0.5]);
    /// ```
    #[must_use]
    pub fn from_flops(flops: impl IntoIterator<Item = f64>, flops_per_second: f64) -> Option<Self> {
        let seconds = flops.into_iter().map(|flops| flops / flops_per_second);
        Self::from_seconds(seconds)
    }

    /// These costs, with the seconds that a table has for operators of `graph`, by name. A name
    /// that several operators have is that of each of them. An infinite number forbids to rerun the
    /// operator. These costs must be those of `graph`; operators without one are left out.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{GraphBuilder, fit::OperatorCosts};
    /// let mut g = GraphBuilder::new();
    /// let [x, y, z] = ["x", "y", "z"].map(|name| g.tensor(name, Layout::new::<[u8; 500]>()));
    /// g.op("relu").reads([x]).writes([y]);
    /// g.op("conv").reads([y]).writes([z]);
    /// let graph = g.output(z).build()?;
    /// let estimated = OperatorCosts::from_bytes(&graph, 1000.0);
    /// let costs = estimated.clone().with_named(&graph, [("conv", 7.5)])?;
    /// assert_eq!(costs.seconds(), [1.0, 7.5]);
    /// let error = estimated.with_named(&graph, [("pool", 1.0)]).unwrap_err();
    /// assert_eq!(error.to_string(), "no operator of the graph has the name 'pool'");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If no operator has a name, if a name comes twice, or if seconds are negative or NaN.
    pub fn with_named<'n>(
        mut self,
        graph: &Graph,
        table: impl IntoIterator<Item = (&'n str, f64)>,
    ) -> Result<Self, CostError> {
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, op) in graph.ops().iter().enumerate() {
            named.entry(op.name()).or_default().push(at);
        }
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (name, seconds) in table {
            let owned = || name.to_string();
            let is_valid = seconds >= 0.0;
            if !is_valid {
                let name = owned();
                return Err(CostError::Seconds { name, seconds });
            }
            let Some(ops) = named.get(name) else {
                return Err(CostError::UnknownOperator { name: owned() });
            };
            if !seen.insert(name) {
                return Err(CostError::Repeated { name: owned() });
            }
            for &op in ops {
                if let Some(cost) = self.0.get_mut(op) {
                    *cost = seconds;
                }
            }
        }
        Ok(self)
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

/// Why a table of costs was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CostError {
    /// No operator of the graph has this name.
    UnknownOperator {
        /// The name.
        name: String,
    },
    /// The table has a name twice.
    Repeated {
        /// The name.
        name: String,
    },
    /// A number of seconds is negative or NaN.
    Seconds {
        /// The name of the operator.
        name: String,
        /// The number.
        seconds: f64,
    },
}

impl fmt::Display for CostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOperator { name } => {
                write!(f, "no operator of the graph has the name '{name}'")
            }
            Self::Repeated { name } => write!(f, "operator '{name}' has two costs"),
            Self::Seconds { name, seconds } => write!(
                f,
                "operator '{name}' takes {seconds} s; expected a number that is not negative"
            ),
        }
    }
}

impl core::error::Error for CostError {}
