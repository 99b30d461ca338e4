//! What is given up where the slow memory has too many bytes.
//!
//! ```text
//! x ─► a ─► b ─► c ─┬► y     x is used for the last time by a, and a is idle until y
//!      └────────────┘
//! ```

use super::{graph, root};
use crate::fit::{
    Fit, OperatorCosts, SlowMemory,
    choices::{Choice, Choices, Tail, Way},
    model::{Model, op_moment},
};

/// `a` is spilled while it is idle, and `x` after its last use.
fn both_spilled(model: &Model, [x, a]: [u32; 2]) -> (Choices, u32) {
    let mut choices = Choices::new(model);
    let idle = model.idles.iter().rposition(|idle| idle.root == a);
    let idle = idle.expect("it is idle") as u32;
    choices.set(idle, Choice::new(Way::Spill, model.idle(idle).until));
    choices.tails[x as usize] = Tail::Spilled;
    (choices, idle)
}

#[test]
fn what_is_spilled_across_the_moment_is_kept_first_then_tails_are_given_up() {
    let names = ["x", "a", "b", "c", "y"];
    let ops: [(&[&str], &str); 4] = [
        (&["x"], "a"),
        (&["a"], "b"),
        (&["b"], "c"),
        (&["c", "a"], "y"),
    ];
    let graph = graph(&names.map(|name| (name, 1)), &ops, "y");
    let costs = OperatorCosts::from_seconds([1.0; 4]).expect("not negative");
    let fit = Fit::within(0).slow(SlowMemory::new(0, 1.0));
    let model = Model::new(&graph, &costs, &fit);
    let search = super::search(&model, 0);
    let roots = ["x", "a"].map(|name| root(&graph, &model, name));
    let (mut choices, idle) = both_spilled(&model, roots);
    let mut banned = search.nothing_banned();

    // Nothing but `x` is there yet, which is spilled in this moment.
    let mut early = choices.clone();
    assert!(search.ban_spill(&mut early, &mut banned, op_moment(0)));
    assert_eq!(early.tails[roots[0] as usize], Tail::Gone);
    assert_eq!(early.way(idle), Way::Spill);
    assert!(!search.ban_spill(&mut early, &mut banned, op_moment(0)));

    assert!(search.ban_spill(&mut choices, &mut banned, op_moment(2)));
    assert!(choices.way(idle) == Way::Keep && banned[idle as usize].spill);
    assert_eq!(choices.tails[roots[0] as usize], Tail::Spilled);

    assert!(search.ban_spill(&mut choices, &mut banned, op_moment(2)));
    assert_eq!(choices.tails[roots[0] as usize], Tail::Gone);

    assert!(!search.ban_spill(&mut choices, &mut banned, op_moment(2)));
}
