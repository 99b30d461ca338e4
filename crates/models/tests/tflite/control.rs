//! Bodies of control flow: branches that exclude each other, loops, calls.

use crate::writer::*;
use orionrt_models::{Model, ModelError, Options, Unknown, parse};
use orionrt_plan::Planner;

fn peak(model: &Model) -> u64 {
    let plan = Planner::new().plan(&model.graph.lifetimes()).unwrap();
    assert!(plan.is_optimal());
    plan.peak()
}

/// A subgraph with a chain of transposes through tensors of these numbers of floats.
fn body(name: &str, sizes: &[i32]) -> Graph {
    let tensors = sizes.iter().enumerate();
    let operators = 0..sizes.len() as i32 - 1;
    Graph {
        name: name.into(),
        tensors: tensors
            .map(|(n, &size)| floats(&format!("t{n}"), &[size]))
            .collect(),
        inputs: vec![0],
        outputs: vec![sizes.len() as i32 - 1],
        operators: operators.map(|n| op(TRANSPOSE, &[n], &[n + 1])).collect(),
    }
}

/// A choice between two bodies, from `x` to `y`.
fn choice(x: i32, y: i32) -> Graph {
    Graph {
        tensors: vec![
            floats("condition", &[]).element(BOOL),
            floats("x", &[x]),
            floats("y", &[y]),
        ],
        inputs: vec![0, 1],
        outputs: vec![2],
        operators: vec![op(IF, &[0, 1], &[2]).bodies(&[1, 2])],
        ..Graph::default()
    }
}

#[test]
fn branches_share_bytes_because_one_of_them_runs() {
    // x of 64 bytes, y of 64; the first branch has 1,024 bytes between them, the other one 2,048.
    let graphs = [
        choice(16, 16),
        body("a", &[16, 256, 16]),
        body("b", &[16, 512, 16]),
    ];
    let model = parse(&file(&graphs), &Options::new()).unwrap();
    assert_eq!(model.nodes, 5);
    assert!(model.left_out.is_empty());
    // x, y and the larger branch, and the condition's byte on top: 64 + 64 + 2,048 + 1.
    assert_eq!(peak(&model), 2177);
    assert!(model.graph.find("IF:0/then/t1").is_some());
    assert!(model.graph.find("IF:0/else/t1").is_some());
}

#[test]
fn a_branch_may_pass_its_input_on() {
    let mut identity = body("b", &[16]);
    identity.operators.clear();
    let graphs = [choice(16, 16), body("a", &[16, 256, 16]), identity];
    let model = parse(&file(&graphs), &Options::new()).unwrap();
    assert_eq!(peak(&model), 1153);
}

#[test]
fn the_larger_result_of_two_branches_counts() {
    let mut main = choice(16, 4);
    main.tensors[2] = floats("y", &[4]).signature(&[-1]);
    let graphs = [main, body("a", &[16, 4]), body("b", &[16, 64])];
    let model = parse(&file(&graphs), &Options::new()).unwrap();
    let y = model.graph.find("y").unwrap();
    assert_eq!(model.graph.tensor(y).unwrap().layout().size(), 256);
}

#[test]
fn bodies_with_other_inputs_than_the_operator_has_operands_are_an_error() {
    let mut main = choice(16, 16);
    main.operators[0].inputs = vec![0, 1, 1];
    let graphs = [main, body("a", &[16, 16]), body("b", &[16, 16])];
    let error = parse(&file(&graphs), &Options::new()).unwrap_err();
    let text = "operator 'IF:0' (IF): 2 operands for 'then', which has 1 inputs";
    assert_eq!(error.to_string(), text);
}

/// A loop over `count` and `x`, beside a weight that every iteration passes on.
fn repeated() -> [Graph; 3] {
    let count = || floats("count", &[]).element(INT32);
    let state = || floats("x", &[256]);
    let main = Graph {
        tensors: vec![
            count(),
            state(),
            floats("w", &[256]).data(1024),
            count(),
            floats("result", &[256]),
            floats("same", &[256]),
        ],
        inputs: vec![0, 1],
        outputs: vec![4],
        operators: vec![op(WHILE, &[0, 1, 2], &[3, 4, 5]).bodies(&[1, 2])],
        ..Graph::default()
    };
    let inputs = || vec![count(), state(), floats("w", &[256])];
    let mut condition = Graph {
        tensors: inputs(),
        inputs: vec![0, 1, 2],
        outputs: vec![3],
        operators: vec![op(LESS, &[0, 0], &[3])],
        ..Graph::default()
    };
    condition.tensors.push(floats("less", &[]).element(BOOL));
    let mut body = Graph {
        tensors: inputs(),
        inputs: vec![0, 1, 2],
        outputs: vec![3, 5, 2],
        operators: vec![
            op(TRANSPOSE, &[0], &[3]),
            op(TRANSPOSE, &[1, 2], &[4]),
            op(TRANSPOSE, &[4], &[5]),
        ],
        ..Graph::default()
    };
    body.tensors
        .extend([count(), floats("middle", &[256]), state()]);
    [main, condition, body]
}

#[test]
fn a_loop_keeps_what_goes_from_one_iteration_into_the_next() {
    let model = parse(&file(&repeated()), &Options::new()).unwrap();
    assert_eq!((model.nodes, model.weights_bytes), (5, 1024));
    let operators = model.graph.ops().iter().map(|op| op.name());
    let operators: Vec<_> = operators.collect();
    let position = |name: &str| operators.iter().position(|op| *op == name).unwrap();
    let less = position("WHILE:0/cond/LESS:0");
    assert!(less < position("WHILE:0/body/TRANSPOSE:0"));
    // What every iteration passes on needs no memory but that of the result: 1,024 bytes of it,
    // those of the state, and those in the middle of an iteration, beside counts.
    let peak = peak(&model);
    assert!((3072..=3072 + 5 * 64).contains(&peak), "{peak}");
}

#[test]
fn a_value_that_grows_in_a_loop_needs_a_bound() {
    let mut graphs = repeated();
    graphs[2].tensors[5] = floats("x", &[512]);
    let bytes = file(&graphs);
    let Err(ModelError::MissingDims { missing }) = parse(&bytes, &Options::new()) else {
        panic!("a bound is missing");
    };
    let names: Vec<_> = missing
        .iter()
        .map(|dim| (dim.name.as_str(), dim.is_bound))
        .collect();
    assert_eq!(names, [("WHILE:0/body/x.0", true)]);
    let options = Options::new().dim("WHILE:0/body/x.0", 512);
    let model = parse(&bytes, &options).unwrap();
    let result = model.graph.find("result").unwrap();
    assert_eq!(model.graph.tensor(result).unwrap().layout().size(), 2048);
    assert!(parse(&bytes, &Options::new().unknown(Unknown::Skip)).is_ok());
}

#[test]
fn what_is_called_once_initialises_variables() {
    let handle = || floats("h", &[]).element(RESOURCE);
    let main = Graph {
        tensors: vec![handle(), floats("y", &[8])],
        outputs: vec![1],
        operators: vec![
            op(CALL_ONCE, &[], &[]).bodies(&[1]),
            op(VAR_HANDLE, &[], &[0]).of_variable("state"),
            op(READ_VARIABLE, &[0], &[1]),
        ],
        ..Graph::default()
    };
    let init = Graph {
        tensors: vec![handle(), floats("zeros", &[8]).data(32)],
        operators: vec![
            op(VAR_HANDLE, &[], &[0]).of_variable("state"),
            op(ASSIGN_VARIABLE, &[0, 1], &[]),
        ],
        ..Graph::default()
    };
    let model = parse(&file(&[main, init]), &Options::new()).unwrap();
    assert_eq!((model.nodes, model.weights_bytes), (5, 32));
    assert_eq!(peak(&model), 96);
}

#[test]
fn a_subgraph_may_be_called_twice() {
    let main = Graph {
        tensors: vec![floats("x", &[16]), floats("y", &[16]), floats("z", &[16])],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![
            op(CALL, &[0], &[1]).bodies(&[1]),
            op(CALL, &[1], &[2]).bodies(&[1]),
        ],
        ..Graph::default()
    };
    let model = parse(&file(&[main, body("f", &[16, 64, 16])]), &Options::new()).unwrap();
    assert_eq!(model.nodes, 4);
    for name in ["CALL:0/body/t1", "CALL:1/body/t1"] {
        assert!(model.graph.find(name).is_some(), "{name}");
    }
    // The operand, 256 bytes within the body, and the result.
    assert_eq!(peak(&model), 384);
}
