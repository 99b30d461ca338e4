//! Programs without bodies.

use std::time::{Duration, Instant};

use super::draft::{Draft, branches, listing, node, size};
use crate::element::ElementType;
use crate::error::ModelError;
use crate::model::{LeftOut, LeftOutReason};
use crate::program::{AliasKind, ValueKind};

#[test]
fn each_node_is_one_operator_in_the_order_of_the_file() {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let [p, q, y] = [("p", 4), ("q", 6), ("y", 2)].map(|(name, bytes)| draft.tensor(name, bytes));
    draft.add(node("P", &[x], &[p])).add(node("Q", &[x], &[q]));
    draft.add(node("J", &[p, q, p], &[y])).output(y);
    let model = draft.model();
    assert_eq!(listing(&model), ["P: x -> p", "Q: x -> q", "J: p q -> y"]);
    assert_eq!((size(&model, "q"), model.nodes), (6, 3));
    assert_eq!(model.graph.inputs(), [model.graph.find("x").unwrap()]);
    assert_eq!(model.graph.outputs(), [model.graph.find("y").unwrap()]);
}

#[test]
fn tensors_have_their_true_bytes_and_alignments() {
    let mut draft = Draft::default();
    let cases = [
        ("packed", ElementType::Int4, &[3, 3][..], (5, 2)),
        ("bits", ElementType::Uint2, &[5], (2, 2)),
        ("pair", ElementType::Complex128, &[2], (32, 8)),
        ("empty", ElementType::Float32, &[0, 1 << 40], (0, 4)),
        ("scalar", ElementType::Bfloat16, &[], (2, 2)),
    ];
    for (name, element, dims, _) in cases {
        let x = draft.typed(name, element, dims);
        draft.program.inputs.push(x);
    }
    let model = draft.assembled_at(2).unwrap();
    for (name, _, _, expected) in cases {
        let id = model.graph.find(name).unwrap();
        let layout = model.graph.tensor(id).unwrap().layout();
        assert_eq!((layout.size(), layout.align()), expected, "{name}");
    }
}

#[test]
fn nodes_whose_results_are_constant_vanish() {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let [w, v] = ["w", "v"].map(|name| draft.constant(name, 100));
    let s = draft.constant("s", 0);
    let y = draft.tensor("y", 8);
    draft
        .add(node("Shape", &[x], &[s]))
        .add(node("Scale", &[v], &[s]));
    draft
        .add(node("Mul", &[x, w, w], &[y]))
        .add(node("Add", &[y, w], &[s, y]));
    draft.program.nodes.pop();
    draft.output(y).output(s);
    let model = draft.model();
    assert_eq!(listing(&model), ["Mul: x -> y"]);
    assert_eq!((model.weights_bytes, model.nodes), (100, 4));
    assert_eq!(model.left_out, []);
}

#[test]
fn constants_are_counted_once_and_computed_ones_only_if_an_operator_reads_them() {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let names = [("w", 100), ("scale", 4), ("unused", 1000)];
    let [w, scale, unused] = names.map(|(name, bytes)| draft.constant(name, bytes));
    // `wide` is needed for `both` alone, and nothing is known of the size of `open`.
    let names = [("wide", 400), ("both", 900), ("size", 30), ("open", 0)];
    let [wide, both, size, open] = names.map(|(name, bytes)| draft.computed(name, bytes));
    let [y, z] = ["y", "z"].map(|name| draft.tensor(name, 8));
    draft
        .add(node("Dequantize", &[w, scale], &[wide]))
        .add(node("Concat", &[wide, w, wide], &[both]))
        .add(node("Shape", &[unused], &[size]))
        .add(node("NonZero", &[w], &[open]))
        .add(node("Mul", &[x, both], &[y]))
        .add(node("Add", &[y, scale, both, open], &[z]));
    draft.output(z);
    let model = draft.model();
    assert_eq!((listing(&model).len(), model.weights_bytes), (2, 104));
    let computed = (model.computed_constants, model.computed_constants_bytes);
    assert_eq!(computed, (1, 900));
}

#[test]
fn operators_that_write_what_is_not_planned_keep_their_operands_alive() {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let strings = draft.value("names", ValueKind::NotMemory("strings"));
    let found = draft.unknown("found");
    let [a, y] = ["a", "y"].map(|name| draft.tensor(name, 8));
    draft
        .add(node("A", &[x], &[a]))
        .add(node("ToText", &[a], &[strings]));
    draft
        .add(node("NonZero", &[a], &[found]))
        .add(node("Join", &[strings], &[strings]));
    draft
        .add(node("Count", &[found, strings, x], &[y]))
        .output(y)
        .output(found);
    let model = draft.model();
    let expected = [
        "A: x -> a",
        "ToText: a -> ",
        "NonZero: a -> ",
        "Count: x -> y",
    ];
    assert_eq!(listing(&model), expected);
    let dims = vec!["n".into()];
    let expected = [
        LeftOut::new("names", LeftOutReason::NotMemory { kind: "strings" }),
        LeftOut::new("found", LeftOutReason::UnknownSize { dims }),
    ];
    assert_eq!(model.left_out, expected);
    let a = model.graph.find("a").unwrap();
    let lifetimes = model.graph.lifetimes();
    assert_eq!(lifetimes.live_ranges(a).collect::<Vec<_>>(), vec![0..3]);
}

#[test]
fn names_are_unique() {
    let mut draft = Draft::default();
    let x = draft.input("x", 1);
    let [a, b] = ["x", "x"].map(|name| draft.tensor(name, 2));
    draft
        .add(node("A", &[x], &[a]))
        .add(node("A", &[a], &[b]))
        .output(b);
    let model = draft.model();
    assert_eq!(listing(&model), ["A: x -> x#2", "A#2: x#2 -> x#3"]);
}

#[test]
fn an_output_may_be_an_input_and_variables_live_from_start_to_end() {
    let mut draft = Draft::default();
    let [x, z] = ["x", "z"].map(|name| draft.input(name, 1));
    let count = draft.tensor("count", 4);
    draft.program.variables.push(count);
    let y = draft.tensor("y", 4);
    draft
        .add(node("Read", &[count, x], &[y]))
        .add(node("Assign", &[y], &[count]));
    draft.output(z).output(y);
    let model = draft.model();
    assert_eq!(
        listing(&model),
        ["Read: count x -> y", "Assign: y count -> "]
    );
    let lifetimes = model.graph.lifetimes();
    for name in ["z", "count"] {
        let steps = lifetimes.live_ranges(model.graph.find(name).unwrap());
        assert_eq!(steps.collect::<Vec<_>>(), vec![0..2], "{name}");
    }
}

#[test]
fn an_output_that_nothing_writes_is_an_error() {
    let mut draft = Draft::default();
    let y = draft.tensor("y", 4);
    draft.output(y);
    let error = draft.assembled_at(1).unwrap_err();
    assert!(error.to_string().contains("'y'"), "{error}");
}

#[test]
fn aliases_are_declared_where_they_fit_the_tensors() {
    let mut draft = Draft::default();
    let x = draft.input("x", 64);
    let names = [
        ("a", 16),
        ("b", 8),
        ("c", 16),
        ("d", 8),
        ("e", 8),
        ("f", 16),
    ];
    let [a, b, c, d, e, f] = names.map(|(name, bytes)| draft.tensor(name, bytes));
    let view = |offset| AliasKind::View(offset);
    draft.add(node("A", &[x], &[a]).alias(a, x, view(8)));
    draft.add(node("B", &[a], &[b]).alias(b, a, view(4)));
    draft.add(node("C", &[a], &[c]).alias(c, a, AliasKind::InPlace));
    // Another size, beyond the operand, and not an operand.
    draft.add(node("D", &[a], &[d]).alias(d, a, AliasKind::InPlace));
    draft.add(
        node("E", &[b], &[e])
            .alias(e, b, view(1))
            .alias(e, a, view(0)),
    );
    // A view is not written in place, too.
    let place = AliasKind::InPlace;
    draft.add(
        node("F", &[c], &[f])
            .alias(f, c, place)
            .alias(f, c, view(0))
            .alias(f, c, place),
    );
    draft.output(b).output(f);
    let shared = |alignment| {
        let graph = draft.assembled_at(alignment).unwrap().graph;
        let ops = graph.ops().iter();
        ops.map(|op| {
            let offsets: Vec<u64> = op.views().iter().map(|view| view.offset).collect();
            (offsets, op.in_place().len())
        })
        .collect::<Vec<_>>()
    };
    let none = || (vec![], 0);
    let at = |offset| (vec![offset], 0);
    let last = || [(vec![], 1), none(), none(), at(0)];
    assert_eq!(shared(1)[..2], [at(8), at(4)]);
    assert_eq!(shared(1)[2..], last());
    assert_eq!(shared(4)[..2], [at(8), at(4)]);
    // Byte 8 + 4 of x is not aligned, then byte 8 is not, and `b` begins at byte 4 of `a`.
    assert_eq!(shared(8)[..2], [at(8), none()]);
    assert_eq!(shared(16)[..2], [none(), none()]);
    assert_eq!(shared(16)[2..], last());
}

#[test]
fn parts_are_declared_where_they_fit_the_tensors() {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let [a, b, y, z] =
        [("a", 8), ("b", 8), ("y", 24), ("z", 16)].map(|(name, bytes)| draft.tensor(name, bytes));
    let w = draft.constant("w", 8);
    draft.add(node("A", &[x], &[a])).add(node("B", &[x], &[b]));
    let part = AliasKind::Part;
    // Twice, an input, a constant, beyond the result, and no operand.
    draft.add(
        node("Y", &[a, x, w], &[y])
            .alias(y, a, part(0))
            .alias(y, a, part(8))
            .alias(y, x, part(16))
            .alias(y, w, part(16))
            .alias(y, x, part(17))
            .alias(y, b, part(16)),
    );
    draft.add(node("Z", &[b], &[z]).alias(z, b, part(u64::MAX)));
    draft.output(y).output(z);
    // A part that is not aligned is a fact, too: it is the plan that leaves it out.
    for alignment in [1, 64] {
        let model = draft.assembled_at(alignment).unwrap();
        let name = |id| model.graph.tensor(id).unwrap().name();
        let ops = model.graph.ops().iter().flat_map(|op| op.parts());
        let parts: Vec<_> = ops.map(|part| (name(part.operand), part.offset)).collect();
        assert_eq!(parts, [("a", 0), ("a", 8), ("x", 16)], "{alignment}");
    }
}

#[test]
fn a_value_in_a_larger_tensor_is_no_part() {
    let part = |bytes: u64| {
        let mut draft = Draft::default();
        let x = draft.input("x", 8);
        let [y, end] = [("y", 8), ("end", 8)].map(|(name, bytes)| draft.tensor(name, bytes));
        let [v, u] = [("v", bytes), ("u", bytes + 8)].map(|(n, bytes)| draft.tensor(n, bytes));
        let inside = vec![
            node("V", &[x], &[v]),
            node("U", &[v, x], &[u])
                .alias(u, v, AliasKind::Part(0))
                .alias(u, x, AliasKind::Part(bytes)),
        ];
        // One branch alone: its value lies in the tensor of the result.
        let control = branches(vec![("then_branch", inside, vec![v])]);
        draft.add(node("If", &[x], &[y]).with(control));
        draft.add(node("End", &[y], &[end])).output(end);
        let graph = draft.model().graph;
        let op = graph.ops().iter().find(|op| op.name() == "U");
        op.map(|op| op.parts().len())
    };
    assert_eq!([part(8), part(4)], [Some(2), Some(1)]);
}

#[test]
fn sizes_beyond_what_a_plan_can_have_are_errors_that_name_the_tensor() {
    let huge = 1 << 61;
    for (dims, tensor) in [
        (vec![vec![u64::MAX, 2]], "x0"),
        (vec![vec![u64::MAX]], "x0"),
        (vec![vec![huge]; 3], "x2"),
        (vec![vec![1], vec![1 << 62]], "x1"),
    ] {
        let mut draft = Draft::default();
        for (i, dims) in dims.iter().enumerate() {
            let x = draft.typed(&format!("x{i}"), ElementType::Int8, dims);
            draft.program.inputs.push(x);
        }
        let error = draft.assembled_at(1).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, ModelError::Malformed { .. }), "{text}");
        assert!(
            text.starts_with(&format!("tensor '{tensor}' of Int8 [")),
            "{text}"
        );
    }
    // One that no operator uses takes no bytes.
    let mut draft = Draft::default();
    draft.typed("unused", ElementType::Int8, &[u64::MAX]);
    assert_eq!(draft.model().graph.tensors().len(), 0);
}

#[test]
fn an_alignment_that_is_not_a_power_of_two_is_an_error() {
    for alignment in [0, 3, 48, 1 << 63] {
        let error = Draft::default().assembled_at(alignment).unwrap_err();
        assert!(matches!(error, ModelError::Alignment(found) if found == alignment));
    }
    assert!(Draft::default().assembled_at(1 << 62).is_ok());
}

#[test]
fn stated_offsets_are_those_of_the_tensors() {
    let mut draft = Draft::default();
    let x = draft.input("x", 4);
    let w = draft.constant("w", 4);
    draft.program.offsets = vec![(w, 64), (x, 128)];
    let model = draft.model();
    assert_eq!(model.offsets, [(model.graph.find("x").unwrap(), 128)]);
}

/// Far below what a quadratic number of steps would take, on a busy machine, too.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn wide_operators_and_long_chains_take_linear_time() {
    let start = Instant::now();
    let mut draft = Draft::default();
    let x = draft.input("x", 1 << 20);
    let parts: Vec<_> = (0..100_000).map(|_| draft.tensor("part", 8)).collect();
    let offsets = (0..).step_by(8).map(AliasKind::View);
    let mut split = node("Split", &[x], &parts);
    for (&part, kind) in parts.iter().zip(offsets) {
        split = split.alias(part, x, kind);
    }
    let y = draft.tensor("y", 8);
    let mut sum = node("Sum", &parts, &[y]);
    for &part in &parts {
        sum = sum.alias(y, part, AliasKind::InPlace);
    }
    draft.add(split).add(sum);
    let last = (0..100_000).fold(y, |of, _| {
        let result = draft.tensor("chain", 8);
        draft.add(node("Relu", &[of], &[result]).alias(result, of, AliasKind::InPlace));
        result
    });
    draft.output(last);
    assert_eq!(draft.model().graph.ops().len(), 100_002);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
}
