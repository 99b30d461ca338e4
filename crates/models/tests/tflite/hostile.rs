//! Files that claim more than they are: errors, in time and memory that the file is worth.

use crate::writer::*;
use orionrt_models::{ModelError, Options, parse};
use proptest::prelude::*;

fn small() -> Vec<u8> {
    let body = Graph {
        tensors: vec![floats("a", &[4]), floats("b", &[4])],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![op(RELU, &[0], &[1])],
        ..Graph::default()
    };
    let main = Graph {
        name: "main".into(),
        tensors: vec![
            floats("x", &[1, 4]).signature(&[-1, 4]),
            floats("w", &[4]).data(16),
            floats("y", &[4]),
            floats("z", &[4]),
            floats("s", &[2]).variable(),
        ],
        inputs: vec![0],
        outputs: vec![3],
        operators: vec![
            op(ADD, &[0, 1], &[2]),
            op(CALL, &[2], &[3]).bodies(&[1]),
            op(CUSTOM, &[3, 4], &[]).custom("Sink"),
        ],
    };
    let plan = [1, 2, 7, 0, -1, 64, 128, -1, -1, -1];
    file_with(&[main, body], &[("OfflineMemoryAllocation", &plan)])
}

fn refused(bytes: &[u8]) -> ModelError {
    parse(bytes, &Options::new()).unwrap_err()
}

#[test]
fn sizes_whose_product_exceeds_64_bits_are_an_error() {
    let graph = Graph {
        tensors: vec![floats("x", &[i32::MAX; 3]), floats("y", &[1])],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![op(TRANSPOSE, &[0], &[1])],
        ..Graph::default()
    };
    let error = refused(&file(&[graph]));
    assert!(matches!(error, ModelError::TooLarge { .. }), "{error}");
}

#[test]
fn a_subgraph_that_calls_itself_is_an_error() {
    let graph = Graph {
        tensors: vec![floats("x", &[1]), floats("y", &[1])],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![op(CALL, &[0], &[1]).bodies(&[0])],
        ..Graph::default()
    };
    let error = refused(&file(&[graph]));
    assert!(
        error.to_string().contains("is called while it runs"),
        "{error}"
    );
}

/// Subgraphs that each call the next one `calls` times.
fn tower(height: i32, calls: i32) -> Vec<u8> {
    let graphs = (0..height).map(|level| {
        let numbers = 0..=calls;
        let operators = (0..calls).map(|n| match level + 1 < height {
            true => op(CALL, &[n], &[n + 1]).bodies(&[level + 1]),
            false => op(TRANSPOSE, &[n], &[n + 1]),
        });
        Graph {
            tensors: numbers.map(|n| floats(&format!("t{n}"), &[1])).collect(),
            inputs: vec![0],
            outputs: vec![calls],
            operators: operators.collect(),
            ..Graph::default()
        }
    });
    file(&graphs.collect::<Vec<_>>())
}

#[test]
fn bodies_that_multiply_with_each_level_are_an_error() {
    let error = refused(&tower(40, 2));
    assert!(matches!(error, ModelError::TooLarge { .. }), "{error}");
    assert!(parse(&tower(5, 3), &Options::new()).is_ok());
}

#[test]
fn ten_thousand_nested_bodies_are_an_error() {
    let error = refused(&tower(10_000, 1));
    assert!(
        error.to_string().contains("bodies within bodies"),
        "{error}"
    );
}

#[test]
fn operators_that_share_one_long_list_of_operands_are_an_error() {
    let many = vec![0; 1 << 18];
    let operators = (0..50).map(|n| op(CUSTOM, &many, &[n + 1]).custom("Sum"));
    let graph = Graph {
        tensors: (0..51).map(|n| floats(&n.to_string(), &[1])).collect(),
        inputs: vec![0],
        outputs: vec![1],
        operators: operators.collect(),
        ..Graph::default()
    };
    let bytes = file(&[graph]);
    assert!(bytes.len() < 2 << 20);
    let error = refused(&bytes);
    assert!(matches!(error, ModelError::TooLarge { .. }), "{error}");
}

#[test]
fn a_tensor_of_a_thousand_axes_is_an_error() {
    let graph = Graph {
        tensors: vec![floats("x", &[1; 1000])],
        inputs: vec![0],
        ..Graph::default()
    };
    let error = refused(&file(&[graph]));
    assert!(error.to_string().contains("axes of the tensor"), "{error}");
}

#[test]
fn a_name_of_a_hundred_megabytes_is_an_error() {
    let graph = Graph {
        tensors: vec![floats(&"n".repeat(100 << 20), &[1])],
        inputs: vec![0],
        ..Graph::default()
    };
    let error = refused(&file(&[graph]));
    assert!(error.to_string().contains("bytes of a name"), "{error}");
}

#[test]
fn a_vector_that_claims_a_billion_elements_is_an_error() {
    let bytes = small();
    // Every word of the file in turn: whatever it is, nothing panics and nothing takes long.
    let mut refused = 0;
    let words = (0..bytes.len() - 3).step_by(4);
    // But for the identifier, which decides the format.
    for at in words.filter(|&at| at != 4) {
        for word in [1_000_000_000u32, u32::MAX, 0, 1 << 31] {
            let mut bytes = bytes.clone();
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
            refused += usize::from(parse(&bytes, &Options::new()).is_err());
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_file_that_ends_early_is_an_error_or_complete() {
    let bytes = small();
    for len in 8..bytes.len() {
        let _ = parse(&bytes[..len], &Options::new());
    }
    refused(b"\x04\0\0\0TFL3");
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)
    ) {
        let mut bytes = small();
        for (at, byte) in changes {
            // Behind the identifier, which decides the format.
            let at = 8 + at.index(bytes.len() - 8);
            bytes[at] = byte;
        }
        let _ = parse(&bytes, &Options::new());
        let _ = orionrt_models::with_offline_plan(&bytes, [("x", 0)]);
    }
}
