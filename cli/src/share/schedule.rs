//! Which models may run at the same time, read from a file.
//!
//! `{"together": [["a", "b"], …]}` or `{"starts": {"a": [0, 100], …}}`. Invariant: every model that is named is there, and with starts, every
//! model that is there is named; a mistake is told with the file, the place in it, and what was expected.

#![forbid(unsafe_code)]

use std::{fs, path::Path};

use orionrt::{ModelSet, Schedule, models::ModelId};
use serde_json::{Map, Value};

use crate::{args::When, failure::Failure};

const FORMS: &str =
    r#"expected {"together": [["a", "b"], ...]} or {"starts": {"a": [0, 100], ...}}"#;

pub(super) fn read(when: &When, set: &ModelSet) -> Result<Schedule, Failure> {
    match when {
        When::OneAtATime => Ok(Schedule::OneAtATime),
        When::Any => Ok(Schedule::AnyTogether),
        When::File(path) if path.extension().is_none() && !path.exists() => {
            Err(Failure::Usage(format!(
                "--schedule '{}' is neither one-at-a-time nor any, and there is no such file",
                path.display()
            )))
        }
        When::File(path) => {
            let text = fs::read(path).map_err(|source| {
                let path = path.clone();
                Failure::Read { path, source }
            })?;
            parse(&text, set).map_err(|reason| bad(path, reason))
        }
    }
}

fn bad(path: &Path, reason: String) -> Failure {
    let path = path.into();
    Failure::Schedule { path, reason }
}

fn parse(text: &[u8], set: &ModelSet) -> Result<Schedule, String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| format!("{error}; {FORMS}"))?;
    let keys = value
        .as_object()
        .map(|object| object.iter().collect::<Vec<_>>());
    match keys.as_deref() {
        Some([(key, value)]) if *key == "together" => together(value, set),
        Some([(key, value)]) if *key == "starts" => starts(value, set),
        Some([(key, _)]) => Err(format!("there is no key '{key}', {FORMS}")),
        Some(keys) => Err(format!("{} keys instead of one, {FORMS}", keys.len())),
        None => Err(format!("{} is no object, {FORMS}", short(&value))),
    }
}

fn together(value: &Value, set: &ModelSet) -> Result<Schedule, String> {
    let no_pairs = || format!("together: {} is no array of pairs, {FORMS}", short(value));
    let mut pairs = Vec::new();
    for (i, pair) in value.as_array().ok_or_else(no_pairs)?.iter().enumerate() {
        let place = format!("together[{i}]");
        let names = pair.as_array().map(Vec::as_slice);
        let Some([Value::String(a), Value::String(b)]) = names else {
            let pair = short(pair);
            return Err(format!(
                "{place}: {pair} is no pair, expected the names of two models"
            ));
        };
        if a == b {
            return Err(format!(
                "{place}: '{a}' is there twice, expected two different models"
            ));
        }
        pairs.push((model(a, &place, set)?, model(b, &place, set)?));
    }
    Ok(Schedule::pairs(pairs))
}

fn starts(value: &Value, set: &ModelSet) -> Result<Schedule, String> {
    let no_models = || format!("starts: {} is no object, {FORMS}", short(value));
    let given: &Map<String, Value> = value.as_object().ok_or_else(no_models)?;
    for name in given.keys() {
        model(name, "starts", set)?;
    }
    let each = set.iter().map(|(_, name, _)| {
        let steps = given.get(name).ok_or_else(|| {
            format!("starts: '{name}' is missing, expected the steps at which it starts")
        })?;
        let numbers = steps.as_array().map(|steps| steps.iter().map(Value::as_i64).collect());
        let numbers: Option<Vec<i64>> = numbers.flatten();
        let numbers = numbers.filter(|steps| !steps.is_empty());
        numbers.ok_or_else(|| {
            let steps = short(steps);
            format!("starts.{name}: {steps} is no list of steps, expected whole numbers from -2^63 to 2^63 - 1 such as [0, 100]")
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

/// A value as it is written, but not much of it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}
