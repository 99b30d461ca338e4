//! Graphs with views, results in place and concatenations, and what to fit them into: less than
//! they need at once, by one means or two, at costs that are known.

use std::ops::{Range, RangeInclusive};

use orionrt_plan::{
    Aliasing, Graph, GraphBuilder, TensorId,
    fit::{Codec, Compression, Fit, FitSchedule, Memory, OperatorCosts, SlowMemory},
};
use proptest::{prelude::*, sample::select};

use crate::{graphs::sharing_graphs, joining_graphs::joining_graphs};

/// The steps that the search may visit: few, for there are many graphs.
const WORK: u64 = 20_000;

/// A graph and what to fit it into, with the costs that [`Fit`] does not show.
#[derive(Clone, Debug)]
pub struct FitInstance {
    /// The graph.
    pub graph: Graph,
    /// What to fit it into.
    pub fit: Fit,
    /// The slow memory of `fit`.
    pub slow: Option<SlowMemory>,
    /// What it costs to rerun each operator, with `fit`.
    pub costs: OperatorCosts,
    /// How tensors are compressed, with `fit`.
    pub compression: Compression,
}

/// The graph with all inputs donated, if it is one then.
fn donated(graph: Graph) -> Graph {
    let inputs = graph.inputs().to_vec();
    let mut g = GraphBuilder::from(graph.clone());
    let g = inputs.into_iter().fold(&mut g, GraphBuilder::donate);
    g.build().unwrap_or(graph)
}

/// Costs that differ between operators, one of which may not be rerun.
fn different_costs(graph: &Graph) -> OperatorCosts {
    let ops = graph.ops().len();
    let cost = |op: usize| match op % 7 {
        5 => f64::INFINITY,
        other => 1.0 + other as f64,
    };
    OperatorCosts::from_seconds((0..ops).map(cost)).expect("positive numbers")
}

/// No compression, or one that treats tensors in different ways.
fn compressions(graph: &Graph, kind: u8) -> Compression {
    let all = Codec::with_ratio(2.5, 2.0).expand_bytes_per_second(3.0);
    let two = [0, 2].map(TensorId::new);
    let [first, third] = two;
    let known = two.iter().all(|&id| graph.tensor(id).is_some());
    match kind {
        1 => Compression::all(all),
        2 if known => Compression::all(all)
            .never(first)
            .tensor(third, Codec::with_bytes(2, 0.5)),
        _ => Compression::new(),
    }
}

/// Graphs of up to 14 operators and the memories to fit them into.
pub fn fit_instances() -> impl Strategy<Value = FitInstance> {
    let aliasing = select(vec![
        Aliasing::Off,
        Aliasing::Views,
        Aliasing::InPlace,
        Aliasing::Parts,
    ]);
    let graph = prop_oneof![
        sharing_graphs(14, 12),
        sharing_graphs(14, 12).prop_map(donated),
        joining_graphs(14),
    ];
    instances(graph, aliasing, 3..=10, [0..3, 0..3])
}

/// Graphs with concatenations whose operands lie within the results, which mostly fit, with a slow
/// memory from which some inputs are fetched.
pub fn roomy_fit_instances() -> impl Strategy<Value = FitInstance> {
    let graph = joining_graphs(14);
    instances(graph, Just(Aliasing::Parts), 8..=15, [1..3, 1..4])
}

/// Instances of graphs, with capacities in tenths of their loads. There is no slow memory in the
/// first of three ways, and no recomputation in the second. So many of three inputs are stored.
fn instances(
    graph: impl Strategy<Value = Graph>,
    aliasing: impl Strategy<Value = Aliasing>,
    tenths: RangeInclusive<u64>,
    [ways, stored]: [Range<u8>; 2],
) -> impl Strategy<Value = FitInstance> {
    let memories = (tenths, 1..4u32, 1..4u32, ways);
    let options = (any::<bool>(), stored, aliasing, any::<bool>(), 0..5u8);
    (graph, memories, options).prop_map(|(graph, memories, options)| {
        let (part, write, read, ways) = memories;
        let (reorder, stored, aliasing, has_costs, compression) = options;
        let capacity = graph.lifetimes_with(aliasing).load() * part / 10;
        let slow = SlowMemory::new(if ways == 2 { 40 } else { 4000 }, read.into());
        let slow = slow.write_bytes_per_second(write.into());
        let fit = Fit::within(capacity).reorder(reorder).aliasing(aliasing);
        let mut fit = fit.work(WORK);
        let compression = compressions(&graph, compression);
        fit = fit.recompute(ways != 1).compression(compression.clone());
        if ways != 0 {
            let inputs = graph.inputs().iter().copied();
            let stored = inputs.filter(|id| id.index() % 3 < usize::from(stored));
            fit = fit.slow(slow).stored(stored);
        }
        let mut costs = OperatorCosts::from_bytes(&graph, OperatorCosts::BYTES_PER_SECOND);
        if has_costs {
            costs = different_costs(&graph);
            fit = fit.costs(costs.clone());
        }
        FitInstance {
            graph,
            fit,
            slow: (ways != 0).then_some(slow),
            costs,
            compression,
        }
    })
}

/// The bytes that a schedule uses of the fast and of the slow memory.
pub fn sizes_of(schedule: &FitSchedule, graph: &Graph) -> [usize; 2] {
    let end = |memory| {
        let copies = schedule.copies.iter().filter(|copy| copy.memory == memory);
        let ends = copies.map(|copy| (copy.offset + copy.bytes(graph)) as usize);
        ends.max().unwrap_or(0)
    };
    [end(Memory::Fast), end(Memory::Slow)]
}
