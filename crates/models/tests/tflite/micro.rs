//! A model with all that TensorFlow Lite Micro places itself: a variable, a choice with two bodies,
//! and a constant. `.ci/run_tflite_micro.py` runs it there.

use std::{env, fs, path::Path};

use crate::writer::*;
use orionrt_models::{Options, parse};
use orionrt_plan::Planner;

/// 32-bit floats as the bytes of a buffer.
fn constants(name: &str, values: &[f32]) -> Tensor {
    Tensor {
        data: values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        ..floats(name, &[values.len() as i32])
    }
}

/// `x` twice in a row, through a logistic function and back, then one of two sums.
fn model() -> Vec<u8> {
    let main = Graph {
        name: "main".into(),
        tensors: vec![
            floats("x", &[64]),
            floats("which", &[1]).element(BOOL),
            floats("twice", &[128]),
            floats("smooth", &[128]),
            floats("sum", &[128]),
            floats("result", &[128]),
            floats("state", &[128]).variable(),
            floats("moved", &[128]),
            constants("w", &[0.5; 128]),
            floats("late", &[128]),
        ],
        inputs: vec![0, 1],
        outputs: vec![9],
        operators: vec![
            op(CONCATENATION, &[0, 0], &[2]),
            op(LOGISTIC, &[2], &[3]),
            op(ADD, &[2, 3], &[4]),
            op(ADD, &[4, 6], &[7]),
            op(IF, &[1, 7], &[5]).bodies(&[1, 2]),
            op(MUL, &[5, 8], &[9]),
        ],
    };
    let body = |name: &str, builtin: u32| Graph {
        name: name.into(),
        tensors: vec![
            floats("a", &[128]),
            constants("b", &[3.0; 128]),
            floats("c", &[128]),
        ],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![op(builtin, &[0, 1], &[2])],
    };
    file(&[main, body("then", ADD), body("else", MUL)])
}

#[test]
fn a_model_for_tensorflow_lite_micro_is_planned_and_kept() {
    let bytes = model();
    let model = parse(&bytes, &Options::new().tflite_micro()).unwrap();
    let plan = Planner::new().plan(&model.graph.lifetimes()).unwrap();
    // twice, which smooth cannot take the place of, and smooth; the sum is written over one of
    // them.
    assert!(plan.is_optimal());
    assert_eq!(plan.peak(), 1024 + 1);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(folder.join("micro.tflite"), bytes).unwrap();
}
