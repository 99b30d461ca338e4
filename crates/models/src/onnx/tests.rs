//! Types, sizes and contents of small models, made of their parts.

use super::read::of_model;
use super::syntax::{
    AttributeDef, AttributeValue, DimDef, GraphDef, ModelDef, NodeDef, TensorData, TensorDef,
    TypeDef, ValueDef,
};
use crate::element::ElementType;
use crate::error::ModelError;
use crate::model::LeftOutReason;
use crate::options::{InputValue, Options, Unknown};
use crate::program::{Control, Program, ValueKind};

const N: fn(i64) -> DimDef<'static> = DimDef::Number;
const S: fn(&'static str) -> DimDef<'static> = DimDef::Symbol;

fn value(name: &'static str, element: i32, dims: &[DimDef<'static>]) -> ValueDef<'static> {
    let shape = Some(dims.to_vec());
    ValueDef {
        name,
        value_type: TypeDef::Tensor { element, shape },
    }
}

fn open(name: &'static str) -> ValueDef<'static> {
    let value_type = TypeDef::Missing;
    ValueDef { name, value_type }
}

fn node(
    operator: &'static str,
    inputs: &[&'static str],
    outputs: &[&'static str],
) -> NodeDef<'static> {
    NodeDef {
        operator,
        opset: 17,
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
        ..NodeDef::default()
    }
}

fn with(
    mut node: NodeDef<'static>,
    name: &'static str,
    value: AttributeValue<'static>,
) -> NodeDef<'static> {
    node.attributes.push(AttributeDef {
        name,
        reference: "",
        value,
    });
    node
}

fn with_body(
    node: NodeDef<'static>,
    name: &'static str,
    body: GraphDef<'static>,
) -> NodeDef<'static> {
    with(node, name, AttributeValue::Graph(Box::new(body)))
}

/// A constant of whole numbers; the payload lives as long as the tests.
fn ints(name: &'static str, dims: &[i64], numbers: &[i64]) -> TensorDef<'static> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    TensorDef {
        name,
        dims: dims.to_vec(),
        element: 7,
        data: TensorData::Raw(bytes.leak()),
    }
}

fn graph(
    inputs: Vec<ValueDef<'static>>,
    nodes: Vec<NodeDef<'static>>,
    outputs: Vec<ValueDef<'static>>,
) -> GraphDef<'static> {
    GraphDef {
        inputs,
        nodes,
        outputs,
        ..GraphDef::default()
    }
}

fn read(graph: GraphDef<'static>, options: &Options) -> Result<Program, ModelError> {
    let model = ModelDef {
        graph,
        opsets: vec![("", 17)],
        functions: Vec::new(),
    };
    of_model(&model, options)
}

fn kind<'p>(program: &'p Program, name: &str) -> &'p ValueKind {
    let mut values = program.values.iter();
    let found = values.find(|value| value.name == name);
    &found.unwrap_or_else(|| panic!("no value '{name}'")).kind
}

/// The sizes of a tensor, and whether they are bounds.
fn sizes(program: &Program, name: &str) -> (Vec<u64>, bool) {
    match kind(program, name) {
        ValueKind::Tensor(of) => (of.dims.clone(), of.is_bound),
        kind => panic!("{name} is {kind:?}"),
    }
}

#[test]
fn all_that_inputs_lack_and_all_that_depends_on_data_is_in_one_message() {
    let model = || {
        graph(
            vec![
                value("a", 1, &[N(2), DimDef::Unknown]),
                value("b", 1, &[S("n"), S("width")]),
            ],
            vec![
                node("NonZero", &["a"], &["places"]),
                node("Relu", &["b"], &["y"]),
                node("Cast", &["places"], &["z"]),
            ],
            vec![open("y"), open("z")],
        )
    };
    let error = read(model(), &Options::new()).unwrap_err();
    let ModelError::MissingDims { missing } = error else {
        panic!("{error}");
    };
    let names: Vec<_> = missing
        .iter()
        .map(|dim| (dim.name.as_str(), dim.is_bound))
        .collect();
    // 'n' leads: a batch. What the Cast writes follows from the NonZero, and is no root.
    assert_eq!(
        names,
        [("a.1", false), ("width", false), ("places.1", true)]
    );

    let options = Options::new()
        .dim("a.1", 3)
        .dim("width", 5)
        .dim("places.1", 4);
    let mut model = model();
    model.nodes[2] = with(model.nodes[2].clone(), "to", AttributeValue::Int(1));
    let program = read(model, &options).unwrap();
    assert_eq!(program.assumed, [("n".to_string(), 1)]);
    assert_eq!(sizes(&program, "y"), (vec![1, 5], false));
    assert_eq!(sizes(&program, "z"), (vec![2, 4], true));
    assert_eq!(program.bounds.len(), 1);
}

#[test]
fn a_name_that_the_model_lacks_is_an_error_unless_several_models_share_the_options() {
    let model = || {
        graph(
            vec![value("x", 1, &[S("wide")])],
            Vec::new(),
            vec![open("x")],
        )
    };
    let options = Options::new().dim("wide", 3).dim("wid", 3);
    let error = read(model(), &options).unwrap_err();
    assert!(matches!(error, ModelError::UnknownDim { name, known }
        if name == "wid" && known == ["wide"]));
    assert!(read(model(), &options.allow_unused_names()).is_ok());
}

#[test]
fn sizes_that_depend_on_data_are_left_out_with_what_follows_from_them() {
    let model = graph(
        vec![value("x", 1, &[N(8)])],
        vec![
            node("NonZero", &["x"], &["places"]),
            node("Neg", &["places"], &["after"]),
            node("Relu", &["x"], &["y"]),
        ],
        vec![open("after"), open("y")],
    );
    let program = read(model, &Options::new().unknown(Unknown::Skip)).unwrap();
    let dims = vec!["places.1".to_string()];
    assert_eq!(kind(&program, "after"), &ValueKind::Unknown { dims });
    assert_eq!(sizes(&program, "y"), (vec![8], false));
}

#[test]
fn a_node_that_reads_what_is_written_later_names_both() {
    let model = graph(
        vec![value("x", 1, &[N(2)])],
        vec![node("Relu", &["t"], &["y"]), node("Neg", &["x"], &["t"])],
        vec![open("y")],
    );
    let message = read(model, &Options::new()).unwrap_err().to_string();
    assert!(message.contains("operator 'y' (Relu)"), "{message}");
    assert!(message.contains("'t' (Neg) writes later"), "{message}");
}

#[test]
fn what_is_stated_fills_what_is_open_and_disagreements_name_both() {
    let unknown = || node("Mystery", &["x"], &["y", "z"]);
    let x = || value("x", 1, &[N(2), N(3)]);
    let mut model = graph(vec![x()], vec![unknown()], vec![value("z", 10, &[])]);
    let error = read(model.clone(), &Options::new()).unwrap_err();
    assert!(
        matches!(&error, ModelError::Operator { node, .. } if node == "y"),
        "{error}"
    );
    model.stated.push(value("y", 7, &[N(4)]));
    let program = read(model, &Options::new()).unwrap();
    assert_eq!(sizes(&program, "y"), (vec![4], false));
    assert_eq!(sizes(&program, "z"), (vec![], false));

    for (stated, agrees) in [
        (value("y", 1, &[N(2), N(3)]), true),
        (value("y", 1, &[S("batch"), S("other")]), true),
        (value("y", 1, &[N(2), N(4)]), false),
        (value("y", 10, &[N(2), N(3)]), false),
        (value("y", 1, &[N(6)]), false),
    ] {
        let model = graph(vec![x()], vec![node("Relu", &["x"], &["y"])], vec![stated]);
        match read(model, &Options::new()) {
            Ok(_) => assert!(agrees),
            Err(ModelError::Disagreement { tensor, .. }) => assert!(!agrees && tensor == "y"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// `If` on whether the last dimension of x is 1, as exporters write it.
fn squeeze_or_relu() -> GraphDef<'static> {
    let squeeze = graph(
        vec![],
        vec![node("Squeeze", &["x", "axes"], &["t"])],
        vec![open("t")],
    );
    let relu = graph(vec![], vec![node("Relu", &["x"], &["e"])], vec![open("e")]);
    let choice = with_body(node("If", &["is_one"], &["y"]), "then_branch", squeeze);
    let choice = with_body(choice, "else_branch", relu);
    let mut model = graph(
        vec![value("x", 1, &[N(1), S("width")])],
        vec![
            node("Shape", &["x"], &["shape"]),
            node("Gather", &["shape", "last"], &["width"]),
            node("Equal", &["width", "one"], &["is_one"]),
            choice,
        ],
        vec![open("y")],
    );
    model.initializers = vec![
        ints("axes", &[1], &[-1]),
        ints("last", &[], &[-1]),
        ints("one", &[], &[1]),
    ];
    model
}

#[test]
fn a_condition_that_follows_from_shapes_decides_the_branch() {
    for (width, branch, shape) in [(4, "else_branch", vec![1, 4]), (1, "then_branch", vec![1])] {
        let program = read(squeeze_or_relu(), &Options::new().dim("width", width)).unwrap();
        assert_eq!(sizes(&program, "y"), (shape, false));
        let node = program.nodes.iter().find(|node| node.name == "y").unwrap();
        let Some(Control::Branches(branches)) = &node.control else {
            panic!("{node:?}");
        };
        let names: Vec<_> = branches.iter().map(|branch| branch.name.as_str()).collect();
        assert_eq!(names, [branch]);
        assert!(program.left_out.is_empty());
        // What the branch reads from outside is read by the node.
        let x = program.inputs[0];
        assert!(node.reads.contains(&x));
    }
}

#[test]
fn a_branch_that_cannot_be_typed_is_left_out_and_the_other_is_planned() {
    let mut model = squeeze_or_relu();
    model.inputs.push(value("is_one", 9, &[]));
    model.nodes.drain(..3);
    let program = read(model.clone(), &Options::new().dim("width", 4)).unwrap();
    assert_eq!(sizes(&program, "y"), (vec![1, 4], false));
    let [left_out] = program.left_out.as_slice() else {
        panic!("{:?}", program.left_out);
    };
    assert_eq!(left_out.name, "y/then_branch");
    assert!(matches!(&left_out.reason, LeftOutReason::Branch { reason }
        if reason.contains("Squeeze")));

    // The value of an input decides, too.
    let options = Options::new().dim("width", 4);
    let options = options.input("is_one", InputValue::Bools(vec![false]));
    assert!(read(model, &options).unwrap().left_out.is_empty());
}

#[test]
fn branches_of_different_shapes_make_the_larger_a_bound() {
    let body = |output| {
        let operator = if output == "t" { "a" } else { "b" };
        graph(
            vec![],
            vec![node("Relu", &[operator], &[output])],
            vec![open(output)],
        )
    };
    let choice = with_body(node("If", &["c"], &["y"]), "then_branch", body("t"));
    let choice = with_body(choice, "else_branch", body("e"));
    let inputs = vec![
        value("c", 9, &[]),
        value("a", 1, &[N(3)]),
        value("b", 1, &[N(7)]),
    ];
    let program = read(
        graph(inputs, vec![choice], vec![open("y")]),
        &Options::new(),
    )
    .unwrap();
    assert_eq!(sizes(&program, "y"), (vec![7], true));
}

/// `Loop` that doubles a state and stacks it; `grows`: the state gets longer.
fn repeated(grows: bool) -> GraphDef<'static> {
    let step = if grows {
        with(
            node("Concat", &["s", "s"], &["out"]),
            "axis",
            AttributeValue::Int(0),
        )
    } else {
        node("Add", &["s", "outer"], &["out"])
    };
    let body = graph(
        vec![value("i", 7, &[]), value("go", 9, &[]), open("s")],
        vec![
            node("Identity", &["go"], &["on"]),
            step,
            node("Relu", &["out"], &["slice"]),
        ],
        vec![open("on"), open("out"), open("slice")],
    );
    let whole = node("Loop", &["count", "", "x"], &["last", "all"]);
    let mut model = graph(
        vec![value("x", 1, &[N(4)]), value("outer", 1, &[N(4)])],
        vec![with_body(whole, "body", body)],
        vec![open("last"), open("all")],
    );
    model.initializers = vec![ints("count", &[], &[6])];
    model
}

#[test]
fn a_loop_with_a_known_count_stacks_that_many_slices() {
    let program = read(repeated(false), &Options::new()).unwrap();
    assert_eq!(sizes(&program, "last"), (vec![4], false));
    assert_eq!(sizes(&program, "all"), (vec![6, 4], false));
    assert_eq!(sizes(&program, "last/body/slice"), (vec![4], false));
    let Some(Control::Loop(body)) = &program.nodes[0].control else {
        panic!("{:?}", program.nodes);
    };
    let counts = [
        body.states.len(),
        body.stacked.len(),
        body.received.len(),
        body.tested.len(),
    ];
    assert_eq!(counts, [1, 1, 2, 1]);
    assert!(program.nodes[0].reads.contains(&program.inputs[1]));
}

#[test]
fn a_loop_that_counts_until_a_limit_is_counted() {
    let body = graph(
        vec![value("i", 7, &[]), value("go", 9, &[]), value("at", 7, &[])],
        vec![
            node("Add", &["at", "two"], &["next"]),
            node("Less", &["next", "limit"], &["on"]),
            node("Cast", &["at"], &["slice"]),
        ],
        vec![open("on"), open("next"), open("slice")],
    );
    let mut body = body;
    body.nodes[2] = with(body.nodes[2].clone(), "to", AttributeValue::Int(1));
    body.initializers = vec![ints("two", &[], &[2])];
    let whole = with_body(
        node("Loop", &["", "", "zero"], &["last", "all"]),
        "body",
        body,
    );
    let mut model = graph(
        vec![value("x", 1, &[N(9)])],
        vec![
            node("Shape", &["x"], &["shape"]),
            node("Squeeze", &["shape"], &["limit"]),
            whole,
        ],
        vec![open("last"), open("all")],
    );
    model.initializers = vec![ints("zero", &[], &[0])];
    // 2, 4, 6, 8 go on and 10 ends it.
    let program = read(model.clone(), &Options::new()).unwrap();
    assert_eq!(sizes(&program, "all"), (vec![5], false));
    // The greatest number of iterations that is stated ends it earlier.
    model.nodes[2].inputs[0] = "most";
    model.initializers.push(ints("most", &[], &[3]));
    let program = read(model, &Options::new()).unwrap();
    assert_eq!(sizes(&program, "all"), (vec![3], false));
}

#[test]
fn a_state_that_changes_its_size_is_asked_for_by_the_name_of_the_result() {
    let error = read(repeated(true), &Options::new()).unwrap_err();
    let ModelError::MissingDims { missing } = error else {
        panic!("{error}");
    };
    assert_eq!(missing[0].name, "last:0.0");
    assert!(missing[0].is_bound);
}

#[test]
fn scan_takes_slices_along_one_axis_and_stacks_results_along_another() {
    let body = graph(
        vec![open("s"), open("row")],
        vec![
            node("Add", &["s", "row"], &["next"]),
            node("Relu", &["next"], &["column"]),
        ],
        vec![open("next"), open("column")],
    );
    let scan = with_body(node("Scan", &["start", "x"], &["end", "y"]), "body", body);
    let scan = with(scan, "num_scan_inputs", AttributeValue::Int(1));
    let scan = with(scan, "scan_input_axes", AttributeValue::Ints(vec![1]));
    let scan = with(scan, "scan_output_axes", AttributeValue::Ints(vec![-1]));
    let inputs = vec![value("start", 1, &[N(3)]), value("x", 1, &[N(3), N(5)])];
    let model = graph(inputs, vec![scan], vec![open("end"), open("y")]);
    let program = read(model, &Options::new()).unwrap();
    assert_eq!(sizes(&program, "end/body/row"), (vec![3], false));
    assert_eq!(sizes(&program, "y"), (vec![3, 5], false));
}

#[test]
fn what_follows_from_constants_and_shapes_is_constant_and_what_is_random_is_not() {
    let random = node("RandomNormal", &[], &["noise"]);
    let mut model = graph(
        vec![value("x", 1, &[N(2), N(3)])],
        vec![
            node("Shape", &["x"], &["shape"]),
            node("Reshape", &["weight", "shape"], &["matrix"]),
            with(random, "shape", AttributeValue::Ints(vec![2, 3])),
            node("Sum", &["x", "matrix", "noise"], &["y"]),
        ],
        vec![open("y")],
    );
    model.initializers = vec![TensorDef {
        name: "weight",
        dims: vec![6],
        element: 1,
        data: TensorData::Absent,
    }];
    let program = read(model, &Options::new()).unwrap();
    let constant = |bytes, is_computed| ValueKind::Constant { bytes, is_computed };
    assert_eq!(kind(&program, "weight"), &constant(24, false));
    assert_eq!(kind(&program, "shape"), &constant(16, true));
    assert_eq!(kind(&program, "matrix"), &constant(24, true));
    assert_eq!(sizes(&program, "noise"), (vec![2, 3], false));
}

#[test]
fn a_bound_decides_nothing_and_no_size_shrinks_with_it() {
    let mut model = graph(
        vec![value("x", 1, &[N(8)])],
        vec![
            node("NonZero", &["x"], &["places"]),
            node("Shape", &["places"], &["shape"]),
            node("Sub", &["most", "shape"], &["rest"]),
            node("ConstantOfShape", &["rest"], &["padding"]),
        ],
        vec![open("padding")],
    );
    model.initializers = vec![ints("most", &[2], &[10, 10])];
    let options = Options::new().dim("places.1", 4);
    let error = read(model.clone(), &options).unwrap_err();
    // 10 - 4 would be the least that is left, not the most.
    assert!(
        matches!(&error, ModelError::MissingDims { missing }
        if missing.len() == 1 && missing[0].name == "padding.1"),
        "{error}"
    );
    let program = read(model, &options.dim("padding.1", 10)).unwrap();
    assert_eq!(sizes(&program, "padding"), (vec![9, 10], true));
}

#[test]
fn sequences_need_no_memory_and_keep_the_sizes_of_what_is_taken_out() {
    let model = graph(
        vec![value("x", 1, &[N(2), N(3)]), value("at", 7, &[])],
        vec![
            node("SequenceConstruct", &["x", "x"], &["both"]),
            node("SequenceAt", &["both", "at"], &["y"]),
        ],
        vec![open("y")],
    );
    let program = read(model, &Options::new()).unwrap();
    assert_eq!(kind(&program, "both"), &ValueKind::NotMemory("sequences"));
    assert_eq!(sizes(&program, "y"), (vec![2, 3], false));
}

#[test]
fn the_mask_of_dropout_is_boolean_since_opset_10() {
    for (opset, mask) in [(7, ElementType::Float32), (10, ElementType::Bool)] {
        let dropout = NodeDef {
            opset,
            ..node("Dropout", &["x"], &["y", "mask"])
        };
        let model = graph(vec![value("x", 1, &[N(3)])], vec![dropout], vec![open("y")]);
        let program = read(model, &Options::new()).unwrap();
        match kind(&program, "mask") {
            ValueKind::Tensor(of) => assert_eq!(of.element, mask),
            kind => panic!("the mask is {kind:?}"),
        }
    }
}
