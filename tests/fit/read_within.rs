//! Operands of concatenations that are needed after them: they are read within the result.

use std::alloc::Layout;

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    fit::{
        Codec, Compression, Fit, FitAction, FitError, FitRule, FitSchedule, Fitted, TensorStarts,
    },
    graph::OpId,
};

use crate::{
    actions, bytes,
    parts::{checked, place, with_parts},
};

/// `p` and `q` are joined to `r`; then come the operators of `then`, which are given `p`, `r` and a
/// tensor of ten bytes, which is the output.
fn joined(then: impl Fn(&mut GraphBuilder, [TensorId; 3])) -> Graph {
    let mut g = GraphBuilder::new();
    let [x, p, q, y] = ["x", "p", "q", "y"].map(|name| g.tensor(name, bytes(10)));
    let r = g.tensor("r", bytes(20));
    g.op("make p").reads([x]).writes([p]);
    g.op("make q").reads([x]).writes([q]);
    g.op("join").part(q, r, 0).part(p, r, 10);
    then(&mut g, [p, r, y]);
    g.output(y).build().expect("all of them are written")
}

/// The last operator reads the result, and the second operand again.
fn read_again() -> Graph {
    joined(|g, [p, r, y]| {
        g.op("end").reads([r, p]).writes([y]);
    })
}

/// Where the operands lie within the result.
fn places(graph: &Graph, fitted: &Fitted) -> [Option<u64>; 2] {
    ["q", "p"].map(|name| place(graph, fitted, name).map(|within| within.offset))
}

#[test]
fn an_operand_is_read_within_the_result() {
    let graph = read_again();
    let fitted = checked(&graph, &with_parts(30));
    assert_eq!((fitted.load(), fitted.cost().seconds()), (30, 0.0));
    assert_eq!(places(&graph, &fitted), [Some(0), Some(10)]);
    let schedule = fitted.schedule();
    let end = schedule.steps.last().expect("four steps");
    assert_eq!(end.reads[0], end.reads[1]);
    let copy = schedule.copy(end.reads[0]).expect("that of the result");
    let starts = TensorStarts::new(&graph);
    let start = |name| starts.in_copy(graph.find(name).expect("a tensor"), copy);
    assert_eq!(["p", "q", "r"].map(start), [10, 0, 0].map(Some));
    assert_eq!(starts.in_copy(TensorId::new(6), copy), None);
    // What the last operator reads and writes.
    let error = Planner::new().fit(&graph, &with_parts(29)).unwrap_err();
    assert!(
        matches!(error, FitError::Impossible { needed: 30, .. }),
        "{error}"
    );
    // Apart, `p` and `q` are copied.
    let apart = checked(&graph, &with_parts(40).aliasing(Aliasing::InPlace));
    assert_eq!((apart.load(), places(&graph, &apart)), (40, [None; 2]));
}

#[test]
fn a_view_of_an_operand_is_made_and_read_within_the_result() {
    let graph = joined(|g, [p, r, y]| {
        let view = g.tensor("view", bytes(6));
        g.op("view").view(view, p, 4);
        g.op("end").reads([r, view]).writes([y]);
    });
    let fitted = checked(&graph, &with_parts(30));
    assert_eq!(places(&graph, &fitted), [Some(0), Some(10)]);
    let end = fitted.schedule().steps.last().expect("five steps");
    let copy = fitted.schedule().copy(end.reads[1]).expect("it");
    let view = graph.find("view").expect("a tensor");
    assert_eq!(TensorStarts::new(&graph).in_copy(view, copy), Some(14));
}

#[test]
fn an_operand_that_is_needed_longer_than_the_result_is_copied() {
    let graph = joined(|g, [p, r, y]| {
        let a = g.tensor("a", bytes(10));
        g.op("reduce").reads([r]).writes([a]);
        g.op("end").reads([a, p]).writes([y]);
    });
    let fitted = checked(&graph, &with_parts(100));
    assert_eq!(places(&graph, &fitted), [None; 2]);
}

#[test]
fn an_operand_of_a_result_that_is_written_over_is_copied() {
    let graph = joined(|g, [p, r, y]| {
        let s = g.tensor("s", bytes(20));
        g.op("relu").in_place(s, r);
        g.op("end").reads([s, p]).writes([y]);
    });
    let fitted = checked(&graph, &with_parts(100));
    assert_eq!(places(&graph, &fitted), [None; 2]);
    // At the same step.
    let graph = joined(|g, [p, r, y]| {
        let s = g.tensor("s", bytes(20));
        g.op("add").reads([p]).in_place(s, r);
        g.op("end").reads([s]).writes([y]);
    });
    let fitted = checked(&graph, &with_parts(100));
    assert_eq!(places(&graph, &fitted), [None; 2]);
}

#[test]
fn an_operand_that_is_written_over_is_copied() {
    let graph = joined(|g, [p, r, y]| {
        let s = g.tensor("s", bytes(10));
        g.op("relu").in_place(s, p);
        g.op("end").reads([s, r]).writes([y]);
    });
    let fitted = checked(&graph, &with_parts(100));
    assert_eq!(places(&graph, &fitted), [None; 2]);
}

#[test]
fn an_operand_of_a_later_concatenation_lies_within_that() {
    let graph = joined(|g, [p, r, y]| {
        let [t, s] = [("t", 10), ("s", 20)].map(|(name, size)| g.tensor(name, bytes(size)));
        g.op("make t").reads([r]).writes([t]);
        g.op("join again").part(p, s, 0).part(t, s, 10);
        g.op("end").reads([r, s]).writes([y]);
    });
    let fitted = checked(&graph, &with_parts(100));
    let place = |name| place(&graph, &fitted, name).map(|within| within.offset);
    assert_eq!(["q", "p", "t"].map(place), [None, Some(0), Some(10)]);
}

#[test]
fn a_result_in_which_an_operand_is_read_lies_within_none_that_has_another_place_for_that() {
    let graph = joined(|g, [p, r, y]| {
        let [t, s] = [("t", 10), ("s", 30)].map(|(name, size)| g.tensor(name, bytes(size)));
        g.op("make t").reads([r]).writes([t]);
        g.op("join again").part(t, s, 0).part(r, s, 10);
        g.op("end").reads([s, r, p]).writes([y]);
    });
    let fitted = checked(&graph, &with_parts(200));
    let place = |name| place(&graph, &fitted, name).map(|within| within.offset);
    assert_eq!(
        ["q", "p", "t", "r"].map(place),
        [Some(0), Some(10), None, None]
    );
}

#[test]
fn an_operand_is_found_beside_a_view_of_it_without_bytes() {
    let mut g = GraphBuilder::new();
    let [x, p, q, y] = ["x", "p", "q", "y"].map(|name| g.tensor(name, bytes(10)));
    let [empty, r] = [("empty", 0), ("r", 20)].map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("make p").reads([x]).writes([p]);
    g.op("view").view(empty, p, 10);
    g.op("make q").reads([x]).writes([q]);
    let join = g.op("join").part(empty, r, 0);
    join.part(q, r, 0).part(p, r, 10);
    g.op("end").reads([r, p]).writes([y]);
    let graph = g.output(y).build().expect("five operators");
    let fitted = checked(&graph, &with_parts(30));
    assert_eq!(places(&graph, &fitted), [Some(0), Some(10)]);
}

/// An operand cannot lie within two results.
#[test]
fn an_operand_of_two_results_of_an_operator_lies_within_one() {
    let mut g = GraphBuilder::new();
    let names = ["x", "p", "q", "t", "y"];
    let [x, p, q, t, y] = names.map(|name| g.tensor(name, bytes(10)));
    let [r, s] = ["r", "s"].map(|name| g.tensor(name, bytes(20)));
    for (name, made) in [("p", p), ("q", q), ("t", t)] {
        g.op(name).reads([x]).writes([made]);
    }
    let both = g.op("both").part(p, r, 0).part(q, r, 10);
    both.part(p, s, 0).part(t, s, 10);
    g.op("end").reads([r, s]).writes([y]);
    let graph = g.output(y).build().expect("five operators");
    let fitted = checked(&graph, &with_parts(100));
    let place = |name| place(&graph, &fitted, name).map(|within| within.offset);
    assert_eq!(["p", "q", "t"].map(place), [Some(0), Some(10), None]);
}

/// `p` and `q` are joined to `r`, and `r` and `t` to `s`, which the last operator reads beside what
/// `again` says.
fn joined_again(again: &[&str]) -> Graph {
    let mut g = GraphBuilder::new();
    let names = ["x", "p", "q", "t", "y"];
    let [x, p, q, t, y] = names.map(|name| g.tensor(name, bytes(10)));
    let [r, s] = [("r", 20), ("s", 30)].map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("make p").reads([x]).writes([p]);
    g.op("make q").reads([x]).writes([q]);
    g.op("join").part(p, r, 0).part(q, r, 10);
    g.op("make t").reads([x, p]).writes([t]);
    g.op("join again").part(r, s, 0).part(t, s, 20);
    let again = again.iter().map(|&name| if name == "p" { p } else { r });
    g.op("end").reads([s]).reads(again).writes([y]);
    g.output(y).build().expect("all of them are written")
}

#[test]
fn a_result_within_which_operands_are_read_later_lies_within_no_other() {
    let places = |again: &[&str]| {
        let graph = joined_again(again);
        let fitted = checked(&graph, &with_parts(100));
        assert_eq!(fitted.aliasing(), Aliasing::Parts);
        ["p", "q", "r", "t"].map(|name| place(&graph, &fitted, name).map(|at| at.offset))
    };
    // `make t` reads `p` within `r`, but nothing does after that.
    assert_eq!(places(&[]), [0, 10, 0, 20].map(Some));
    assert_eq!(places(&["r"]), [0, 10, 0, 20].map(Some));
    // `p` is a part of `r`, not one of `s`: where `r` is read as long as `p`, it is copied to `s`,
    // and otherwise `p` to `r`.
    assert_eq!(places(&["r", "p"]), [Some(0), Some(10), None, None]);
    assert_eq!(places(&["p"]), [None, None, Some(0), Some(20)]);
}

/// `p` and `q` are joined to `r`, which `reduce` reads; `end` reads `p` when nothing needs `r`.
fn needed_longer() -> Graph {
    let mut g = GraphBuilder::new();
    let sizes = [
        ("p", 20),
        ("q", 1),
        ("r", 21),
        ("a", 10),
        ("b", 1),
        ("y", 1),
    ];
    let [p, q, r, a, b, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("make p").writes([p]);
    g.op("make q").reads([p]).writes([q]);
    g.op("join").part(p, r, 0).part(q, r, 20);
    g.op("reduce").reads([r]).writes([a]);
    g.op("shrink").reads([a]).writes([b]);
    g.op("end").reads([b, p]).writes([y]);
    g.output(y).build().expect("all of them are written")
}

/// Apart from `r`, `p` needs 51 bytes beside it and `a`. But `r` may be kept for `p`: with `r` at 0
/// until the end, `a` and `y` at 21 and `b` at 31, all lie within 32 bytes.
#[test]
fn the_bound_leaves_out_operands_that_may_be_read_within_a_result_that_is_kept() {
    let graph = needed_longer();
    match Planner::new().fit(&graph, &with_parts(32)) {
        Ok(fitted) => assert!(fitted.load() <= 32),
        Err(error) => assert!(matches!(error, FitError::NotFound { .. }), "{error}"),
    }
    let fitted = checked(&graph, &with_parts(51));
    assert_eq!((fitted.load(), fitted.lower_bound()), (51, 0.0));
}

/// `p` is idle, and too large to stay, after a concatenation whose result `reduce` reads.
fn leaving() -> Graph {
    joined(|g, [p, r, y]| {
        let sizes = [("a", 10), ("b", 25), ("c", 5)];
        let [a, b, c] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
        g.op("reduce").reads([r]).writes([a]);
        g.op("widen").reads([a]).writes([b]);
        g.op("narrow").reads([b]).writes([c]);
        g.op("end").reads([c, p]).writes([y]);
    })
}

#[test]
fn an_operand_that_is_spilled_or_compressed_later_is_copied() {
    let graph = leaving();
    let p = graph.find("p").expect("a tensor");
    let fitted = checked(&graph, &with_parts(40));
    assert!(actions(fitted.schedule()).contains(&FitAction::Spill(p)));
    assert_eq!(fitted.aliasing(), Aliasing::Parts);
    assert_eq!(places(&graph, &fitted), [None; 2]);
    let codec = Codec::with_ratio(5.0, 20.0);
    let fit = Fit::within(42).aliasing(Aliasing::Parts);
    let fitted = checked(&graph, &fit.compression(Compression::all(codec)));
    assert!(actions(fitted.schedule()).contains(&FitAction::Compress(p)));
    assert_eq!(fitted.aliasing(), Aliasing::Parts);
    assert_eq!(places(&graph, &fitted), [None; 2]);
}

/// So many operands are joined, and read again after 100 small operators.
fn read_much_later(operands: usize) -> Graph {
    let mut g = GraphBuilder::new();
    let parts: Vec<TensorId> = (0..operands)
        .map(|at| g.tensor(format!("p{at}"), bytes(1)))
        .collect();
    let whole = g.tensor("whole", bytes(operands));
    for &part in &parts {
        g.op("make").writes([part]);
    }
    let mut join = g.op("join");
    for (at, &part) in parts.iter().enumerate() {
        join = join.part(part, whole, at as u64);
    }
    let mut last = whole;
    for at in 0..100 {
        let next = g.tensor(format!("small{at}"), bytes(1));
        g.op("small").reads([last]).writes([next]);
        last = next;
    }
    let y = g.tensor("y", bytes(1));
    g.op("end").reads([last, whole]).reads(parts).writes([y]);
    g.output(y).build().expect("all of them are written")
}

/// For each operand there are 101 steps to be looked at.
#[test]
fn operands_are_copied_where_too_many_steps_would_be_looked_at() {
    let place = |operands| {
        let graph = read_much_later(operands);
        let fitted = checked(&graph, &with_parts(100));
        place(&graph, &fitted, "p1").map(|within| within.offset)
    };
    assert_eq!(place(8), Some(1)); // 808 of 8 * 110
    assert_eq!(place(9), None); // 909 of 8 * 111
}

#[test]
fn an_operand_that_is_read_within_the_result_is_aligned() {
    let aligned = |start: usize, outer: usize| {
        let mut g = GraphBuilder::new();
        let layout = Layout::from_size_align(8, 8).expect("small");
        let [x, q, t, y] = [("x", 3), ("q", start), ("t", outer), ("y", 3)]
            .map(|(name, size)| g.tensor(name, bytes(size)));
        let p = g.tensor("p", layout);
        let r = g.tensor("r", bytes(start + 8));
        let s = g.tensor("s", bytes(outer + start + 8));
        g.op("make").reads([x]).writes([q, p, t]);
        g.op("join").part(q, r, 0).part(p, r, start as u64);
        g.op("read").reads([x, p]).writes([y]);
        g.op("join again").part(t, s, 0).part(r, s, outer as u64);
        g.op("end").reads([s, x]);
        let graph = g.output(y).build().expect("all of them are written");
        let fitted = checked(&graph, &with_parts(100));
        ["p", "r"].map(|name| place(&graph, &fitted, name).map(|at| at.offset))
    };
    assert_eq!(aligned(8, 16), [Some(24), Some(16)]);
    assert_eq!(aligned(4, 12), [None, Some(12)]);
    // `p` would be at byte 12 of `s`.
    assert_eq!(aligned(8, 4), [Some(8), None]);
}

/// What the check says of a schedule in which `p` is read in the copy of `r`, which was written
/// over or not.
fn read_after_relu(is_over: bool) -> Result<(), FitRule> {
    let graph = joined(|g, [p, r, y]| {
        let s = g.tensor("s", bytes(20));
        if is_over {
            g.op("relu").in_place(s, r);
            g.op("end").reads([s, p]).writes([y]);
        } else {
            g.op("relu").reads([r]).writes([s]);
            g.op("end").reads([s, p, r]).writes([y]);
        }
    });
    let fit = with_parts(100);
    let mut schedule = checked(&graph, &fit).schedule().clone();
    let join = FitAction::Run(OpId::new(2));
    let join = schedule.steps.iter().find(|step| step.action == join);
    let result = join.expect("it runs").writes[0];
    let end = schedule.steps.last_mut().expect("five steps");
    end.reads[1] = result;
    schedule.copies[result.index()].steps.end = schedule.end();
    schedule.check(&graph, &fit).map_err(|mistake| mistake.rule)
}

#[test]
fn the_check_finds_an_operand_in_the_result_until_that_is_written_over() {
    assert_eq!(read_after_relu(false), Ok(()));
    let mistake = read_after_relu(true).unwrap_err();
    assert!(
        matches!(&mistake, FitRule::NotThere { holds } if holds == "s"),
        "{mistake:?}"
    );
}

#[test]
fn the_check_finds_no_operand_in_a_result_unless_parts_are_allowed() {
    let graph = read_again();
    let schedule: FitSchedule = checked(&graph, &with_parts(30)).schedule().clone();
    let check = |fit: &Fit| schedule.check(&graph, fit);
    assert_eq!(check(&with_parts(40)), Ok(()));
    let mistake = check(&with_parts(40).aliasing(Aliasing::InPlace)).unwrap_err();
    // `q` lies within the result, too.
    assert!(matches!(mistake.rule, FitRule::Overlap { .. }), "{mistake}");
    let mut apart = schedule.clone();
    let join = FitAction::Run(OpId::new(2));
    let join = apart.steps.iter().find(|step| step.action == join);
    let result = join.expect("it runs").writes[0];
    apart.copies[result.index()].offset = 100;
    let fit = with_parts(200).aliasing(Aliasing::InPlace);
    let mistake = apart.check(&graph, &fit).unwrap_err();
    assert!(
        matches!(&mistake.rule, FitRule::NotThere { holds } if holds == "r"),
        "{mistake}"
    );
}
