//! Files made to do harm: each ends in an error, or in a plan, within a second and 200 MiB.
//!
//! A case is written to a file and loaded from it, so that memory of the test itself does not
//! count. Cases run one at a time; time is that of the processor, so other work does not count.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use std::{env, fs, process, thread};

use orionrt_models::{Model, ModelError, Options, Unknown, load, parse};
use orionrt_test_models::parts::{dim, encode, int, ints, model, node, value, zeros};
use orionrt_test_models::proto::attribute_proto::AttributeType;
use orionrt_test_models::proto::tensor_proto::DataType::{Bool, Float, Int64};
use orionrt_test_models::proto::type_proto::Value;
use orionrt_test_models::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto,
};

/// The most that a case may use beside what the process had before.
const MAX_BYTES: u64 = 200 << 20;

/// The most time of the processor. Without optimisation everything takes ten times as long.
const MAX_SECONDS: f64 = if cfg!(debug_assertions) { 20.0 } else { 2.0 };

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Held while a test runs: what it builds would count in others.
fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads a file with these bytes; panics if that takes too long or too much.
fn loaded(name: &str, bytes: Vec<u8>) -> Result<Model, ModelError> {
    let path = Temporary::new(name, &bytes);
    drop(bytes);
    let before = Usage::now();
    let model = load(&path.0, &Options::new().unknown(Unknown::Skip));
    let (seconds, more) = before.since();
    let outcome = match &model {
        Ok(model) => format!("{} nodes, {} left out", model.nodes, model.left_out.len()),
        Err(error) => format!("{error:.300}"),
    };
    println!("{name}: {seconds:.2} s, {} MiB, {outcome}", more >> 20);
    assert!(more <= MAX_BYTES, "{name}: {more} bytes");
    assert!(seconds <= MAX_SECONDS, "{name}: {seconds} s");
    model
}

fn refused(name: &str, bytes: Vec<u8>, message: &str) {
    let error = loaded(name, bytes).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(message), "{name}: {error:.1000}");
}

/// A file that is removed again.
struct Temporary(PathBuf);

impl Temporary {
    /// A named pipe.
    fn pipe(name: &str) -> Self {
        let pipe = Self::new(name, &[]);
        fs::remove_file(&pipe.0).unwrap();
        let made = process::Command::new("mkfifo").arg(&pipe.0).status();
        assert!(made.unwrap().success());
        pipe
    }

    fn new(name: &str, bytes: &[u8]) -> Self {
        let name = format!("orionrt-hostile-{}-{name}.onnx", process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Time of the thread and memory of the process; zeros where the system does not tell.
struct Usage {
    seconds: f64,
    resident: u64,
}

impl Usage {
    fn now() -> Self {
        // The highest use so far is set back to the present one.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self {
            seconds: seconds(),
            resident: status("VmRSS:"),
        }
    }

    fn since(&self) -> (f64, u64) {
        let more = status("VmHWM:").saturating_sub(self.resident);
        (seconds() - self.seconds, more)
    }
}

fn seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    nanoseconds.map_or(0.0, |n: u64| n as f64 / 1e9)
}

fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .map_or(0, |kib| kib << 10)
}

// Messages byte by byte, for what no writer makes.

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn header(field: u64, length: usize) -> Vec<u8> {
    [varint(field << 3 | 2), varint(length as u64)].concat()
}

fn slice(field: u64, bytes: &[u8]) -> Vec<u8> {
    [&header(field, bytes.len()), bytes].concat()
}

/// A model with a version, and the fields of its graph.
fn raw(graph: &[u8]) -> Vec<u8> {
    [&[8, 8][..], &slice(7, graph)].concat()
}

// Models.

fn graph(nodes: Vec<NodeProto>) -> GraphProto {
    GraphProto {
        node: nodes,
        input: vec![value("x", Float, &["4"]), value("c", Bool, &[])],
        output: vec![value("y", Float, &["4"])],
        ..Default::default()
    }
}

fn of(nodes: Vec<NodeProto>) -> Vec<u8> {
    encode(&model(graph(nodes), 17))
}

fn with(mut node: NodeProto, attributes: Vec<AttributeProto>) -> NodeProto {
    node.attribute = attributes;
    node
}

fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        g: Some(graph),
        r#type: AttributeType::Graph as i32,
        ..Default::default()
    }
}

/// A body with one result.
fn branch(nodes: Vec<NodeProto>, result: &str) -> GraphProto {
    GraphProto {
        name: "b".into(),
        node: nodes,
        output: vec![value(result, Float, &["4"])],
        ..Default::default()
    }
}

fn whole_numbers(name: &str, numbers: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![numbers.len() as i64],
        data_type: Int64 as i32,
        int64_data: numbers.into(),
        ..Default::default()
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|i| format!("{prefix}{i}")).collect()
}

/// `x` through this many nodes to `y`.
fn chain(count: usize) -> Vec<NodeProto> {
    let at = |i: usize| match i {
        0 => "x".into(),
        i if i == count => "y".into(),
        i => format!("t{i}"),
    };
    let link = |i: usize| node("Relu", &[&at(i)], &[&at(i + 1)]);
    (0..count).map(link).collect()
}

#[test]
fn dimensions_of_two_to_the_sixty_two() {
    let _alone = alone();
    let huge = (1i64 << 62).to_string();
    let dims = [huge.as_str(), huge.as_str()];
    let mut of_input = graph(vec![node("Relu", &["x"], &["y"])]);
    of_input.input = vec![value("x", Float, &dims)];
    of_input.output = vec![value("y", Float, &dims)];
    assert!(loaded("input", encode(&model(of_input, 17))).is_err());

    let mut of_weight = graph(vec![node("Gather", &["w", "i"], &["y"])]);
    of_weight.initializer = vec![
        TensorProto {
            name: "w".into(),
            dims: vec![1 << 62, 1 << 62, 1 << 62],
            data_type: Float as i32,
            raw_data: vec![0; 16],
            ..Default::default()
        },
        whole_numbers("i", &[0]),
    ];
    let _ = loaded("weight", encode(&model(of_weight, 17)));
}

#[test]
fn sizes_of_two_to_the_sixty_two_as_operands() {
    let _alone = alone();
    for (operator, inputs, numbers) in [
        ("Reshape", &["x", "n"][..], vec![1 << 62, 1 << 62]),
        ("Expand", &["x", "n"], vec![1 << 62, 4]),
        ("Tile", &["x", "n"], vec![1 << 62]),
        ("Pad", &["x", "n"], vec![1 << 62, 1 << 62]),
        ("Resize", &["x", "", "", "n"], vec![1 << 62]),
        ("ConstantOfShape", &["n"], vec![1 << 62, 1 << 62]),
        ("OneHot", &["x", "n", "x"], vec![i64::MAX]),
        ("Range", &["n", "n", "n"], vec![i64::MAX]),
        ("TopK", &["x", "n"], vec![i64::MAX]),
        ("Split", &["x", "n"], vec![i64::MAX, i64::MIN]),
        ("Slice", &["x", "n", "n", "n", "n"], vec![i64::MIN]),
        ("Unsqueeze", &["x", "n"], vec![i64::MIN, i64::MAX]),
        ("Squeeze", &["x", "n"], vec![i64::MIN]),
        ("ReduceSum", &["x", "n"], vec![i64::MIN]),
    ] {
        let mut graph = graph(vec![
            node(operator, inputs, &["t"]),
            node("Relu", &["t"], &["y"]),
        ]);
        graph.initializer = vec![whole_numbers("n", &numbers)];
        graph.output = vec![value("y", Float, &[])];
        let _ = loaded(operator, encode(&model(graph, 17)));
    }
}

#[test]
fn attributes_beyond_all_bounds() {
    let _alone = alone();
    for operator in ["Conv", "MaxPool", "AveragePool", "ConvTranspose", "LpPool"] {
        for extreme in [i64::MAX, i64::MIN, 0, -1, 1 << 62] {
            let mut graph = graph(vec![with(
                node(operator, &["i", "w"], &["y"]),
                vec![
                    ints("strides", &[extreme, 1]),
                    ints("pads", &[i64::MAX, extreme, i64::MAX, 1]),
                    ints("dilations", &[1, extreme]),
                    ints("kernel_shape", &[1, 1]),
                    int("group", extreme),
                ],
            )]);
            graph.input = vec![value("i", Float, &["1", "3", "8", "8"])];
            graph.initializer = vec![zeros("w", &[1, 3, 1, 1])];
            graph.output = vec![value("y", Float, &["1", "1", "1", "1"])];
            let _ = loaded(operator, encode(&model(graph, 17)));
        }
    }
    for operator in [
        "Concat",
        "Flatten",
        "Softmax",
        "Gather",
        "Split",
        "Transpose",
        "OneHot",
        "ArgMax",
        "DepthToSpace",
        "SpaceToDepth",
        "EyeLike",
        "Cast",
        "CumSum",
        "LayerNormalization",
        "Shape",
        "Squeeze",
        "ReduceMax",
        "TopK",
        "Einsum",
        "Slice",
        "Upsample",
        "RandomNormal",
        "LSTM",
        "Scan",
    ] {
        for extreme in [i64::MAX, i64::MIN, -1, 0, 77] {
            let attributes = [
                "axis",
                "axes",
                "blocksize",
                "dtype",
                "to",
                "k",
                "start",
                "end",
                "hidden_size",
                "num_outputs",
                "num_scan_inputs",
                "scan_input_axes",
                "shape",
                "starts",
                "ends",
            ];
            let attributes = attributes.iter().map(|name| match *name {
                "axes" | "shape" | "starts" | "ends" | "scan_input_axes" => ints(name, &[extreme]),
                name => int(name, extreme),
            });
            for version in [1, 9, 12, 21] {
                let node = with(
                    node(operator, &["x", "x"], &["y", "z"]),
                    attributes.clone().collect(),
                );
                let bytes = encode(&model(graph(vec![node]), version));
                let _ = parse(&bytes, &Options::new().unknown(Unknown::Skip));
            }
        }
    }
}

#[test]
fn ten_thousand_bodies_within_one_another() {
    let _alone = alone();
    // From the inside out; the parts of each level before its body are kept.
    let (mut levels, mut length) = (Vec::new(), 0);
    for _ in 0..10_000 {
        let attribute = [&[0xa0, 1, 5][..], &header(6, length)].concat();
        length += attribute.len();
        let node = [&slice(4, b"If")[..], &header(5, length)].concat();
        length += node.len();
        let outer = header(1, length);
        length += outer.len();
        levels.push([outer, node, attribute].concat());
    }
    levels.reverse();
    refused("nested", raw(&levels.concat()), "bodies within bodies");
}

#[test]
fn bodies_as_deep_as_is_allowed() {
    let _alone = alone();
    let mut nodes = vec![node("Relu", &["x"], &["y0"])];
    for depth in 0..32 {
        let (inner, outer) = (format!("y{depth}"), format!("y{}", depth + 1));
        let other = format!("z{depth}");
        let bodies = vec![
            body("then_branch", branch(nodes, &inner)),
            body(
                "else_branch",
                branch(vec![node("Abs", &["x"], &[&other])], &other),
            ),
        ];
        nodes = vec![with(node("If", &["c"], &[&outer]), bodies)];
    }
    nodes.push(node("Relu", &["y32"], &["y"]));
    loaded("deep", of(nodes)).unwrap();
}

#[test]
fn cycles() {
    let _alone = alone();
    let own = vec![node("Add", &["x", "y"], &["y"])];
    assert!(loaded("own", of(own)).is_err());
    let two = vec![
        node("Add", &["x", "y"], &["t"]),
        node("Relu", &["t"], &["y"]),
    ];
    assert!(loaded("two", of(two)).is_err());
    let bodies = vec![
        body(
            "then_branch",
            branch(vec![node("Relu", &["y"], &["r"])], "r"),
        ),
        body(
            "else_branch",
            branch(vec![node("Relu", &["x"], &["r"])], "r"),
        ),
    ];
    let through_body = vec![with(node("If", &["c"], &["y"]), bodies)];
    // The branch cannot be typed: it is left out, or the model is refused.
    if let Ok(model) = loaded("through-body", of(through_body)) {
        assert!(!model.left_out.is_empty());
    }
    let twice = vec![node("Relu", &["x"], &["y"]), node("Abs", &["x"], &["y"])];
    assert!(loaded("written-twice", of(twice)).is_err());
}

#[test]
fn millions_of_empty_messages() {
    let _alone = alone();
    for field in [1, 5, 11, 12, 13, 15] {
        let empty = slice(field, &[]).repeat(32 << 20);
        refused(
            &format!("empty-{field}"),
            raw(&empty),
            "more than the limit",
        );
    }
    for field in [8, 25] {
        let empty = slice(field, &[]).repeat(16 << 20);
        let bytes = [raw(&[]), empty].concat();
        refused(
            &format!("empty-in-model-{field}"),
            bytes,
            "more than the limit",
        );
    }
    for field in [1, 2, 5] {
        let empty = slice(field, &[]).repeat(4 << 20);
        let node = slice(1, &empty).repeat(8);
        refused(
            &format!("empty-in-node-{field}"),
            raw(&node),
            "more than the limit",
        );
    }
    let declared = |i: u64| {
        let name = i.to_le_bytes().map(|byte| byte & 0x7f);
        slice(5, &[&slice(8, &name)[..], &[8, 1, 16, 1]].concat())
    };
    let declared: Vec<u8> = (0..250_000).flat_map(declared).collect();
    let _ = loaded("declared", raw(&declared));
}

#[test]
fn names_of_a_hundred_megabytes() {
    let _alone = alone();
    let name = vec![b'n'; 100 << 20];
    for (case, fields) in [
        ("graph", slice(2, &name)),
        ("node", slice(1, &slice(3, &name))),
        ("operand", slice(1, &slice(1, &name))),
        ("weight", slice(5, &slice(8, &name))),
        ("input", slice(11, &slice(1, &name))),
    ] {
        refused(
            &format!("name-of-{case}"),
            raw(&fields),
            "more than the limit",
        );
    }
    let mut documented = model(graph(vec![node("Relu", &["x"], &["y"])]), 17);
    documented.graph.as_mut().unwrap().name = "g".into();
    let documented = [&encode(&documented)[..], &slice(6, &name)].concat();
    loaded("documentation", documented).unwrap();
}

#[test]
fn long_names_of_nodes_with_large_bodies() {
    let _alone = alone();
    // Each value in a body is named after the node.
    let mut outer = node("If", &["c"], &["y"]);
    outer.name = "n".repeat(60_000);
    let nodes = chain(20_000).into_iter();
    let nodes = nodes.map(|mut node| {
        for name in &mut node.output {
            if name == "y" {
                *name = "r".into();
            }
        }
        node
    });
    outer.attribute = vec![
        body("then_branch", branch(nodes.collect(), "r")),
        body(
            "else_branch",
            branch(vec![node("Abs", &["x"], &["s"])], "s"),
        ),
    ];
    refused("long-names", of(vec![outer]), "names of values in bodies");
}

#[test]
fn weights_in_files_that_are_not_opened() {
    let _alone = alone();
    let pipe = Temporary::pipe("weights");
    let pipe = pipe.0.to_str().unwrap();
    for path in [
        "../../../../etc/passwd",
        "/dev/zero",
        "/dev/stdin",
        "",
        "missing",
        pipe,
    ] {
        let mut graph = graph(vec![node("Add", &["x", "w"], &["y"])]);
        let mut weight = zeros("w", &[4]);
        weight.raw_data = Vec::new();
        weight.data_location = 1;
        weight.external_data = vec![StringStringEntryProto {
            key: "location".into(),
            value: path.into(),
        }];
        graph.initializer = vec![weight];
        let model = encode(&model(graph, 17));
        // Whoever opens a pipe to which nobody writes waits for ever.
        let (send, receive) = mpsc::channel();
        let loading = move || send.send(loaded("external", model).map(|model| model.weights_bytes));
        thread::spawn(loading);
        let bytes = receive.recv_timeout(Duration::from_secs(60));
        assert_eq!(
            bytes.expect("the file is not opened").unwrap(),
            16,
            "{path}"
        );
    }
}

fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        domain: "own".into(),
        name: name.into(),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: nodes,
        opset_import: vec![OperatorSetIdProto {
            version: 17,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn call(name: &str, function: &str, operand: &str, result: &str) -> NodeProto {
    NodeProto {
        name: name.into(),
        domain: "own".into(),
        ..node(function, &[operand], &[result])
    }
}

fn with_functions(functions: Vec<FunctionProto>, nodes: Vec<NodeProto>) -> Vec<u8> {
    encode(&ModelProto {
        functions,
        ..model(graph(nodes), 17)
    })
}

#[test]
fn functions_that_explode() {
    let _alone = alone();
    let relu = || function("F0", vec![node("Relu", &["a"], &["b"])]);
    let mut doubling = vec![relu()];
    for i in 1..=40 {
        let inner = format!("F{}", i - 1);
        let nodes = vec![call("l", &inner, "a", "t"), call("r", &inner, "t", "b")];
        doubling.push(function(&format!("F{i}"), nodes));
    }
    let bytes = with_functions(doubling, vec![call("c", "F40", "x", "y")]);
    refused("doubling", bytes, "more than the limit");

    let itself = vec![function("F", vec![call("f", "F", "a", "b")])];
    let bytes = with_functions(itself, vec![call("c", "F", "x", "y")]);
    refused("recursion", bytes, "a call of itself");

    let mut long = vec![relu()];
    for i in 1..=10_000 {
        let inner = format!("F{}", i - 1);
        long.push(function(
            &format!("F{i}"),
            vec![call("c", &inner, "a", "b")],
        ));
    }
    let bytes = with_functions(long, vec![call("c", "F10000", "x", "y")]);
    refused("long-chain", bytes, "calls of functions within functions");

    let name = "n".repeat(30_000);
    let mut nodes = chain(1000);
    for node in &mut nodes {
        node.name.clone_from(&name);
    }
    nodes[0].input = vec!["a".into()];
    nodes[999].output = vec!["b".into()];
    let calls = vec![
        call(&name, "F", "x", "t"),
        call(&name, "F", "t", "u"),
        call(&name, "F", "u", "y"),
    ];
    let bytes = with_functions(vec![function("F", nodes)], calls);
    refused("names-of-calls", bytes, "more than the limit");
}

/// A model whose input has dimensions with names.
fn symbolic(nodes: Vec<NodeProto>) -> Vec<u8> {
    let mut graph = graph(nodes);
    graph.input = vec![value("x", Float, &["n", "m"])];
    graph.output = vec![value("y", Float, &["", ""])];
    encode(&model(graph, 17))
}

/// `first` doubled by an operator `count` times; the last is called `PREFIX{count}`.
fn doubled(operator: &str, first: &str, prefix: &str, count: usize) -> Vec<NodeProto> {
    let at = |i: usize| match i {
        0 => first.into(),
        i => format!("{prefix}{i}"),
    };
    let link = |i: usize| {
        let link = node(operator, &[&at(i), &at(i)], &[&at(i + 1)]);
        match operator {
            "Concat" => with(link, vec![int("axis", 0)]),
            _ => link,
        }
    };
    (0..count).map(link).collect()
}

#[test]
fn expressions_that_explode() {
    let _alone = alone();
    for (operator, count) in [
        ("Concat", 60),
        ("Concat", 200),
        ("Add", 10_000),
        ("MatMul", 1000),
    ] {
        let mut nodes = doubled(operator, "x", "t", count);
        nodes.push(node("Relu", &[&format!("t{count}")], &["y"]));
        let _ = loaded(&format!("{operator}-{count}"), symbolic(nodes));
    }
    // A shape that is multiplied with itself, added to itself, and then used.
    for operator in ["Mul", "Add", "Sub", "Div", "Mod", "Max", "Concat"] {
        let mut nodes = vec![node("Shape", &["x"], &["s"])];
        nodes.extend(doubled(operator, "s", "s", 300));
        nodes.push(node("Expand", &["x", "s300"], &["y"]));
        let _ = loaded(&format!("shape-{operator}"), symbolic(nodes));
    }
}

#[test]
fn dimensions_with_long_names() {
    let _alone = alone();
    let long = "n".repeat(60_000);
    let mut graph = graph(chain(20_000));
    graph.input = vec![value("x", Float, &[&long])];
    graph.output = vec![value("y", Float, &[""])];
    refused(
        "long-dimension",
        encode(&model(graph, 17)),
        "more than the limit",
    );
}

#[test]
fn tensors_that_depend_on_many_dimensions() {
    let _alone = alone();
    let mut nodes = vec![node("Concat", &[], &["t"])];
    nodes[0].attribute = vec![int("axis", 0)];
    nodes[0].input = names("i", 1000);
    let mut links = chain(20_000);
    links[0].input = vec!["t".into()];
    nodes.extend(links);
    let mut graph = graph(nodes);
    let inputs = names("i", 1000);
    graph.input = inputs
        .iter()
        .map(|name| value(name, Float, &[&format!("a_dimension_of_{name}")]))
        .collect();
    graph.output = vec![value("y", Float, &[""])];
    let _ = loaded("many-dimensions", encode(&model(graph, 17)));
}

#[test]
fn nodes_with_more_operands_and_results_than_any_has() {
    let _alone = alone();
    let mut wide = with(node("Concat", &[], &["y"]), vec![int("axis", 0)]);
    wide.input = vec!["x".into(); 100_000];
    let mut of_wide = graph(vec![wide]);
    of_wide.output = vec![value("y", Float, &["400000"])];
    loaded("operands", encode(&model(of_wide, 17))).unwrap();

    let mut results = node("Split", &["x"], &["y"]);
    results.output = names("t", 100_000);
    let _ = loaded("results", of(vec![results]));

    let attributes = vec![int("alpha", 1); 200_000];
    let _ = loaded(
        "attributes",
        of(vec![with(node("Relu", &["x"], &["y"]), attributes)]),
    );

    let long = vec![ints("perm", &vec![0; 4 << 20])];
    let _ = loaded(
        "permutation",
        of(vec![with(node("Transpose", &["x"], &["y"]), long)]),
    );
}

#[test]
fn a_shape_of_a_million_dimensions() {
    let _alone = alone();
    let mut deep = value("x", Float, &[]);
    if let Some(Value::TensorType(tensor)) = deep.r#type.as_mut().and_then(|t| t.value.as_mut()) {
        tensor.shape.as_mut().unwrap().dim = vec![dim("2"); 1 << 20];
    }
    let mut graph = graph(vec![node("Relu", &["x"], &["y"])]);
    graph.input = vec![deep];
    refused("rank", encode(&model(graph, 17)), "dimensions of a shape");
}

#[test]
fn bodies_that_capture_everything() {
    let _alone = alone();
    let outer = names("o", 2000);
    let relus = outer.iter().map(|name| node("Relu", &["x"], &[name]));
    let mut nodes: Vec<NodeProto> = relus.collect();
    let captured: Vec<&str> = outer.iter().map(String::as_str).collect();
    let mut inner = vec![node("Sum", &captured, &["y0"])];
    for depth in 0..30 {
        let (inside, outside) = (format!("y{depth}"), format!("y{}", depth + 1));
        let other = format!("z{depth}");
        let bodies = vec![
            body("then_branch", branch(inner, &inside)),
            body(
                "else_branch",
                branch(vec![node("Sum", &captured, &[&other])], &other),
            ),
        ];
        inner = vec![with(node("If", &["c"], &[&outside]), bodies)];
    }
    nodes.extend(inner);
    nodes.push(node("Relu", &["y30"], &["y"]));
    let _ = loaded("captures", of(nodes));
}

#[test]
fn a_hundred_thousand_nodes() {
    let _alone = alone();
    loaded("chain", of(chain(100_000))).unwrap();
}

/// A small model with all that a file may have.
fn small() -> Vec<u8> {
    let bodies = vec![
        body(
            "then_branch",
            branch(vec![node("Relu", &["x"], &["r"])], "r"),
        ),
        body(
            "else_branch",
            branch(vec![node("Abs", &["x"], &["q"])], "q"),
        ),
    ];
    let nodes = vec![
        node("Add", &["x", "w"], &["t"]),
        with(node("If", &["c"], &["u"]), bodies),
        node("Reshape", &["u", "s"], &["v"]),
        call("f", "F", "v", "y"),
    ];
    let mut graph = graph(nodes);
    graph.initializer = vec![zeros("w", &[4]), whole_numbers("s", &[2, 2])];
    graph.value_info = vec![value("t", Float, &["4"]), value("v", Float, &["2", ""])];
    graph.output = vec![value("y", Float, &["2", "2"])];
    encode(&ModelProto {
        functions: vec![function("F", vec![node("Relu", &["a"], &["b"])])],
        ..model(graph, 17)
    })
}

#[test]
fn twenty_thousand_nodes_of_one_name() {
    let _alone = alone();
    let named = |i: usize, name: String| NodeProto {
        name,
        ..node(
            "Relu",
            &["x"],
            &[if i == 0 { "y".into() } else { format!("t{i}") }.as_str()],
        )
    };
    let same = (0..20_000).map(|i| named(i, "n".into())).collect();
    let model = loaded("same-names", of(same)).unwrap();
    let ops = model.graph.ops();
    assert_eq!((ops[0].name(), ops[19_999].name()), ("n", "n#20000"));

    let numbered = |i: usize| {
        if i.is_multiple_of(2) {
            "n".into()
        } else {
            format!("n#{}", i / 2)
        }
    };
    let nodes = (0..20_000).map(|i| named(i, numbered(i))).collect();
    let model = loaded("numbered-names", of(nodes)).unwrap();
    let names: std::collections::HashSet<&str> =
        model.graph.ops().iter().map(|op| op.name()).collect();
    assert_eq!(names.len(), 20_000);

    let nodes = (0..20_000).map(|_| node("Relu", &["x"], &[""]));
    let nodes = nodes.chain(chain(1)).collect();
    loaded("no-results", of(nodes)).unwrap();

    let branch = || branch(vec![node("Relu", &["x"], &["r"])], "r");
    let choice = |i: usize| NodeProto {
        attribute: vec![body("then_branch", branch()), body("else_branch", branch())],
        ..named(i, "n".into())
    };
    let choice = |i: usize| NodeProto {
        op_type: "If".into(),
        input: vec!["c".into()],
        ..choice(i)
    };
    loaded("branches", of((0..5000).map(choice).collect())).unwrap();
}

#[test]
fn ten_thousand_dimensions_that_are_given() {
    let _alone = alone();
    let given = |operator: &str, axis: u32| {
        (1..10_000).fold(Options::new(), |options, i| {
            options.dim(format!("{operator}_t{i}.{axis}"), 4)
        })
    };
    let before = Usage::now();
    let known = parse(&of(chain(10_000)), &given("Relu", 0));
    assert!(known.unwrap().bounds.is_empty());
    let found = (1..10_000).map(|i| node("NonZero", &["x"], &[&format!("t{i}")]));
    let used = (1..10_000).map(|i| node("Relu", &[&format!("t{i}")], &[&format!("r{i}")]));
    let all = found.chain(used).chain(chain(1)).collect();
    let bounds = parse(&of(all), &given("NonZero", 1)).unwrap().bounds;
    assert_eq!(bounds.len(), 9_999);
    let (seconds, _) = before.since();
    assert!(seconds <= MAX_SECONDS, "{seconds} s");
}

#[test]
fn a_file_that_ends_at_any_byte() {
    let _alone = alone();
    let bytes = small();
    parse(&bytes, &Options::new()).unwrap();
    for end in 0..bytes.len() {
        let _ = parse(&bytes[..end], &Options::new());
    }
}

#[test]
fn a_file_with_any_byte_changed() {
    let _alone = alone();
    let bytes = small();
    let options = Options::new().unknown(Unknown::Skip);
    for at in 0..bytes.len() {
        // Each bit, and values that are special to numbers and lengths.
        let bits = (0..8).map(|bit| bytes[at] ^ (1 << bit));
        for value in bits.chain([0, 0x7f, 0x80, 0xff]) {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = parse(&changed, &options);
        }
    }
}

#[test]
fn what_cannot_be_opened_or_is_no_file() {
    let _alone = alone();
    let none = load(Path::new("/nowhere/model.onnx"), &Options::new());
    assert!(matches!(none, Err(ModelError::Read { .. })));
    let folder = load(&env::temp_dir(), &Options::new());
    assert!(matches!(folder, Err(ModelError::Read { .. })));
    #[cfg(target_os = "linux")]
    for endless in ["/dev/zero", "/dev/null"] {
        assert!(load(Path::new(endless), &Options::new()).is_err());
    }
}
