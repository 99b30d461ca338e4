//! Nodes, bodies and functions, in short, and the peak of a model's plan.

use orionrt_models::{Model, ModelError, Options, parse};
use orionrt_plan::{Aliasing, Plan, Planner};
use orionrt_test_models::parts::encode;
use orionrt_test_models::proto::attribute_proto::AttributeType;
use orionrt_test_models::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};

pub use orionrt_test_models::parts::{int, unshaped_value, value};
pub use orionrt_test_models::proto::tensor_proto::DataType::{self, *};

/// A node with a name of its own.
pub fn node(operator: &str, inputs: &[&str], outputs: &[&str], name: &str) -> NodeProto {
    NodeProto {
        name: name.into(),
        ..orionrt_test_models::parts::node(operator, inputs, outputs)
    }
}

pub fn of_domain(domain: &str, mut node: NodeProto) -> NodeProto {
    node.domain = domain.into();
    node
}

pub fn with(mut node: NodeProto, attribute: AttributeProto) -> NodeProto {
    node.attribute.push(attribute);
    node
}

/// An attribute that is a body.
pub fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Graph as i32,
        g: Some(graph),
        ..Default::default()
    }
}

pub fn float(name: &str, number: f32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Float as i32,
        f: number,
        ..Default::default()
    }
}

/// An attribute that is that of the function's call.
pub fn handed_on(name: &str, reference: &str) -> AttributeProto {
    AttributeProto {
        ref_attr_name: reference.into(),
        ..float(name, 0.0)
    }
}

/// A constant of whole numbers; one without dimensions if `is_scalar`.
pub fn integers(name: &str, numbers: &[i64], is_scalar: bool) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: if is_scalar {
            vec![]
        } else {
            vec![numbers.len() as i64]
        },
        data_type: Int64 as i32,
        raw_data: numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect(),
        ..Default::default()
    }
}

/// A constant of zeros.
pub fn zeros(name: &str, element: DataType, dims: &[i64], bytes: usize) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.into(),
        data_type: element as i32,
        raw_data: vec![0; bytes],
        ..Default::default()
    }
}

/// A graph without constants.
pub fn graph(
    nodes: Vec<NodeProto>,
    input: Vec<ValueInfoProto>,
    output: Vec<ValueInfoProto>,
) -> GraphProto {
    GraphProto {
        node: nodes,
        name: "case".into(),
        input,
        output,
        ..Default::default()
    }
}

fn opset(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: domain.into(),
        version,
    }
}

/// A model of an opset, which uses the domains of the cases, too.
pub fn file(graph: GraphProto, version: i64, functions: Vec<FunctionProto>) -> Vec<u8> {
    let domains = ["local", "com.example"].map(|domain| opset(domain, 1));
    encode(&ModelProto {
        ir_version: 10,
        opset_import: [&[opset("", version)][..], &domains].concat(),
        graph: Some(graph),
        functions,
    })
}

/// A function of the domain `local` with one operand and one result.
pub fn function(name: &str, attributes: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: name.into(),
        input: vec!["a".into()],
        output: vec!["b".into()],
        attribute: attributes.iter().map(ToString::to_string).collect(),
        node: nodes,
        opset_import: vec![opset("", 17), opset("local", 1)],
        domain: "local".into(),
        ..Default::default()
    }
}

/// The model of a graph of opset 17.
#[track_caller]
pub fn read(graph: GraphProto) -> Model {
    read_file(&file(graph, 17, vec![]), &Options::new())
}

#[track_caller]
pub fn read_file(bytes: &[u8], options: &Options) -> Model {
    parse(bytes, options).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
pub fn refused(bytes: &[u8], options: &Options) -> ModelError {
    parse(bytes, options).expect_err("an error")
}

/// The plan in which no tensor takes the bytes of another while that is needed.
#[track_caller]
pub fn plan(model: &Model) -> Plan {
    let lifetimes = model.graph.lifetimes_with(Aliasing::Off);
    Planner::new().plan(&lifetimes).expect("a plan")
}

#[track_caller]
pub fn peak(model: &Model) -> u64 {
    plan(model).peak()
}

/// The names of the operators in their order.
pub fn operators(model: &Model) -> Vec<&str> {
    model.graph.ops().iter().map(|op| op.name()).collect()
}
