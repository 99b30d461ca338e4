//! The names of the files beside a model that have its weights.
//!
//! Stands on `wire`. A pass of its own over the file, since `decode` leaves out what no plan needs:
//! attributes of other kinds, functions that nobody calls. Only names are read; no file is opened.
//! Invariant: whatever is `decode`d, every `location` is listed, once.

use std::collections::BTreeSet;

use super::wire::Message;

/// The messages on the way to the name of a file.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    /// `StringStringEntryProto`, in the list `external_data`.
    Entry,
}

impl Kind {
    /// The kind of the message in a field.
    const fn inner(self, number: u32) -> Option<Self> {
        Some(match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Self::Graph,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Self::Tensor
            }
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Tensor, 13) => Self::Entry,
            _ => return None,
        })
    }
}

/// The names of the files with weights, in bodies and functions, too; each is relative to the
/// folder of the model. What cannot be read is passed over: it is for `decode` to report.
pub(crate) fn weight_files(bytes: &[u8]) -> Vec<String> {
    let mut files = BTreeSet::new();
    let mut open = vec![(Kind::Model, Message::new(bytes))];
    while let Some((kind, message)) = open.pop() {
        if matches!(kind, Kind::Entry) {
            files.extend(location(message));
            continue;
        }
        for field in message.fields("ModelProto").flatten() {
            let inner = kind.inner(field.number);
            if let (Some(inner), Ok(message)) = (inner, field.message("ModelProto")) {
                open.push((inner, message));
            }
        }
    }
    files.into_iter().map(String::from).collect()
}

/// The value of an entry whose key is `location`.
fn location(entry: Message<'_>) -> Option<&str> {
    let (mut key, mut value) = ("", "");
    for field in entry.fields("StringStringEntryProto").flatten() {
        match (field.number, field.text("StringStringEntryProto")) {
            (1, Ok(text)) => key = text,
            (2, Ok(text)) => value = text,
            _ => {}
        }
    }
    (key == "location").then_some(value)
}

#[cfg(test)]
mod tests {
    use super::weight_files;
    use orionrt_test_models::parts::{encode, model, node, zeros};
    use orionrt_test_models::proto::{
        AttributeProto, FunctionProto, GraphProto, ModelProto, StringStringEntryProto, TensorProto,
    };

    fn weights(location: &str) -> TensorProto {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: key.into(),
            value: value.into(),
        };
        TensorProto {
            external_data: vec![entry("offset", "7"), entry("location", location)],
            ..zeros("w", &[2])
        }
    }

    #[test]
    fn files_are_listed_once_wherever_the_model_names_them() {
        let attribute = |location: &str| AttributeProto {
            t: Some(weights(location)),
            ..Default::default()
        };
        let mut constant = node("Constant", &[], &["c"]);
        constant.attribute = vec![attribute("of a node")];
        let body = GraphProto {
            initializer: vec![weights("of a body"), weights("of a graph")],
            ..Default::default()
        };
        let mut branch = node("If", &["c"], &["y"]);
        branch.attribute = vec![AttributeProto {
            g: Some(body),
            ..Default::default()
        }];
        let function = FunctionProto {
            node: vec![constant, branch],
            attribute_proto: vec![attribute("of a default")],
            ..Default::default()
        };
        let graph = GraphProto {
            initializer: vec![weights("of a graph"), zeros("none", &[3])],
            ..Default::default()
        };
        let bytes = encode(&ModelProto {
            functions: vec![function],
            ..model(graph, 17)
        });
        let named = ["of a body", "of a default", "of a graph", "of a node"];
        assert_eq!(weight_files(&bytes), named);
    }
}
