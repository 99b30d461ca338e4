//! Which models may run at the same time, read from a schedule file.
//!
//! `{"together": [["a", "b"], …]}` or `{"starts": {"a": [0, 100], …}}`. Invariant: every model that
//! the file names exists, and a file with starts names every model; the message about a mistake has
//! the file, the place in it and what was expected.

#![forbid(unsafe_code)]

use std::fs;

use orionrt::{ModelSet, Schedule, models::ModelId};
use serde_json::{Map, Value};

use crate::{args::ScheduleArg, failure::Failure};

const FORMS: &str =
    r#"expected {"together": [["a", "b"], ...]} or {"starts": {"a": [0, 100], ...}}"#;

pub(super) fn read(schedule: &ScheduleArg, set: &ModelSet) -> Result<Schedule, Failure> {
    match schedule {
        ScheduleArg::OneAtATime => Ok(Schedule::OneAtATime),
        ScheduleArg::Any => Ok(Schedule::AnyTogether),
        ScheduleArg::File(path) if path.extension().is_none() && !path.exists() => {
            Err(Failure::Usage(format!(
                "--schedule '{}' is neither one-at-a-time nor any, and there is no such file",
                path.display()
            )))
        }
        ScheduleArg::File(path) => {
            let text = fs::read(path).map_err(|source| {
                let path = path.clone();
                Failure::Read { path, source }
            })?;
            parse(&text, set).map_err(|reason| Failure::file(path, reason))
        }
    }
}

fn parse(text: &[u8], set: &ModelSet) -> Result<Schedule, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| format!("{error}; {FORMS}"))?;
    let keys = value
        .as_object()
        .map(|object| object.iter().collect::<Vec<_>>());
    match keys.as_deref() {
        Some([(key, value)]) if *key == "together" => together(value, set),
        Some([(key, value)]) if *key == "starts" => starts(value, set),
        Some([(key, _)]) => Err(format!("unknown key '{key}', {FORMS}")),
        Some(keys) => Err(format!("{} keys instead of one, {FORMS}", keys.len())),
        None => Err(format!("{} is not an object, {FORMS}", short(&value))),
    }
}

fn together(value: &Value, set: &ModelSet) -> Result<Schedule, String> {
    let not_pairs = || {
        format!(
            "together: {} is not an array of pairs, {FORMS}",
            short(value)
        )
    };
    let mut pairs = Vec::new();
    for (i, pair) in value.as_array().ok_or_else(not_pairs)?.iter().enumerate() {
        let place = format!("together[{i}]");
        let names = pair.as_array().map(Vec::as_slice);
        let Some([Value::String(a), Value::String(b)]) = names else {
            let pair = short(pair);
            return Err(format!(
                "{place}: {pair} is not a pair, expected the names of two models"
            ));
        };
        if a == b {
            return Err(format!(
                "{place}: '{a}' is paired with itself, expected two different models"
            ));
        }
        pairs.push((model(a, &place, set)?, model(b, &place, set)?));
    }
    Ok(Schedule::pairs(pairs))
}

fn starts(value: &Value, set: &ModelSet) -> Result<Schedule, String> {
    let not_object = || format!("starts: {} is not an object, {FORMS}", short(value));
    let given: &Map<String, Value> = value.as_object().ok_or_else(not_object)?;
    for name in given.keys() {
        model(name, "starts", set)?;
    }
    let each = set.iter().map(|(_, name, _)| {
        let value = given.get(name).ok_or_else(|| {
            format!("starts: '{name}' is missing, expected the steps at which it starts")
        })?;
        let numbers = value
            .as_array()
            .map(|steps| steps.iter().map(Value::as_i64).collect());
        let numbers: Option<Vec<i64>> = numbers.flatten();
        let numbers = numbers.filter(|steps| !steps.is_empty());
        numbers.ok_or_else(|| {
            let steps = short(value);
            format!(
                "starts.{name}: {steps} is not a list of steps, \
                 expected whole numbers from -2^63 to 2^63 - 1 such as [0, 100]"
            )
        })
    });
    let starts = each.collect::<Result<Vec<_>, _>>()?;
    Ok(Schedule::Starts(starts))
}

fn model(name: &str, place: &str, set: &ModelSet) -> Result<ModelId, String> {
    set.find(name).ok_or_else(|| {
        let names: Vec<String> = set.iter().map(|(_, name, _)| format!("'{name}'")).collect();
        let names = names.join(", ");
        format!("{place}: there is no model '{name}', expected one of {names}")
    })
}

/// The beginning of a value as JSON has it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
