//! Roots that are recomputed after their last use, while what they are made of is there.
//!
//! `q` is idle while `a`, `b` and `c` are made. It is made of `s`, which is made of `p`, which is
//! used for the last time by `b`.
//!
//! ```text
//! x ─► p ─► s ─► q ─► a ─┬► b ─► c ─┬► y
//!      │         └───────┊──────────┘
//!      └─────────────────┘
//! ```

use alloc::{vec, vec::Vec};

use super::{graph, model, root, search};
use crate::fit::{
    choices::{Choice, Choices, Tail, Way},
    emit::emit,
    emitted::Action,
    model::{Model, NONE, Operand, op_moment},
};

/// The model, with the roots of `p`, `s` and `q`.
fn late_rerun() -> (Model, [u32; 3]) {
    let sizes = [
        ("x", 5),
        ("p", 4),
        ("s", 1),
        ("q", 3),
        ("a", 3),
        ("b", 3),
        ("c", 6),
        ("y", 1),
    ];
    let ops: [(&[&str], &str); 7] = [
        (&["x"], "p"),
        (&["p"], "s"),
        (&["s"], "q"),
        (&["q"], "a"),
        (&["a", "p"], "b"),
        (&["b"], "c"),
        (&["c", "q"], "y"),
    ];
    let graph = graph(&sizes, &ops, "y");
    let model = model(&graph);
    let roots = ["p", "s", "q"].map(|name| root(&graph, &model, name));
    (model, roots)
}

/// The idle interval of `q` before the last operator.
fn idle_of(model: &Model, root: u32) -> u32 {
    let idles = (0..).zip(&model.idles);
    let mut own = idles.filter(|(_, idle)| idle.root == root && idle.until == 6);
    own.next().expect("it is idle").0
}

/// `p` stays until before `c`, and `s` is made of it there.
fn with_s_again(model: &Model, [p, s, _]: [u32; 3]) -> Choices {
    let mut choices = Choices::new(model);
    choices.tails[p as usize] = Tail::Kept(5);
    choices.tails[s as usize] = Tail::Again(5);
    choices
}

#[test]
fn it_is_made_again_while_its_operand_is_used_or_right_after_that() {
    let (model, [p, s, _]) = late_rerun();
    let search = search(&model, 10);
    let operand = Operand {
        root: s,
        version: 0,
    };
    let changes = search.agains(&Choices::new(&model), operand, op_moment(2)..6);
    // Nothing makes `x`, so it stays where `p` is recomputed.
    let x = model.inputs[0];
    let expected = vec![
        vec![(p, Tail::Kept(5)), (s, Tail::Again(5))],
        vec![(x, Tail::Kept(5)), (s, Tail::Again(5))],
        vec![(s, Tail::Again(4))],
    ];
    assert_eq!(changes, expected);
    // Before `b`, only the last is possible.
    let changes = search.agains(&Choices::new(&model), operand, op_moment(2)..5);
    assert_eq!(changes, expected[2..]);
}

#[test]
fn what_is_rerun_later_reads_the_copy_that_was_made_again() {
    let (model, roots) = late_rerun();
    let mut choices = with_s_again(&model, roots);
    choices.set(idle_of(&model, roots[2]), Choice::new(Way::Recompute, 6));
    let emitted = emit(&model, &choices).expect("nothing is missing");
    let reruns = emitted.steps().enumerate();
    let reruns: Vec<(usize, u32)> = reruns
        .filter_map(|(at, (action, ..))| match action {
            Action::Rerun(op) => Some((at, op)),
            _ => None,
        })
        .collect();
    assert_eq!(reruns, [(5, 1), (7, 2)]);
    let [(again, copy)] = emitted.again[..] else {
        panic!("one root is made again: {:?}", emitted.again);
    };
    assert_eq!(again, roots[1]);
    assert_eq!(emitted.copies[copy as usize].steps, 5..8);
    assert_eq!(emitted.unread().count(), 0);
}

#[test]
fn it_is_not_made_again_for_nobody() {
    let (model, roots) = late_rerun();
    let mut search = search(&model, 100);
    let found = search.found(with_s_again(&model, roots));
    let found = found.expect("all of it fits");
    assert_eq!(found.emitted.unread().collect::<Vec<u32>>(), [roots[1]]);
    assert_eq!(found.seconds, 1.0);
    let found = search.take_back(found, NONE);
    assert_eq!(found.choices.tails[roots[1] as usize], Tail::Gone);
    assert_eq!(found.seconds, 0.0);
}

#[test]
fn what_is_kept_in_a_moment_that_is_too_full_is_made_again_after_it() {
    let (model, [p, s, _]) = late_rerun();
    let mut search = search(&model, 10);
    let mut choices = Choices::new(&model);
    choices.tails[s as usize] = Tail::Kept(6);
    assert!(search.give_up_kept(&mut choices, op_moment(3)));
    let tails = [p, s].map(|root| choices.tails[root as usize]);
    assert_eq!(tails, [Tail::Kept(5), Tail::Again(5)]);
    // After `b`, nothing is there of which it could be made.
    choices.tails[s as usize] = Tail::Kept(6);
    choices.tails[p as usize] = Tail::Gone;
    assert!(search.give_up_kept(&mut choices, op_moment(5)));
    assert_eq!(choices.tails[s as usize], Tail::Gone);
    assert!(!search.give_up_kept(&mut choices, op_moment(5)));
}
