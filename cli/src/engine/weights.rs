//! The files beside a model that have its weights.
//!
//! Stands on the protobuf types. Only their names are read here. Invariant: every file that tract
//! reads for a model is listed, possibly more than once.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use tract_onnx::pb::{GraphProto, TensorProto};

/// The files that the graph and its bodies name; a name is relative to the model's folder.
pub(super) fn weight_files(graph: &GraphProto, folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    add(graph, folder, &mut files);
    files
}

fn add(graph: &GraphProto, folder: &Path, files: &mut Vec<PathBuf>) {
    let attributes = || graph.node.iter().flat_map(|node| &node.attribute);
    let constants = attributes().flat_map(|a| a.t.iter().chain(&a.tensors));
    let names = graph
        .initializer
        .iter()
        .chain(constants)
        .flat_map(locations);
    files.extend(names.map(|name| folder.join(name)));
    for body in attributes().flat_map(|a| a.g.iter().chain(&a.graphs)) {
        add(body, folder, files);
    }
}

fn locations(tensor: &TensorProto) -> impl Iterator<Item = &str> {
    let entries = tensor.external_data.iter();
    let locations = entries.filter(|entry| entry.key == "location");
    locations.map(|entry| entry.value.as_str())
}
