//! A file with the measured time of each operator: CSV or JSON.
//!
//! Stands on `costs_error`. A file that begins with `{` or `[` is JSON. Invariant: what is read has
//! one time for each operator of the model, from 0 to `MOST_SECONDS`.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::costs_error::{CostsError, MOST_SECONDS, TIMES};
use crate::input::near;

/// How many of the operators without a time a message lists.
const LISTED: usize = 5;

/// A line of a file: an operator and its time.
struct Entry {
    line: u64,
    operator: String,
    /// As it stands in the file.
    time: String,
}

/// The seconds of each of these operators, in their order.
pub(super) fn seconds(bytes: &[u8], operators: &[&str]) -> Result<Vec<f64>, CostsError> {
    let text = std::str::from_utf8(bytes).map_err(|error| CostsError::NotText {
        at: error.valid_up_to(),
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (entries, unit) = match text.trim_start().as_bytes().first() {
        Some(b'{') => (object(text)?, 1.0),
        Some(b'[') => (list(text)?, 1.0),
        _ => table(text)?,
    };
    of_operators(entries, unit, operators)
}

/// The times of operators in their order, in seconds.
fn of_operators(
    entries: Vec<Entry>,
    unit: f64,
    operators: &[&str],
) -> Result<Vec<f64>, CostsError> {
    let position: HashMap<&str, usize> = operators.iter().copied().zip(0..).collect();
    let mut found: Vec<Option<(u64, f64)>> = vec![None; operators.len()];
    for Entry {
        line,
        operator,
        time,
    } in entries
    {
        let Some(&at) = position.get(&*operator) else {
            let near = near(&operator, operators.iter().copied());
            return Err(CostsError::Unknown {
                near: near.into_iter().map(str::to_string).collect(),
                line,
                operator,
            });
        };
        let seconds = time.trim().parse::<f64>().ok().map(|time| time * unit);
        let Some(seconds) = seconds.filter(|seconds| (0.0..=MOST_SECONDS).contains(seconds)) else {
            return Err(CostsError::Time {
                line,
                operator,
                found: time,
            });
        };
        if let Some((first, _)) = found[at].replace((line, seconds)) {
            return Err(CostsError::Twice {
                line,
                operator,
                first,
            });
        }
    }
    let missing = || operators.iter().zip(&found).filter(|(_, of)| of.is_none());
    match missing().count() {
        0 => Ok(found.into_iter().flatten().map(|(_, of)| of).collect()),
        count => Err(CostsError::Missing {
            count,
            of: operators.len(),
            first: (missing().take(LISTED))
                .map(|(name, _)| name.to_string())
                .collect(),
        }),
    }
}

/// The rows of CSV, and the seconds of the unit of its times.
fn table(text: &str) -> Result<(Vec<Entry>, f64), CostsError> {
    let failed = |error: &csv::Error| CostsError::Row {
        line: error.position().map_or(0, csv::Position::line),
        reason: error.to_string(),
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| failed(&error))?.clone();
    let column = |name: &str| header.iter().position(|column| column == name);
    let time = TIMES
        .into_iter()
        .find_map(|(name, unit)| Some((column(name)?, unit)));
    let (Some(operator), Some((time, unit))) = (column("operator"), time) else {
        let found: Vec<&str> = header.iter().collect();
        return Err(CostsError::Columns {
            found: found.join(","),
        });
    };
    let mut entries = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| failed(&error))?;
        let line = row.position().map_or(0, csv::Position::line);
        let field = |column: usize| {
            row.get(column).ok_or_else(|| CostsError::Row {
                line,
                reason: format!("{} fields, expected {}", row.len(), header.len()),
            })
        };
        entries.push(Entry {
            line,
            operator: field(operator)?.into(),
            time: field(time)?.into(),
        });
    }
    Ok((entries, unit))
}

/// The names and times of an object.
fn object(text: &str) -> Result<Vec<Entry>, CostsError> {
    let fields: Fields = parsed(text)?;
    let mut lines = Lines::of(text);
    let entry = |(operator, time): (String, &RawValue)| Entry {
        line: lines.of_part(time.get()),
        operator,
        time: time.get().into(),
    };
    Ok(fields.0.into_iter().map(entry).collect())
}

/// An entry of a list.
#[derive(Deserialize)]
struct Item<'t> {
    operator: String,
    #[serde(borrow)]
    seconds: &'t RawValue,
}

/// The names and times of a list.
fn list(text: &str) -> Result<Vec<Entry>, CostsError> {
    let items: Vec<Item<'_>> = parsed(text)?;
    let mut lines = Lines::of(text);
    let entry = |item: Item<'_>| Entry {
        line: lines.of_part(item.seconds.get()),
        operator: item.operator,
        time: item.seconds.get().into(),
    };
    Ok(items.into_iter().map(entry).collect())
}

fn parsed<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, CostsError> {
    serde_json::from_str(text).map_err(|error| CostsError::Json {
        line: error.line() as u64,
        reason: error.to_string(),
    })
}

/// The fields of an object in their order, also those that are there twice.
struct Fields<'t>(Vec<(String, &'t RawValue)>);

impl<'t> Deserialize<'t> for Fields<'t> {
    fn deserialize<D: serde::Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'t> serde::de::Visitor<'t> for Visitor {
            type Value = Fields<'t>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of operators and their seconds")
            }

            fn visit_map<A>(self, mut map: A) -> Result<Fields<'t>, A::Error>
            where
                A: serde::de::MapAccess<'t>,
            {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// Counts lines up to parts of a text that come one after the other.
struct Lines<'t> {
    text: &'t str,
    at: usize,
    line: u64,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// The line of a part that lies in the text, behind those before.
    fn of_part(&mut self, part: &str) -> u64 {
        let at = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let passed = self.text.as_bytes().get(self.at..at).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at = self.at.max(at.min(self.text.len()));
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATORS: [&str; 2] = ["conv, 1", "relu"];

    fn read(text: &str) -> Result<Vec<f64>, CostsError> {
        seconds(text.as_bytes(), &OPERATORS)
    }

    #[test]
    fn times_are_read_in_any_order_unit_and_form() {
        let texts = [
            "operator,seconds\n\"conv, 1\",0.002\nrelu,0.5\n",
            "kind,milliseconds,operator\nRelu,500,relu\nConv,2,\"conv, 1\"\n",
            "\u{feff}operator,microseconds\r\n\"conv, 1\",2000\r\nrelu,5e5\r\n",
            r#"{"relu": 0.5, "conv, 1": 2e-3}"#,
            r#" [{"operator": "relu", "seconds": 0.5, "calls": 3},
                {"operator": "conv, 1", "seconds": 0.002}]"#,
        ];
        for text in texts {
            assert_eq!(read(text).expect(text), [0.002, 0.5], "{text}");
        }
        assert_eq!(
            read("operator,seconds\n\"conv, 1\",0\nrelu,0").unwrap(),
            [0.0, 0.0]
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            ("", "line 1 has the columns ''"),
            (
                "name,seconds\nrelu,1\n",
                "line 1 has the columns 'name,seconds', expected 'operator'",
            ),
            (
                "operator,seconds\nrelu,1\nrelo,1\n",
                "line 3: 'relo' is not an operator",
            ),
            ("operator,seconds\nrelo,1\n", "similar names: relu"),
            (
                "operator,seconds\nrelu,1\nrelu,2\n",
                "line 3: operator 'relu' has a time in line 2",
            ),
            (
                "operator,seconds\nrelu,-1\n",
                "line 2: the time of operator 'relu' is '-1'",
            ),
            ("operator,seconds\nrelu,nan\n", "is 'nan'"),
            (
                "operator,seconds\nrelu,1e13\n",
                "is '1e13', expected a number that is not negative and at most 1e12 seconds",
            ),
            ("operator,seconds\nrelu\n", "line 2: 1 fields, expected 2"),
            (
                "operator,seconds\nrelu,1\n",
                "1 of 2 operators of the model have no time",
            ),
            ("operator,seconds\nrelu,1\n", "the first: conv, 1"),
            ("{\n\"relu\": 1,\n\"relo\": 1}", "line 3: 'relo'"),
            (
                "{\n\"relu\": 1,\n\n\"relu\": 1}",
                "line 4: operator 'relu' has a time in line 2",
            ),
            (
                "{\n\"relu\": \"1\"}",
                "line 2: the time of operator 'relu' is '\"1\"'",
            ),
            ("{\n\"relu\": 1,\n", "line 3: not the JSON"),
            ("[\n{\"operator\": \"relu\"}]", "line 2: not the JSON"),
            (
                "[\n{\"operator\": \"relo\",\n\"seconds\": 1}]",
                "line 3: 'relo'",
            ),
        ];
        for (text, message) in cases {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(message), "'{message}' in: {error}");
        }
        let error = seconds(b"operator,seconds\n\xff", &OPERATORS).unwrap_err();
        assert!(error.to_string().contains("byte 17"), "{error}");
    }
}
