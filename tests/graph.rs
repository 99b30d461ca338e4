//! Graphs and lifetimes: lifetimes follow from reads and writes, and errors name what is wrong.

use std::alloc::Layout;

use orionrt::{
    GraphBuilder, Lifetimes, TensorId,
    graph::{AliasMistake, GraphError, OpId},
    lifetimes::{Lifetime, LifetimeMistake, ViewMistake},
};
use std::error::Error;

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).unwrap()
}

/// The chain x → a → b → y; the last operator also reads a.
///
/// ```text
/// step   0   1   2
/// x     ███
/// a     ███████████
/// b         ███████
/// y             ███
/// ```
fn chain() -> (GraphBuilder, [TensorId; 4]) {
    let mut g = GraphBuilder::new();
    let ids = ["x", "a", "b", "y"].map(|name| g.tensor(name, bytes(8)));
    let [x, a, b, y] = ids;
    g.op("first").reads([x]).writes([a]);
    g.op("second").reads([a]).writes([b]);
    g.op("third").reads([a, b]).writes([y]);
    g.output(y);
    (g, ids)
}

#[test]
fn lifetimes_are_half_open_from_the_write_past_the_last_read() {
    let (mut g, _) = chain();
    let graph = g.build().unwrap();
    let lifetimes = graph.lifetimes();
    let ranges: Vec<_> = lifetimes
        .rows()
        .iter()
        .map(|r| (r.lower, r.upper))
        .collect();
    assert_eq!(ranges, [(0, 1), (0, 3), (1, 3), (2, 3)]);
    assert_eq!(graph.inputs(), [TensorId::new(0)]);
    assert_eq!(graph.outputs(), [TensorId::new(3)]);
}

#[test]
fn inputs_live_from_the_start_and_outputs_to_the_end() {
    let mut g = GraphBuilder::new();
    let [late, early, result, end] =
        ["late", "early", "result", "end"].map(|n| g.tensor(n, bytes(1)));
    g.op("0").writes([early]);
    g.op("1").reads([late]).writes([result]);
    g.op("2").writes([end]);
    let graph = g.input(late).output(early).output(late).build().unwrap();
    let rows = graph.lifetimes();
    let range = |id| rows.get(id).map(|r| (r.lower, r.upper)).unwrap();
    assert_eq!(range(late), (0, 3));
    assert_eq!(range(early), (0, 3));
    assert_eq!(range(result), (1, 2));
    assert_eq!(range(end), (2, 3));
}

#[test]
fn tensors_that_nobody_uses_are_never_alive() {
    let mut g = GraphBuilder::new();
    let unused = g.tensor("unused", bytes(1 << 20));
    let through = g.tensor("through", bytes(4));
    let graph = g.input(through).output(through).build().unwrap();
    let rows = graph.lifetimes();
    assert_eq!(rows.get(unused).map(|r| (r.lower, r.upper)), Some((0, 0)));
    assert_eq!(rows.get(through).map(|r| (r.lower, r.upper)), Some((0, 1)));
    assert_eq!((rows.load(), rows.lower_bound()), (4, 4));
}

#[test]
fn mistakes_name_the_tensor_and_the_operator() {
    let (mut g, [_, a, ..]) = chain();
    g.op("again").writes([a]);
    let error = g.build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor 'a' is written by operator 'first' (step 0) \
         and again by operator 'again' (step 3); \
         a tensor has one writer, unless only one of them runs or the second is in a loop"
    );

    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, bytes(8)));
    g.op("early").reads([x]).writes([y]);
    g.op("late").writes([x]);
    let GraphError::ReadBeforeWritten {
        tensor,
        reader,
        writer,
    } = g.build().unwrap_err()
    else {
        panic!("another error");
    };
    assert_eq!((tensor.id(), tensor.name()), (x, "x"));
    assert_eq!((reader.id(), reader.name()), (OpId::new(0), "early"));
    assert_eq!((writer.id(), writer.name()), (OpId::new(1), "late"));

    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(8));
    g.op("loop").reads([x]).writes([x]);
    assert!(matches!(
        g.build(),
        Err(GraphError::ReadBeforeWritten { .. })
    ));

    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(8));
    g.input(x).op("overwrite").writes([x]);
    let error = g.build().unwrap_err();
    assert!(matches!(&error, GraphError::InputWritten { tensor, .. } if tensor.id() == x));
    assert_eq!(
        error.to_string(),
        "tensor 'x' is a graph input, which the caller fills, \
         but is written by operator 'overwrite' (step 0)"
    );
}

#[test]
fn an_error_leads_to_the_mistake_that_it_wraps() {
    let mut g = GraphBuilder::new();
    let [x, y] = [("x", 8), ("y", 9)].map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("pad").in_place(y, x);
    let error = g.build().unwrap_err();
    let source = error.source().and_then(|source| source.downcast_ref());
    let (size, of_size) = (9, 8);
    assert_eq!(source, Some(&AliasMistake::OtherSize { size, of_size }));

    let root = TensorId::new(7);
    let row = Lifetime::new(0, 1, 1).with_root(root, 0);
    let error = Lifetimes::from_named([("x", row)]).unwrap_err();
    let mistake = error.source().unwrap();
    assert!(mistake.is::<LifetimeMistake>());
    let inner = mistake.source().and_then(|inner| inner.downcast_ref());
    assert_eq!(inner, Some(&ViewMistake::UnknownRoot { root }));
}

#[test]
fn unknown_ids_names_used_twice_and_outputs_without_a_writer_are_refused() {
    let foreign = TensorId::new(7);
    let mut g = GraphBuilder::new();
    g.tensor("x", bytes(8));
    g.op("op").reads([foreign]);
    let error = g.build().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("operator 'op' (step 0) names tensor T7"),
        "{error}"
    );
    for use_it in [GraphBuilder::input, GraphBuilder::output] {
        let mut g = GraphBuilder::new();
        use_it(&mut g, foreign);
        assert!(matches!(g.build(), Err(GraphError::UnknownTensor { .. })));
    }
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(8));
    assert!(matches!(
        g.output(x).build(),
        Err(GraphError::NoSuchOutput { tensor }) if tensor.id() == x
    ));
    g.tensor("x", bytes(8));
    assert!(matches!(g.build(), Err(GraphError::DuplicateName { .. })));
    // With 32 bits, no sum of three sizes is too large.
    if cfg!(target_pointer_width = "64") {
        let mut g = GraphBuilder::new();
        for i in 0..3 {
            g.tensor(format!("t{i}"), bytes(isize::MAX as usize / 2));
        }
        let Err(GraphError::SizeOverflow { tensor, .. }) = g.build() else {
            panic!("the sum is in range");
        };
        assert_eq!(tensor.name(), "t2");
    }
}

#[test]
fn the_first_bad_row_is_named_with_its_mistake() {
    let from = |rows: &[(&str, i64, i64, u64, u64)]| Lifetimes::from_rows(rows.iter().copied());
    let mistake = |rows: &[(&str, i64, i64, u64, u64)]| from(rows).unwrap_err();
    let bad = mistake(&[("a", 0, 1, 1, 1), ("b", 5, 4, 1, 1)]);
    assert_eq!((bad.row, bad.id.as_str()), (1, "b"));
    assert_eq!(
        bad.mistake,
        LifetimeMistake::EndsBeforeStart { lower: 5, upper: 4 }
    );
    for alignment in [0, 3, 96, 1 << 63] {
        let bad = mistake(&[("a", 0, 1, 1, alignment)]);
        assert_eq!(bad.mistake, LifetimeMistake::BadAlignment { alignment });
    }
    for alignment in [0, 3, 96] {
        for rows in [
            &[][..],
            &[("a", 0, 1, 1, 1)],
            &[("a", 0, 1, 1, 128), ("b", 0, 1, 1, 1)],
        ] {
            let bad = from(rows).unwrap().with_alignment(alignment).unwrap_err();
            assert_eq!(bad.mistake, LifetimeMistake::BadAlignment { alignment });
            assert_eq!(bad.id, rows.first().map_or("", |row| row.0));
        }
    }
    let bad = mistake(&[("a", 0, 1, 1 << 62, 1), ("b", 0, 1, 1 << 62, 1)]);
    assert!(matches!(bad.mistake, LifetimeMistake::SizeOverflow { .. }));
    let bad = mistake(&[("a", 0, 1, 1, 1), ("b", 0, 1, 1, 1), ("a", 0, 1, 1, 1)]);
    assert_eq!(
        (bad.row, bad.mistake),
        (2, LifetimeMistake::DuplicateId { first: 0 })
    );
    assert!(from(&[("a", i64::MIN, i64::MAX, u64::MAX >> 2, 1)]).is_ok());
    assert!(from(&[("a", 0, 1, u64::MAX, 1 << 63)]).is_err());
}

#[test]
fn the_lower_bound_counts_the_padding_of_all_tensors_but_the_topmost() {
    // Three tensors of 65 bytes at multiples of 64: two of them take 128, the topmost 65.
    let rows = ["a", "b", "c"].map(|id| (id, 0, 1, 65, 64));
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    assert_eq!(
        (lifetimes.load(), lifetimes.lower_bound()),
        (195, 128 + 128 + 65)
    );
}
