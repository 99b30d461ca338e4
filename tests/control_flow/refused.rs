//! Constructs and uses of tensors that make no sense are refused by errors that name what is wrong.

use orionrt::{
    GraphBuilder, TensorId,
    graph::{Construct, ConstructMistake, GraphError, OpId},
};

use crate::tensors;

/// Operators `op0`, `op1`, ..., each of which writes a tensor that nobody reads.
fn operators(count: usize) -> GraphBuilder {
    let mut g = GraphBuilder::new();
    for index in 0..count {
        let [t] = tensors(&mut g, [format!("t{index}").as_str()]);
        g.op(format!("op{index}")).writes([t]);
    }
    g
}

fn ops(range: std::ops::Range<u32>) -> std::ops::Range<OpId> {
    OpId::new(range.start)..OpId::new(range.end)
}

fn construct_mistake(mut g: GraphBuilder) -> (String, Construct, ConstructMistake) {
    match g.build() {
        Err(error @ GraphError::BadConstruct { .. }) => {
            let text = error.to_string();
            let GraphError::BadConstruct { construct, mistake } = error else {
                unreachable!()
            };
            (text, construct, mistake)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn constructs_that_overlap_are_named_both() {
    let mut g = operators(6);
    g.exclusive([ops(0..2), ops(2..4)]).repeated(ops(1..3));
    let (text, construct, mistake) = construct_mistake(g);
    assert_eq!(construct, Construct::Repeated { body: ops(1..3) });
    let branches = vec![ops(0..2), ops(2..4)];
    let other = Construct::Exclusive { branches };
    assert_eq!(mistake, ConstructMistake::Overlaps { other });
    assert_eq!(
        text,
        "the repeated steps 1..3: they overlap the branches in steps 0..4; \
         one must lie within one branch or body of the other"
    );
    let mut g = operators(6);
    g.repeated(ops(1..4)).repeated(ops(2..5));
    assert!(matches!(
        construct_mistake(g).2,
        ConstructMistake::Overlaps { .. }
    ));
    // Two ways to split the same operators.
    let mut g = operators(6);
    g.exclusive([ops(0..2), ops(2..4)])
        .exclusive([ops(0..1), ops(1..4)]);
    assert!(matches!(
        construct_mistake(g).2,
        ConstructMistake::Overlaps { .. }
    ));
}

#[test]
fn branches_have_no_hole_between_them_and_ranges_are_of_operators() {
    let mut g = operators(5);
    g.exclusive([ops(0..2), ops(2..2), ops(3..4)]);
    let (branch, begins, expected) = (2, 3, 2);
    let apart = ConstructMistake::BranchesApart {
        branch,
        begins,
        expected,
    };
    assert_eq!(construct_mistake(g).2, apart);
    for part in [ops(3..6), OpId::new(3)..OpId::new(2)] {
        let mut g = operators(5);
        g.repeated(part.clone());
        let mistake = ConstructMistake::OutOfRange { part, ops: 5 };
        assert_eq!(construct_mistake(g).2, mistake);
    }
}

#[test]
fn ten_thousand_constructs_around_each_other_are_refused() {
    let mut g = operators(1);
    (0..10_000).for_each(|_| {
        g.repeated(ops(0..1));
    });
    let (text, _, mistake) = construct_mistake(g);
    assert_eq!(mistake, ConstructMistake::TooDeep { most: 72 });
    assert_eq!(
        text,
        "the repeated steps 0..1: more than 72 constructs lie within each other"
    );
    let mut g = operators(1);
    (0..64).for_each(|_| {
        g.repeated(ops(0..1));
    });
    assert!(g.build().is_ok());
}

#[test]
fn streams_beside_control_flow_are_refused() {
    let mut g = operators(2);
    g.op("other").stream(1);
    g.repeated(ops(0..1));
    assert_eq!(construct_mistake(g).2, ConstructMistake::Streams);
}

#[test]
fn constructs_without_operators_change_nothing() {
    let mut g = operators(3);
    g.exclusive([ops(1..1), ops(1..1)]);
    g.repeated(ops(3..3)).exclusive([]);
    assert_eq!(g.build(), operators(3).build());
}

#[test]
fn a_single_branch_keeps_its_operators_together_and_lifetimes_as_they_are() {
    let mut g = operators(4);
    let graph = g.exclusive([ops(1..3)]).build().expect("one branch");
    let plain = operators(4).build().expect("no construct");
    assert_eq!(graph.lifetimes(), plain.lifetimes());
    let order = |order: [u32; 4]| graph.in_order(&order.map(OpId::new));
    assert!(order([3, 1, 2, 0]).is_ok());
    let torn = order([1, 0, 2, 3]).expect_err("the branch is torn apart");
    assert!(matches!(
        torn,
        GraphError::BadOrder(orionrt::graph::OrderMistake::ConstructSplit { .. })
    ));
}

#[test]
fn of_constructs_with_the_same_operators_the_one_declared_first_is_the_inner_one() {
    let constructs = |declare: &dyn Fn(&mut GraphBuilder)| {
        let mut g = operators(4);
        declare(&mut g);
        let graph = g.build().expect("properly nested");
        let is_repeated = |construct: &Construct| matches!(construct, Construct::Repeated { .. });
        graph
            .constructs()
            .iter()
            .map(is_repeated)
            .collect::<Vec<_>>()
    };
    let or_nothing = [ops(0..4), ops(4..4)];
    assert_eq!(
        constructs(&|g| {
            g.repeated(ops(0..4)).exclusive(or_nothing.clone());
        }),
        [false, true]
    );
    assert_eq!(
        constructs(&|g| {
            g.exclusive(or_nothing.clone()).repeated(ops(0..4));
        }),
        [true, false]
    );
    // Two branches with operators can only lie within the loop.
    assert_eq!(
        constructs(&|g| {
            g.repeated(ops(0..4)).exclusive([ops(0..1), ops(1..4)]);
        }),
        [true, false]
    );
}

/// The error for the graph that `declare` makes of tensors x, y, z and operators.
fn refused(declare: impl Fn(&mut GraphBuilder, [TensorId; 3])) -> String {
    let mut g = GraphBuilder::new();
    let ids = tensors(&mut g, ["x", "y", "z"]);
    declare(&mut g, ids);
    g.build().expect_err("it is wrong").to_string()
}

#[test]
fn a_tensor_has_several_writers_only_in_branches_and_loops() {
    let twice = |text: String, first: &str, second: &str| {
        let expected = format!(
            "tensor 'y' is written by operator '{first}' and again by operator '{second}'; \
             a tensor has one writer, unless only one of them runs or the second is in a loop"
        );
        let text = text.replace(" (step 0)", "").replace(" (step 1)", "");
        assert_eq!(text.replace(" (step 2)", ""), expected);
    };
    // In one branch.
    let text = refused(|g, [x, y, _]| {
        g.op("a").reads([x]).writes([y]);
        g.op("b").reads([x]).writes([y]);
        g.op("c").reads([x]).writes([y]);
        g.exclusive([ops(0..2), ops(2..3)]);
    });
    twice(text, "a", "b");
    // Behind the branches.
    let text = refused(|g, [x, y, _]| {
        g.op("a").reads([x]).writes([y]);
        g.op("b").reads([x]).writes([y]);
        g.op("c").reads([x]).writes([y]);
        g.exclusive([ops(0..1), ops(1..2)]);
    });
    twice(text, "b", "c");
    // In a loop, and behind it.
    let text = refused(|g, [x, y, _]| {
        g.op("a").reads([x]).writes([y]);
        g.op("b").reads([x]).writes([y]);
        g.repeated(ops(0..1));
    });
    twice(text, "a", "b");
}

#[test]
fn every_path_must_write_a_tensor_before_it_is_read() {
    // One of two branches.
    let text = refused(|g, [x, y, z]| {
        g.op("a").reads([x]).writes([y]);
        g.op("b").reads([x]);
        g.op("c").reads([y]).writes([z]);
        g.exclusive([ops(0..1), ops(1..2)]);
    });
    let expected = "tensor 'y' is read by operator 'c' (step 2), but need not be written by then: \
                    operator 'a' (step 0) is in a branch or a loop that may not run";
    assert_eq!(text, expected);
    // A branch without operators, and a loop without iterations.
    for is_loop in [false, true] {
        let text = refused(|g, [x, y, _]| {
            g.op("a").reads([x]).writes([y]);
            match is_loop {
                true => g.repeated(ops(0..1)),
                false => g.exclusive([ops(0..1), ops(1..1)]),
            };
            g.output(y);
        });
        let expected = "tensor 'y' is a graph output, but need not be written by then: \
                        operator 'a' (step 0) is in a branch or a loop that may not run";
        assert_eq!(text, expected);
    }
    // The other branch.
    let text = refused(|g, [x, y, z]| {
        g.op("a").reads([x]).writes([y]);
        g.op("b").reads([y]).writes([z]);
        g.exclusive([ops(0..1), ops(1..2)]);
    });
    assert!(text.starts_with("tensor 'y' is read by operator 'b' (step 1), but"));
    // The iteration before.
    let text = refused(|g, [_, y, z]| {
        g.op("a").reads([y]).writes([z]);
        g.op("b").reads([z]).writes([y]);
        g.repeated(ops(0..2));
    });
    assert!(text.contains("'y' is read by operator 'a' (step 0) before it is written"));
}

#[test]
fn results_of_branches_and_carried_tensors_are_accepted() {
    let mut g = GraphBuilder::new();
    let [x, y, z] = tensors(&mut g, ["x", "y", "z"]);
    g.op("then").reads([x]).writes([y]);
    g.op("else").reads([x]).writes([y]);
    g.exclusive([ops(0..1), ops(1..2)]);
    g.op("body").reads([y]).writes([z]);
    g.op("copy").reads([z]).writes([y]);
    g.repeated(ops(2..4)).output(y);
    let graph = g.build().expect("each path writes y before it reads it");
    assert_eq!(graph.constructs().len(), 2);
}
