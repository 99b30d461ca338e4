//! Lifetimes from rows of Python: tuples or mappings.
//!
//! Stands on `errors`, `raise` and `parts`. Invariant: a row is refused with its number and its
//! name, before anything is planned; what the library checks is left to it.

use std::collections::HashMap;

use orionrt::{Lifetimes, TensorId, lifetimes::Lifetime};
use pyo3::{
    prelude::*,
    types::{PyList, PyMapping, PyString, PyTuple},
};

use crate::{
    errors::{lifetimes_error, row_error},
    parts::{Window, pieces},
    raise::instead,
};

/// What a tuple has.
const TUPLE: &str = "(name, lower, upper, size) or (name, lower, upper, size, alignment)";
/// The keys of a mapping.
const KEYS: [&str; 10] = [
    "name",
    "id",
    "lower",
    "upper",
    "size",
    "alignment",
    "gaps",
    "windows",
    "fixed_offset",
    "within",
];

/// A row, before names are looked up.
struct Row {
    name: String,
    lifetime: Lifetime,
    gaps: Vec<(i64, i64)>,
    windows: Vec<Window>,
    within: Option<(String, u64)>,
}

/// Lifetimes from an iterable of rows.
pub(crate) fn lifetimes(py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<Lifetimes> {
    let mut all = Vec::new();
    for (index, row) in rows.try_iter()?.enumerate() {
        all.push(Row::read(py, index, &row?)?);
    }
    let mut named = Vec::with_capacity(all.len());
    let positions: HashMap<&str, usize> = all.iter().map(|row| &*row.name).zip(0..).collect();
    for (index, row) in all.iter().enumerate() {
        let mut lifetime = row.lifetime;
        if let Some((root, offset)) = &row.within {
            let root = positions.get(&**root).ok_or_else(|| {
                let message = format!(
                    "buffer {index} (id '{}'): within '{root}', expected the name of a row",
                    row.name
                );
                row_error(py, index, Some(&row.name), message)
            })?;
            lifetime = lifetime.with_root(TensorId::new(*root as u32), *offset);
        }
        named.push((&*row.name, lifetime));
    }
    let gaps = all.iter().zip(0..).filter(|(row, _)| !row.gaps.is_empty());
    let gaps = gaps.map(|(row, index)| {
        let gaps = row.gaps.iter().map(|&(lower, upper)| lower..upper);
        (TensorId::new(index), gaps.collect())
    });
    let lifetimes = Lifetimes::from_named(named);
    let windows = all.iter().zip(0..);
    let windows = windows.map(|(row, index)| (TensorId::new(index), pieces(&row.windows)));
    let lifetimes = lifetimes.and_then(|lifetimes| lifetimes.with_all_gaps(gaps));
    let lifetimes = lifetimes.and_then(|lifetimes| lifetimes.with_all_windows(windows));
    lifetimes.map_err(|error| lifetimes_error(py, &error))
}

impl Row {
    fn read(py: Python<'_>, index: usize, row: &Bound<'_, PyAny>) -> PyResult<Self> {
        if row.is_instance_of::<PyTuple>() || row.is_instance_of::<PyList>() {
            return Self::from_tuple(py, index, row);
        }
        match row.cast::<PyMapping>() {
            Ok(mapping) => Self::from_mapping(py, index, mapping),
            Err(_) => {
                let found = row.get_type().name()?;
                let message = format!("row {index}: {found}, expected {TUPLE}, or a mapping");
                Err(row_error(py, index, None, message))
            }
        }
    }

    fn from_tuple(py: Python<'_>, index: usize, row: &Bound<'_, PyAny>) -> PyResult<Self> {
        let count = row.len()?;
        if !matches!(count, 4 | 5) {
            let message = format!("row {index}: {count} values, expected {TUPLE}");
            return Err(row_error(py, index, None, message));
        }
        let fields = Fields {
            py,
            index,
            name: name(py, index, &row.get_item(0)?)?,
        };
        let lower = fields.number("lower", &row.get_item(1)?, STEP)?;
        let upper = fields.number("upper", &row.get_item(2)?, STEP)?;
        let size = fields.number("size", &row.get_item(3)?, BYTES)?;
        let mut lifetime = Lifetime::new(lower, upper, size);
        if count == 5 {
            let alignment = fields.number("alignment", &row.get_item(4)?, BYTES)?;
            lifetime = lifetime.with_alignment(alignment);
        }
        Ok(Self {
            name: fields.name,
            lifetime,
            gaps: Vec::new(),
            windows: Vec::new(),
            within: None,
        })
    }

    fn from_mapping(py: Python<'_>, index: usize, row: &Bound<'_, PyMapping>) -> PyResult<Self> {
        for key in row.keys()?.iter() {
            let known = key
                .extract::<String>()
                .is_ok_and(|key| KEYS.contains(&&*key));
            if !known {
                let keys = KEYS.join(", ");
                let message = format!("row {index}: the key {}, expected {keys}", key.repr()?);
                return Err(row_error(py, index, None, message));
            }
        }
        let given = |key: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
            match row.contains(key)? {
                true => Ok(Some(row.get_item(key)?).filter(|value| !value.is_none())),
                false => Ok(None),
            }
        };
        let needed = |key: &str| {
            given(key)?.ok_or_else(|| {
                let message = format!("row {index}: no '{key}', expected a value for it");
                row_error(py, index, None, message)
            })
        };
        let id = match given("name")? {
            Some(name) => name,
            None => match given("id")? {
                Some(id) => id,
                None => needed("name")?,
            },
        };
        let fields = Fields {
            py,
            index,
            name: name(py, index, &id)?,
        };
        let mut lifetime = Lifetime::new(
            fields.number("lower", &needed("lower")?, STEP)?,
            fields.number("upper", &needed("upper")?, STEP)?,
            fields.number("size", &needed("size")?, BYTES)?,
        );
        if let Some(alignment) = given("alignment")? {
            lifetime = lifetime.with_alignment(fields.number("alignment", &alignment, BYTES)?);
        }
        if let Some(offset) = given("fixed_offset")? {
            lifetime = lifetime.with_fixed_offset(fields.number("fixed_offset", &offset, BYTES)?);
        }
        let gaps = given("gaps")?.map(|gaps| fields.number("gaps", &gaps, GAPS));
        let within = given("within")?.map(|within| fields.number("within", &within, WITHIN));
        let windows = given("windows")?;
        let windows = windows.map(|windows| fields.number("windows", &windows, WINDOWS));
        let (gaps, within) = (gaps.transpose()?, within.transpose()?);
        Ok(Self {
            name: fields.name,
            lifetime,
            gaps: gaps.unwrap_or_default(),
            windows: windows.transpose()?.unwrap_or_default(),
            within,
        })
    }
}

const STEP: &str = "a whole number";
const BYTES: &str = "a whole number of bytes, 0 or more";
const GAPS: &str = "a list of pairs (lower, upper)";
const WINDOWS: &str = "a list of (lower, upper, first, end)";
const WITHIN: &str = "a pair (name, offset)";

/// The place of a value, for messages.
struct Fields<'py> {
    py: Python<'py>,
    index: usize,
    name: String,
}

impl<'py> Fields<'py> {
    /// The value of a field.
    fn number<'a, T: FromPyObject<'a, 'py>>(
        &self,
        field: &str,
        value: &'a Bound<'py, PyAny>,
        expected: &str,
    ) -> PyResult<T> {
        let better = || {
            let (index, name) = (self.index, &self.name);
            let found = value
                .repr()
                .map(|text| text.to_string())
                .unwrap_or_default();
            let message =
                format!("buffer {index} (id '{name}'): {field} is {found}, expected {expected}");
            row_error(self.py, index, Some(name), message)
        };
        let number = value.extract::<T>();
        number.map_err(|error| instead(self.py, error.into(), better))
    }
}

/// The name of a row: a string, or a number that is written as one.
fn name(py: Python<'_>, index: usize, value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(name) = value.cast::<PyString>() {
        return name.extract();
    }
    match value.extract::<i64>() {
        Ok(number) => Ok(number.to_string()),
        Err(error) => {
            let message = format!(
                "row {index}: the name {}, expected a string or a whole number",
                value.repr()?
            );
            Err(instead(py, error, || row_error(py, index, None, message)))
        }
    }
}
