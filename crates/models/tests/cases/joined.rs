//! Concatenations whose operands lie within their results.
//!
//! Each model is executed in its plan with true values, and so are random networks.

use std::ops::Range;

use orionrt_models::{Model, Options};
use orionrt_plan::{Aliasing, Plan, Planner, TensorId, graph::Op};
use orionrt_test_models::proto::{GraphProto, NodeProto};
use proptest::prelude::*;

use super::parts::*;

/// The elements of a channel: 2×8 floats of 64 bytes.
const CHANNEL: usize = 16;

/// A concatenation of pictures along their channels.
fn concat(operands: &[&str], result: &str) -> NodeProto {
    with(node("Concat", operands, &[result], result), int("axis", 1))
}

fn unary(operator: &str, operand: &str, result: &str) -> NodeProto {
    node(operator, &[operand], &[result], result)
}

/// A graph that computes `outputs` from `x [1, 2, 2, 8]`.
fn of_pictures(nodes: Vec<NodeProto>, outputs: &[&str]) -> GraphProto {
    let x = value("x", Float, &["1", "2", "2", "8"]);
    let outputs = outputs.iter().map(|name| unshaped_value(name, Float));
    graph(nodes, vec![x], outputs.collect())
}

/// The model, which has run in its plan with parts.
#[track_caller]
fn ran(graph: GraphProto) -> Model {
    let model = read(graph);
    run(&model, Aliasing::Parts);
    model
}

/// The tensor that has a tensor's bytes, and the offset in it.
type Place = (Box<str>, u64);

/// Where some tensors lie with parts, if they have no bytes of their own.
fn places<const N: usize>(model: &Model, names: [&str; N]) -> [Option<Place>; N] {
    let lifetimes = model.graph.lifetimes_with(Aliasing::Parts);
    names.map(|name| {
        let row = lifetimes.get(lifetimes.find(name)?)?;
        let within = row.within?;
        Some((lifetimes.name(within.root)?.into(), within.offset))
    })
}

fn at(root: &str, offset: u64) -> Option<Place> {
    Some((root.into(), offset))
}

/// Memory that is executed in: who computes is an operator's type, what it computes is up to it.
struct Memory<'m> {
    model: &'m Model,
    plan: Plan,
    elements: Vec<f32>,
    /// What each tensor is, kept aside.
    values: Vec<Option<Vec<f32>>>,
}

impl Memory<'_> {
    fn place(&self, id: TensorId) -> Range<usize> {
        let bytes = self.plan.bytes(id).expect("a planned tensor");
        bytes.start as usize / 4..bytes.end as usize / 4
    }

    /// What a tensor is, which must be in memory.
    fn read(&self, reader: &str, id: TensorId) -> Vec<f32> {
        let value = self.values[id.index()].clone().expect("it was written");
        assert_eq!(self.elements[self.place(id)], value, "{reader} reads {id}");
        value
    }

    fn compute(&mut self, op: &Op, operator: &str) {
        let operands: Vec<_> = op
            .reads()
            .iter()
            .map(|&id| self.read(op.name(), id))
            .collect();
        let map = |f: fn(f32) -> f32| operands[0].iter().map(|&x| f(x)).collect::<Vec<f32>>();
        let result = match operator {
            "Relu" => map(|x| x.max(0.0)),
            "Neg" => map(|x| -x),
            "Exp" => map(|x| x * 0.5 + 1.0),
            "Reshape" => map(|x| x),
            "Add" => {
                let second = operands.last().expect("an operand");
                operands[0].iter().zip(second).map(|(a, b)| a + b).collect()
            }
            "Concat" => return self.concatenate(op),
            other => panic!("no operator {other}"),
        };
        self.write(op.writes()[0], result);
    }

    /// Copies the operands of a concatenation that do not lie in the result, and no others.
    fn concatenate(&mut self, op: &Op) {
        let result = op.writes()[0];
        let mut value = vec![f32::NAN; self.place(result).len()];
        for part in op.parts() {
            let operand = self.values[part.operand.index()].clone().expect("a value");
            let start = part.offset as usize / 4;
            value[start..start + operand.len()].copy_from_slice(&operand);
            let target = self.place(result).start + start;
            if self.place(part.operand).start != target {
                let from = self.place(part.operand);
                self.elements.copy_within(from, target);
            }
        }
        self.values[result.index()] = Some(value);
        self.read("the concatenation", result);
    }

    fn write(&mut self, id: TensorId, value: Vec<f32>) {
        let place = self.place(id);
        self.elements[place].copy_from_slice(&value);
        self.values[id.index()] = Some(value);
    }
}

/// Executes a model in its plan; every operand must be intact when it is read.
#[track_caller]
fn run(model: &Model, aliasing: Aliasing) {
    let lifetimes = model.graph.lifetimes_with(aliasing);
    let plan = Planner::new().nodes(2000).plan(&lifetimes).expect("a plan");
    let mut memory = Memory {
        model,
        elements: vec![0.0; plan.peak() as usize / 4],
        values: vec![None; plan.len()],
        plan,
    };
    for (number, &input) in model.graph.inputs().iter().enumerate() {
        let count = memory.place(input).len();
        let value = (0..count).map(|i| (i * 7 % 31) as f32 - 15.0 + number as f32);
        memory.write(input, value.collect());
    }
    for (op, operator) in model.graph.ops().iter().zip(&memory.model.operator_types) {
        memory.compute(op, operator);
    }
    for &output in model.graph.outputs() {
        memory.read("the caller", output);
    }
}

#[test]
fn operands_lie_where_the_result_has_them() {
    let nodes = vec![
        unary("Relu", "x", "a"),
        unary("Neg", "x", "b"),
        concat(&["a", "b"], "j"),
        unary("Exp", "j", "y"),
    ];
    let model = ran(of_pictures(nodes, &["y"]));
    assert_eq!(places(&model, ["a", "b"]), [at("j", 0), at("j", 128)]);
    let uncopied = model
        .graph
        .uncopied(&model.graph.lifetimes_with(Aliasing::Parts));
    assert_eq!(
        (uncopied.declared, uncopied.operands, uncopied.bytes),
        (2, 2, 256)
    );
}

#[test]
fn inputs_and_outputs_keep_bytes_of_their_own() {
    let nodes = vec![
        unary("Relu", "x", "a"),
        unary("Neg", "x", "b"),
        concat(&["x", "a", "b"], "j"),
    ];
    let model = ran(of_pictures(nodes, &["j", "b"]));
    assert_eq!(places(&model, ["x", "a", "b"]), [None, at("j", 128), None]);
}

#[test]
fn an_operand_that_is_there_twice_lies_in_one_place() {
    let nodes = vec![
        unary("Relu", "x", "a"),
        unary("Neg", "x", "b"),
        concat(&["a", "b", "a"], "j"),
        concat(&["b", "x"], "k"),
    ];
    let model = ran(of_pictures(nodes, &["j", "k"]));
    assert_eq!(places(&model, ["a", "b"]), [at("j", 0), at("j", 128)]);
}

#[test]
fn an_operand_that_is_written_over_afterwards_is_copied() {
    let nodes = vec![
        unary("Relu", "x", "a"),
        unary("Neg", "x", "b"),
        concat(&["a", "b"], "j"),
        unary("Exp", "a", "c"),
        node("Add", &["j", "j"], &["y"], "y"),
    ];
    let model = ran(of_pictures(nodes, &["y", "c"]));
    assert_eq!(
        places(&model, ["a", "b", "c"]),
        [None, at("j", 128), at("a", 0)]
    );
}

#[test]
fn views_and_results_in_place_lie_in_the_result_with_what_they_are_of() {
    let mut shape = of_pictures(
        vec![
            unary("Relu", "x", "a"),
            unary("Exp", "a", "over"),
            node("Reshape", &["over", "shape"], &["v"], "v"),
            unary("Neg", "x", "b"),
            concat(&["b", "v"], "j"),
        ],
        &["j"],
    );
    shape
        .initializer
        .push(integers("shape", &[1, 2, 2, 8], false));
    let model = ran(shape);
    let expected = [at("j", 128), at("j", 128), at("j", 128), at("j", 0)];
    assert_eq!(places(&model, ["a", "over", "v", "b"]), expected);
}

#[test]
fn concatenations_lie_within_concatenations() {
    let nodes = vec![
        unary("Relu", "x", "a"),
        unary("Neg", "a", "b"),
        concat(&["a", "b"], "j"),
        unary("Exp", "j", "c"),
        concat(&["c", "j"], "k"),
    ];
    let model = ran(of_pictures(nodes, &["k"]));
    let expected = [at("k", 256), at("k", 384), at("k", 256), at("k", 0)];
    assert_eq!(places(&model, ["a", "b", "j", "c"]), expected);
}

#[test]
fn a_weight_beside_an_operand_leaves_that_its_place() {
    let mut pictures = of_pictures(
        vec![unary("Relu", "x", "a"), concat(&["w", "a"], "j")],
        &["j"],
    );
    let dims = [1, 3, 2, 8];
    pictures.initializer.push(zeros("w", Float, &dims, 192));
    let model = read(pictures);
    assert_eq!(places(&model, ["a"]), [at("j", 192)]);
}

#[test]
fn a_part_that_is_not_aligned_is_copied() {
    let nodes = vec![
        unary("Relu", "x", "a"),
        unary("Neg", "x", "b"),
        with(node("Concat", &["a", "b"], &["y"], "y"), int("axis", 0)),
    ];
    let [x, y] = [("x", "10"), ("y", "20")].map(|(name, n)| value(name, Float, &[n]));
    let bytes = file(graph(nodes, vec![x], vec![y]), 17, vec![]);
    let placed = |alignment| {
        let model = read_file(&bytes, &Options::new().alignment(alignment));
        run(&model, Aliasing::Parts);
        places(&model, ["a", "b"])
    };
    assert_eq!(placed(64), [at("y", 0), None]);
    assert_eq!(placed(8), [at("y", 0), at("y", 40)]);
}

#[test]
fn a_model_with_branches_has_no_parts() {
    let branch = |operator: &str, result: &str| {
        let node = unary(operator, "a", result);
        graph(vec![node], vec![], vec![unshaped_value(result, Float)])
    };
    let choice = node("If", &["flag"], &["b"], "b");
    let choice = with(choice, body("then_branch", branch("Relu", "p")));
    let choice = with(choice, body("else_branch", branch("Neg", "q")));
    let nodes = vec![unary("Exp", "x", "a"), choice, concat(&["a", "b"], "j")];
    let mut pictures = of_pictures(nodes, &["j"]);
    pictures.input.push(value("flag", Bool, &[]));
    let model = read(pictures);
    assert_eq!(places(&model, ["a", "b"]), [None, None]);
}

#[test]
fn concatenations_of_strings_and_of_unknown_sizes_have_no_parts() {
    let nodes = vec![
        unary("Identity", "s", "t"),
        with(node("Concat", &["t", "s"], &["u"], "u"), int("axis", 0)),
        node("NonZero", &["x"], &["found"], "found"),
        with(
            node("Concat", &["found", "found"], &["y"], "y"),
            int("axis", 1),
        ),
    ];
    let x = value("x", Float, &["4"]);
    let outputs = [("u", String), ("y", Int64)].map(|(name, of)| unshaped_value(name, of));
    let graph = graph(nodes, vec![x, value("s", String, &["2"])], outputs.into());
    let bytes = file(graph, 17, vec![]);
    let skipped = Options::new().unknown(orionrt_models::Unknown::Skip);
    let model = read_file(&bytes, &skipped);
    assert!(model.graph.ops().iter().all(|op| op.parts().is_empty()));
    // With an upper bound, the first operand begins where the result does, and is there once.
    let model = read_file(&bytes, &Options::new().dim("found.1", 4));
    let parts = model.graph.ops().iter().flat_map(|op| op.parts());
    assert!(parts.map(|part| part.offset).all(|offset| offset == 0));
}

/// Twelve layers that each read the concatenation of all results before them, as in DenseNet.
#[test]
fn a_dense_chain_needs_the_bytes_of_its_last_concatenation() {
    let mut nodes = Vec::new();
    let mut all = vec!["x".to_string()];
    for layer in 1..=12 {
        let [new, joined] = ["new", "joined"].map(|name| format!("{name}{layer}"));
        let mut conv = node("Conv", &[&all[0], &format!("w{layer}")], &[&new], &new);
        conv.attribute
            .push(orionrt_test_models::parts::ints("pads", &[1; 4]));
        nodes.push(conv);
        nodes.push(concat(&[&all[0], &new], &joined));
        all.insert(0, joined);
    }
    let input = value("x", Float, &["1", "64", "32", "32"]);
    let mut dense = graph(nodes, vec![input], vec![unshaped_value(&all[0], Float)]);
    for layer in 1..=12 {
        let dims = [32, 32 + 32 * layer, 3, 3];
        let bytes = dims.iter().product::<i64>() as usize * 4;
        dense
            .initializer
            .push(zeros(&format!("w{layer}"), Float, &dims, bytes));
    }
    let model = read(dense);
    // 64 channels and 32 of each layer, of 4 KiB: the last concatenation and its operands have all
    // of them twice, 3.67 MB.
    let whole = (64 + 12 * 32) * 4096;
    assert_eq!(model.graph.lifetimes().load(), 2 * whole);
    let kept = Planner::new().plan_parts(&model.graph).expect("a plan");
    // The input is not needed any more when the last layers are written, and lies in their bytes.
    assert_eq!((kept.plan.peak(), kept.plan.is_optimal()), (whole, true));
    assert_eq!((kept.uncopied.declared, kept.uncopied.operands), (24, 23));
}

/// A random network: each node is an operator, and the tensors it reads, counted from the last.
fn random(choices: &[(u8, usize, usize)], outputs: usize) -> GraphProto {
    let mut known = vec![("x".to_string(), 2)];
    let mut nodes = Vec::new();
    for (i, &(kind, first, second)) in choices.iter().enumerate() {
        let pick = |back: usize| known[known.len() - 1 - back % known.len().min(4)].clone();
        let ((a, channels), (b, others)) = (pick(first), pick(second));
        let result = format!("t{i}");
        let (node, channels) = match kind % 6 {
            0 => (unary("Relu", &a, &result), channels),
            1 => (unary("Neg", &a, &result), channels),
            2 if channels == others => (node("Add", &[&a, &b], &[&result], &result), channels),
            _ if channels + others <= 40 => (concat(&[&a, &b], &result), channels + others),
            _ => (unary("Exp", &a, &result), channels),
        };
        nodes.push(node);
        known.push((result, channels));
    }
    let outputs: Vec<&str> = known
        .iter()
        .rev()
        .take(outputs)
        .map(|(n, _)| n.as_str())
        .collect();
    of_pictures(nodes, &outputs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn random_networks_compute_the_same_with_parts(
        choices in prop::collection::vec((any::<u8>(), 0usize..4, 0usize..4), 1..16),
        outputs in 1usize..3,
    ) {
        let model = read(random(&choices, outputs));
        for aliasing in [Aliasing::Off, Aliasing::InPlace, Aliasing::Parts] {
            run(&model, aliasing);
        }
        let size = |id: TensorId| model.graph.tensor(id).map_or(0, |t| t.layout().size());
        for (id, _) in model.graph.tensors() {
            prop_assert_eq!(size(id) % (4 * CHANNEL), 0);
        }
    }
}
