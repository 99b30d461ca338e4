//! Plans as JSON: everything, so that a program can load at run time what was planned ahead of it.
//!
//! ```json
//! {"format": "orionrt-plan", "version": 1, "strategy": "auto", "peak": 3072, "load": 3072, "lower_bound": 3072,
//!  "tensors": [{"id": "a", "lower": 0, "upper": 2, "size": 1024, "alignment": 64, "offset": 0}, …]}
//! ```
//!
//! A tensor whose offset is fixed has `"fixed_offset"` before `"offset"`, one that lies within another one
//! `"within": {"id": "a", "offset": 64}`. Steps and bounds are those of intervals: what streams demand beyond them is not written.
//! A file is checked like any proposal, and what it states of itself must be so.

use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use std::io::{Read, Write};

use serde::{Deserialize, Serialize, Serializer};

use super::{FileError, FileMistake, FilePosition, Plan, file::culprit};
use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes, Within};

const FORMAT: &str = "orionrt-plan";
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanForm<T> {
    format: String,
    version: u64,
    strategy: String,
    peak: u64,
    load: u64,
    lower_bound: u64,
    tensors: T,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorForm<'n> {
    id: Cow<'n, str>,
    lower: i64,
    upper: i64,
    size: u64,
    alignment: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixed_offset: Option<u64>,
    /// The tensor that it lies within, and where in there it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<WithinForm<'n>>,
    offset: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WithinForm<'n> {
    id: Cow<'n, str>,
    offset: u64,
}

/// The tensors of a plan, each made when it is written.
struct Tensors<'p>(&'p Plan);

impl Serialize for Tensors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tensors = self.0.lifetimes.iter().zip(&self.0.offsets);
        let within = |within: Within| WithinForm {
            id: self
                .0
                .lifetimes
                .name(within.root)
                .unwrap_or_default()
                .into(),
            offset: within.offset,
        };
        serializer.collect_seq(tensors.map(|((_, name, row), &offset)| TensorForm {
            within: row.within.map(within),
            id: name.into(),
            lower: row.lower,
            upper: row.upper,
            size: row.size,
            alignment: row.alignment,
            fixed_offset: row.fixed_offset,
            offset,
        }))
    }
}

impl TensorForm<'_> {
    /// `ids` are those of all tensors, with their positions.
    fn lifetime(&self, ids: &BTreeMap<&str, usize>) -> Result<Lifetime, FileMistake> {
        let within = self.within.as_ref().map(|within| {
            let root = ids.get(&*within.id).copied();
            let root = root.ok_or_else(|| FileMistake::Malformed {
                reason: alloc::format!("it lies within '{}', which is not in the plan", within.id),
            })?;
            Ok(Within {
                root: TensorId::from_index(root),
                offset: within.offset,
            })
        });
        Ok(Lifetime {
            lower: self.lower,
            upper: self.upper,
            size: self.size,
            alignment: self.alignment,
            fixed_offset: self.fixed_offset,
            within: within.transpose()?,
        })
    }
}

impl Plan {
    /// Writes everything as JSON.
    ///
    /// ```
    /// # use orionrt_plan::{Lifetimes, Plan, Planner};
    /// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 8, 4)])?)?;
    /// let mut text = Vec::new();
    /// plan.write_json(&mut text)?;
    /// assert_eq!(Plan::read_json(&text[..])?, plan);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_json(&self, mut output: impl Write) -> Result<(), FileError> {
        let form = PlanForm {
            format: FORMAT.to_string(),
            version: VERSION,
            strategy: self.strategy.clone(),
            peak: self.peak,
            load: self.load,
            lower_bound: self.lifetimes.interval_bound(),
            tensors: Tensors(self),
        };
        let unwritable =
            |reason: String| FileError::new(FilePosition::File, FileMistake::Unreadable { reason });
        serde_json::to_writer_pretty(&mut output, &form).map_err(|e| unwritable(e.to_string()))?;
        output
            .write_all(b"\n")
            .and_then(|()| output.flush())
            .map_err(|e| unwritable(e.to_string()))
    }

    /// Reads a plan in JSON and checks it, what it states of itself included.
    ///
    /// # Errors
    /// The first mistake and where it is; see [`FileError`].
    pub fn read_json(input: impl Read) -> Result<Self, FileError> {
        let form: PlanForm<Vec<TensorForm<'_>>> =
            serde_json::from_reader(std::io::BufReader::new(input)).map_err(place)?;
        if form.format != FORMAT || form.version != VERSION {
            let reason = alloc::format!(
                "format '{}' version {}, expected '{FORMAT}' version {VERSION}",
                form.format,
                form.version
            );
            return Err(FileError::new(
                FilePosition::File,
                FileMistake::Malformed { reason },
            ));
        }
        let ids = form.tensors.iter().enumerate();
        let ids: BTreeMap<&str, usize> = ids.map(|(i, tensor)| (&*tensor.id, i)).collect();
        let mut named = Vec::with_capacity(form.tensors.len());
        for (i, tensor) in form.tensors.iter().enumerate() {
            let lifetime = tensor.lifetime(&ids);
            let at = |mistake| FileError::new(FilePosition::Tensor(i), mistake);
            named.push((&tensor.id, lifetime.map_err(at)?));
        }
        let lifetimes = Lifetimes::from_named(named).map_err(|error| {
            let mistake = FileMistake::Lifetime {
                id: error.id,
                mistake: error.mistake,
            };
            FileError::new(FilePosition::Tensor(error.row), mistake)
        })?;
        let offsets = form.tensors.iter().map(|t| t.offset).collect();
        let plan = Plan::new(lifetimes, offsets).map_err(|error| {
            let place = culprit(&error).map_or(FilePosition::File, FilePosition::Tensor);
            FileError::new(place, FileMistake::Plan(error))
        })?;
        for (what, stated, actual) in [
            ("peak", form.peak, plan.peak),
            ("load", form.load, plan.load),
            ("lower_bound", form.lower_bound, plan.lower_bound),
        ] {
            if stated != actual {
                let mistake = FileMistake::Stated {
                    what,
                    stated,
                    actual,
                };
                return Err(FileError::new(FilePosition::File, mistake));
            }
        }
        Ok(plan.with_strategy(form.strategy))
    }
}

fn place(error: serde_json::Error) -> FileError {
    if error.is_io() {
        let reason = error.to_string();
        return FileError::new(FilePosition::File, FileMistake::Unreadable { reason });
    }
    let place = FilePosition::LineColumn(error.line() as u64, error.column() as u64);
    // serde_json appends " at line L column C", which the place says already.
    let text = error.to_string();
    let reason = match text.rfind(" at line ") {
        Some(end) => text[..end].to_string(),
        None => text,
    };
    FileError::new(place, FileMistake::Malformed { reason })
}
