//! Messages, written byte by byte, and the parts that they decode to.

use super::decode;
use crate::error::ModelError;
use crate::onnx::syntax::{AttributeValue, DimDef, GraphDef, TensorData, TypeDef};

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A field with a number.
fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value as u64)].concat()
}

/// A field with a slice: text, packed numbers, or a message.
fn slice(field: u64, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [
        varint(field << 3 | 2),
        varint(bytes.len() as u64),
        bytes.to_vec(),
    ]
    .concat()
}

fn message(field: u64, parts: &[Vec<u8>]) -> Vec<u8> {
    slice(field, parts.concat())
}

/// A model whose graph has these fields.
fn model(graph: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), message(7, graph)].concat()
}

/// A node with one attribute in the default domain, version 13.
fn attribute(parts: &[Vec<u8>]) -> Vec<u8> {
    let node = message(1, &[slice(4, "F"), message(5, parts)]);
    [
        model(&[node]),
        message(8, &[slice(1, "ai.onnx"), number(2, 13)]),
    ]
    .concat()
}

fn value_of(bytes: &[u8]) -> AttributeValue<'_> {
    let mut model = decode(bytes).unwrap();
    let mut node = model.graph.nodes.remove(0);
    assert_eq!(node.opset, 13);
    node.attributes.remove(0).value
}

fn error(bytes: &[u8]) -> String {
    decode(bytes).unwrap_err().to_string()
}

#[test]
fn numbers_may_be_packed_or_not() {
    let packed = attribute(&[slice(8, [1, 2, 0x80, 1]), number(20, 7)]);
    let single = attribute(&[number(8, 1), number(8, 2), number(8, 128), number(20, 7)]);
    for bytes in [packed, single] {
        let AttributeValue::Ints(ints) = value_of(&bytes) else {
            panic!()
        };
        assert_eq!(ints, [1, 2, 128]);
    }
    let half = 0.5f32.to_le_bytes();
    let single = [varint(7 << 3 | 5), half.to_vec()].concat();
    for floats in [
        slice(7, [half, half].concat()),
        [single.clone(), single].concat(),
    ] {
        let bytes = attribute(&[floats, number(20, 6)]);
        let AttributeValue::Floats(floats) = value_of(&bytes) else {
            panic!()
        };
        assert_eq!(floats, [0.5, 0.5]);
    }
}

#[test]
fn an_attribute_without_a_kind_has_that_of_its_value() {
    assert!(matches!(
        value_of(&attribute(&[number(3, -1)])),
        AttributeValue::Int(-1)
    ));
    // With a kind, a number that is left out is zero.
    assert!(matches!(
        value_of(&attribute(&[number(20, 2)])),
        AttributeValue::Int(0)
    ));
    let reference = attribute(&[slice(21, "outer"), number(20, 2)]);
    assert!(matches!(value_of(&reference), AttributeValue::Other));
}

#[test]
fn payloads_are_slices_and_large_ones_are_absent() {
    let tensor = |parts: &[Vec<u8>]| attribute(&[message(5, parts), number(20, 4)]);
    let data = |bytes: &[u8]| match value_of(bytes) {
        AttributeValue::Tensor(tensor) => format!("{:?} {:?}", tensor.dims, tensor.data),
        other => panic!("{other:?}"),
    };
    let dims = [number(1, 1 << 62), number(1, -1)].concat();
    let raw = tensor(&[dims, slice(9, [1, 2])]);
    assert_eq!(data(&raw), format!("[{}, -1] Raw([1, 2])", 1i64 << 62));
    let single = tensor(&[number(7, 1), number(7, 300)]);
    assert_eq!(data(&single), "[] Typed([[1], [172, 2]])");
    let elsewhere = tensor(&[slice(9, [1]), number(14, 1), slice(13, "../../etc/passwd")]);
    assert_eq!(data(&elsewhere), "[] Absent");
    let large = tensor(&[slice(9, [0; 9000])]);
    assert_eq!(data(&large), "[] Absent");
    let two = tensor(&[number(7, 1), number(5, 1)]);
    assert!(error(&two).contains("expected one payload"));
    let AttributeValue::Tensor(constant) = value_of(&raw) else {
        panic!()
    };
    let TensorData::Raw(payload) = constant.data else {
        panic!()
    };
    assert!(raw.as_ptr_range().contains(&payload.as_ptr()));
}

#[test]
fn types_and_sparse_tensors_are_read() {
    let shape = message(
        2,
        &[
            message(1, &[number(1, 3)]),
            message(1, &[slice(2, "n")]),
            message(1, &[]),
        ],
    );
    let tensor = message(1, &[number(1, 16), shape]);
    let value = |name: &str, kind: Vec<u8>| message(11, &[slice(1, name), message(2, &[kind])]);
    let sparse = message(
        15,
        &[message(1, &[slice(8, "s"), number(2, 1)]), slice(3, [5, 6])],
    );
    let bytes = model(&[
        value("t", tensor.clone()),
        value("r", message(1, &[number(1, 1)])),
        value(
            "q",
            message(4, &[message(1, std::slice::from_ref(&tensor))]),
        ),
        value("o", message(9, &[message(1, &[message(4, &[])])])),
        value("m", message(5, &[])),
        sparse,
    ]);
    let graph: GraphDef<'_> = decode(&bytes).unwrap().graph;
    let TypeDef::Tensor {
        element: 16,
        shape: Some(dims),
    } = &graph.inputs[0].value_type
    else {
        panic!("{graph:?}")
    };
    assert_eq!(
        dims,
        &[DimDef::Number(3), DimDef::Symbol("n"), DimDef::Unknown]
    );
    let others: Vec<String> = graph.inputs[1..]
        .iter()
        .map(|value| format!("{:?}", value.value_type))
        .collect();
    assert_eq!(others[0], "Tensor { element: 1, shape: None }");
    assert!(others[1].starts_with("Sequence(Tensor { element: 16"));
    assert_eq!(others[2..], ["Optional(Sequence(Missing))", "Map"]);
    assert_eq!(
        (graph.sparse[0].name, &graph.sparse[0].dims[..]),
        ("s", &[5, 6][..])
    );
}

#[test]
fn unknown_fields_and_groups_are_passed_over() {
    let group = [
        varint(99 << 3 | 3),
        slice(5, "x"),
        number(6, 1),
        varint(99 << 3 | 4),
    ]
    .concat();
    let bytes = model(&[
        group,
        number(77, 1),
        message(1, &[slice(4, "F"), slice(6, "doc")]),
    ]);
    assert_eq!(decode(&bytes).unwrap().graph.nodes[0].operator, "F");
    let open = model(&[varint(99 << 3 | 3)]);
    assert!(error(&open).contains("a group that does not end"));
}

#[test]
fn an_error_names_the_field_and_the_byte() {
    let name = model(&[message(1, &[slice(3, b"ab\xffc")])]);
    assert_eq!(
        error(&name),
        "NodeProto.name at byte 10: bytes that are not UTF-8; expected text"
    );
    let wrong = model(&[message(1, &[number(3, 5)])]);
    assert_eq!(
        error(&wrong),
        "NodeProto.name at byte 7: a varint; expected a slice with its length"
    );
    let long = [
        number(1, 8),
        varint(7 << 3 | 2),
        varint(1 << 40),
        vec![0; 3],
    ]
    .concat();
    assert!(error(&long).contains("field 7 of 1099511627776 bytes, of which 3 are there"));
    assert!(error(&number(1, 8)).contains("0 graphs"));
    assert!(error(&[model(&[]), vec![0xff; 11]].concat()).contains("a varint that does not end"));
    assert!(error(&[model(&[]), number(0, 1)].concat()).contains("a field with number 0"));
}

#[test]
fn what_a_file_may_declare_is_limited() {
    let limited = |bytes: &[u8], what: &str| match decode(bytes).map(|_| ()) {
        Err(ModelError::TooLarge { what: found, .. }) => {
            assert!(found.contains(what), "{found}, not {what}");
        }
        other => panic!("{other:?}"),
    };
    for (field, what) in [
        (1, "nodes"),
        (5, "bytes"),
        (11, "bytes"),
        (13, "bytes"),
        (15, "bytes"),
    ] {
        let empty = slice(7, slice(field, []).repeat(3 << 19));
        limited(&empty, what);
    }
    let many = slice(7, number(99, 0).repeat((1 << 22) + 1));
    limited(&many, "fields of GraphProto");
    let nodes = slice(7, slice(1, []).repeat((1 << 18) + 1));
    limited(&nodes, "nodes");
    let functions = slice(25, []).repeat(1 << 20);
    limited(&[model(&[]), functions].concat(), "bytes");
    let dims = slice(1, vec![0; 9 << 20]);
    limited(&model(&[slice(5, dims)]), "bytes");
    let name = slice(3, vec![b'n'; 1 << 20]);
    limited(&model(&[slice(1, name)]), "NodeProto.name at byte");
}

#[test]
fn bodies_within_bodies_and_types_within_types_are_limited() {
    let nested = |depth: usize| {
        let mut graph = Vec::new();
        for _ in 0..depth {
            graph = message(1, &[message(5, &[slice(6, &graph), number(20, 5)])]);
        }
        slice(7, graph)
    };
    assert!(decode(&nested(32)).is_ok());
    assert!(error(&nested(33)).starts_with("bodies within bodies: 33"));
    assert!(error(&nested(10_000)).starts_with("bodies within bodies: 33"));
    let mut kind = message(1, &[]);
    for _ in 0..1000 {
        kind = message(4, &[slice(1, kind)]);
    }
    let value = model(&[message(11, &[slice(2, kind)])]);
    assert!(error(&value).starts_with("types within types: 9"));
}
