//! What tract infers beside what `orionrt-models` does: two readers that share no code must agree
//! on the size of every tensor that both know.

use std::collections::HashMap;

use orionrt_models::Options;
use orionrt_test_models::{mobilenet, tiny, transformer, unet};
use tract_onnx::prelude::{Framework, InferenceModelExt};
use tract_onnx::tract_hir::infer::Factoid;

use super::dims;

/// The bytes of each tensor with a name, as tract infers them.
fn sizes_of_tract(file: &[u8], sizes: &[(String, usize)]) -> HashMap<String, u64> {
    let mut model = tract_onnx::onnx().model_for_read(&mut &file[..]).unwrap();
    dims::bind(&mut model, sizes).unwrap();
    model.analyse(false).unwrap();
    let mut bytes = HashMap::new();
    for node in model.nodes() {
        for (slot, output) in node.outputs.iter().enumerate() {
            let fact = &output.fact;
            let shape = fact.shape.concretize();
            let dims = shape.and_then(|shape| {
                let dims = shape.iter().map(|dim| dim.to_i64().ok());
                dims.collect::<Option<Vec<i64>>>()
            });
            let (Some(element), Some(dims)) = (fact.datum_type.concretize(), dims) else {
                continue;
            };
            let outlet = tract_onnx::prelude::OutletId::new(node.id, slot);
            // An input has no label: its name is that of its node.
            let name = match model.outlet_label(outlet) {
                Some(label) => label,
                None if slot == 0 => &node.name,
                None => continue,
            };
            let elements: i64 = dims.iter().product();
            // tract has a type of its own for sizes, which are whole numbers of 64 bits in files.
            let size = match element {
                tract_onnx::prelude::DatumType::TDim => 8,
                element => element.size_of(),
            };
            bytes.insert(name.to_string(), elements as u64 * size as u64);
        }
    }
    bytes
}

/// Checks every tensor of the plan; returns how many were compared.
fn compare(file: &[u8], sizes: &[(&str, u64)]) -> usize {
    let options = sizes.iter().fold(Options::new(), |options, (name, size)| {
        options.dim(*name, *size)
    });
    let model = orionrt_models::parse(file, &options).unwrap();
    let given = sizes
        .iter()
        .map(|(name, size)| (name.to_string(), *size as usize));
    let expected = sizes_of_tract(file, &given.collect::<Vec<_>>());
    let mut compared = 0;
    for (_, tensor) in model.graph.tensors() {
        if let Some(&bytes) = expected.get(tensor.name()) {
            assert_eq!(tensor.layout().size() as u64, bytes, "{}", tensor.name());
            compared += 1;
        }
    }
    assert!(
        compared * 10 >= model.graph.tensors().len() * 9,
        "{compared} compared"
    );
    compared
}

#[test]
fn two_readers_agree_on_the_size_of_every_tensor() {
    assert_eq!(compare(&tiny::file(), &[("batch", 3)]), 5);
    assert!(compare(&mobilenet::file(&mobilenet::Layout::default()), &[]) > 100);
    assert!(compare(&unet::file(&unet::Layout::default()), &[]) > 40);
    assert!(compare(&transformer::file(&transformer::Layout::default()), &[]) > 100);
}
