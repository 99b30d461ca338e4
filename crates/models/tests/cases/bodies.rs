//! Branches, loops and functions.

use orionrt_models::{LeftOutReason, Options};
use orionrt_test_models::proto::{FunctionProto, GraphProto, ValueInfoProto, type_proto};

use super::parts::*;

/// The branches each make two tensors of 4 MB; the graph around them has 8 KB.
#[test]
fn branches_are_planned_and_share_bytes() {
    let branch = |k: &str| {
        let [wide, exp, sum] = ["wide", "exp", "sum"].map(|name| format!("{k}_{name}"));
        let nodes = vec![
            node("Expand", &["x", "big"], &[&wide], &wide),
            node("Exp", &[&wide], &[&exp], &exp),
            with(
                node("ReduceSum", &[&exp, "axis"], &[&sum], &sum),
                int("keepdims", 0),
            ),
        ];
        graph(nodes, vec![], vec![value(&sum, Float, &["1000"])])
    };
    let choice = with(
        node("If", &["b"], &["y"], "If"),
        body("then_branch", branch("then")),
    );
    let choice = with(choice, body("else_branch", branch("else")));
    let inputs = vec![value("x", Float, &["1", "1000"]), value("b", Bool, &[])];
    let mut both = graph(vec![choice], inputs, vec![value("y", Float, &["1000"])]);
    both.initializer = vec![
        integers("big", &[1000, 1000], false),
        integers("axis", &[0], false),
    ];
    let model = read(both);
    let peak = peak(&model);
    assert!((8_000_000..=8_020_000).contains(&peak), "{peak}");
    assert_eq!(model.left_out, []);
    assert_eq!(operators(&model).last(), Some(&"If"));
}

/// The condition follows from a dimension; the branch that is not taken would be an error.
#[test]
fn a_branch_that_is_not_taken_refuses_nothing() {
    let fails = graph(
        vec![node("Squeeze", &["x", "axes"], &["then_y"], "Squeeze")],
        vec![],
        vec![without_shape("then_y")],
    );
    let fine = graph(
        vec![node("Relu", &["x"], &["else_y"], "Relu")],
        vec![],
        vec![without_shape("else_y")],
    );
    let choice = with(
        node("If", &["is_one"], &["y"], "If"),
        body("then_branch", fails),
    );
    let nodes = vec![
        node("Shape", &["x"], &["shape"], "Shape"),
        node("Gather", &["shape", "last"], &["width"], "Gather"),
        node("Equal", &["width", "one"], &["is_one"], "Equal"),
        with(choice, body("else_branch", fine)),
    ];
    let x = value("x", Float, &["1", "n"]);
    let mut either = graph(nodes, vec![x], vec![without_shape("y")]);
    either.initializer = vec![
        integers("axes", &[-1], false),
        integers("last", &[-1], true),
        integers("one", &[1], true),
    ];
    let model = read_file(&file(either, 17, vec![]), &Options::new().dim("n", 4));
    let peak = peak(&model);
    assert!((80..=208).contains(&peak), "{peak}");
    let is_branch = |reason: &LeftOutReason| matches!(reason, LeftOutReason::Branch { .. });
    assert!(
        model
            .left_out
            .iter()
            .all(|left_out| is_branch(&left_out.reason))
    );
}

/// Neither branch computes anything at run time: the node vanishes, and its weights are counted.
#[test]
fn branches_of_constants_are_constant() {
    let branch = |name: &str| {
        let nodes = vec![node("Neg", &["w"], &[name], name)];
        graph(nodes, vec![], vec![value(name, Float, &["4"])])
    };
    let choice = node("If", &["c"], &["v"], "If");
    let choice = with(choice, body("then_branch", branch("a")));
    let choice = with(choice, body("else_branch", branch("b")));
    let nodes = vec![choice, node("Add", &["x", "v"], &["y"], "Add")];
    let [x, y] = ["x", "y"].map(|name| value(name, Float, &["4"]));
    let mut constant = graph(nodes, vec![x], vec![y]);
    constant.initializer = vec![zeros("w", Float, &[4], 16), zeros("c", Bool, &[], 1)];
    let model = read(constant);
    assert_eq!((operators(&model), peak(&model)), (vec!["Add"], 80));
    assert_eq!(model.weights_bytes, 16 + 1);
    let computed = (model.computed_constants, model.computed_constants_bytes);
    assert_eq!(computed, (1, 16), "what the branches come to");
}

fn without_shape(name: &str) -> ValueInfoProto {
    let mut output = value(name, Float, &[]);
    let kind = output.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    if let Some(type_proto::Value::TensorType(tensor)) = kind {
        tensor.shape = None;
    }
    output
}

fn chain_of(operator: &str, functions: Vec<FunctionProto>) -> Vec<u8> {
    let call = of_domain("local", node(operator, &["x"], &["u"], "T"));
    let call = if operator == "Outer" {
        with(call, float("slope", 0.1))
    } else {
        call
    };
    let nodes = vec![call, node("Neg", &["u"], &["y"], "N")];
    let [x, y] = ["x", "y"].map(|name| value(name, Float, &["8"]));
    file(graph(nodes, vec![x], vec![y]), 17, functions)
}

#[test]
fn a_function_of_the_model_is_inlined() {
    let nodes = vec![
        node("Add", &["a", "a"], &["t"], ""),
        node("Relu", &["t"], &["b"], ""),
    ];
    let bytes = chain_of("Twice", vec![function("Twice", &[], nodes)]);
    let model = read_file(&bytes, &Options::new());
    assert_eq!((peak(&model), model.graph.ops().len()), (96, 3));
}

#[test]
fn a_function_may_call_another_and_hand_on_its_attribute() {
    let leak = with(
        node("LeakyRelu", &["a"], &["b"], ""),
        handed_on("alpha", "slope"),
    );
    let call = of_domain("local", node("Inner", &["t"], &["b"], ""));
    let call = with(call, handed_on("slope", "slope"));
    let functions = vec![
        function("Inner", &["slope"], vec![leak]),
        function(
            "Outer",
            &["slope"],
            vec![node("Add", &["a", "a"], &["t"], ""), call],
        ),
    ];
    assert_eq!(
        peak(&read_file(&chain_of("Outer", functions), &Options::new())),
        96
    );
}

/// y = x, and ten times y = y + k; k is captured, and the sums are stacked.
fn counted() -> GraphProto {
    let inside = GraphProto {
        node: vec![
            node("Add", &["before", "k"], &["after"], "Add"),
            node("Identity", &["go"], &["on"], "On"),
            node("Relu", &["after"], &["kept"], "Kept"),
        ],
        ..graph(
            vec![],
            vec![
                value("i", Int64, &[]),
                value("go", Bool, &[]),
                value("before", Float, &["16"]),
            ],
            vec![
                value("on", Bool, &[]),
                value("after", Float, &["16"]),
                value("kept", Float, &["16"]),
            ],
        )
    };
    let looped = with(
        node("Loop", &["ten", "", "x"], &["y", "all"], "Loop"),
        body("body", inside),
    );
    let inputs = ["x", "k"].map(|name| value(name, Float, &["16"]));
    let outputs = vec![
        value("y", Float, &["16"]),
        value("all", Float, &["10", "16"]),
    ];
    let mut all = graph(vec![looped], inputs.into(), outputs);
    all.initializer = vec![integers("ten", &[10], true)];
    all
}

#[test]
fn the_body_of_a_loop_is_planned_and_its_states_are_carried() {
    let model = read(counted());
    let names = operators(&model);
    assert_eq!(names.first(), Some(&"Loop"));
    assert_eq!(names.last(), Some(&"Loop/next"));
    // k is alive to the last iteration, beside the state and what is stacked.
    let k = model.graph.find("k").expect("k");
    let lifetimes = model.graph.lifetimes();
    let ranges: Vec<_> = lifetimes.live_ranges(k).collect();
    assert_eq!(ranges, vec![0..names.len() as i64]);
    let peak = peak(&model);
    assert!((64 * 3 + 640..=64 * 6 + 640).contains(&peak), "{peak}");
}

/// Rows of `x` are added up, in the body of a loop.
#[test]
fn a_scan_in_a_loop_is_planned() {
    let add = graph(
        vec![
            node("Add", &["sum", "row"], &["next"], "Add"),
            node("Mul", &["next", "factor"], &["out"], "Mul"),
        ],
        vec![value("sum", Float, &["16"]), value("row", Float, &["16"])],
        vec![value("next", Float, &["16"]), value("out", Float, &["16"])],
    );
    let scan = node("Scan", &["zero", "x"], &["total", "rows"], "Scan");
    let scan = with(with(scan, int("num_scan_inputs", 1)), body("body", add));
    let inside = graph(
        vec![
            scan,
            node("Relu", &["total"], &["better"], "Relu"),
            node("Identity", &["go"], &["on"], "On"),
        ],
        vec![
            value("i", Int64, &[]),
            value("go", Bool, &[]),
            value("factor", Float, &["16"]),
        ],
        vec![value("on", Bool, &[]), value("better", Float, &["16"])],
    );
    let looped = node("Loop", &["ten", "", "zero"], &["y"], "Loop");
    let looped = with(looped, body("body", inside));
    let inputs = vec![
        value("zero", Float, &["16"]),
        value("x", Float, &["5", "16"]),
    ];
    let mut nested = graph(vec![looped], inputs, vec![value("y", Float, &["16"])]);
    nested.initializer = vec![integers("ten", &[10], true)];
    let model = read(nested);
    let names = operators(&model);
    assert!(names.contains(&"Loop/body/Scan/next"), "{names:?}");
    for captured in ["x", "zero"] {
        let id = model.graph.find(captured).expect(captured);
        let lifetimes = model.graph.lifetimes();
        let ranges: Vec<_> = lifetimes.live_ranges(id).collect();
        assert_eq!(ranges, vec![0..names.len() as i64], "{captured}");
    }
    let plan = plan(&model);
    assert!(plan.is_optimal());
}
