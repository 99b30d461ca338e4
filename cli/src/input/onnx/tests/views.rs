//! Which results are views of operands.

use super::{case::Case, *};

/// All lists of `rank` numbers from 1 to `most`.
fn shapes(rank: usize, most: i64) -> Vec<Vec<i64>> {
    (0..rank).fold(vec![vec![]], |shapes, _| {
        let longer = |shape: Vec<i64>| (1..=most).map(move |dim| [&shape[..], &[dim]].concat());
        shapes.into_iter().flat_map(longer).collect()
    })
}

#[test]
fn a_slice_is_a_view_if_it_is_one_run_of_bytes() {
    let bounds = [[0, 1], [1, 3], [-2, i64::MAX], [0, 4], [-9, -1]];
    for dims in [&[4, 4][..], &[1, 4, 4], &[3, 1, 4], &[1, 1, 4]] {
        for axis in 0..dims.len() as i64 {
            for [start, end] in bounds {
                let lists = [
                    ("starts", start),
                    ("ends", end),
                    ("axes", axis - dims.len() as i64),
                ];
                let slice = Case::of_x(
                    "Slice",
                    dims,
                    lists.map(|(name, n)| indices(name, &[n])).into(),
                );
                slice.declares_its_true_views(4);
                slice.declares_its_true_views(16);
            }
        }
    }
}

#[test]
fn a_slice_of_several_axes_is_a_view_if_it_is_one_run_of_bytes() {
    for [first, second] in [[0, 1], [0, 2], [1, 2]] {
        for [from, to] in [[0, 1], [1, 2], [1, 3]] {
            for [also_from, also_to] in [[0, 3], [2, 3], [1, 3]] {
                let lists = [
                    indices("starts", &[also_from, from]),
                    indices("ends", &[also_to, to]),
                    indices("axes", &[second, first]),
                ];
                Case::of_x("Slice", &[3, 3, 3], lists.into()).declares_its_true_views(4);
            }
        }
    }
}

#[test]
fn a_slice_with_a_step_other_than_one_is_a_copy() {
    for step in [1, 2, -1] {
        let (from, to) = if step > 0 { (0, 4) } else { (3, -9) };
        let lists = [("starts", from), ("ends", to), ("axes", 0), ("steps", step)];
        let lists = lists.map(|(name, n)| indices(name, &[n]));
        let slice = Case::of_x("Slice", &[4, 3], lists.into());
        assert_eq!(slice.views(4).len(), usize::from(step == 1));
        slice.declares_its_true_views(4);
    }
}

#[test]
fn the_bounds_of_a_slice_may_be_attributes() {
    for (version, starts) in [(9, [1, 0]), (9, [0, 1])] {
        let mut slice = Case::of_x("Slice", &[4, 3], vec![]);
        slice.version = version;
        let slice = slice
            .with(ints("starts", &starts))
            .with(ints("ends", &[3, 3]));
        slice.declares_its_true_views(4);
    }
}

#[test]
fn a_slice_whose_bounds_are_computed_is_a_copy() {
    let mut slice = Case::new(node("Slice", &["x", "from", "to"], &["y"]))
        .reads("x", FLOAT, &[4, 4])
        .reads("from", DataType::Int64, &[1])
        .reads("to", DataType::Int64, &[1]);
    assert!(
        slice.graph_with_stated("y", &["2", "4"]).ops()[0]
            .views()
            .is_empty()
    );
    // With an axis left out, the steps are another operand.
    slice = Case::of_x(
        "Slice",
        &[4, 4],
        vec![
            indices("from", &[1]),
            indices("to", &[3]),
            indices("steps", &[1]),
        ],
    );
    slice.node.input.insert(3, String::new());
    assert_eq!(slice.views(4), [("y".into(), "x".into(), 16)]);
}

#[test]
fn the_parts_of_a_split_are_views_if_each_is_one_run_of_bytes() {
    for dims in [&[4, 4][..], &[1, 4, 2], &[2, 4, 1], &[1, 1, 4]] {
        for axis in 0..dims.len() as i64 {
            if dims[axis as usize] < 4 {
                continue;
            }
            for sizes in [&[2, 2][..], &[1, 3], &[3, 1], &[1, 2, 1]] {
                let results = &["a", "b", "c"][..sizes.len()];
                let mut split =
                    Case::new(node("Split", &["x", "sizes"], results)).reads("x", FLOAT, dims);
                split.constants = vec![indices("sizes", sizes)];
                let split = split.with(int("axis", axis - dims.len() as i64));
                split.declares_its_true_views(4);
                split.declares_its_true_views(16);
            }
        }
    }
    let mut halves = Case::new(node("Split", &["x"], &["a", "b"])).reads("x", FLOAT, &[4, 3]);
    halves.declares_its_true_views(4);
    halves.version = 11;
    halves.declares_its_true_views(4);
}

#[test]
fn a_transpose_is_a_view_if_only_dimensions_of_size_one_move() {
    for dims in shapes(3, 2) {
        for order in [
            [0, 1, 2],
            [0, 2, 1],
            [1, 0, 2],
            [1, 2, 0],
            [2, 0, 1],
            [2, 1, 0],
        ] {
            let transpose = Case::of_x("Transpose", &dims, vec![]);
            transpose
                .clone()
                .with(ints("perm", &order))
                .declares_its_true_views(4);
        }
        // Reversed, if no order is given.
        Case::of_x("Transpose", &dims, vec![]).declares_its_true_views(4);
    }
}

#[test]
fn operators_that_change_only_the_shape_are_views() {
    let x = &[2, 1, 6];
    let cases = [
        Case::of_x("Reshape", x, vec![indices("to", &[3, -1])]),
        Case::of_x("Flatten", x, vec![]),
        Case::of_x("Squeeze", x, vec![]),
        Case::of_x("Squeeze", x, vec![indices("axes", &[1])]),
        Case::of_x("Unsqueeze", x, vec![indices("axes", &[0, 4])]),
        Case::of_x("Identity", x, vec![]),
        Case::of_x("Dropout", x, vec![]),
        Case::of_x("Cast", x, vec![]).with(int("to", FLOAT as i64)),
        Case::of_x("Expand", x, vec![indices("to", &[1, 2, 1, 1])]),
        Case::of_x("Tile", x, vec![indices("times", &[1, 1, 1])]),
    ];
    for case in cases {
        assert_eq!(
            case.views(64),
            [("y".into(), "x".into(), 0)],
            "{:?}",
            case.node
        );
        assert_eq!(case.in_place(), [""; 0]);
        case.declares_its_true_views(64);
    }
}

#[test]
fn operators_that_repeat_elements_are_copies() {
    let cases = [
        Case::of_x("Expand", &[2, 1, 6], vec![indices("to", &[2, 3, 6])]),
        Case::of_x("Tile", &[2, 1, 6], vec![indices("times", &[1, 2, 1])]),
    ];
    for case in cases {
        assert_eq!(
            (case.views(4), case.in_place()),
            (vec![], vec![]),
            "{:?}",
            case.node
        );
        case.declares_its_true_views(4);
    }
}

#[test]
fn a_cast_may_overwrite_its_operand_if_the_types_have_one_size() {
    for (to, views, in_place) in [
        (FLOAT, 1, 0),
        (DataType::Int32, 0, 1),
        (DataType::Double, 0, 0),
        (DataType::Int64, 0, 0),
        (DataType::Bool, 0, 0),
    ] {
        let cast = Case::of_x("Cast", &[2, 3], vec![]).with(int("to", to as i64));
        assert_eq!(
            (cast.views(64).len(), cast.in_place().len()),
            (views, in_place),
            "{to:?}"
        );
    }
    // tract may have a type of its own for an `i64` of the file.
    let long = Case::new(node("Cast", &["x"], &["y"])).reads("x", DataType::Int64, &[4]);
    let long = long.with(int("to", DataType::Int64 as i64));
    assert_eq!((long.views(64).len(), long.in_place().len()), (1, 0));
}

/// A dropout in training is elementwise, but not a view; before version 7 of the operators,
/// training was the default.
#[test]
fn a_dropout_is_a_view_unless_it_is_for_training() {
    let truth = |name: &str, is_so: bool| TensorProto {
        name: name.into(),
        data_type: DataType::Bool as i32,
        raw_data: vec![is_so.into()],
        ..Default::default()
    };
    let ratio = |value: f32| TensorProto {
        name: "ratio".into(),
        data_type: FLOAT as i32,
        raw_data: value.to_le_bytes().into(),
        ..Default::default()
    };
    for (is_training, found) in [(false, (1, 0)), (true, (0, 1))] {
        let constants = vec![ratio(0.0), truth("training", is_training)];
        let dropout = Case::of_x("Dropout", &[2, 3], constants);
        assert_eq!((dropout.views(64).len(), dropout.in_place().len()), found);
        // The ratio may be left out.
        let mut dropout = Case::of_x("Dropout", &[2, 3], vec![truth("training", is_training)]);
        dropout.node.input.insert(1, String::new());
        if !is_training {
            assert_eq!(dropout.views(64).len(), 1);
        }
    }
    let mut old = Case::of_x("Dropout", &[2, 3], vec![]);
    old.version = 6;
    assert_eq!(old.views(64), []);
    assert_eq!(old.with(int("is_test", 1)).views(64).len(), 1);
}

#[test]
fn views_of_views_begin_at_a_multiple_of_the_alignment() {
    // x [4, 6] ─ rows 2.. ─► a, at byte 48 ─ rows 1.. ─► b, at byte 72 of x ─ relu ─► y
    let slice = |x, from, y| node("Slice", &[x, from, "end"], &[y]);
    let nodes = [
        slice("x", "two", "a"),
        slice("a", "one", "b"),
        node("Relu", &["b"], &["y"]),
    ];
    let mut graph = graph(&[value("x", FLOAT, &["4", "6"])], &nodes, "y");
    graph.initializer = vec![
        indices("one", &[1]),
        indices("two", &[2]),
        indices("end", &[9]),
    ];
    let bytes = encoded(graph);
    for (alignment, offsets) in [
        (4, vec![48, 24]),
        (8, vec![48, 24]),
        (16, vec![48]),
        (32, vec![]),
    ] {
        let options = OnnxOptions {
            alignment,
            ..Default::default()
        };
        let graph = load_bytes(&bytes, &options).unwrap().graph;
        let views = graph.ops().iter().flat_map(|op| op.views());
        let found: Vec<u64> = views.map(|view| view.offset).collect();
        assert_eq!(found, offsets, "alignment {alignment}");
    }
}
