//! Schedules of several models, from objects of Python and as such.
//!
//! Stands on `raise`. Invariant: the object of a schedule makes an equal schedule.

use std::collections::{BTreeMap, HashMap};

use orionrt::{Schedule, models::ModelId};
use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyKeyError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyString},
};

use crate::raise::instead;

/// A schedule of models with these names: one of two words, pairs of names, or a dictionary of
/// starts.
pub(crate) fn schedule_of(schedule: &Bound<'_, PyAny>, names: &[String]) -> PyResult<Schedule> {
    const EXPECTED: &str = "expected 'one-at-a-time', 'together', pairs of names of models, or a \
                            dictionary of names and lists of starts";
    let found = || format!("schedule is {schedule}, {EXPECTED}");
    if let Ok(word) = schedule.cast::<PyString>() {
        return match word.to_str()? {
            ONE_AT_A_TIME => Ok(Schedule::OneAtATime),
            TOGETHER => Ok(Schedule::AnyTogether),
            _ => Err(PyValueError::new_err(found())),
        };
    }
    let ids: HashMap<&str, u32> = names.iter().map(|name| &**name).zip(0..).collect();
    let id = |name: &str| {
        let id = ids.get(name).copied().map(ModelId::new);
        id.ok_or_else(|| PyKeyError::new_err(name.to_string()))
    };
    if let Ok(starts) = schedule.cast::<PyDict>() {
        let starts: HashMap<String, Vec<i64>> = starts.extract()?;
        starts.keys().try_for_each(|name| id(name).map(|_| ()))?;
        let each = names.iter();
        return Ok(Schedule::starts(
            each.map(|name| starts.get(name).cloned().unwrap_or_default()),
        ));
    }
    let pairs = schedule.extract::<Vec<(String, String)>>();
    let py = schedule.py();
    let pairs = pairs.map_err(|error| instead(py, error, || PyTypeError::new_err(found())))?;
    let pairs: PyResult<Vec<_>> = pairs.iter().map(|(a, b)| Ok((id(a)?, id(b)?))).collect();
    Ok(Schedule::pairs(pairs?))
}

/// The object of which `schedule_of` makes this schedule of models with these names.
pub(crate) fn object_of<'py>(
    py: Python<'py>,
    schedule: &Schedule,
    names: &[&str],
) -> PyResult<Bound<'py, PyAny>> {
    match schedule {
        Schedule::OneAtATime => ONE_AT_A_TIME.into_bound_py_any(py),
        Schedule::AnyTogether => TOGETHER.into_bound_py_any(py),
        Schedule::Pairs(pairs) => {
            let pairs = pairs.iter();
            let pairs = pairs.map(|pair| pair.map(|model| names[model.index()]));
            let pairs: Vec<(&str, &str)> = pairs.map(|[a, b]| (a, b)).collect();
            pairs.into_bound_py_any(py)
        }
        Schedule::Starts(starts) => {
            let starts = names.iter().copied().zip(starts);
            starts.collect::<BTreeMap<_, _>>().into_bound_py_any(py)
        }
        _ => Err(PyTypeError::new_err("cannot pickle this schedule")),
    }
}

/// The schedule in which no two models run at the same time.
const ONE_AT_A_TIME: &str = "one-at-a-time";
/// The schedule in which any models may run at the same time.
const TOGETHER: &str = "together";
