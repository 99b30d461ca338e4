//! Which results may be written over operands.

use super::{case::Case, *};

#[test]
fn results_of_unary_elementwise_operators_may_overwrite_their_operand() {
    let unary = [
        "Relu",
        "LeakyRelu",
        "ThresholdedRelu",
        "Elu",
        "Selu",
        "Celu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Mish",
        "Gelu",
        "Softplus",
        "Softsign",
        "Shrink",
        "Clip",
        "Abs",
        "Neg",
        "Sign",
        "Reciprocal",
        "Floor",
        "Ceil",
        "Round",
        "Sqrt",
        "Exp",
        "Log",
        "Erf",
        "Sin",
        "Cos",
        "Tan",
        "Asin",
        "Acos",
        "Atan",
        "Sinh",
        "Cosh",
        "Tanh",
        "Asinh",
        "Acosh",
        "Atanh",
    ];
    for operator in unary {
        let case = Case::of_x(operator, &[2, 3], vec![]);
        assert_eq!(case.in_place(), ["x"], "{operator}");
        assert_eq!(case.views(4), [], "{operator}");
        case.is_elementwise(0);
    }
    let not = Case::new(node("Not", &["x"], &["y"])).reads("x", DataType::Bool, &[3]);
    assert_eq!(not.in_place(), ["x"]);
    not.is_elementwise(0);
}

#[test]
fn results_of_elementwise_operators_may_overwrite_operands_of_their_own_shape() {
    let float = [
        "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Mean",
    ];
    let operators = float.map(|operator| (operator, FLOAT)).into_iter();
    let operators =
        operators.chain(["And", "Or", "Xor"].map(|operator| (operator, DataType::Bool)));
    for (operator, dt) in operators.chain([("Mod", DataType::Int32)]) {
        let both = Case::new(node(operator, &["x", "z"], &["y"]));
        let case = both.clone().reads("x", dt, &[2, 3]).reads("z", dt, &[2, 3]);
        assert_eq!(case.in_place(), ["x", "z"], "{operator}");
        case.is_elementwise(0);
        case.is_elementwise(1);
        let case = both.clone().reads("x", dt, &[2, 3]).reads("z", dt, &[3]);
        assert_eq!(case.in_place(), ["x"], "{operator}");
        case.is_elementwise(0);
        let case = both.clone().reads("x", dt, &[1, 3]).reads("z", dt, &[2, 3]);
        assert_eq!(case.in_place(), ["z"], "{operator}");
        case.is_elementwise(1);
        let case = both.reads("x", dt, &[2, 1]).reads("z", dt, &[1, 3]);
        assert_eq!(case.in_place(), [""; 0], "{operator}");
    }
    let constant = Case::of_x("Add", &[2, 3], vec![floats("w", &[2, 3])]);
    assert_eq!(constant.in_place(), ["x"]);
    let three = Case::new(node("Sum", &["x", "z", "w"], &["y"]));
    let three = three
        .reads("x", FLOAT, &[3])
        .reads("z", FLOAT, &[1])
        .reads("w", FLOAT, &[3]);
    assert_eq!(three.in_place(), ["x", "w"]);
}

#[test]
fn a_comparison_may_overwrite_only_operands_of_its_size() {
    for operator in ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"] {
        let case = Case::new(node(operator, &["x", "z"], &["y"]));
        let float = case.clone().reads("x", FLOAT, &[3]).reads("z", FLOAT, &[3]);
        assert_eq!(float.in_place(), [""; 0], "{operator}");
        let byte = case
            .reads("x", DataType::Uint8, &[3])
            .reads("z", DataType::Uint8, &[3]);
        assert_eq!(byte.in_place(), ["x", "z"], "{operator}");
    }
}

#[test]
fn operators_with_parameters_may_overwrite_only_their_data() {
    let choice =
        Case::new(node("Where", &["c", "x", "z"], &["y"])).reads("c", DataType::Bool, &[3]);
    let choice = choice.reads("x", FLOAT, &[3]).reads("z", FLOAT, &[3]);
    assert_eq!(choice.in_place(), ["x", "z"]);
    choice.is_elementwise(1);
    choice.is_elementwise(2);
    let bits = Case::new(node("Where", &["c", "x", "z"], &["y"])).reads("c", DataType::Bool, &[3]);
    let bits = bits
        .reads("x", DataType::Bool, &[3])
        .reads("z", DataType::Bool, &[1]);
    assert_eq!(bits.in_place(), ["x"]);
    let slopes = Case::new(node("PRelu", &["x", "slope"], &["y"]));
    let slopes = slopes.reads("x", FLOAT, &[3]).reads("slope", FLOAT, &[3]);
    assert_eq!(slopes.in_place(), ["x"]);
    slopes.is_elementwise(0);
    let scalar = Case::of_x("Clip", &[], vec![]).reads("least", FLOAT, &[]);
    let mut scalar = scalar;
    scalar.node.input.push("least".into());
    assert_eq!(scalar.in_place(), ["x"]);
}

#[test]
fn a_batch_normalisation_may_overwrite_its_data_in_inference_only() {
    let parameters = ["scale", "bias", "mean", "variance"].map(|name| floats(name, &[2]));
    let norm = Case::of_x("BatchNormalization", &[1, 2, 3], parameters.into());
    assert_eq!(norm.in_place(), ["x"]);
    norm.is_elementwise(0);
    assert_eq!(
        norm.clone().with(int("training_mode", 1)).in_place(),
        [""; 0]
    );
    let mut old = norm;
    old.version = 6;
    assert_eq!(old.in_place(), [""; 0]);
    assert_eq!(old.with(int("is_test", 1)).in_place(), ["x"]);
}

#[test]
fn operators_that_mix_elements_overwrite_nothing() {
    let scalar = TensorProto {
        dims: vec![],
        ..indices("axis", &[0])
    };
    let window = Case::of_x("MaxPool", &[1, 1, 4, 4], vec![])
        .with(ints("kernel_shape", &[3, 3]))
        .with(ints("pads", &[1; 4]));
    let cases = [
        Case::of_x("Softmax", &[2, 3], vec![]),
        Case::of_x("LogSoftmax", &[2, 3], vec![]),
        Case::of_x("Hardmax", &[2, 3], vec![]),
        Case::of_x("MatMul", &[3, 3], vec![floats("w", &[3, 3])]),
        Case::of_x("Gemm", &[3, 3], vec![floats("w", &[3, 3])]),
        Case::of_x("ReduceSum", &[1], vec![indices("axes", &[0])]),
        Case::of_x("CumSum", &[4], vec![scalar]),
        Case::of_x("LRN", &[1, 4, 2, 2], vec![]).with(int("size", 3)),
        Case::of_x("Concat", &[2, 3], vec![]).with(int("axis", 0)),
        window,
    ];
    for case in cases {
        assert_eq!(
            (case.in_place(), case.views(4)),
            (vec![], vec![]),
            "{:?}",
            case.node
        );
    }
}

#[test]
fn operators_of_other_domains_share_nothing_but_gelu_of_onnx_runtime() {
    let mut foreign = Case::of_x("Relu", &[3], vec![]);
    foreign.node.domain = "example.org".into();
    assert_eq!(foreign.in_place(), [""; 0]);
    foreign.node.domain = "ai.onnx".into();
    assert_eq!(foreign.in_place(), ["x"]);
    let mut gelu = Case::of_x("QuickGelu", &[3], vec![]);
    assert_eq!(gelu.in_place(), [""; 0]);
    gelu.node.domain = "com.microsoft".into();
    assert_eq!(gelu.in_place(), ["x"]);
    gelu.is_elementwise(0);
}

#[test]
fn a_branch_shares_no_bytes() {
    let body = |operator: &str| graph(&[], &[node(operator, &["x"], &["r"])], "r");
    let branch = |name: &str, body| AttributeProto {
        name: name.into(),
        g: Some(body),
        r#type: AttributeType::Graph as i32,
        ..Default::default()
    };
    let mut either = Case::new(node("If", &["c"], &["y"])).reads("c", DataType::Bool, &[]);
    either = either.reads("x", FLOAT, &[4]);
    either = either
        .with(branch("then_branch", body("Relu")))
        .with(branch("else_branch", body("Identity")));
    assert_eq!((either.views(4), either.in_place()), (vec![], vec![]));
}

#[test]
fn constants_are_never_overwritten() {
    let mut sum = graph(
        &[value("x", FLOAT, &["2", "3"])],
        &[
            node("Reshape", &["w", "to"], &["v"]),
            node("Add", &["v", "x"], &["y"]),
        ],
        "y",
    );
    sum.initializer = vec![floats("w", &[6]), indices("to", &[2, 3])];
    let graph = load_graph(sum, &[]).unwrap().graph;
    assert_eq!(graph.ops().len(), 1);
    let [pair] = graph.ops()[0].in_place() else {
        panic!("one operand")
    };
    assert_eq!(graph.tensor(pair.of).unwrap().name(), "x");
}
