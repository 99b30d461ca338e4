//! Plans as JSON: everything, so that a program can load at run time what was planned ahead of it.
//!
//! ```json
//! {"format": "orionrt-plan", "version": 1, "strategy": "auto",
//!  "peak": 3072, "load": 3072, "lower_bound": 3072, "tensors": [
//!   {"id": "a", "lower": 0, "upper": 2, "size": 1024, "alignment": 64, "offset": 0}, …]}
//! ```
//!
//! A tensor with gaps has `"gaps": [[lower, upper], …]`, one with windows has
//! `"windows": [[lower, upper, first byte, end of bytes], …]`, one whose offset is fixed has
//! `"fixed_offset"`, and one that lies within another has `"within": {"id": "a", "offset": 64}`.
//! Facts about the model that the plan is for may stand in the field `"model"`, in a form of the
//! writer's. Steps and bounds are those of live ranges: the order of streams is not written.
//! Invariant: a file is checked like any proposal, and the peak, load and bound that it states must
//! be those of its plan.

use alloc::{
    borrow::Cow,
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use std::io::{self, Read, Write};

use serde::{
    Deserialize, Serialize, Serializer,
    de::{DeserializeOwned, IgnoredAny},
};

use super::error::{FileError, FileMistake, FilePosition};
use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes, Piece, Within};
use crate::plan::Plan;

const FORMAT: &str = "orionrt-plan";
const VERSION: u64 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanForm<T, M> {
    format: String,
    version: u64,
    strategy: String,
    peak: u64,
    load: u64,
    lower_bound: u64,
    /// Facts about the model that the plan is for, in a form of the writer's.
    #[serde(default = "none", skip_serializing_if = "Option::is_none")]
    model: Option<M>,
    tensors: T,
}

fn none<M>() -> Option<M> {
    None
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TensorForm<'n> {
    id: Cow<'n, str>,
    lower: i64,
    upper: i64,
    /// Steps in `lower..upper` at which the tensor needs no bytes, as pairs of lower and upper.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    gaps: Vec<[i64; 2]>,
    /// Bytes that alone are needed at some steps: lower and upper of the steps, then of the bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    windows: Vec<(i64, i64, u64, u64)>,
    size: u64,
    alignment: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fixed_offset: Option<u64>,
    /// The tensor that this one lies within, and where in its bytes it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within: Option<WithinForm<'n>>,
    /// The region that the tensor lies in, of a plan in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<u32>,
    pub(super) offset: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WithinForm<'n> {
    id: Cow<'n, str>,
    offset: u64,
}

/// The tensors of a plan, each converted when it is written.
pub(super) struct Tensors<'p> {
    pub(super) lifetimes: &'p Lifetimes,
    pub(super) offsets: &'p [u64],
    /// Of a plan in several regions.
    pub(super) regions: Option<&'p [u32]>,
}

impl Serialize for Tensors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lifetimes = self.lifetimes;
        let within = |within: Within| WithinForm {
            id: lifetimes.name(within.root).unwrap_or_default().into(),
            offset: within.offset,
        };
        let tensors = lifetimes.iter().zip(self.offsets);
        serializer.collect_seq(tensors.map(|((id, name, row), &offset)| TensorForm {
            within: row.within.map(within),
            id: name.into(),
            lower: row.lower,
            upper: row.upper,
            gaps: lifetimes.gaps(id).map(|gap| [gap.start, gap.end]).collect(),
            windows: lifetimes.windows_of(id).map(window_form).collect(),
            size: row.size,
            alignment: row.alignment,
            fixed_offset: row.fixed_offset,
            region: self.regions.map(|regions| regions[id.index()]),
            offset,
        }))
    }
}

fn window_form(Piece { steps, bytes, .. }: Piece) -> (i64, i64, u64, u64) {
    (steps.start, steps.end, bytes.start, bytes.end)
}

impl TensorForm<'_> {
    fn windows(&self) -> Vec<Piece> {
        let each = self.windows.iter();
        each.map(|&(lower, upper, low, high)| Piece::new(lower..upper, low..high))
            .collect()
    }

    /// The lifetime of this tensor; `ids` has all tensors with their positions.
    fn lifetime(&self, ids: &BTreeMap<&str, usize>) -> Result<Lifetime, FileMistake> {
        let within = self.within.as_ref().map(|within| {
            let root = ids.get(&*within.id).copied();
            let root = root.ok_or_else(|| FileMistake::Malformed {
                reason: alloc::format!(
                    "within '{}', expected the id of a tensor of this plan",
                    within.id
                ),
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

impl<M> PlanForm<Vec<TensorForm<'_>>, M> {
    fn check_version(&self) -> Result<(), FileError> {
        if self.format == FORMAT && self.version == VERSION {
            return Ok(());
        }
        let reason = alloc::format!(
            "format '{}' version {}, expected '{FORMAT}' version {VERSION}",
            self.format,
            self.version
        );
        let mistake = FileMistake::Malformed { reason };
        Err(FileError::new(FilePosition::WholeFile, mistake))
    }

    /// Checks that the numbers which the file states about the plan are the plan's.
    ///
    /// The lower bound may be higher than the one that the lifetimes show, as a search or conflicts
    /// that are not in the file may have proven it, but never above the peak.
    fn check_stated(&self, plan: &Plan) -> Result<(), FileError> {
        let bounds = plan.lower_bound()..=plan.peak();
        let least = self.lower_bound.clamp(*bounds.start(), *bounds.end());
        let numbers = [
            ("peak", self.peak, plan.peak()),
            ("load", self.load, plan.load()),
            ("lower_bound", self.lower_bound, least),
        ];
        let wrong = numbers.into_iter().find(|(_, stated, has)| stated != has);
        let Some((what, stated, actual)) = wrong else {
            return Ok(());
        };
        let mistake = FileMistake::Stated {
            what,
            stated,
            actual,
        };
        Err(FileError::new(FilePosition::WholeFile, mistake))
    }
}

/// The lifetimes of these tensors.
pub(super) fn lifetimes(tensors: &[TensorForm<'_>]) -> Result<Lifetimes, FileError> {
    let ids = tensors.iter().enumerate();
    let ids: BTreeMap<&str, usize> = ids.map(|(i, tensor)| (&*tensor.id, i)).collect();
    let mut named = Vec::with_capacity(tensors.len());
    for (i, tensor) in tensors.iter().enumerate() {
        let at = |mistake| FileError::new(FilePosition::Tensor(i), mistake);
        named.push((&tensor.id, tensor.lifetime(&ids).map_err(at)?));
    }
    let gaps = tensors.iter().enumerate();
    let gaps = gaps.filter(|(_, tensor)| !tensor.gaps.is_empty());
    let gaps = gaps.map(|(i, tensor)| {
        let ranges = tensor.gaps.iter().map(|&[lower, upper]| lower..upper);
        (TensorId::from_index(i), ranges.collect())
    });
    let windows = tensors.iter().enumerate();
    let windows = windows.map(|(i, tensor)| (TensorId::from_index(i), tensor.windows()));
    let lifetimes = Lifetimes::from_named(named);
    let lifetimes =
        lifetimes.and_then(|lifetimes| lifetimes.with_all_gaps(gaps)?.with_all_windows(windows));
    lifetimes.map_err(|error| {
        let position = FilePosition::Tensor(error.row);
        FileError::new(position, FileMistake::Lifetime(error))
    })
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
    /// When `output` refuses a write.
    pub fn write_json(&self, output: impl Write) -> Result<(), FileError> {
        self.write_json_form(output, None::<()>)
    }

    /// Writes everything as JSON, with facts about the model that the plan is for in the field
    /// `model`: the order of its operators, say.
    ///
    /// ```
    /// # use orionrt_plan::{Lifetimes, Plan, Planner};
    /// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 8, 4)])?)?;
    /// let mut text = Vec::new();
    /// plan.write_json_for(&mut text, &vec!["conv", "relu"])?;
    /// let (read, order) = Plan::read_json_for::<Vec<String>>(&text[..])?;
    /// assert_eq!((read, order), (plan, Some(vec!["conv".into(), "relu".into()])));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When `output` refuses a write.
    pub fn write_json_for(
        &self,
        output: impl Write,
        model: &impl Serialize,
    ) -> Result<(), FileError> {
        self.write_json_form(output, Some(model))
    }

    fn write_json_form<M: Serialize>(
        &self,
        mut output: impl Write,
        model: Option<M>,
    ) -> Result<(), FileError> {
        let form = PlanForm {
            model,
            format: FORMAT.to_string(),
            version: VERSION,
            strategy: self.strategy().to_string(),
            peak: self.peak(),
            load: self.load(),
            lower_bound: self.lower_bound(),
            tensors: Tensors {
                lifetimes: self.lifetimes(),
                offsets: self.offsets(),
                regions: None,
            },
        };
        serde_json::to_writer_pretty(&mut output, &form).map_err(io::Error::from)?;
        output.write_all(b"\n")?;
        Ok(output.flush()?)
    }

    /// Reads a plan in JSON and checks it, including what it states about itself.
    ///
    /// The lower bound of the plan is that of its lifetimes: one that only a search has proven is
    /// in the file, but is not taken on trust.
    ///
    /// # Errors
    /// The first mistake and where it is; see [`FileError`].
    pub fn read_json(input: impl Read) -> Result<Self, FileError> {
        Self::read_json_for::<IgnoredAny>(input).map(|(plan, _)| plan)
    }

    /// Reads a plan in JSON and checks it, together with the facts about the model that it is for,
    /// if the file has any.
    ///
    /// # Errors
    /// The first mistake and where it is; see [`FileError`].
    pub fn read_json_for<M: DeserializeOwned>(
        input: impl Read,
    ) -> Result<(Self, Option<M>), FileError> {
        let input = io::BufReader::new(input);
        let form: PlanForm<Vec<TensorForm<'_>>, M> =
            serde_json::from_reader(input).map_err(unreadable)?;
        form.check_version()?;
        if let Some(index) = form.tensors.iter().position(|one| one.region.is_some()) {
            let reason = "has a region, expected none in the plan of one region".to_string();
            let mistake = FileMistake::Malformed { reason };
            return Err(FileError::new(FilePosition::Tensor(index), mistake));
        }
        let offsets = form.tensors.iter().map(|tensor| tensor.offset).collect();
        let plan = Plan::new(lifetimes(&form.tensors)?, offsets)
            .map_err(|error| FileError::plan(error, FilePosition::Tensor))?;
        form.check_stated(&plan)?;
        Ok((plan.with_strategy(form.strategy), form.model))
    }
}

pub(super) fn unreadable(error: serde_json::Error) -> FileError {
    if error.is_io() {
        return io::Error::from(error).into();
    }
    let position = FilePosition::LineColumn {
        line: error.line() as u64,
        column: error.column() as u64,
    };
    // serde_json appends " at line L column C", which the position says already.
    let text = error.to_string();
    let reason = match text.rfind(" at line ") {
        Some(end) => text[..end].to_string(),
        None => text,
    };
    FileError::new(position, FileMistake::Malformed { reason })
}
