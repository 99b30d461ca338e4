//! Schedules whose transfers run beside operators: the times are those of a simulation of events,
//! nothing is disturbed, and fetches at earlier steps make no schedule slower.
//!
//! ```text
//! simulated       random schedules beside a simulation of events
//! times           when the steps of schedules start and end, and why that cannot be told
//! prefetched      fetches that are moved to earlier steps
//! concatenations  operands that lie within results, and what is fetched beside them
//! weights         inputs that are fetched before their first use
//! ```

use std::{alloc::Layout, ops::Range};

use orionrt::{
    Aliasing, Graph, GraphBuilder, TensorId,
    fit::{
        CopyId, Fit, FitAction, FitSchedule, FitStep, Fitted, Memory, OperatorCosts, Overlap,
        SlowMemory, TensorCopy,
    },
    graph::OpId,
};
use orionrt_testing::fit_clock::Time;

mod concatenations;
mod prefetched;
mod simulated;
mod times;
mod weights;

fn times(overlap: &Overlap) -> Vec<Time> {
    let steps = overlap.steps().iter();
    steps.map(|step| step.start..step.end).collect()
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("small")
}

fn seconds(of: impl IntoIterator<Item = f64>) -> OperatorCosts {
    OperatorCosts::from_seconds(of).expect("not negative")
}

/// Ids of copies.
fn ids(all: &[u32]) -> Vec<CopyId> {
    all.iter().map(|&id| CopyId::new(id)).collect()
}

/// Runs the operator at this position of the graph.
fn run(op: usize, reads: &[u32], writes: &[u32]) -> FitStep {
    FitStep::new(
        FitAction::Run(OpId::from_index(op)),
        ids(reads),
        ids(writes),
    )
}

fn fast(tensor: TensorId, steps: Range<usize>, offset: u64) -> TensorCopy {
    TensorCopy::new(tensor, Memory::Fast, steps, offset)
}

fn slow(tensor: TensorId, steps: Range<usize>, offset: u64) -> TensorCopy {
    TensorCopy::new(tensor, Memory::Slow, steps, offset)
}

/// `p` is spilled, and fetched into its place in `r`, which begins at `start`.
fn fetched_to_its_place(start: u64, capacity: u64) -> (Graph, Fit, FitSchedule) {
    let mut g = GraphBuilder::new();
    let [x, p, q, y] = ["x", "p", "q", "y"].map(|name| g.tensor(name, bytes(10)));
    let [b, r] = ["b", "r"].map(|name| g.tensor(name, bytes(20)));
    g.op("make p").reads([x]).writes([p]);
    g.op("make b").reads([x]).writes([b]);
    g.op("make q").reads([b]).writes([q]);
    g.op("join").part(p, r, 0).part(q, r, 10);
    g.op("end").reads([r]).writes([y]);
    let graph = g.output(y).build().expect("five operators");
    let memory = SlowMemory::new(10, 10.0);
    let fit = Fit::within(capacity).slow(memory).aliasing(Aliasing::Parts);
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..3, 0),
            fast(p, 0..2, 10),
            slow(p, 1..5, 0),
            fast(b, 2..4, 10),
            fast(q, 3..6, start + 10),
            fast(p, 4..6, start),
            fast(r, 5..7, start),
            fast(y, 6..7, 0),
        ],
        steps: vec![
            run(0, &[0], &[1]),
            FitStep::new(FitAction::Spill(p), ids(&[1]), ids(&[2])),
            run(1, &[0], &[3]),
            run(2, &[3], &[4]),
            FitStep::new(FitAction::Fetch(p), ids(&[2]), ids(&[5])),
            run(3, &[5, 4], &[6]),
            run(4, &[6], &[7]),
        ],
        inputs: vec![Some(CopyId::new(0))],
        outputs: ids(&[7]),
    };
    schedule.check(&graph, &fit).expect("a right schedule");
    (graph, fit, schedule)
}

/// The plans of both memories have the copies where and when the schedule has them.
fn assert_same_places(fitted: &Fitted) {
    let plans = [
        (Memory::Fast, fitted.fast_plan()),
        (Memory::Slow, fitted.slow_plan()),
    ];
    for (memory, plan) in plans {
        let copies = fitted.schedule().copies.iter();
        let copies: Vec<_> = copies.filter(|copy| copy.memory == memory).collect();
        let offsets: Vec<u64> = copies.iter().map(|copy| copy.offset).collect();
        assert_eq!(plan.offsets(), offsets);
        for (copy, (_, _, row)) in copies.iter().zip(plan.lifetimes().iter()) {
            assert_eq!(copy.steps.end as i64, row.upper);
            // The row of a result has the steps of its operands as well.
            assert!(row.lower <= copy.steps.start as i64);
        }
    }
    assert_eq!(fitted.load(), fitted.fast_plan().load());
}
