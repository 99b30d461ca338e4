//! The plans of a session in a file, so that another process can start in replay.
//!
//! ```json
//! {"format": "orionrt-replay", "version": 2, "fingerprint": "resnet50, tract 0.21", "keys": [
//!   {"key": "8", "threshold": 1024, "planned_bytes": 4096, "lower_bound": 4096,
//!     "total_bytes": 12288, "lanes": [
//!     {"requests": [
//!       {"size": 4000, "alignment": 64, "offset": 0, "room": 4096},
//!       {"size": 9000, "alignment": 8}, …]},
//!     {"requests": [{"place": 1, "size": 2000, "alignment": 8, "offset": 64, "room": 2000}, …]},
//!     {"requests": [{"place": 0, "pool": 0, "size": 1500, …}, …]}, …]}, …]}
//! ```
//!
//! The first lane is that of the thread that runs the iteration, and the others are those of
//! helpers. All lie in one region. A request without an offset is expected, but not planned. `room`
//! are the bytes that its block can grow to, at least `size`. `place` is the place of a helper's
//! request among those of all helpers. One lane has the requests of tasks, which belong to no
//! thread, but to a `pool`.
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
    load_error::{LoadError, RequestMistake},
    region_map::RegionMap,
    replay_plan::ReplayPlan,
    team_template::{Follow, MOST, TeamTemplate},
    template::{Expected, Template},
    trace::MAX_ALIGNMENT,
};
use orionrt_plan::files::{FileError, FileMistake, FilePosition};

const FORMAT: &str = "orionrt-replay";
const VERSION: u64 = 2;

/// A key and its plan, as `L`: its lanes in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SavedKey<'k, L> {
    pub(super) key: Cow<'k, str>,
    pub(super) threshold: usize,
    /// Numbers for reports. The planned bytes are those of the plan, before its blocks move apart;
    /// without them they are those of the region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) planned_bytes: Option<u64>,
    pub(super) lower_bound: u64,
    pub(super) total_bytes: u64,
    pub(super) lanes: L,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pool: Option<u32>,
    size: u64,
    alignment: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    room: Option<u64>,
}

/// A plan of which each request is converted when it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct SavedPlan<'p> {
    pub(super) own: &'p Template,
    pub(super) helpers: Option<&'p TeamTemplate>,
    pub(super) map: &'p RegionMap,
}

impl Serialize for SavedPlan<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let starts = self.helpers.map_or(&[][..], TeamTemplate::starts);
        let threads = starts.iter().map(|&start| Requester::Helper(start));
        let has_tasks = self
            .helpers
            .is_some_and(|team| team.of_tasks().next().is_some());
        let lanes = core::iter::once(Requester::Runner).chain(threads);
        let lanes = lanes.chain(has_tasks.then_some(Requester::Tasks));
        serializer.collect_seq(lanes.map(|of| SavedLane { plan: self, of }))
    }
}

/// Whose requests a lane has.
enum Requester {
    /// The thread that runs the iteration.
    Runner,
    /// The helper whose first request is at this place.
    Helper(u32),
    Tasks,
}

struct SavedLane<'l> {
    plan: &'l SavedPlan<'l>,
    of: Requester,
}

impl Serialize for SavedLane<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("requests", Requests(self))])
    }
}

struct Requests<'l>(&'l SavedLane<'l>);

impl Serialize for Requests<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SavedLane { plan, of } = self.0;
        let of_helper = |place: u32| {
            let team = plan.helpers?;
            let expected = team.template().expected().get(place as usize)?;
            Some(RequestForm {
                place: Some(place),
                pool: team.pool(place),
                ..RequestForm::of(plan.map, expected)
            })
        };
        match (of, plan.helpers) {
            (Requester::Helper(start), Some(team)) => {
                serializer.collect_seq(team.of_thread(*start).filter_map(of_helper))
            }
            (Requester::Tasks, Some(team)) => {
                serializer.collect_seq(team.of_tasks().filter_map(of_helper))
            }
            _ => {
                let own = plan.own.expected().iter();
                serializer.collect_seq(own.map(|expected| RequestForm::of(plan.map, expected)))
            }
        }
    }
}

/// Writes the plans of keys.
pub(super) fn write<'k>(
    mut output: impl Write,
    fingerprint: &str,
    keys: Vec<SavedKey<'k, SavedPlan<'k>>>,
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
) -> Result<Vec<SavedKey<'static, ReplayPlan>>, LoadError> {
    let form: SessionForm<'_, SavedKey<'_, Vec<LaneForm>>> =
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

fn checked(saved: SavedKey<'_, Vec<LaneForm>>) -> Result<SavedKey<'static, ReplayPlan>, LoadError> {
    let key = saved.key.into_owned();
    let Some((first, helpers)) = saved.lanes.split_first() else {
        return Err(LoadError::NoLanes { key });
    };
    let plan = plan(first, helpers).map_err(|(lane, request, mistake)| LoadError::Request {
        key: key.clone(),
        lane,
        request,
        mistake,
    });
    Ok(SavedKey {
        lanes: plan?,
        key: key.into(),
        threshold: saved.threshold,
        planned_bytes: saved.planned_bytes,
        lower_bound: saved.lower_bound,
        total_bytes: saved.total_bytes,
    })
}

/// A lane, the position of a request in it, and what is wrong with that.
type Misplaced = (usize, usize, RequestMistake);

/// The plan of these lanes: of the thread that runs the iteration, and of its helpers.
fn plan(first: &LaneForm, helpers: &[LaneForm]) -> Result<ReplayPlan, Misplaced> {
    let mut blocks = Vec::new();
    let mut own = Vec::new();
    for (i, request) in first.requests.iter().enumerate() {
        let expected = request.expected(&mut blocks);
        own.push(expected.map_err(|mistake| (0, i, mistake))?);
    }
    let team = match helpers {
        [] => None,
        _ => Some(team(helpers, &mut blocks)?),
    };
    let last = (helpers.len(), 0, RequestMistake::TooMany);
    Ok(ReplayPlan {
        own: Template::of(own.into_boxed_slice()),
        helpers: team,
        map: RegionMap::new(blocks.into_iter()).ok_or(last)?,
    })
}

/// What helpers ask for, whose lanes these are.
fn team(lanes: &[LaneForm], blocks: &mut Vec<(u64, u64)>) -> Result<TeamTemplate, Misplaced> {
    let count: usize = lanes.iter().map(|lane| lane.requests.len()).sum();
    if count > MOST as usize {
        return Err((1, 0, RequestMistake::TooMany));
    }
    let mut ordered = alloc::vec![None; count];
    let mut follow = alloc::vec![Follow::Nothing; count];
    for (lane, form) in (1..).zip(lanes) {
        let mut before: Option<u32> = None;
        for (i, request) in form.requests.iter().enumerate() {
            let wrong = |place| (lane, i, RequestMistake::Place { place });
            let place = request.place.ok_or_else(|| wrong(None))?;
            let free = ordered.get_mut(place as usize);
            let free = free.filter(|it| it.is_none() && before.is_none_or(|b| b < place));
            *free.ok_or_else(|| wrong(Some(place)))? = Some((lane, i, request));
            if let Some(pool) = request.pool {
                // A number that is too large is one of a pool, all the same.
                follow[place as usize] = Follow::Pool(pool.min(MOST));
            } else if let Some(before) = before.replace(place) {
                follow[before as usize] = Follow::Next(place);
            }
        }
    }
    // As many places as requests, and none twice: each is taken.
    let ordered = ordered.into_iter().flatten();
    let expected = ordered.map(|(lane, i, request)| {
        let expected = request.expected(blocks);
        expected.map_err(|mistake| (lane, i, mistake))
    });
    let expected = expected.collect::<Result<Vec<_>, _>>()?;
    let template = Template::of(expected.into_boxed_slice());
    Ok(TeamTemplate::new(template, &follow))
}

impl RequestForm {
    fn of(map: &RegionMap, expected: &Expected) -> Self {
        let (size, alignment) = expected.layout();
        let bytes = expected.block().map(|block| map.offsets(map.block(block)));
        Self {
            place: None,
            pool: None,
            size: size as u64,
            alignment: alignment as u64,
            offset: bytes.as_ref().map(|bytes| bytes.start),
            room: bytes.map(|bytes| bytes.end - bytes.start),
        }
    }

    /// The request, whose block, if it has one, becomes the next one.
    fn expected(&self, blocks: &mut Vec<(u64, u64)>) -> Result<Expected, RequestMistake> {
        let block = self.block()?;
        let number = block.map(|_| blocks.len() as u32);
        blocks.extend(block);
        let (size, alignment) = (self.size as usize, self.alignment as usize);
        Ok(Expected::new(size, alignment, number))
    }

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
