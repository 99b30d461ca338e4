//! Which bytes tensors share: values survive, and results are in place where they can be.

use std::ops::Range;

use orionrt::{
    Aliasing, Graph, GraphBuilder, Lifetimes, Plan, Planner, TensorId, graph::DeviceId,
    lifetimes::Within,
};
use orionrt_testing::{
    alias_graphs::{graphs, order},
    alias_machine::{Address, Machine},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::{bytes, tensors};

/// Offsets by first fit, in the order of the tensors.
fn first_fit(lifetimes: &Lifetimes) -> Vec<u64> {
    let rows = lifetimes.rows();
    let mut offsets = vec![0u64; rows.len()];
    for (id, _, row) in lifetimes.iter().filter(|(_, _, row)| row.occupies()) {
        let others = (0..id.index()).filter(|&i| lifetimes.conflict(id, TensorId::new(i as u32)));
        let others: Vec<Range<u64>> = others
            .map(|i| offsets[i]..offsets[i] + rows[i].size)
            .collect();
        let ends = others
            .iter()
            .map(|bytes| bytes.end.next_multiple_of(row.alignment));
        let is_free = |&start: &u64| {
            let mut others = others.iter();
            others.all(|other| other.end <= start || start + row.size <= other.start)
        };
        offsets[id.index()] = ends.chain([0]).filter(is_free).min().unwrap();
    }
    for (id, _, row) in lifetimes.iter() {
        if let Some(within) = row.within {
            offsets[id.index()] = offsets[within.root.index()] + within.offset;
        }
    }
    offsets
}

pub(crate) const ALL: [Aliasing; 3] = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];

/// Executes a graph with each tensor within its root, then at the offsets of two plans.
pub(crate) fn values_survive(graph: &Graph, orders: &[Vec<usize>]) -> Result<(), TestCaseError> {
    for aliasing in ALL {
        let copies = aliasing == Aliasing::Off;
        let lifetimes = graph.lifetimes_with(aliasing);
        let rows = lifetimes.rows().iter().enumerate();
        let starts = rows.map(|(i, row)| row.within.map_or((i, 0), |w| (w.root.index(), w.offset)));
        let starts: Vec<Address> = starts.collect();
        let first_fit = Plan::new(lifetimes.clone(), first_fit(&lifetimes));
        prop_assert!(first_fit.is_ok(), "{:?}", first_fit);
        let planned = Planner::new().nodes(2000).plan(&lifetimes);
        prop_assert!(planned.is_ok(), "{:?}", planned);
        for order in orders {
            Machine::new(graph, starts.clone()).run(order, copies, false)?;
            for plan in first_fit.iter().chain(&planned) {
                let starts = plan.offsets().iter().map(|&offset| (0, offset)).collect();
                Machine::new(graph, starts).run(order, copies, true)?;
            }
        }
    }
    Ok(())
}

/// The bytes alive at a step, by the definition.
pub(crate) fn load_at(lifetimes: &Lifetimes, step: i64) -> u64 {
    let own = lifetimes.rows().iter().filter(|row| row.within.is_none());
    let alive = own.filter(|row| (row.lower..row.upper).contains(&step));
    alive.map(|row| row.size).sum()
}

fn is_view(graph: &Graph, id: TensorId) -> bool {
    let mut views = graph.ops().iter().flat_map(|op| op.views());
    views.any(|view| view.result == id)
}

/// Whether nothing can keep the result of this pair from being in place. Demands more than needed.
fn is_obvious(graph: &Graph, step: usize, result: TensorId, of: TensorId) -> bool {
    let op = &graph.ops()[step];
    let mut pairs = op.in_place().iter();
    let first = pairs.find(|pair| pair.result == result || pair.of == of);
    let size = graph.tensor(of).unwrap().layout().size();
    let mut views = graph.ops().iter().flat_map(|op| op.views());
    let mut later = graph.ops()[step + 1..].iter();
    size > 0
        && first.is_some_and(|pair| (pair.result, pair.of) == (result, of))
        && !is_view(graph, of)
        && !views.any(|view| view.of == of)
        && op.reads().iter().filter(|&&read| read == of).count() == 1
        && !later.any(|op| op.reads().contains(&of))
        && !graph.inputs().contains(&of)
        && !graph.outputs().contains(&of)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn values_survive_until_operators_and_the_caller_have_read_them(graph in graphs(1)) {
        let steps = (0..graph.ops().len()).collect();
        values_survive(&graph, &[steps])?;
    }

    #[test]
    fn values_survive_in_every_order_that_streams_allow(
        graph in graphs(3),
        picks in vec(vec(any::<Index>(), 14), 4),
    ) {
        let orders: Vec<Vec<usize>> = picks.iter().map(|picks| order(&graph, picks)).collect();
        values_survive(&graph, &orders)?;
    }

    /// So a file of them can be read back.
    #[test]
    fn lifetimes_of_graphs_pass_the_checks_for_rows(graph in graphs(1)) {
        for aliasing in ALL {
            let lifetimes = graph.lifetimes_with(aliasing);
            let rows = lifetimes.iter().map(|(_, name, row)| (name, *row));
            prop_assert_eq!(Lifetimes::from_named(rows), Ok(lifetimes.clone()));
            for (id, _, row) in lifetimes.iter() {
                let layout = graph.tensor(id).unwrap().layout();
                prop_assert_eq!(row.size, layout.size() as u64);
                let kept = row.alignment == layout.align() as u64 || row.within.is_none();
                prop_assert!(kept && row.alignment >= layout.align() as u64);
                prop_assert!(aliasing != Aliasing::Off || row.within.is_none());
                let (is_member, is_view) = (row.within.is_some(), is_view(&graph, id));
                prop_assert!(aliasing == Aliasing::Off || is_member || !is_view);
                prop_assert!(aliasing != Aliasing::Views || !is_member || is_view);
            }
        }
    }

    #[test]
    fn results_in_place_raise_the_load_of_no_step(graph in graphs(1)) {
        let [off, views, in_place] = ALL.map(|aliasing| graph.lifetimes_with(aliasing));
        let has_views = graph.ops().iter().any(|op| !op.views().is_empty());
        for step in 0..graph.ops().len() as i64 {
            prop_assert!(load_at(&in_place, step) <= load_at(&views, step));
            prop_assert!(has_views || load_at(&in_place, step) <= load_at(&off, step));
        }
        for lifetimes in [off, views, in_place] {
            for (steps, load) in lifetimes.load_profile() {
                prop_assert!(steps.into_iter().all(|step| load_at(&lifetimes, step) == load));
            }
        }
    }

    #[test]
    fn a_result_that_nothing_keeps_from_being_in_place_is(graph in graphs(1)) {
        let lifetimes = graph.lifetimes();
        let place = |id: TensorId| {
            let within = lifetimes.get(id).unwrap().within;
            within.unwrap_or(Within::new(id, 0))
        };
        for (step, op) in graph.ops().iter().enumerate() {
            for pair in op.in_place() {
                if is_obvious(&graph, step, pair.result, pair.of) {
                    prop_assert_eq!(place(pair.result), place(pair.of), "step {}", step);
                }
            }
        }
    }
}

pub(crate) fn root(lifetimes: &Lifetimes, id: TensorId) -> Option<TensorId> {
    lifetimes.get(id).unwrap().within.map(|within| within.root)
}

#[test]
fn a_chain_of_results_in_place_takes_the_bytes_of_one_tensor() {
    let mut g = GraphBuilder::new();
    let [x, a, b, c] = tensors(&mut g, ["x", "a", "b", "c"]);
    g.op("conv").reads([x]).writes([a]);
    g.op("relu").in_place(b, a);
    g.op("relu").in_place(c, b);
    let graph = g.output(c).build().unwrap();
    let lifetimes = graph.lifetimes();
    assert_eq!(
        lifetimes.rows()[1..]
            .iter()
            .map(|row| (row.lower, row.upper))
            .collect::<Vec<_>>(),
        [(0, 3), (1, 3), (2, 3)]
    );
    assert_eq!([b, c].map(|id| root(&lifetimes, id)), [Some(a); 2]);
    assert_eq!((lifetimes.load(), lifetimes.total_bytes()), (16, 16));
}

#[test]
fn a_sum_takes_the_place_of_the_operand_that_nobody_needs_any_more() {
    for kept_is_first in [true, false] {
        let mut g = GraphBuilder::new();
        let [x, skip, a, sum, end] = tensors(&mut g, ["x", "skip", "a", "sum", "end"]);
        g.op("stem").reads([x]).writes([skip]);
        g.op("conv").reads([skip]).writes([a]);
        let of = if kept_is_first { [skip, a] } else { [a, skip] };
        g.op("add").in_place(sum, of[0]).in_place(sum, of[1]);
        g.op("join").reads([sum, skip]).writes([end]);
        let lifetimes = g.output(end).build().unwrap().lifetimes();
        assert_eq!(root(&lifetimes, sum), Some(a));
    }
}

#[test]
fn bytes_that_the_caller_or_a_reader_still_needs_are_not_written_over() {
    let roots = |declare: fn(&mut GraphBuilder, [TensorId; 4])| {
        let mut g = GraphBuilder::new();
        let ids = tensors(&mut g, ["x", "y", "v", "w"]);
        declare(&mut g, ids);
        let lifetimes = g.build().unwrap().lifetimes();
        root(&lifetimes, ids[1])
    };
    // The caller needs an input before the first step, and an output after the last one.
    assert_eq!(
        roots(|g, [x, y, ..]| {
            g.op("relu").in_place(y, x);
        }),
        None
    );
    let output = |g: &mut GraphBuilder, [x, y, v, _]: [TensorId; 4]| {
        g.op("load").writes([x]);
        g.op("view").view(v, x, 0);
        g.op("relu").in_place(y, x);
        g.output(v);
    };
    assert_eq!(roots(output), None);
    // Others read the bytes: through a view made before, after or by the same operator, beside it,
    // as a second operand, or on another stream.
    let before = |g: &mut GraphBuilder, [x, y, v, w]: [TensorId; 4]| {
        g.op("load").writes([x]);
        g.op("view").view(v, x, 0);
        g.op("relu").in_place(y, x);
        g.op("late").reads([v]).writes([w]);
    };
    let after = |g: &mut GraphBuilder, [x, y, v, _]: [TensorId; 4]| {
        g.op("load").writes([x]);
        g.op("relu").in_place(y, x);
        g.op("view").view(v, x, 0);
    };
    let same = |g: &mut GraphBuilder, [x, y, v, _]: [TensorId; 4]| {
        g.op("load").writes([x]);
        g.op("relu").in_place(y, x).view(v, x, 0);
    };
    let beside = |g: &mut GraphBuilder, [x, y, v, _]: [TensorId; 4]| {
        g.op("load").writes([x]);
        g.op("view").view(v, x, 0);
        g.op("add").reads([v]).in_place(y, x);
    };
    let twice = |g: &mut GraphBuilder, [x, y, ..]: [TensorId; 4]| {
        g.op("load").writes([x]);
        g.op("matmul").reads([x, x]).in_place(y, x);
    };
    let race = |g: &mut GraphBuilder, [x, y, v, _]: [TensorId; 4]| {
        let load = g.op("load").writes([x]).id();
        g.op("other").reads([x]).writes([v]).stream(1).after([load]);
        g.op("relu").in_place(y, x);
    };
    for declare in [before, after, same, beside, twice, race] {
        assert_eq!(roots(declare), None);
    }
    let waits = |g: &mut GraphBuilder, [x, y, v, _]: [TensorId; 4]| {
        let load = g.op("load").writes([x]).id();
        let other = g
            .op("other")
            .reads([x])
            .writes([v])
            .stream(1)
            .after([load])
            .id();
        g.op("relu").in_place(y, x).after([other]);
    };
    let read = |g: &mut GraphBuilder, [x, y, v, _]: [TensorId; 4]| {
        g.op("load").writes([x]);
        g.op("view").view(v, x, 0);
        g.op("relu").in_place(y, v);
    };
    for declare in [waits, read] {
        assert_eq!(roots(declare), Some(TensorId::new(0)));
    }
}

#[test]
fn only_the_tensors_of_a_device_are_alive_in_its_lifetimes() {
    let mut g = GraphBuilder::new();
    let gpu = g.device("gpu", 256);
    let [x, y] = tensors(&mut g, ["x", "y"]);
    let [a, b] = ["a", "b"].map(|name| g.tensor_on(gpu, name, bytes(8, 4)));
    g.op("load").writes([x]);
    g.op("upload").reads([x]).writes([a]);
    g.op("slice").view(b, a, 0);
    g.op("download").reads([b]).writes([y]);
    let graph = g.output(y).build().unwrap();
    let rows = |device| {
        let lifetimes = graph.lifetimes_on(device, Aliasing::InPlace);
        [x, y, a, b].map(|id| {
            lifetimes
                .get(id)
                .map(|row| (row.upper - row.lower, row.alignment))
                .unwrap()
        })
    };
    assert_eq!(rows(DeviceId::HOST), [(2, 1), (1, 1), (0, 256), (0, 4)]);
    assert_eq!(rows(gpu), [(0, 1), (0, 1), (3, 256), (2, 4)]);
}
