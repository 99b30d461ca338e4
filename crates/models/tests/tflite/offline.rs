//! Memory plans in files: read, and written into a copy.

use crate::writer::*;
use orionrt_models::{LeftOutReason, Model, ModelError, Options, parse, with_offline_plan};
use orionrt_plan::Planner;

const PLAN: &str = "OfflineMemoryAllocation";

/// `x` to `y` to `z` beside a weight, with a variable and a choice behind them.
fn graphs() -> [Graph; 2] {
    let main = Graph {
        name: "main".into(),
        tensors: vec![
            floats("x", &[8]),
            floats("w", &[8]).data(32),
            floats("y", &[8]),
            floats("z", &[8]),
            floats("state", &[8]).variable(),
            floats("result", &[8]),
            floats("small", &[8]).element(INT4),
        ],
        inputs: vec![0],
        outputs: vec![5],
        operators: vec![
            op(TRANSPOSE, &[0, 1], &[2]),
            op(CUSTOM, &[2, 4], &[3, 6]).custom("Lstm"),
            op(CALL, &[3], &[5]).bodies(&[1]),
        ],
    };
    let body = Graph {
        tensors: vec![floats("a", &[8]), floats("b", &[8])],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![op(TRANSPOSE, &[0], &[1])],
        ..Graph::default()
    };
    [main, body]
}

fn offsets(model: &Model) -> Vec<(String, u64)> {
    let named = model.offsets.iter().map(|&(id, offset)| {
        let tensor = model.graph.tensor(id).unwrap();
        (tensor.name().to_string(), offset)
    });
    named.collect()
}

fn named(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter()
        .map(|&(name, offset)| (name.into(), offset))
        .collect()
}

#[test]
fn a_plan_in_the_file_is_read() {
    let words = [1, 1, 9, 0, -1, 64, 128, -1, -1, -1, -1, -1];
    let bytes = file_with(&graphs(), &[("other", &[7]), (PLAN, &words)]);
    let model = parse(&bytes, &Options::new()).unwrap();
    assert_eq!(offsets(&model), named(&[("x", 0), ("y", 64), ("z", 128)]));
}

#[test]
fn a_plan_for_other_tensors_is_an_error() {
    for words in [
        &[1, 1, 8, 0, -1, 64, 128, -1, -1, -1, -1][..],
        &[1, 1, 9, 0, -1, 64],
        &[1, 1, 9, -2, -1, 64, 128, -1, -1, -1, -1, -1],
        &[1],
        &[],
    ] {
        let bytes = file_with(&graphs(), &[(PLAN, words)]);
        let error = parse(&bytes, &Options::new()).unwrap_err();
        assert!(
            matches!(error, ModelError::Malformed { .. }),
            "{words:?}: {error}"
        );
    }
}

#[test]
fn for_micro_only_what_it_places_by_the_plan_is_planned() {
    let model = parse(&file(&graphs()), &Options::new().tflite_micro()).unwrap();
    let tensors: Vec<_> = model
        .graph
        .tensors()
        .map(|(_, t)| t.name().to_string())
        .collect();
    assert_eq!(tensors, ["x", "y", "z"]);
    let mut left_out: Vec<_> = model.left_out.iter().map(|l| l.name.as_str()).collect();
    left_out.sort_unstable();
    assert_eq!(left_out, ["CALL:2", "result", "small", "state"]);
    let body = LeftOutReason::Body {
        operator: "CALL".into(),
    };
    assert!(
        model
            .left_out
            .iter()
            .any(|left_out| left_out.reason == body)
    );
}

#[test]
fn a_written_plan_is_read_back_and_the_rest_of_the_file_stays() {
    let bytes = file_with(&graphs(), &[("other", &[7]), (PLAN, &[1])]);
    let places = [("x", 0), ("y", 160), ("z", 48)];
    let planned = with_offline_plan(&bytes, places).unwrap();
    assert!(planned.ends_with(&bytes) && (planned.len() - bytes.len()).is_multiple_of(16));
    assert_eq!(&planned[4..8], b"TFL3");
    let [before, after] = [&file(&graphs()), &planned].map(|bytes| {
        let model = parse(bytes, &Options::new()).unwrap();
        (format!("{:?}", model.graph), model)
    });
    assert_eq!(before.0, after.0);
    assert_eq!(before.1.weights_bytes, after.1.weights_bytes);
    assert_eq!(offsets(&after.1), named(&places));
    // A plan replaces the one before.
    let again = with_offline_plan(&planned, [("x", 16), ("y", 160), ("z", 48)]).unwrap();
    let model = parse(&again, &Options::new()).unwrap();
    assert_eq!(offsets(&model)[0], ("x".to_string(), 16));
}

#[test]
fn all_of_the_root_table_stays() {
    let bytes = file_with(&graphs(), &[("other", &[7])]);
    let places = [("x", 0), ("y", 32), ("z", 64)];
    let planned = with_offline_plan(&bytes, places).unwrap();
    let verifier = flatbuffers::VerifierOptions::default();
    let [old, new] = [&bytes, &planned].map(|bytes| root(bytes, &verifier));
    for slot in [0, 1, 2, 3, 5, 7, 8, 9] {
        assert_eq!(old.target(slot), new.target(slot), "field {slot}");
    }
    // The old entry and the plan, whose buffer is a new one at the end.
    assert_eq!((old.len(6), new.len(6)), (1, 2));
    assert_eq!(new.len(4), old.len(4) + 1);
}

/// A root table, read by a few lines of its own.
struct Root<'b> {
    bytes: &'b [u8],
    fields: Vec<Option<usize>>,
}

fn root<'b>(bytes: &'b [u8], options: &flatbuffers::VerifierOptions) -> Root<'b> {
    let mut verifier = flatbuffers::Verifier::new(options, bytes);
    let at = verifier.get_uoffset(0).unwrap() as usize;
    let mut table = verifier.visit_table(at).unwrap();
    let fields = (0..10)
        .map(|slot| table.deref(4 + 2 * slot).unwrap())
        .collect();
    Root { bytes, fields }
}

impl Root<'_> {
    fn word(&self, at: usize) -> usize {
        u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap()) as usize
    }

    /// A number, or the distance of what a field leads to from the end of the file.
    fn target(&self, slot: usize) -> Option<usize> {
        let at = self.fields[slot]?;
        let word = self.word(at);
        Some(if slot == 0 {
            word
        } else {
            self.bytes.len() - at - word
        })
    }

    fn len(&self, slot: usize) -> usize {
        self.word(self.bytes.len() - self.target(slot).unwrap())
    }
}

#[test]
fn a_whole_plan_can_be_written() {
    let bytes = file(&graphs());
    let model = parse(&bytes, &Options::new().tflite_micro()).unwrap();
    let plan = Planner::new().plan(&model.graph.lifetimes()).unwrap();
    let places = |(id, tensor): (_, &orionrt_plan::graph::Tensor)| {
        Some((tensor.name().to_string(), plan.offset(id)?))
    };
    let places: Vec<_> = model.graph.tensors().filter_map(places).collect();
    let borrowed = places.iter().map(|(name, offset)| (name.as_str(), *offset));
    let planned = with_offline_plan(&bytes, borrowed).unwrap();
    let model = parse(&planned, &Options::new().tflite_micro()).unwrap();
    assert_eq!(offsets(&model), places);
}

#[test]
fn a_tensor_without_an_offset_is_an_error() {
    let error = with_offline_plan(&file(&graphs()), [("x", 0), ("y", 64)]).unwrap_err();
    let text = "memory plan, tensor 'z': no offset; expected one for each tensor";
    assert!(error.to_string().starts_with(text), "{error}");
}

#[test]
fn an_offset_that_the_runtime_cannot_use_is_an_error() {
    for offset in [8, 1 << 31] {
        let places = [("x", offset), ("y", 64), ("z", 128)];
        let error = with_offline_plan(&file(&graphs()), places).unwrap_err();
        assert!(
            error.to_string().contains("expected a multiple of 16"),
            "{error}"
        );
    }
}
