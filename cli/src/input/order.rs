//! An order of operators from a file.
//!
//! Stands on the library's `Graph`. The file lists the names of all operators, one a line, or is
//! the JSON that `orionrt plan --json` prints or `--output` writes. Invariant: the order that is
//! returned names operators of the graph; whether it is complete and valid is the graph's to check.

#![forbid(unsafe_code)]

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
};

use orionrt::{Graph, graph::OpId};
use serde::Deserialize;

use super::read::read;
use crate::failure::Failure;

/// The part of a JSON file that has the order.
#[derive(Deserialize)]
#[serde(untagged)]
enum OrderFile {
    Names(Vec<String>),
    Answer { order: Vec<String> },
    Plan { model: Answer },
}

#[derive(Deserialize)]
struct Answer {
    order: Vec<String>,
}

/// The graph with its operators in the order of a file.
pub(super) fn in_order_of(graph: &Graph, path: &Path) -> Result<Graph, Failure> {
    let names = names(path)?;
    in_order(graph, &names).map_err(|reason| Failure::file(path, reason))
}

/// The graph with its operators in the order of these names.
pub(super) fn in_order(graph: &Graph, names: &[String]) -> Result<Graph, String> {
    let mut by_name: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (index, op) in graph.ops().iter().enumerate() {
        by_name.entry(op.name()).or_default().push_back(index);
    }
    let mut order = Vec::with_capacity(names.len());
    for (position, name) in names.iter().enumerate() {
        let index = by_name.get_mut(name.as_str()).and_then(VecDeque::pop_front);
        let index = index.and_then(|index| u32::try_from(index).ok());
        let index = index.ok_or_else(|| {
            format!(
                "place {} of the order: '{name}' is not an operator of the model, or has an \
                 earlier place",
                position + 1
            )
        })?;
        order.push(OpId::new(index));
    }
    graph.in_order(&order).map_err(|error| error.to_string())
}

fn names(path: &Path) -> Result<Vec<String>, Failure> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| Failure::file(path, error))?;
    if !matches!(text.trim_start().as_bytes().first(), Some(b'[' | b'{')) {
        return Ok(text.lines().map(str::to_string).collect());
    }
    let file = serde_json::from_str(text).map_err(|_| {
        let expected = "expected a list of names, or an object with the field 'order'";
        Failure::file(path, format!("no order of operators: {expected}"))
    })?;
    Ok(match file {
        OrderFile::Names(order)
        | OrderFile::Answer { order }
        | OrderFile::Plan {
            model: Answer { order },
        } => order,
    })
}
