//! The plans of a session in a file, so that another process can start in replay.
//!
//! ```json
//! {"format": "orionrt-replay", "version": 1, "fingerprint": "resnet50, tract 0.21", "keys": [
//!   {"key": "8", "threshold": 1024, "lower_bound": 4096, "total_bytes": 12288, "lanes": [
//!     {"requests": [
//!       {"size": 4000, "alignment": 64, "offset": 0, "room": 4096},
//!       {"size": 9000, "alignment": 8}, …]}, …]}, …]}
//! ```
//!
//! A request without an offset is expected, but not planned. `room` are the bytes that its block
//! can grow to, at least `size`.
//!
//! Invariant: a block that was read is as large and as strictly aligned as its request. Nothing
//! else is needed for replay to be sound: whether two blocks share bytes, and whether the program
//! makes these requests at all, is found out by claims and by matching, and costs misses.

#![forbid(unsafe_code)]

use alloc::{borrow::Cow, collections::BTreeSet, format, vec::Vec};
use std::io::{self, BufReader, Read, Write};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    address_range::MOST_LOG2,
    lane_plan::LanePlan,
    load_error::{LoadError, RequestMistake},
    matching::{Expected, Template},
    region_map::RegionMap,
    trace::MAX_ALIGNMENT,
};
use orionrt_plan::files::{FileError, FileMistake, FilePosition};

const FORMAT: &str = "orionrt-replay";
const VERSION: u64 = 1;

/// A key and its plan; `L` are its lanes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedKey<'k, L> {
    pub(super) key: Cow<'k, str>,
    pub(super) threshold: usize,
    /// Numbers for reports.
    pub(super) lower_bound: u64,
    pub(super) total_bytes: u64,
    pub(super) lanes: Vec<L>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionForm<'f, K> {
    format: Cow<'f, str>,
    version: u64,
    fingerprint: Cow<'f, str>,
    keys: Vec<K>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LaneForm {
    requests: Vec<RequestForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestForm {
    size: u64,
    alignment: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<u64>,
}

/// A lane, of which each request is converted when it is written.
#[derive(Debug)]
pub(super) struct SavedLane<'l>(pub(super) &'l Template, pub(super) &'l RegionMap);

impl Serialize for SavedLane<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("requests", Requests(self))])
    }
}

struct Requests<'l>(&'l SavedLane<'l>);

impl Serialize for Requests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SavedLane(template, map) = self.0;
        serializer.collect_seq(template.expected().iter().map(|expected| {
            let (size, alignment) = expected.layout();
            let bytes = expected.block().map(|block| map.offsets(map.block(block)));
            RequestForm {
                size: size as u64,
                alignment: alignment as u64,
                offset: bytes.as_ref().map(|bytes| bytes.start),
                room: bytes.map(|bytes| bytes.end - bytes.start),
            }
        }))
    }
}

/// Writes the plans of keys.
pub(super) fn write<'k>(
    mut output: impl Write,
    fingerprint: &str,
    keys: Vec<SavedKey<'k, SavedLane<'k>>>,
) -> Result<(), FileError> {
    let form = SessionForm {
        format: FORMAT.into(),
        version: VERSION,
        fingerprint: fingerprint.into(),
        keys,
    };
    serde_json::to_writer(&mut output, &form).map_err(io::Error::from)?;
    output.write_all(b"\n")?;
    Ok(output.flush()?)
}

/// Reads the plans of keys, which must have this fingerprint.
pub(super) fn read(
    input: impl Read,
    fingerprint: &str,
) -> Result<Vec<SavedKey<'static, LanePlan>>, LoadError> {
    let form: SessionForm<'_, SavedKey<'_, LaneForm>> =
        serde_json::from_reader(BufReader::new(input)).map_err(unreadable)?;
    if form.format != FORMAT || form.version != VERSION {
        let reason = format!(
            "format '{}' version {}, expected '{FORMAT}' version {VERSION}",
            form.format, form.version
        );
        let mistake = FileMistake::Malformed { reason };
        return Err(FileError::new(FilePosition::WholeFile, mistake).into());
    }
    if form.fingerprint != fingerprint {
        return Err(LoadError::OtherFingerprint {
            found: form.fingerprint.into_owned(),
            expected: fingerprint.into(),
        });
    }
    let mut names = BTreeSet::new();
    for saved in &form.keys {
        if !names.insert(&saved.key) {
            return Err(LoadError::KeyTwice {
                key: saved.key.clone().into_owned(),
            });
        }
    }
    form.keys.into_iter().map(checked).collect()
}

fn checked(saved: SavedKey<'_, LaneForm>) -> Result<SavedKey<'static, LanePlan>, LoadError> {
    let key = saved.key.into_owned();
    if saved.lanes.is_empty() {
        return Err(LoadError::NoLanes { key });
    }
    let lanes = saved.lanes.iter().enumerate().map(|(lane, form)| {
        form.checked()
            .map_err(|(request, mistake)| LoadError::Request {
                key: key.clone(),
                lane,
                request,
                mistake,
            })
    });
    Ok(SavedKey {
        lanes: lanes.collect::<Result<Vec<_>, LoadError>>()?,
        key: key.into(),
        threshold: saved.threshold,
        lower_bound: saved.lower_bound,
        total_bytes: saved.total_bytes,
    })
}

impl LaneForm {
    /// The plan of the lane, or the position of a request and what is wrong with it.
    fn checked(&self) -> Result<LanePlan, (usize, RequestMistake)> {
        let mut expected = Vec::with_capacity(self.requests.len());
        let mut blocks = Vec::new();
        for (i, request) in self.requests.iter().enumerate() {
            let block = request.block().map_err(|mistake| (i, mistake))?;
            let number = block.map(|_| blocks.len() as u32);
            blocks.extend(block);
            let (size, alignment) = (request.size as usize, request.alignment as usize);
            expected.push(Expected::new(size, alignment, number));
        }
        let map = RegionMap::new(blocks.iter().copied());
        let map = map.ok_or((expected.len(), RequestMistake::TooMany))?;
        Ok(LanePlan {
            // No thread has this number.
            thread: 0,
            template: Template::of(expected.into_boxed_slice()),
            map,
        })
    }
}

impl RequestForm {
    /// The offset and the bytes of the request's block, if it is planned.
    fn block(&self) -> Result<Option<(u64, u64)>, RequestMistake> {
        let Self {
            size, alignment, ..
        } = *self;
        let most = isize::MAX as u64;
        if size == 0 || size > most {
            return Err(RequestMistake::Size { size });
        }
        if !alignment.is_power_of_two() || alignment > most {
            return Err(RequestMistake::Alignment { alignment });
        }
        let (offset, room) = match (self.offset, self.room) {
            (None, None) => return Ok(None),
            (Some(offset), Some(room)) => (offset, room),
            _ => return Err(RequestMistake::Half),
        };
        let end = offset
            .checked_add(room)
            .filter(|&end| end <= 1 << MOST_LOG2);
        if offset % alignment != 0 || alignment > MAX_ALIGNMENT as u64 {
            return Err(RequestMistake::Offset { offset, alignment });
        }
        if room < size || end.is_none() {
            return Err(RequestMistake::Room { room, size });
        }
        Ok(Some((offset, room)))
    }
}

fn unreadable(error: serde_json::Error) -> LoadError {
    if error.is_io() {
        return FileError::from(io::Error::from(error)).into();
    }
    let position = FilePosition::LineColumn {
        line: error.line() as u64,
        column: error.column() as u64,
    };
    // serde_json appends " at line L column C", which the position says already.
    let text = format!("{error}");
    let end = text.rfind(" at line ").unwrap_or(text.len());
    let reason = text[..end].into();
    FileError::new(position, FileMistake::Malformed { reason }).into()
}
