//! Graphs, rows and plans whose sharing of bytes is refused: the error names the mistake.

use orionrt::{
    GraphBuilder, Lifetimes, Plan, Planner, TensorId,
    graph::{AliasMistake, GraphError},
    lifetimes::{Lifetime, LifetimeMistake, LifetimesError, ViewMistake, Within},
    plan::PlanError,
};

use crate::{bytes, tensors};

fn refusal(declare: impl FnOnce(&mut GraphBuilder)) -> String {
    let mut g = GraphBuilder::new();
    declare(&mut g);
    g.build().unwrap_err().to_string()
}

#[test]
fn an_impossible_view_or_result_in_place_is_named_with_its_mistake() {
    let alias = |declare: fn(&mut GraphBuilder, TensorId)| {
        refusal(|g| {
            let x = g.tensor("x", bytes(8, 4));
            declare(g, x);
        })
    };
    let outside = alias(|g, x| {
        let v = g.tensor("v", bytes(4, 1));
        g.op("slice").view(v, x, 5);
    });
    let start = "operator 'slice' (step 0) cannot have 'v' in the bytes of 'x': ";
    assert_eq!(
        outside,
        format!("{start}4 bytes from byte 5 on do not lie within 8 bytes")
    );
    let far = alias(|g, x| {
        let v = g.tensor("v", bytes(4, 1));
        g.op("slice").view(v, x, u64::MAX);
    });
    assert!(far.ends_with("4 bytes from byte 18446744073709551615 on do not lie within 8 bytes"));
    let misaligned = alias(|g, x| {
        let sizes = [("v", 6, 2), ("w", 4, 2), ("u", 2, 4)];
        let [v, w, u] = sizes.map(|(name, size, a)| g.tensor(name, bytes(size, a)));
        g.op("slice").view(v, x, 2);
        g.op("slice").view(w, v, 2);
        g.op("slice").view(u, w, 2);
    });
    assert!(
        misaligned
            .ends_with("'u' in the bytes of 'w': byte 6 is not a multiple of the alignment 4")
    );
    let short = alias(|g, x| {
        let y = g.tensor("y", bytes(9, 1));
        g.op("pad").in_place(y, x);
    });
    assert_eq!(
        short,
        "operator 'pad' (step 0) cannot have 'y' in the bytes of 'x': it has 9 bytes, not 8"
    );
    for is_view in [true, false] {
        let mut g = GraphBuilder::new();
        let gpu = g.device("gpu", 256);
        let (x, y) = (
            g.tensor("x", bytes(8, 1)),
            g.tensor_on(gpu, "y", bytes(8, 1)),
        );
        match is_view {
            true => g.op("copy").view(y, x, 0),
            false => g.op("copy").in_place(y, x),
        };
        let error = g.build().unwrap_err();
        let mistake = AliasMistake::OtherDevice;
        assert!(matches!(&error, GraphError::BadAlias { mistake: m, .. } if *m == mistake));
        assert!(
            error
                .to_string()
                .ends_with("'x': they lie on different devices")
        );
    }
    for second in [true, false] {
        let twice = refusal(|g| {
            let [x, v] = tensors(g, ["x", "v"]);
            match second {
                true => g.op("op").view(v, x, 0).view(v, x, 0),
                false => g.op("op").in_place(v, x).view(v, x, 0),
            };
        });
        assert!(
            twice.ends_with("'v' in the bytes of 'x': it is a view already"),
            "{twice}"
        );
    }
    let itself = alias(|g, x| {
        g.op("loop").view(x, x, 0);
    });
    assert!(
        itself.starts_with("tensor 'x' is read by operator 'loop' (step 0) before"),
        "{itself}"
    );
}

#[test]
fn mistakes_of_devices_and_streams_are_named() {
    let unknown = refusal(|g| {
        let gpu = GraphBuilder::new().device("gpu", 256);
        g.tensor_on(gpu, "x", bytes(8, 1));
    });
    assert_eq!(
        unknown,
        "tensor 'x' is to lie on device D1, which this graph has not declared"
    );
    for alignment in [0, 3] {
        let misaligned = refusal(|g| {
            g.device("gpu", alignment);
        });
        let expected = format!(
            "device 'gpu' has the alignment {alignment}, which is not a power of two (1, 2, 4, ...)"
        );
        assert_eq!(misaligned, expected);
    }
    let waits = refusal(|g| {
        let op = g.op("wait");
        let own = op.id();
        op.after([own]);
    });
    assert_eq!(
        waits,
        "operator 'wait' (step 0) waits for operator O0; \
         it can only wait for operators that are submitted before it"
    );
    let race = refusal(|g| {
        let [x, y] = tensors(g, ["x", "y"]);
        g.op("load").writes([x]).stream(1);
        g.op("relu").in_place(y, x);
    });
    assert_eq!(
        race,
        "tensor 'x' is read by operator 'relu' (step 1), which does not wait for its writer, \
         operator 'load' (step 0) on another stream"
    );
}

/// A root is aligned for everything within it and for its device, and its size is padded to that.
#[cfg(target_pointer_width = "64")]
#[test]
fn sizes_are_summed_with_the_strictest_alignment_of_root_views_and_device() {
    let graph = |has_view: bool, device: u64| {
        let mut g = GraphBuilder::new();
        let device = g.device("gpu", device);
        let on =
            |g: &mut GraphBuilder, name, alignment| g.tensor_on(device, name, bytes(1, alignment));
        let [x, y] = [("x", 1), ("y", 1 << 62)].map(|(name, a)| on(&mut g, name, a));
        match has_view {
            true => g.op("op").view(y, x, 0),
            false => g.op("op").reads([x]).writes([y]),
        };
        g.build()
    };
    assert!(graph(false, 1).is_ok());
    for refused in [graph(true, 1), graph(false, 1 << 62)] {
        assert!(
            matches!(refused, Err(GraphError::SizeOverflow { tensor, .. }) if tensor.name() == "y")
        );
    }
}

/// `(lower, upper, size, alignment)`, and the `(root, offset)` where the row lies.
type Row = ((i64, i64, u64, u64), Option<(u32, u64)>);

fn lifetimes(rows: &[Row]) -> Result<Lifetimes, LifetimesError> {
    let rows = rows
        .iter()
        .enumerate()
        .map(|(i, &((lower, upper, size, alignment), within))| {
            let mut lifetime = Lifetime::new(lower, upper, size).with_alignment(alignment);
            lifetime.within = within.map(|(root, at)| Within::new(TensorId::new(root), at));
            (format!("t{i}"), lifetime)
        });
    Lifetimes::from_named(rows)
}

const ROOT: Row = ((2, 6, 16, 4), None);

#[test]
fn rows_that_do_not_lie_within_their_root_are_named() {
    let refusal = |rows: &[Row]| {
        let error = lifetimes(rows).unwrap_err();
        let LifetimeMistake::View(mistake) = error.mistake.clone() else {
            panic!("{error}")
        };
        (error.row, mistake, error.to_string())
    };
    let (row, mistake, text) = refusal(&[ROOT, ((2, 3, 1, 1), Some((7, 0)))]);
    let root = TensorId::new(7);
    assert_eq!((row, mistake), (1, ViewMistake::UnknownRoot { root }));
    assert_eq!(
        text,
        "buffer 1 (id 't1'): it lies within buffer T7, which does not exist"
    );
    let view: Row = ((2, 3, 8, 4), Some((0, 8)));
    for root in [1, 2] {
        let (row, mistake, text) = refusal(&[ROOT, view, ((2, 3, 1, 1), Some((root, 0)))]);
        let root = TensorId::new(root);
        assert_eq!((row, mistake), (2, ViewMistake::RootIsView { root }));
        assert!(
            text.ends_with("lies within another buffer; name the one that has bytes of its own")
        );
    }
    for offset in [9, u64::MAX] {
        let (row, mistake, text) = refusal(&[((2, 3, 8, 1), Some((1, offset))), ROOT]);
        let expected = ViewMistake::OutOfBounds {
            offset,
            size: 8,
            root_size: 16,
        };
        assert_eq!((row, mistake), (0, expected));
        let expected =
            format!("its 8 bytes from byte {offset} on do not lie within the 16 bytes of its root");
        assert!(text.ends_with(&expected), "{text}");
    }
    for (offset, alignment) in [(2, 4), (8, 8)] {
        let (_, mistake, text) = refusal(&[ROOT, ((2, 3, 1, alignment), Some((0, offset)))]);
        let expected = ViewMistake::Misaligned {
            offset,
            alignment,
            root_alignment: 4,
        };
        assert_eq!(mistake, expected);
        let expected = format!(
            "byte {offset} of a root that is aligned to 4 bytes is not always aligned to \
             {alignment} bytes"
        );
        assert!(text.ends_with(&expected), "{text}");
    }
    for (lower, upper) in [(1, 3), (5, 7)] {
        let (_, mistake, text) = refusal(&[ROOT, ((lower, upper, 1, 1), Some((0, 0)))]);
        let (steps, root_steps) = (lower..upper, 2..6);
        assert_eq!(mistake, ViewMistake::OutlivesRoot { steps, root_steps });
        let expected =
            format!("it is alive in steps {lower}..{upper}, but its root only in steps 2..6");
        assert!(text.ends_with(&expected), "{text}");
    }
    let never_alive: Row = ((9, 9, 1, 1), Some((0, 15)));
    let pinned = lifetimes(&[ROOT, view, never_alive]).unwrap();
    let error = pinned.with_fixed_offset(TensorId::new(1), 8).unwrap_err();
    let offset = 8;
    assert_eq!(
        error.mistake,
        LifetimeMistake::View(ViewMistake::Fixed { offset })
    );
    assert_eq!(
        error.to_string(),
        "buffer 1 (id 't1'): it has the fixed offset 8 but lies within another buffer; \
         fix the offset of that one"
    );
}

#[test]
fn a_plan_with_a_view_outside_its_root_is_refused() {
    let rows = [
        ((0, 2, 8, 1), None),
        ((2, 3, 8, 4), Some((2, 8))),
        ROOT,
        ((9, 9, 1, 1), Some((2, 15))),
    ];
    let lifetimes = lifetimes(&rows).unwrap();
    let plan = |view, dead| Plan::new(lifetimes.clone(), vec![0, view, 16, dead]);
    assert_eq!(plan(24, 31).unwrap().peak(), 32);
    let error = plan(28, 31).unwrap_err();
    let (id, name) = (TensorId::new(1), "t1".to_string());
    let (offset, expected) = (28, 24);
    assert_eq!(
        error,
        PlanError::NotWithinRoot {
            id,
            name,
            offset,
            expected
        }
    );
    assert_eq!(
        error.to_string(),
        "tensor 't1' is at offset 28, but its place within another tensor is at 24"
    );
    assert!(
        matches!(plan(24, 0), Err(PlanError::NotWithinRoot { id, .. }) if id == TensorId::new(3))
    );
    let aligned = lifetimes.clone().with_alignment(64).unwrap();
    let alignments: Vec<u64> = aligned.rows().iter().map(|row| row.alignment).collect();
    assert_eq!(alignments, [64, 4, 64, 1]);
    let pinned = aligned.with_fixed_offset(TensorId::new(2), 128).unwrap();
    let plan = Planner::new().plan(&pinned).unwrap();
    assert_eq!(plan.offsets()[1..], [136, 128, 143]);
}
