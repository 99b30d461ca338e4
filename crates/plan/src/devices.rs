//! One plan for each device of a graph.
//!
//! Stands on plans and the planner. Tensors of different devices never share bytes, so each device
//! is planned by itself, at its own alignment, over the lifetimes that its tensors have in the
//! execution of the whole graph. Invariant: plan *i* is that of device *i* and has all tensors of
//! the graph under their ids; tensors of other devices are never alive in it.
//!
//! ```text
//! host   x ──┐                      ┌── y        a region of host memory
//!         upload                 download        copies are operators: they read here, write there
//! gpu        └─► a ─► b ─► c ───────┘            a region of GPU memory, all at multiples of 256
//! ```

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use crate::graph::{Device, DeviceId, Graph};
use crate::lifetimes::{Aliasing, Lifetime};
use crate::planner::Planner;
use crate::{plan::Plan, planner::PlannerError};

/// The plans of a graph's devices. Made by [`Planner::plan_devices`].
///
/// Shown with `{}`, it has a line for each device: how many tensors have bytes of their own, the
/// sum of their sizes, the peak and the lower bound, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePlans {
    plans: Vec<(Device, Plan)>,
}

/// A device that could not be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceError {
    /// The device's name.
    pub device: String,
    /// Why the device has no plan.
    pub error: Box<PlannerError>,
}

impl Planner {
    /// Plans each device of a graph by itself. The capacity and the limits of this planner hold for
    /// each device. To plan each device with a planner of its own, use [`DevicePlans::new`].
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{graph::DeviceId, Aliasing, GraphBuilder, Planner};
    ///
    /// let mut g = GraphBuilder::new();
    /// let gpu = g.device("gpu", 256);
    /// let bytes = Layout::from_size_align(1000, 4)?;
    /// let [x, y] = ["x", "y"].map(|name| g.tensor(name, bytes));
    /// let [a, b, c] = ["a", "b", "c"].map(|name| g.tensor_on(gpu, name, bytes));
    /// g.op("upload").reads([x]).writes([a]);
    /// g.op("conv").reads([a]).writes([b]);
    /// g.op("conv").reads([b]).writes([c]);
    /// g.op("download").reads([c]).writes([y]);
    /// let plans = Planner::new().plan_devices(&g.output(y).build()?, Aliasing::InPlace)?;
    ///
    /// let on_gpu = plans.get(gpu).expect("it is a device of the graph");
    /// assert_eq!((on_gpu.peak(), on_gpu.offset(b)), (2024, Some(1024)));
    /// assert_eq!(plans.get(DeviceId::HOST).map(|plan| plan.peak()), Some(1000));
    /// println!("{plans}");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The first device that could not be planned, and why; see [`PlannerError`].
    pub fn plan_devices(
        &self,
        graph: &Graph,
        aliasing: Aliasing,
    ) -> Result<DevicePlans, DeviceError> {
        DevicePlans::new(graph, aliasing, |_, _| self.clone())
    }
}

impl DevicePlans {
    /// Plans each device of a graph with the planner that `planner` returns for it, which may have
    /// a capacity of its own, say.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{devices::DevicePlans, graph::DeviceId, Aliasing, GraphBuilder, Planner};
    ///
    /// let mut g = GraphBuilder::new();
    /// let gpu = g.device("gpu", 256);
    /// let x = g.tensor_on(gpu, "x", Layout::new::<[f32; 1024]>());
    /// g.op("fill").writes([x]);
    /// let graph = g.output(x).build()?;
    /// let plans = DevicePlans::new(&graph, Aliasing::InPlace, |device, _| match device {
    ///     DeviceId::HOST => Planner::new(),
    ///     _ => Planner::new().capacity(1 << 10),
    /// });
    /// assert_eq!(plans.unwrap_err().device, "gpu");           // it needs 4096 bytes
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The first device that could not be planned, and why; see [`PlannerError`].
    pub fn new(
        graph: &Graph,
        aliasing: Aliasing,
        mut planner: impl FnMut(DeviceId, &Device) -> Planner,
    ) -> Result<Self, DeviceError> {
        let plans = graph.devices().map(|(id, device)| {
            let planner = planner(id, device);
            let plan = planner.plan(&graph.lifetimes_on(id, aliasing));
            let refused = |error: PlannerError| DeviceError {
                device: device.name().to_string(),
                error: error.into(),
            };
            Ok((device.clone(), plan.map_err(refused)?))
        });
        let plans = plans.collect::<Result<_, _>>()?;
        Ok(Self { plans })
    }

    /// The plan of a device; `None` if the graph does not have the device.
    #[must_use]
    pub fn get(&self, device: DeviceId) -> Option<&Plan> {
        self.plans.get(device.index()).map(|(_, plan)| plan)
    }

    /// All devices and their plans, the host first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Device, &Plan)> {
        self.plans.iter().map(|(device, plan)| (device, plan))
    }
}

impl fmt::Display for DevicePlans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:16} {:>8} {:>16} {:>16} {:>16}",
            "device", "tensors", "sum", "peak", "lower bound"
        )?;
        for (device, plan) in self.iter() {
            let rows = plan.lifetimes().rows().iter();
            let own = rows.filter(|row| row.occupies());
            let total: u64 = own.clone().map(|row: &Lifetime| row.size).sum();
            writeln!(
                f,
                "{:16} {:>8} {:>16} {:>16} {:>16}",
                device.name(),
                own.count(),
                total,
                plan.peak(),
                plan.lower_bound()
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device '{}': {}", self.device, self.error)
    }
}

impl core::error::Error for DeviceError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&*self.error)
    }
}
