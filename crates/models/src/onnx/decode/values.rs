//! Tensors, types, and values with their types.
//!
//! Stands on `wire`, `syntax` and `limits`. Invariant: a payload is a slice of the file, never a
//! copy.

use crate::error::ModelError;
use crate::onnx::limits::{Limits, check_name, check_rank, check_types};
use crate::onnx::syntax::{DimDef, KEPT_PAYLOAD, TensorData, TensorDef, TypeDef, ValueDef};
use crate::onnx::wire::{Field, Message};

/// The fields of `TensorProto` with elements of one type: floats, 32-bit integers, strings, 64-bit
/// integers, doubles, unsigned 64-bit integers.
const TYPED_DATA: [u32; 6] = [4, 5, 6, 7, 10, 11];

/// The one among them with strings.
const STRING_DATA: u32 = 6;

/// The field of `TensorProto` with elements of any type as bytes.
const RAW_DATA: u32 = 9;

/// The value of `TensorProto.data_location` for a payload in a file of its own.
const EXTERNAL: i64 = 1;

/// A name.
pub(super) fn name<'a>(field: Field<'a>, label: &'static str) -> Result<&'a str, ModelError> {
    check_name(|| field.place(label), field.raw().len())?;
    field.text(label)
}

/// All whole numbers of a repeated field.
pub(super) fn ints(
    message: Message<'_>,
    number: u32,
    label: &'static str,
    limits: &mut Limits,
) -> Result<Vec<i64>, ModelError> {
    let mut count = 0;
    of_number(message, number, label, |field| {
        field.ints(label, |_| count += 1)
    })?;
    let mut all = limits.room(count)?;
    of_number(message, number, label, |field| {
        field.ints(label, |value| all.push(value))
    })?;
    Ok(all)
}

/// Calls `each` with the fields of one number.
pub(super) fn of_number<'a>(
    message: Message<'a>,
    number: u32,
    label: &'static str,
    mut each: impl FnMut(Field<'a>) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    for field in message.fields(label) {
        let field = field?;
        if field.number == number {
            each(field)?;
        }
    }
    Ok(())
}

/// `TensorProto`.
pub(super) fn tensor<'a>(
    message: Message<'a>,
    limits: &mut Limits,
) -> Result<TensorDef<'a>, ModelError> {
    let mut tensor = TensorDef::default();
    let mut external = false;
    // The field with the payload; it may occur more than once if it is not packed.
    let (mut payload, mut chunks, mut bytes) = (None, 0, 0usize);
    let mut has_dims = false;
    for field in message.fields("TensorProto") {
        let field = field?;
        match field.number {
            1 => has_dims = true,
            2 => tensor.element = field.int32("TensorProto.data_type")?,
            8 => tensor.name = name(field, "TensorProto.name")?,
            14 => external = field.int("TensorProto.data_location")? == EXTERNAL,
            RAW_DATA => {
                field.bytes("TensorProto.raw_data")?;
                (payload, chunks, bytes) = (Some(RAW_DATA), 1, field.raw().len());
            }
            number if TYPED_DATA.contains(&number) && payload != Some(RAW_DATA) => {
                if payload.is_some_and(|earlier| earlier != number) {
                    let found = format!("a payload in field {number} beside another one");
                    return Err(field.error("TensorProto", &found, "one payload"));
                }
                if number == STRING_DATA {
                    field.bytes("TensorProto.string_data")?;
                }
                payload = Some(number);
                chunks += 1;
                bytes = bytes.saturating_add(field.raw().len());
            }
            _ => {}
        }
    }
    if has_dims {
        tensor.dims = ints(message, 1, "TensorProto.dims", limits)?;
        check_rank(tensor.dims.len())?;
    }
    if let Some(number) = payload.filter(|_| !external && bytes <= KEPT_PAYLOAD) {
        tensor.data = data(message, number, chunks, limits)?;
    }
    Ok(tensor)
}

/// The payload of a tensor, which lies in `chunks` fields of one number.
fn data<'a>(
    message: Message<'a>,
    number: u32,
    chunks: usize,
    limits: &mut Limits,
) -> Result<TensorData<'a>, ModelError> {
    if chunks > KEPT_PAYLOAD {
        return Ok(TensorData::Absent);
    }
    if number == RAW_DATA {
        let mut raw: &[u8] = &[];
        of_number(message, number, "TensorProto", |field| {
            raw = field.raw();
            Ok(())
        })?;
        return Ok(TensorData::Raw(raw));
    }
    let mut all = limits.room(chunks)?;
    of_number(message, number, "TensorProto", |field| {
        all.push(field.raw());
        Ok(())
    })?;
    Ok(TensorData::Typed(all))
}

/// `SparseTensorProto`: its dense shape, without values.
pub(super) fn sparse<'a>(
    message: Message<'a>,
    limits: &mut Limits,
) -> Result<TensorDef<'a>, ModelError> {
    let mut values = TensorDef::default();
    of_number(message, 1, "SparseTensorProto", |field| {
        values = tensor(field.message("SparseTensorProto.values")?, limits)?;
        Ok(())
    })?;
    let dims = ints(message, 3, "SparseTensorProto.dims", limits)?;
    check_rank(dims.len())?;
    Ok(TensorDef {
        dims,
        data: TensorData::Absent,
        ..values
    })
}

/// `ValueInfoProto`.
pub(super) fn value<'a>(
    message: Message<'a>,
    limits: &mut Limits,
) -> Result<ValueDef<'a>, ModelError> {
    let mut value = ValueDef::default();
    for field in message.fields("ValueInfoProto") {
        let field = field?;
        match field.number {
            1 => value.name = name(field, "ValueInfoProto.name")?,
            2 => {
                let message = field.message("ValueInfoProto.type")?;
                value.value_type = type_of(message, 0, limits)?;
            }
            _ => {}
        }
    }
    Ok(value)
}

/// `TypeProto`, `depth` of which lie around this one.
pub(super) fn type_of<'a>(
    message: Message<'a>,
    depth: usize,
    limits: &mut Limits,
) -> Result<TypeDef<'a>, ModelError> {
    check_types(depth)?;
    let mut found = TypeDef::Missing;
    for field in message.fields("TypeProto") {
        let field = field?;
        found = match field.number {
            1 => tensor_type(field.message("TypeProto.tensor_type")?, limits)?,
            4 => TypeDef::Sequence(element_type(field, depth, limits)?),
            5 => TypeDef::Map,
            7 => TypeDef::Opaque,
            8 => TypeDef::SparseTensor,
            9 => TypeDef::Optional(element_type(field, depth, limits)?),
            _ => continue,
        };
    }
    Ok(found)
}

/// The type of the elements of `TypeProto.Sequence` or `TypeProto.Optional`.
fn element_type<'a>(
    field: Field<'a>,
    depth: usize,
    limits: &mut Limits,
) -> Result<Box<TypeDef<'a>>, ModelError> {
    let message = field.message("TypeProto")?;
    limits.room::<TypeDef<'_>>(1)?;
    let mut element = TypeDef::Missing;
    of_number(message, 1, "TypeProto.elem_type", |field| {
        element = type_of(field.message("TypeProto.elem_type")?, depth + 1, limits)?;
        Ok(())
    })?;
    Ok(Box::new(element))
}

/// `TypeProto.Tensor`.
fn tensor_type<'a>(message: Message<'a>, limits: &mut Limits) -> Result<TypeDef<'a>, ModelError> {
    let (mut element, mut shape) = (0, None);
    for field in message.fields("TypeProto.Tensor") {
        let field = field?;
        match field.number {
            1 => element = field.int32("TypeProto.Tensor.elem_type")?,
            2 => shape = Some(dims(field.message("TypeProto.Tensor.shape")?, limits)?),
            _ => {}
        }
    }
    Ok(TypeDef::Tensor { element, shape })
}

/// `TensorShapeProto`.
fn dims<'a>(message: Message<'a>, limits: &mut Limits) -> Result<Vec<DimDef<'a>>, ModelError> {
    let count = message.counts("TensorShapeProto")?[1];
    check_rank(count)?;
    let mut dims = limits.room(count)?;
    of_number(message, 1, "TensorShapeProto", |field| {
        dims.push(dim(field.message("TensorShapeProto.dim")?)?);
        Ok(())
    })?;
    Ok(dims)
}

/// `TensorShapeProto.Dimension`.
fn dim(message: Message<'_>) -> Result<DimDef<'_>, ModelError> {
    let mut dim = DimDef::Unknown;
    for field in message.fields("TensorShapeProto.Dimension") {
        let field = field?;
        dim = match field.number {
            1 => DimDef::Number(field.int("Dimension.dim_value")?),
            2 => match name(field, "Dimension.dim_param")? {
                "" => DimDef::Unknown,
                symbol => DimDef::Symbol(symbol),
            },
            _ => continue,
        };
    }
    Ok(dim)
}
