//! Whole models, executed symbolically in their plans: every byte of memory holds the name of its
//! value.
//!
//! A value is a tensor and a position in it; the bytes of a view have the values of the tensor that
//! it is a part of. An operator checks that each operand's bytes hold their values, then writes the
//! values of its results. That shares nothing with the code that computes lifetimes.

use orionrt::{Aliasing, Graph, Plan, Planner, TensorId};
use orionrt_test_models::{mobilenet, tiny, transformer, unet};

use super::*;

/// The memory, with the value that each byte holds.
struct Machine<'p> {
    graph: &'p Graph,
    plan: &'p Plan,
    /// For each tensor, the tensor that is not a view and has its bytes, and its offset there.
    origins: Vec<(TensorId, u64)>,
    memory: Vec<Option<(TensorId, u64)>>,
}

impl<'p> Machine<'p> {
    fn new(graph: &'p Graph, plan: &'p Plan) -> Self {
        let mut origins: Vec<_> = graph.tensors().map(|(id, _)| (id, 0)).collect();
        for view in graph.ops().iter().flat_map(|op| op.views()) {
            let (origin, start) = origins[view.of.index()];
            origins[view.result.index()] = (origin, start + view.offset);
        }
        Self {
            graph,
            plan,
            origins,
            memory: vec![None; plan.peak() as usize],
        }
    }

    fn range(&self, tensor: TensorId) -> std::ops::Range<usize> {
        let start = self.plan.offset(tensor).unwrap() as usize;
        start..start + self.graph.tensor(tensor).unwrap().layout().size()
    }

    fn holds(&self, tensor: TensorId) -> bool {
        let (origin, start) = self.origins[tensor.index()];
        let values = (start..).map(|byte| Some((origin, byte)));
        let bytes = self.memory[self.range(tensor)].iter();
        bytes
            .copied()
            .zip(values)
            .all(|(byte, value)| byte == value)
    }

    fn write(&mut self, tensor: TensorId) {
        let (origin, start) = self.origins[tensor.index()];
        let range = self.range(tensor);
        let values = (start..).map(|byte| Some((origin, byte)));
        for (byte, value) in self.memory[range].iter_mut().zip(values) {
            *byte = value;
        }
    }

    /// Whether writing the result leaves the operands intact that it may not overwrite.
    fn spares(&self, step: usize, result: TensorId) -> bool {
        let op = &self.graph.ops()[step];
        let range = self.range(result);
        op.reads().iter().all(|&read| {
            let other = self.range(read);
            let is_apart = range.end <= other.start || other.end <= range.start;
            let may_overwrite = op
                .in_place()
                .iter()
                .any(|pair| pair.result == result && pair.of == read);
            is_apart || other.is_empty() || may_overwrite && range == other
        })
    }

    fn run(mut self) -> Result<(), String> {
        let name = |id| self.graph.tensor(id).unwrap().name();
        for &input in self.graph.inputs() {
            self.write(input);
        }
        for (step, op) in self.graph.ops().iter().enumerate() {
            if let Some(&lost) = op.reads().iter().find(|&&read| !self.holds(read)) {
                return Err(format!(
                    "{} reads {}, which is not there",
                    op.name(),
                    name(lost)
                ));
            }
            for &result in op.writes() {
                let is_there =
                    op.views().iter().any(|view| view.result == result) && self.holds(result);
                if !is_there && !self.spares(step, result) {
                    return Err(format!(
                        "{} writes {} over an operand",
                        op.name(),
                        name(result)
                    ));
                }
                if !is_there {
                    self.write(result);
                }
            }
            if let Some(&lost) = op.writes().iter().find(|&&written| !self.holds(written)) {
                return Err(format!("{} writes {} twice", op.name(), name(lost)));
            }
        }
        match self
            .graph
            .outputs()
            .iter()
            .find(|&&output| !self.holds(output))
        {
            Some(&lost) => Err(format!("the output {} is not there", name(lost))),
            None => Ok(()),
        }
    }
}

fn models() -> Vec<(&'static str, Vec<u8>)> {
    let transformer = transformer::Layout {
        vocabulary: 10,
        sequence: 8,
        width: 32,
        heads: 2,
        inside: 48,
        layers: 2,
        seed: 1,
    };
    let unet = unet::Layout {
        side: 16,
        levels: vec![2, 4, 8],
        classes: 1,
        seed: 1,
    };
    let mobilenet = mobilenet::Layout {
        side: 32,
        stem: 4,
        head: 16,
        classes: 10,
        ..Default::default()
    };
    vec![
        ("transformer", transformer::file(&transformer)),
        ("unet", unet::file(&unet)),
        ("mobilenet", mobilenet::file(&mobilenet)),
        ("tiny", tiny::file()),
    ]
}

#[test]
fn whole_models_find_every_operand_intact() {
    for (name, bytes) in models() {
        for alignment in [1, 64] {
            let options = OnnxOptions {
                alignment,
                ..Default::default()
            };
            let graph = load_bytes(&bytes, &options).unwrap().graph;
            let loads = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace].map(|aliasing| {
                let lifetimes = graph.lifetimes_with(aliasing);
                let plan = Planner::new().nodes(1000).plan(&lifetimes).unwrap();
                let run = Machine::new(&graph, &plan).run();
                assert_eq!(run, Ok(()), "{name}, {aliasing:?}, alignment {alignment}");
                lifetimes.load()
            });
            assert!(loads[2] <= loads[1], "{name}: {loads:?}");
        }
    }
}

/// A negative control: the machine notices such an error.
#[test]
fn a_result_written_over_an_operand_that_is_still_needed_is_noticed() {
    let nodes = [
        node("Relu", &["x"], &["a"]),
        node("Exp", &["a"], &["b"]),
        node("Add", &["a", "b"], &["y"]),
    ];
    let graph = load_graph(graph(&[value("x", FLOAT, &["16"])], &nodes, "y"), &[])
        .unwrap()
        .graph;
    let rows = graph.lifetimes_with(Aliasing::Off);
    let planned = Planner::new().plan(&rows).unwrap();
    assert_eq!(Machine::new(&graph, &planned).run(), Ok(()));
    // As if `a` were last read by `exp`.
    let named = rows.iter().map(|(_, name, row)| {
        let mut row = *row;
        row.upper = if name == "a" { 1 } else { row.upper };
        (name.to_string(), row)
    });
    let rows = orionrt::Lifetimes::from_named(named).unwrap();
    // The offsets of x, a, b and y: `b` lies over `a`.
    let wrong = Plan::new(rows, vec![0, 64, 64, 0]).unwrap();
    let run = Machine::new(&graph, &wrong).run();
    assert_eq!(run, Err("Add_y reads a, which is not there".into()));
}
