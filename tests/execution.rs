//! `Graph::schedule`: an executor that follows it never allocates bytes that are in use, finds all
//! operands as they were written, and frees every tensor once, as early as can be.
//!
//! The executor here runs on real slots. It knows the values of all tensors from what the operators
//! say of themselves, and looks at each operand before an operator runs.

use std::{
    alloc::Layout,
    collections::{BTreeMap, BTreeSet},
};

use orionrt::{
    Aliasing, Arena, Graph, GraphBuilder, Planner, TensorId, TensorPool,
    execution::{ExecutionSchedule, ScheduledOp},
    graph::{DeviceId, OpId},
    slots::SlotBox,
};
use orionrt_testing::{alias_graphs, donated::updating, flow_graphs, flow_oracle::traces};
use proptest::prelude::*;

const ALL: [Aliasing; 3] = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];

type Pool<'a> = TensorPool<&'a Arena>;

/// What an executor holds, and the value that each tensor must have.
struct Executor<'p> {
    graph: &'p Graph,
    schedule: &'p ExecutionSchedule,
    pool: &'p Pool<'p>,
    held: BTreeMap<TensorId, SlotBox<u8, &'p Pool<'p>>>,
    values: BTreeMap<TensorId, Vec<u8>>,
    writes: usize,
}

impl<'p> Executor<'p> {
    /// The executor when the caller has filled the inputs.
    fn new(graph: &'p Graph, schedule: &'p ExecutionSchedule, pool: &'p Pool<'p>) -> Self {
        let (held, values) = Default::default();
        let mut executor = Self {
            graph,
            schedule,
            pool,
            held,
            values,
            writes: 0,
        };
        for &input in schedule.inputs() {
            executor.allocate(input);
            executor.write_new(input);
        }
        executor
    }

    fn allocate(&mut self, root: TensorId) {
        let bytes = self.pool.filled(root, 0xaa).expect("nobody has its bytes");
        assert!(self.held.insert(root, bytes).is_none(), "{root} is held");
    }

    fn free(&mut self, root: TensorId) {
        assert!(self.held.remove(&root).is_some(), "{root} is not held");
    }

    /// The bytes of a tensor within those of its root.
    fn bytes(&mut self, id: TensorId) -> &mut [u8] {
        let place = self.schedule.place(id).expect("of the graph");
        let size = self.graph.tensor(id).expect("of the graph").layout().size();
        let root = self.held.get_mut(&place.root).expect("its root is held");
        &mut root[place.offset as usize..][..size]
    }

    fn write(&mut self, id: TensorId, value: Vec<u8>) {
        self.bytes(id).copy_from_slice(&value);
        self.values.insert(id, value);
    }

    fn write_new(&mut self, id: TensorId) {
        self.writes += 1;
        let first = self.writes * 7;
        let size = self.bytes(id).len();
        self.write(id, (first..first + size).map(|byte| byte as u8).collect());
    }

    fn check(&mut self, id: TensorId) {
        let value = self.values[&id].clone();
        assert_eq!(self.bytes(id), value, "{id}");
    }

    /// Runs an operator whose roots are held.
    fn run(&mut self, scheduled: ScheduledOp<'_>) {
        let op = &self.graph.ops()[scheduled.id().index()];
        op.reads().iter().for_each(|&read| self.check(read));
        let parts = op.views().iter().map(|view| {
            let size = self.graph.tensor(view.result).unwrap().layout().size();
            let part = &self.values[&view.of][view.offset as usize..][..size];
            (view.result, part.to_vec())
        });
        let parts: BTreeMap<TensorId, Vec<u8>> = parts.collect();
        for &result in op.writes() {
            let mut transfers = scheduled.transfers().iter();
            let transfer = transfers.find(|transfer| transfer.result == result);
            let of = transfer.map(|transfer| self.schedule.place(transfer.of).unwrap().root);
            let root = self.schedule.place(result).unwrap().root;
            let mut aliases = self.graph.output_aliases().iter();
            let in_input = aliases.any(|alias| alias.input == root);
            assert!(
                of.map_or(root == result || in_input, |of| of == root),
                "{result}"
            );
            match parts.get(&result) {
                None => self.write_new(result),
                Some(part) if transfer.is_none() => self.write(result, part.clone()),
                Some(part) => drop(self.values.insert(result, part.clone())),
            }
        }
        op.writes().iter().for_each(|&result| self.check(result));
    }

    /// The caller reads the outputs and frees them.
    fn finish(mut self) {
        let outputs = self.graph.outputs().iter();
        outputs.for_each(|&output| self.check(output));
        let held: Vec<TensorId> = self.held.keys().copied().collect();
        assert_eq!(held, self.schedule.outputs());
        self.held.clear();
        let mut all = self.graph.tensors();
        assert!(all.all(|(id, _)| !self.pool.is_live(id)));
    }
}

fn with_pool(schedule: &ExecutionSchedule, run: impl Fn(&Pool<'_>)) {
    let plan = Planner::new().nodes(200).plan(schedule.lifetimes());
    let arena = Arena::builder().capacity(1 << 16).build().unwrap();
    let pool = TensorPool::new(&arena, &plan.unwrap()).unwrap();
    run(&pool);
}

/// Whether an operator from a step on uses a part of a root.
fn is_used_from(graph: &Graph, schedule: &ExecutionSchedule, step: usize, root: TensorId) -> bool {
    let used = graph.ops()[step..]
        .iter()
        .flat_map(|op| op.reads().iter().chain(op.writes()));
    let mut roots = used.map(|&id| schedule.place(id).unwrap().root);
    roots.any(|used| used == root)
}

/// Runs all operators one after another.
fn run_in_order(graph: &Graph, schedule: &ExecutionSchedule) {
    with_pool(schedule, |pool| {
        let mut executor = Executor::new(graph, schedule, pool);
        let mut seen: BTreeSet<TensorId> = schedule.inputs().iter().copied().collect();
        for op in schedule.ops() {
            for &root in op.allocates() {
                executor.allocate(root);
                assert!(seen.insert(root), "{root} is allocated twice");
            }
            executor.run(op);
            assert!(executor.held.keys().all(|&root| op.holds(root)));
            op.frees().iter().for_each(|&root| executor.free(root));
            let next = op.id().index() + 1;
            for root in executor.held.keys() {
                let is_output = schedule.outputs().contains(root);
                assert!(is_output || is_used_from(graph, schedule, next, *root));
            }
        }
        executor.finish();
    });
}

/// Runs the operators of a path.
fn run_path(executor: &mut Executor<'_>, schedule: &ExecutionSchedule, path: &[usize]) {
    for &step in path {
        let op = schedule.op(OpId::new(step as u32)).unwrap();
        executor.held.retain(|&root, _| op.holds(root));
        for root in op.allocates() {
            if !executor.held.contains_key(root) {
                executor.allocate(*root);
            }
        }
        executor.run(op);
        op.frees().iter().for_each(|&root| executor.free(root));
    }
    let outputs = schedule.outputs();
    executor.held.retain(|root, _| outputs.contains(root));
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 20_000,
        ..ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 60 })
    })]

    #[test]
    fn an_executor_that_follows_the_schedule_has_all_it_needs(graph in alias_graphs::graphs(1)) {
        for aliasing in ALL {
            run_in_order(&graph, &graph.schedule_with(aliasing));
        }
    }

    #[test]
    fn operators_of_several_streams_can_run_one_after_another(graph in alias_graphs::graphs(3)) {
        for aliasing in ALL {
            run_in_order(&graph, &graph.schedule_with(aliasing));
        }
    }

    #[test]
    fn donated_inputs_and_those_with_a_new_value_are_held_as_long_as_needed(
        graph in updating(alias_graphs::graphs(1)),
    ) {
        for aliasing in ALL {
            run_in_order(&graph, &graph.schedule_with(aliasing));
        }
    }

    #[test]
    fn every_path_through_branches_and_loops_has_all_it_needs(
        graph in prop_oneof![flow_graphs::graphs(), updating(flow_graphs::graphs())],
    ) {
        let paths = traces(&graph, 2, 100);
        prop_assume!(paths.is_some());
        for aliasing in ALL {
            let schedule = graph.schedule_with(aliasing);
            with_pool(&schedule, |pool| {
                for path in paths.iter().flatten() {
                    let mut executor = Executor::new(&graph, &schedule, pool);
                    run_path(&mut executor, &schedule, path);
                    executor.finish();
                }
            });
        }
    }
}

fn tensors<const N: usize>(g: &mut GraphBuilder, names: [&str; N]) -> [TensorId; N] {
    names.map(|name| g.tensor(name, Layout::new::<[u8; 8]>()))
}

#[test]
fn a_tensor_that_one_branch_reads_is_freed_on_the_way_into_the_other() {
    let mut g = GraphBuilder::new();
    let [x, t, y] = tensors(&mut g, ["x", "t", "y"]);
    g.op("init").reads([x]).writes([t]);
    let start = g.next_op();
    g.op("with t").reads([t]).writes([y]);
    let middle = g.next_op();
    g.op("without").writes([y]);
    let end = g.next_op();
    let graph = g
        .exclusive([start..middle, middle..end])
        .output(y)
        .build()
        .unwrap();
    let schedule = graph.schedule();
    let holds: Vec<bool> = schedule.ops().map(|op| op.holds(t)).collect();
    assert_eq!(holds, [true, true, false]);
    let frees: Vec<&[TensorId]> = schedule.ops().map(|op| op.frees()).collect();
    assert_eq!(frees, [&[] as &[_], &[], &[]], "it depends on the path");
}

#[test]
fn a_schedule_on_a_device_has_the_tensors_of_that_device() {
    let mut g = GraphBuilder::new();
    let gpu = g.device("gpu", 256);
    let [x, y] = tensors(&mut g, ["x", "y"]);
    let [a, b] = ["a", "b"].map(|name| g.tensor_on(gpu, name, Layout::new::<[u8; 8]>()));
    g.op("upload").reads([x]).writes([a]);
    g.op("relu").in_place(b, a);
    g.op("download").reads([b]).writes([y]);
    let graph = g.output(y).build().unwrap();
    let of = |device| {
        let schedule = graph.schedule_on(device, Aliasing::InPlace);
        let ops = schedule.ops().map(|op| {
            let transfers = op.transfers().len();
            (op.allocates().to_vec(), transfers, op.frees().to_vec())
        });
        let ends = [schedule.inputs(), schedule.outputs()].map(<[_]>::to_vec);
        (ends, ops.collect::<Vec<_>>())
    };
    let none = Vec::new;
    let host = vec![
        (none(), 0, vec![x]),
        (none(), 0, none()),
        (vec![y], 0, none()),
    ];
    assert_eq!(of(DeviceId::HOST), ([vec![x], vec![y]], host));
    let device = vec![
        (vec![a], 0, none()),
        (none(), 1, none()),
        (none(), 0, vec![a]),
    ];
    assert_eq!(of(gpu), ([none(), none()], device));
}

#[test]
fn a_transfer_says_which_operand_gives_its_bytes() {
    let mut g = GraphBuilder::new();
    let [x, a, b, sum, flat] = tensors(&mut g, ["x", "a", "b", "sum", "flat"]);
    g.op("load").reads([x]).writes([a, b]);
    // `a` is read again, so that `sum` is written over `b`.
    g.op("add")
        .in_place(sum, a)
        .in_place(sum, b)
        .in_place(sum, b);
    g.op("reshape").view(flat, sum, 0).reads([a]);
    let graph = g.output(flat).build().unwrap();
    let of = |aliasing| {
        let schedule = graph.schedule_with(aliasing);
        let transfers = schedule.ops().flat_map(|op| op.transfers().to_vec());
        let pairs = transfers.map(|transfer| (transfer.of, transfer.result, transfer.is_in_place));
        pairs.collect::<Vec<_>>()
    };
    assert_eq!(of(Aliasing::InPlace), [(b, sum, true), (sum, flat, false)]);
    assert_eq!(of(Aliasing::Views), [(sum, flat, false)]);
    assert_eq!(of(Aliasing::Off), []);
}

#[test]
fn graphs_without_operators_or_tensors_have_empty_schedules() {
    let empty = GraphBuilder::new().build().unwrap().schedule();
    assert_eq!((empty.ops().len(), empty.inputs().len()), (0, 0));
    assert!(empty.op(OpId::new(0)).is_none() && empty.place(TensorId::new(0)).is_none());
    let mut g = GraphBuilder::new();
    let [x, unused] = tensors(&mut g, ["x", "unused"]);
    let schedule = g.input(x).output(x).build().unwrap().schedule();
    assert_eq!(
        (schedule.inputs(), schedule.outputs()),
        (&[x][..], &[x][..])
    );
    assert_eq!(schedule.place(unused).unwrap().root, unused);
}

#[test]
fn the_executor_of_the_page_takes_under_60_lines() {
    let page = include_str!("../docs/slots.md");
    let mut blocks = page.split("```rust\n").skip(1);
    let block = blocks
        .find(|block| block.contains("impl Executor"))
        .expect("it is there");
    let code = block.split("```").next().unwrap_or_default();
    let shown = code.lines().filter(|line| !line.starts_with('#')).count();
    assert!(shown < 60, "{shown} lines");
}
