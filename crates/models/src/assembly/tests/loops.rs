//! The operators of `Loop` and `Scan`, and their optimum.

use super::draft::{Draft, body, branches, listing, node, size, state};
use super::unrolled::check_optimum;
use crate::program::{Control, ValueId};

/// A loop with one state: s begins as x and becomes f(s, k) each time; k is captured.
fn counted() -> (Draft, [ValueId; 6]) {
    let mut draft = Draft::default();
    let [x, k] = [("x", 4), ("k", 3)].map(|(name, bytes)| draft.input(name, bytes));
    let names = [
        ("i", 4),
        ("in", 4),
        ("t", 6),
        ("out", 4),
        ("all", 8),
        ("y", 4),
    ];
    let [i, input, t, out, all, y] = names.map(|(name, bytes)| draft.tensor(name, bytes));
    let mut looped = body(vec![
        node("T", &[input, k, i], &[t]),
        node("O", &[t], &[out]),
    ]);
    looped.states = vec![state(x, input, out, Some(y))];
    looped.received = vec![i];
    looped.stacked = vec![(out, all)];
    draft.add(node("Loop", &[x, k], &[y, all]).with(Control::Loop(looped)));
    (draft, [x, k, input, out, all, y])
}

#[test]
fn a_state_is_one_tensor_from_iteration_to_iteration() {
    let (mut draft, [.., all, y]) = counted();
    draft.output(y).output(all);
    let model = draft.model();
    let expected = [
        "Loop: x k -> y all",
        "Loop/receive:  -> i",
        "T: y k i -> t",
        "O: t -> out",
        "Loop/next: out all k -> y",
    ];
    assert_eq!(listing(&model), expected);
    // At T: the state, k, i, t and all that is stacked.
    assert_eq!(check_optimum(&draft), 4 + 3 + 4 + 6 + 8);
}

#[test]
fn a_state_without_a_result_goes_by_the_name_of_the_input() {
    let (mut draft, [.., all, y]) = counted();
    let Some(Control::Loop(body)) = &mut draft.program.nodes[0].control else {
        panic!("a loop")
    };
    body.states[0].result = None;
    draft.program.nodes[0].writes.retain(|&value| value != y);
    draft.output(all);
    assert_eq!(listing(&draft.model())[0], "Loop: x k -> in all");
    check_optimum(&draft);
}

#[test]
fn a_state_has_the_size_of_the_largest_value_that_it_takes() {
    for sizes in [[6, 4, 5, 3], [3, 6, 4, 5], [5, 3, 6, 4], [4, 5, 3, 6]] {
        let mut draft = Draft::default();
        let x = draft.input("x", sizes[0]);
        let names = ["in", "out", "y"].into_iter().zip(&sizes[1..]);
        let values: Vec<_> = names
            .map(|(name, &bytes)| draft.tensor(name, bytes))
            .collect();
        let [input, output, y] = values[..] else {
            panic!("three values")
        };
        let mut looped = body(vec![node("F", &[input], &[output])]);
        looped.states = vec![state(x, input, output, Some(y))];
        draft.add(node("Loop", &[x], &[y]).with(Control::Loop(looped)));
        draft.output(y);
        assert_eq!(size(&draft.model(), "y"), 6);
        check_optimum(&draft);
    }
}

#[test]
fn states_that_change_places_are_kept_before_they_are_written() {
    let mut draft = Draft::default();
    let [x, z] = ["x", "z"].map(|name| draft.input(name, 3));
    let [a, b, p, q] = ["a", "b", "p", "q"].map(|name| draft.tensor(name, 3));
    let mut looped = body(vec![]);
    looped.states = vec![state(x, a, b, Some(p)), state(z, b, a, Some(q))];
    draft.add(node("Swap", &[x, z], &[p, q]).with(Control::Loop(looped)));
    draft.output(p).output(q);
    let expected = [
        "Swap: x z -> p q",
        "Swap/keep: q p -> Swap/keep/b Swap/keep/a",
        "Swap/next: Swap/keep/b Swap/keep/a -> p q",
    ];
    assert_eq!(listing(&draft.model()), expected);
    assert_eq!(check_optimum(&draft), 12);
}

#[test]
fn a_state_that_stays_is_not_written_again() {
    let mut draft = Draft::default();
    let [x, k] = ["x", "k"].map(|name| draft.input(name, 3));
    let [a, v, y] = ["a", "v", "y"].map(|name| draft.tensor(name, 3));
    let mut looped = body(vec![node("V", &[a], &[v])]);
    looped.states = vec![state(x, a, a, Some(y))];
    looped.tested = vec![v];
    draft
        .add(node("Loop", &[x, k], &[y]).with(Control::Loop(looped)))
        .output(y);
    let expected = ["Loop: x k -> y", "V: y -> v", "Loop/next: v -> "];
    assert_eq!(listing(&draft.model()), expected);
    check_optimum(&draft);
}

/// A scan in the body of a loop: rows of `x` are added up, times a state of the outer loop.
fn nested() -> Draft {
    let mut draft = Draft::default();
    let [x, zero] = [("x", 4), ("zero", 2)].map(|(name, bytes)| draft.input(name, bytes));
    let names = [
        ("factor", 2),
        ("row", 2),
        ("sum", 2),
        ("next", 2),
        ("t", 3),
        ("rows", 4),
    ];
    let [factor, row, sum, next, t, rows] = names.map(|(name, bytes)| draft.tensor(name, bytes));
    let [total, y] = [("total", 2), ("y", 2)].map(|(name, bytes)| draft.tensor(name, bytes));
    let mut inner = body(vec![
        node("T", &[row, factor, sum], &[t]),
        node("N", &[t], &[next]),
    ]);
    inner.states = vec![state(zero, sum, next, Some(total))];
    inner.slices = vec![(row, x)];
    inner.stacked = vec![(next, rows)];
    let reads = [zero, x, factor];
    let scan = node("Scan", &reads, &[total, rows]).with(Control::Loop(inner));
    let mut outer = body(vec![scan]);
    outer.states = vec![state(zero, factor, total, Some(y))];
    draft
        .add(node("Loop", &[zero, x], &[y]).with(Control::Loop(outer)))
        .output(y);
    draft
}

#[test]
fn bodies_in_bodies_are_planned_at_their_optimum() {
    let draft = nested();
    let expected = [
        "Loop: zero x -> y",
        "Scan: zero x y -> total rows",
        "Scan/receive: x -> row",
        "T: row y total -> t",
        "N: t -> next",
        "Scan/next: next rows x y -> total",
        "Loop/next: total zero x -> y",
    ];
    assert_eq!(listing(&draft.model()), expected);
    check_optimum(&draft);
}

#[test]
fn a_loop_in_a_branch_writes_the_result_of_the_node() {
    let mut draft = Draft::default();
    let [c, x] = [("c", 1), ("x", 3)].map(|(name, bytes)| draft.input(name, bytes));
    let names = ["s", "o", "l", "e", "y"];
    let [s, o, l, e, y] = names.map(|name| draft.tensor(name, 3));
    let mut looped = body(vec![node("O", &[s, x], &[o])]);
    looped.states = vec![state(x, s, o, Some(l))];
    let then_nodes = vec![node("L", &[x], &[l]).with(Control::Loop(looped))];
    let control = branches(vec![
        ("then_branch", then_nodes, vec![l]),
        ("else_branch", vec![node("E", &[x], &[e])], vec![e]),
    ]);
    draft.add(node("If", &[c, x], &[y]).with(control)).output(y);
    let expected = [
        "L: x -> y",
        "O: y x -> o",
        "L/next: o x -> y",
        "E: x -> y",
        "If: c x -> ",
    ];
    assert_eq!(listing(&draft.model()), expected);
    check_optimum(&draft);
}
