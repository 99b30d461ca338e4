//! Operands of a late rerun that stay if what they are made of has no fewer bytes.
//!
//! ```text
//! x ─► m ─► r ─► a ─► b ─┬► y      r is idle while a and b are made, and is recomputed of m
//!           └────────────┘
//! ```

use alloc::{vec, vec::Vec};

use super::{graph, model, root, search};
use crate::fit::{
    choices::Choices,
    estimate::{Operands, recomputation},
    load_tree::LoadTree,
    model::Operand,
};

/// What stays to recompute `r` before the last operator, if `x`, `m` and `w` have these sizes; `m`
/// is also made of `w`, which is there all the time.
fn kept([x, m, w]: [usize; 3], operands: Operands) -> Vec<&'static str> {
    let sizes = [
        ("x", x),
        ("w", w),
        ("m", m),
        ("r", 5),
        ("a", 5),
        ("b", 5),
        ("y", 5),
    ];
    let ops: [(&[&str], &str); 5] = [
        (&["x", "w"], "m"),
        (&["m"], "r"),
        (&["r"], "a"),
        (&["a"], "b"),
        (&["b", "r", "w"], "y"),
    ];
    let graph = graph(&sizes, &ops, "y");
    let model = model(&graph);
    let operand = Operand {
        root: root(&graph, &model, "r"),
        version: 0,
    };
    let search = search(&model, 1000);
    let fast = LoadTree::new(vec![0; model.moments()].into_iter());
    let room = search.room(&fast);
    let choices = Choices::new(&model);
    let made = recomputation(&model, &choices, operand, 4, operands, &room);
    let mut kept = made.expect("it can be recomputed").kept;
    kept.sort_unstable();
    let names = ["x", "w", "m"].into_iter();
    names
        .filter(|name| kept.contains(&root(&graph, &model, name)))
        .collect()
}

#[test]
fn an_operand_stays_if_what_it_is_made_of_has_no_fewer_bytes() {
    let least = |sizes| kept(sizes, Operands::KeepLeast);
    assert_eq!(least([1, 10, 1]), ["x"]);
    assert_eq!(least([10, 1, 1]), ["m"]);
    assert_eq!(least([10, 10, 1]), ["m"]);
    // What is there takes no further bytes.
    assert_eq!(least([9, 10, 100]), ["x"]);
}

#[test]
fn other_choices_do_not_look_at_bytes() {
    for sizes in [[1, 10, 1], [10, 1, 1]] {
        assert_eq!(kept(sizes, Operands::Keep), ["m"]);
        // Nothing makes `x`.
        assert_eq!(kept(sizes, Operands::Recompute), ["x"]);
    }
}
