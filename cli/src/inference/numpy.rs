//! Inputs and outputs as NumPy files, for comparison with what other engines compute.
//!
//! Stands on tract's tensors. The form is version 1.0 of `.npy`: a magic string, the length of the
//! header, a Python dictionary with type and shape, and the elements in row-major order. Invariant:
//! a file that is written holds all elements of its tensor.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use tract_onnx::prelude::{DatumType, Tensor};
use tract_onnx::tract_hir::internal::TValue;

use crate::{
    failure::Failure,
    staging::{Staged, stage},
};

/// The header and everything before it together are a multiple of this.
const HEADER_ALIGNMENT: usize = 64;
/// The magic string, the version and the length of the header.
const PREFIX: usize = 10;

/// The file of a tensor: `KIND-0.npy`, `KIND-1.npy`, ...
pub(super) fn file(folder: &Path, kind: &str, index: usize) -> PathBuf {
    folder.join(format!("{kind}-{index}.npy"))
}

/// Writes the file of each tensor. Tensors of types that NumPy lacks are left out.
pub(super) fn stage_all(
    folder: &Path,
    kind: &str,
    tensors: &[TValue],
) -> Result<Vec<Staged>, Failure> {
    let known = tensors.iter().enumerate();
    let known = known.filter_map(|(i, tensor)| Some((i, tensor, descriptor(tensor.datum_type())?)));
    known
        .map(|(index, tensor, descriptor)| {
            let path = file(folder, kind, index);
            stage(&path, |file| write(tensor, descriptor, file))
        })
        .collect()
}

/// NumPy's name of a type.
fn descriptor(element: DatumType) -> Option<&'static str> {
    Some(match element {
        DatumType::F16 => "<f2",
        DatumType::F32 => "<f4",
        DatumType::F64 => "<f8",
        DatumType::I8 => "|i1",
        DatumType::I16 => "<i2",
        DatumType::I32 => "<i4",
        DatumType::I64 => "<i8",
        DatumType::U8 => "|u1",
        DatumType::U16 => "<u2",
        DatumType::U32 => "<u4",
        DatumType::U64 => "<u8",
        DatumType::Bool => "|b1",
        _ => return None,
    })
}

fn write(tensor: &Tensor, descriptor: &str, file: &mut dyn Write) -> io::Result<()> {
    let dims: String = tensor.shape().iter().map(|dim| format!("{dim},")).collect();
    let dictionary =
        format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': ({dims}), }}");
    let length = (PREFIX + dictionary.len() + 1).next_multiple_of(HEADER_ALIGNMENT) - PREFIX;
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(length as u16).to_le_bytes())?;
    writeln!(file, "{dictionary:<width$}", width = length - 1)?;
    file.write_all(tensor.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_type_shape_and_elements() {
        let tensor = Tensor::from_shape(&[2, 1], &[1.0f32, -2.0]).unwrap();
        let mut file = Vec::new();
        write(&tensor, descriptor(DatumType::F32).unwrap(), &mut file).unwrap();
        assert_eq!(file.len() % HEADER_ALIGNMENT, 8);
        let text = String::from_utf8_lossy(&file);
        assert!(
            text.contains("'descr': '<f4'") && text.contains("'shape': (2,1,)"),
            "{text}"
        );
        assert!(file.ends_with(&[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]));
        assert_eq!(descriptor(DatumType::String), None);
    }
}
