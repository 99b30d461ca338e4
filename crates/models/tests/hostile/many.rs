//! Very many messages, nodes and letters.

use orionrt_test_models::parts::{encode, int, ints, model, node, value};
use orionrt_test_models::proto::NodeProto;
use orionrt_test_models::proto::tensor_proto::DataType::Float;

use crate::measured::{alone, loaded, refused};
use crate::parts::{body, branch, chain, graph, names, of, raw, slice, with};

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
fn a_hundred_thousand_nodes() {
    let _alone = alone();
    loaded("chain", of(chain(100_000))).unwrap();
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
