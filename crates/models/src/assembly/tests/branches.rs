//! The operators of `If`, and their optimum.

use super::draft::{Draft, branches, listing, node, size};
use super::unrolled::check_optimum;
use crate::error::ModelError;
use crate::model::{LeftOut, LeftOutReason};
use crate::program::{AliasKind, Node};

/// x ─► If ─► y ─► Last ─► z; each branch makes a tensor of its own from x, then y.
fn choice(then_bytes: u64, else_bytes: u64) -> Draft {
    let mut draft = Draft::default();
    let [c, x] = [("c", 1), ("x", 2)].map(|(name, bytes)| draft.input(name, bytes));
    let [a, v] = [("If/then_branch/a", then_bytes), ("If/then_branch/v", 4)]
        .map(|(name, bytes)| draft.tensor(name, bytes));
    let [b, w] = [("If/else_branch/b", else_bytes), ("If/else_branch/w", 3)]
        .map(|(name, bytes)| draft.tensor(name, bytes));
    let [y, z] = [("y", 3), ("z", 1)].map(|(name, bytes)| draft.tensor(name, bytes));
    let then_nodes = vec![
        node("If/then_branch/A", &[x], &[a]),
        node("If/then_branch/V", &[a], &[v]),
    ];
    let else_nodes = vec![
        node("If/else_branch/B", &[x], &[b]),
        node("If/else_branch/W", &[b], &[w]),
    ];
    let control = branches(vec![
        ("then_branch", then_nodes, vec![v]),
        ("else_branch", else_nodes, vec![w]),
    ]);
    draft.add(node("If", &[c, x], &[y]).with(control));
    draft.add(node("Last", &[y], &[z])).output(z);
    draft
}

#[test]
fn the_operators_of_branches_write_the_results_of_the_node() {
    let draft = choice(20, 30);
    let model = draft.model();
    let expected = [
        "If/then_branch/A: x -> If/then_branch/a",
        "If/then_branch/V: If/then_branch/a -> y",
        "If/else_branch/B: x -> If/else_branch/b",
        "If/else_branch/W: If/else_branch/b -> y",
        "If: c x -> ",
        "Last: y -> z",
    ];
    assert_eq!(listing(&model), expected);
    assert_eq!(size(&model, "y"), 4, "the larger of the branches");
    // c, x, the larger tensor of a branch, and y; branches share.
    assert_eq!(check_optimum(&draft), 1 + 2 + 30 + 4);
    assert_eq!(check_optimum(&choice(40, 30)), 1 + 2 + 40 + 4);
}

#[test]
fn what_a_branch_does_not_make_itself_is_copied() {
    let mut draft = Draft::default();
    let [c, x] = [("c", 1), ("x", 8)].map(|(name, bytes)| draft.input(name, bytes));
    let w = draft.constant("w", 8);
    let a = draft.tensor("a", 8);
    let names = ["If/else_branch/r", "p", "q", "r"];
    let [inner, p, q, r] = names.map(|name| draft.tensor(name, 8));
    let else_nodes = vec![node("If/else_branch/R", &[a], &[inner])];
    let control = branches(vec![
        ("then_branch", vec![], vec![a, w, a]),
        ("else_branch", else_nodes, vec![inner, inner, x]),
    ]);
    draft.add(node("A", &[x], &[a]));
    draft.add(node("If", &[c, x, a, w], &[p, q, r]).with(control));
    draft.output(p).output(q).output(r);
    let model = draft.model();
    let expected = [
        "A: x -> a",
        "If/then_branch/p: a -> p",
        "If/then_branch/q:  -> q",
        "If/then_branch/r: a -> r",
        "If/else_branch/R: a -> p",
        "If/else_branch/q: p -> q",
        "If/else_branch/r: x -> r",
        "If: c x a -> ",
    ];
    assert_eq!(listing(&model), expected);
    assert_eq!(model.weights_bytes, 8);
    check_optimum(&draft);
}

#[test]
fn captures_are_alive_until_the_node_has_run_and_are_not_written_over() {
    // Each branch would write over x, which nobody reads behind the node.
    let mut draft = Draft::default();
    let [c, x] = [("c", 1), ("x", 8)].map(|(name, bytes)| draft.input(name, bytes));
    let names = ["a", "v", "w", "u", "y"];
    let [a, v, w, u, y] = names.map(|name| draft.tensor(name, 8));
    let place = AliasKind::InPlace;
    let control = branches(vec![
        ("t", vec![node("V", &[a], &[v]).alias(v, a, place)], vec![v]),
        (
            "e",
            vec![
                node("U", &[a], &[u]).alias(u, a, place),
                node("W", &[u], &[w]),
            ],
            vec![w],
        ),
    ]);
    draft
        .add(node("A", &[x], &[a]))
        .add(node("If", &[c, a], &[y]).with(control));
    draft.output(y);
    let model = draft.model();
    let graph = &model.graph;
    let lifetimes = graph.lifetimes();
    let a = graph.find("a").unwrap();
    assert_eq!(lifetimes.live_ranges(a).collect::<Vec<_>>(), vec![0..5]);
    assert!(lifetimes.rows().iter().all(|row| row.within.is_none()));
    check_optimum(&draft);
}

#[test]
fn results_of_nested_branches_are_written_directly() {
    let mut draft = Draft::default();
    let [c, x] = [("c", 1), ("x", 2)].map(|(name, bytes)| draft.input(name, bytes));
    let names = [("p", 6), ("q", 5), ("inner", 5), ("r", 7), ("y", 5)];
    let [p, q, inner, r, y] = names.map(|(name, bytes)| draft.tensor(name, bytes));
    let nested = branches(vec![
        ("then_branch", vec![node("P", &[x], &[p])], vec![p]),
        ("else_branch", vec![node("Q", &[x], &[q])], vec![q]),
    ]);
    let control = branches(vec![
        (
            "then_branch",
            vec![node("I", &[c, x], &[inner]).with(nested)],
            vec![inner],
        ),
        ("else_branch", vec![node("R", &[x], &[r])], vec![r]),
    ]);
    draft.add(node("If", &[c, x], &[y]).with(control)).output(y);
    let model = draft.model();
    let expected = [
        "P: x -> y",
        "Q: x -> y",
        "I: c x -> ",
        "R: x -> y",
        "If: c x -> ",
    ];
    assert_eq!(listing(&model), expected);
    assert_eq!((size(&model, "y"), check_optimum(&draft)), (7, 10));
}

#[test]
fn a_branch_that_is_left_out_leaves_the_other_one_in_line() {
    let mut draft = Draft::default();
    let [c, x] = [("c", 1), ("x", 8)].map(|(name, bytes)| draft.input(name, bytes));
    let [v, y] = ["v", "y"].map(|name| draft.tensor(name, 8));
    let reason = LeftOutReason::Branch {
        reason: "no shape".into(),
    };
    draft
        .program
        .left_out
        .push(LeftOut::new("If/then_branch", reason));
    let nodes = vec![node("V", &[x], &[v]).alias(v, x, AliasKind::View(0))];
    let control = branches(vec![("else_branch", nodes, vec![v])]);
    draft.add(node("If", &[c, x], &[y]).with(control)).output(y);
    let model = draft.model();
    assert_eq!(listing(&model), ["V: x -> y", "If: c x -> "]);
    assert_eq!(model.graph.ops()[0].views().len(), 1);
    assert_eq!(model.left_out.len(), 1);
    check_optimum(&draft);

    // Without any branch, the node itself writes its results.
    draft.program.nodes.clear();
    draft.add(node("If", &[c, x], &[y]).with(branches(vec![])));
    assert_eq!(listing(&draft.model()), ["If: c x -> y"]);
}

#[test]
fn a_result_of_unknown_size_is_planned_if_every_branch_has_one() {
    let mut draft = Draft::default();
    let [c, x] = [("c", 1), ("x", 8)].map(|(name, bytes)| draft.input(name, bytes));
    let [v, w] = [("v", 4), ("w", 6)].map(|(name, bytes)| draft.tensor(name, bytes));
    let y = draft.unknown("y");
    let nodes = |name, value| vec![node(name, &[x], &[value])];
    let control = branches(vec![
        ("t", nodes("V", v), vec![v]),
        ("e", nodes("W", w), vec![w]),
    ]);
    draft.add(node("If", &[c, x], &[y]).with(control)).output(y);
    let model = draft.model();
    assert_eq!((size(&model, "y"), model.left_out.len()), (6, 0));

    // With one branch of unknown size it is not planned, and what the other one makes is read.
    let u = draft.unknown("u");
    draft.program.nodes.clear();
    let control = branches(vec![
        ("t", nodes("V", v), vec![v]),
        ("e", nodes("U", u), vec![u]),
    ]);
    draft.add(node("If", &[c, x], &[y]).with(control));
    let model = draft.model();
    assert_eq!(
        listing(&model),
        ["V: x -> v", "If/t/y: v -> ", "U: x -> ", "If: c x -> "]
    );
    let names: Vec<_> = model
        .left_out
        .iter()
        .map(|left_out| &*left_out.name)
        .collect();
    assert_eq!(names, ["u", "y"]);
}

#[test]
fn nodes_with_constant_results_vanish_with_their_bodies() {
    let mut draft = Draft::default();
    let x = draft.input("x", 3);
    let [v, w] = [draft.unknown("v"), draft.constant("w", 0)];
    let control = branches(vec![("t", vec![node("V", &[x], &[v])], vec![w])]);
    draft.add(node("If", &[x], &[w]).with(control));
    let model = draft.model();
    assert_eq!((listing(&model).len(), model.left_out.len()), (0, 0));
}

#[test]
fn bodies_too_deep_within_each_other_are_an_error() {
    let deep = |depth: usize| {
        let mut draft = Draft::default();
        let c = draft.input("c", 1);
        let nest = |nodes: Vec<Node>, i: usize| {
            let control = branches(vec![("t", nodes, vec![])]);
            vec![node(&format!("If{i}"), &[c], &[]).with(control)]
        };
        draft.program.nodes = (0..depth).fold(vec![], nest);
        draft.assembled_at(1)
    };
    assert_eq!(deep(64).unwrap().graph.ops().len(), 64);
    assert!(matches!(
        deep(65),
        Err(ModelError::TooLarge {
            found: 65,
            limit: 64,
            ..
        })
    ));
}
