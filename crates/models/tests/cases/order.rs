//! The order of the file, and plans that are proven optimal.

use orionrt_plan::Plan;

use super::parts::*;

/// An executor that runs the nodes as the file lists them needs p and q at the same time.
fn two_paths() -> orionrt_models::Model {
    let nodes = vec![
        node("Relu", &["x"], &["p"], "P"),
        node("Neg", &["x"], &["q"], "Q"),
        node("Exp", &["p"], &["r"], "R"),
        node("Abs", &["q"], &["s"], "S"),
        with(node("Concat", &["r", "s"], &["y"], "J"), int("axis", 0)),
    ];
    let [x, y] = [("x", "1000"), ("y", "2000")].map(|(name, n)| value(name, Float, &[n]));
    read(graph(nodes, vec![x], vec![y]))
}

#[test]
fn the_order_is_that_of_the_file() {
    let model = two_paths();
    assert_eq!(operators(&model), ["P", "Q", "R", "S", "J"]);
    let plan = plan(&model);
    assert_eq!(plan.peak(), 16_032);
    let expected = [
        ("x", 0..2),
        ("p", 0..3),
        ("q", 1..4),
        ("r", 2..5),
        ("s", 3..5),
        ("y", 4..5),
    ];
    for (name, steps) in expected {
        let id = model.graph.find(name).expect(name);
        let ranges: Vec<_> = plan.lifetimes().live_ranges(id).collect();
        assert_eq!(ranges, vec![steps], "{name}");
    }
}

/// Writes every tensor's name into its bytes, node by node, and looks for it where it is read.
#[test]
fn run_in_the_order_of_the_file_every_operand_is_intact() {
    let model = two_paths();
    let plan = plan(&model);
    let place = |plan: &Plan, id| {
        let bytes = plan.bytes(id).expect("a place");
        bytes.start as usize..bytes.end as usize
    };
    let mut memory = vec![None; plan.peak() as usize];
    for &input in model.graph.inputs() {
        memory[place(&plan, input)].fill(Some(input));
    }
    for op in model.graph.ops() {
        for &read in op.reads() {
            let bytes = &memory[place(&plan, read)];
            assert!(
                bytes.iter().all(|&held| held == Some(read)),
                "{}",
                op.name()
            );
        }
        for &written in op.writes() {
            memory[place(&plan, written)].fill(Some(written));
        }
    }
}

#[test]
fn a_small_chain_is_proven_optimal_although_its_load_is_out_of_reach() {
    let cast = |x, y, to| with(node("Cast", &[x], &[y], y), int("to", to as i64));
    let nodes = vec![
        cast("x", "b", Float16),
        node("Relu", &["b"], &["r"], "r"),
        cast("r", "y", Float),
    ];
    let [x, y] = ["x", "y"].map(|name| value(name, Float, &["1", "8"]));
    let plan = plan(&read(graph(nodes, vec![x], vec![y])));
    assert_eq!((plan.peak(), plan.is_optimal()), (96, true));
}
