//! Whole models, executed in their plans with a name for the value of every byte.
//!
//! A byte of a tensor is known by that tensor and its position; a view's are those of what it is a view of. An operator needs each operand's
//! bytes to be there still, then marks its results'. That shares nothing with how lifetimes come about.

#![allow(
    clippy::duplicate_mod,
    reason = "each example has the writer of files as a module of its own"
)]

use orionrt::{Aliasing, Plan, Planner, TensorId};

use super::*;

#[path = "../../../../examples/mobilenet/model.rs"]
mod mobilenet;
#[path = "../../../../examples/transformer/model.rs"]
mod transformer;
#[path = "../../../../examples/unet/model.rs"]
mod unet;

/// Memory, and what its bytes hold.
struct Machine<'p> {
    graph: &'p Graph,
    plan: &'p Plan,
    /// For each tensor, what it is, after all, a view of, and where it begins there.
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

    fn place(&self, tensor: TensorId) -> std::ops::Range<usize> {
        let start = self.plan.offset(tensor).unwrap() as usize;
        start..start + self.graph.tensor(tensor).unwrap().layout().size()
    }

    fn holds(&self, tensor: TensorId) -> bool {
        let (origin, start) = self.origins[tensor.index()];
        let values = (start..).map(|byte| Some((origin, byte)));
        let bytes = self.memory[self.place(tensor)].iter();
        bytes
            .copied()
            .zip(values)
            .all(|(byte, value)| byte == value)
    }

    fn write(&mut self, tensor: TensorId) {
        let (origin, start) = self.origins[tensor.index()];
        let place = self.place(tensor);
        let values = (start..).map(|byte| Some((origin, byte)));
        for (byte, value) in self.memory[place].iter_mut().zip(values) {
            *byte = value;
        }
    }

    /// Whether writing the result spares the operands that are not read element by element with it.
    fn spares(&self, step: usize, result: TensorId) -> bool {
        let op = &self.graph.ops()[step];
        let place = self.place(result);
        op.reads().iter().all(|&read| {
            let other = self.place(read);
            let is_apart = place.end <= other.start || other.end <= place.start;
            let may_take = op
                .in_place()
                .iter()
                .any(|pair| pair.result == result && pair.of == read);
            is_apart || other.is_empty() || may_take && place == other
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
        ("transformer", transformer::encoded(&transformer)),
        ("unet", unet::encoded(&unet)),
        ("mobilenet", mobilenet::encoded(&mobilenet)),
        ("tiny", encode(conv_relu("1"))),
    ]
}

#[test]
fn whole_models_find_every_operand_where_they_left_it() {
    for (name, bytes) in models() {
        for alignment in [1, 64] {
            let options = OnnxOptions {
                alignment,
                ..Default::default()
            };
            let graph = super::super::load_bytes(&bytes, &options).unwrap().graph;
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

/// The machine notices what it is for.
#[test]
fn a_result_over_what_is_still_needed_is_found() {
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
    // As if `a` had ended with `exp`.
    let named = rows.iter().map(|(_, name, row)| {
        let mut row = *row;
        row.upper = if name == "a" { 1 } else { row.upper };
        (name.to_string(), row)
    });
    let rows = orionrt::Lifetimes::from_named(named).unwrap();
    // x, a, b over a, y: in the order of the tensors.
    let wrong = Plan::new(rows, vec![0, 64, 64, 0]).unwrap();
    let run = Machine::new(&graph, &wrong).run();
    assert_eq!(run, Err("Add_y reads a, which is not there".into()));
}
