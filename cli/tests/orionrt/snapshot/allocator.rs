//! A caching allocator in the manner of PyTorch's: it takes segments from a device, splits them
//! into blocks, and tells its events and its state field by field as PyTorch's snapshots do.
//!
//! It keeps the truth beside: when each block was alive, and what was reserved. What a snapshot of
//! its last events must come to follows from the truth alone, not from a replay of the events.

use std::rc::Rc;

use super::value::Value;

/// What an allocator does.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    pub seed: u64,
    /// The events that are recorded in all.
    pub events: usize,
    /// The last events that are kept.
    pub kept: usize,
    /// Whether segments grow by mapped pages.
    pub expandable: bool,
    /// Whether a device refuses requests now and then.
    pub refuses: bool,
}

/// A block that was alive in `begin..end` of all events; no end if it still is.
struct Truth {
    size: u64,
    begin: usize,
    end: Option<usize>,
    line: Option<u64>,
}

/// What a snapshot must come to.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    /// The sorted `(lower, upper, size)` of all blocks.
    pub rows: Vec<(i64, i64, u64)>,
    /// The sorted lines of user code of blocks whose `alloc` is kept or that are still alive.
    pub lines: Vec<u64>,
    pub reserved: u64,
    pub reserved_peak: u64,
    pub live_peak: u64,
    pub alive_before: usize,
    pub alive_after: usize,
    /// The `(step, requested, free, reserved, live)` of requests that were refused.
    pub refused: Vec<(i64, u64, u64, u64, u64)>,
}

struct Segment {
    address: u64,
    blocks: Vec<Block>,
}

impl Segment {
    fn size(&self) -> u64 {
        self.blocks.iter().map(|block| block.size).sum()
    }
}

#[derive(Clone)]
struct Block {
    size: u64,
    requested: u64,
    state: &'static str,
    frames: Rc<Value>,
    truth: usize,
}

/// The allocator of one device.
pub struct Device {
    number: u64,
    behaviour: Behaviour,
    random: fastrand::Rng,
    next_address: u64,
    segments: Vec<Segment>,
    truths: Vec<Truth>,
    events: Vec<Value>,
    /// After each event, and before the first.
    reserved: Vec<u64>,
    refused: Vec<(usize, u64, u64)>,
}

impl Device {
    /// An allocator that has done what it does.
    pub fn run(number: u64, behaviour: Behaviour) -> Self {
        let mut device = Self {
            number,
            behaviour,
            random: fastrand::Rng::with_seed(behaviour.seed + number),
            next_address: 0x7f00_0000_0000,
            segments: Vec::new(),
            truths: Vec::new(),
            events: Vec::new(),
            reserved: vec![0],
            refused: Vec::new(),
        };
        while device.events.len() < behaviour.events {
            match device.random.u8(..20) {
                0..10 => device.alloc(),
                10..14 => device.free("active_allocated", true),
                14 => device.free("active_allocated", false),
                15..17 => device.free("active_pending_free", true),
                17 => device.release(),
                18 if behaviour.refuses => device.refuse(),
                _ => device.snapshot_event(),
            }
        }
        device
    }

    fn first_kept(&self) -> usize {
        self.events.len().saturating_sub(self.behaviour.kept)
    }

    fn event(&mut self, action: &str, address: u64, size: u64, frames: &Rc<Value>) {
        let address_name = if action == "oom" {
            "device_free"
        } else {
            "addr"
        };
        self.events.push(Value::Dict(vec![
            ("action", action.into()),
            (address_name, address.into()),
            ("size", size.into()),
            ("stream", Value::Int(0)),
            ("compile_context", "".into()),
            ("user_metadata", "".into()),
            (
                "time_us",
                Value::Int(1_700_000_000_000_000 + self.events.len() as i64),
            ),
            ("frames", Value::Shared(frames.clone())),
        ]));
        let reserved = self.segments.iter().map(Segment::size).sum();
        self.reserved.push(reserved);
    }

    fn alloc(&mut self) {
        let (requested, line) = (1 + self.random.u64(..4_000_000), self.random.u64(..5));
        let frames = frames(line);
        let size = requested.next_multiple_of(512);
        let place = self
            .find(size)
            .unwrap_or_else(|| self.reserve(size, &frames));
        let (segment, index) = place;
        let blocks = &mut self.segments[segment].blocks;
        let rest = blocks[index].size - size;
        blocks[index] = Block {
            size,
            requested,
            state: "active_allocated",
            frames: frames.clone(),
            truth: self.truths.len(),
        };
        if rest > 0 {
            blocks.insert(index + 1, free_block(rest));
        }
        let address = self.address(segment, index);
        self.event("alloc", address, requested, &frames);
        self.truths.push(Truth {
            size: requested,
            begin: self.events.len(),
            end: None,
            line: (line > 0).then_some(line),
        });
    }

    /// A free block of at least this size.
    fn find(&self, size: u64) -> Option<(usize, usize)> {
        let is_fit = |block: &Block| block.state == "inactive" && block.size >= size;
        let segments = self.segments.iter().enumerate();
        let mut places = segments.filter_map(|(number, segment)| {
            let index = segment.blocks.iter().position(is_fit)?;
            Some((number, index))
        });
        places.next()
    }

    /// A new segment, or more pages at the end of the last one.
    fn reserve(&mut self, size: u64, frames: &Rc<Value>) -> (usize, usize) {
        let size = size.next_multiple_of(2 << 20);
        let address = self.next_address;
        self.next_address += size;
        if self.behaviour.expandable && !self.segments.is_empty() {
            let last = self.segments.len() - 1;
            let segment = &mut self.segments[last];
            if segment.address + segment.size() == address {
                segment.blocks.push(free_block(size));
                let index = segment.blocks.len() - 1;
                self.event("segment_map", address, size, frames);
                return (last, index);
            }
        }
        let blocks = vec![free_block(size)];
        self.segments.push(Segment { address, blocks });
        let action = match self.behaviour.expandable {
            true => "segment_map",
            false => "segment_alloc",
        };
        self.event(action, address, size, frames);
        (self.segments.len() - 1, 0)
    }

    fn address(&self, segment: usize, index: usize) -> u64 {
        let segment = &self.segments[segment];
        let below = segment.blocks[..index].iter().map(|block| block.size);
        segment.address + below.sum::<u64>()
    }

    /// Gives up a block in this state; it is free at once, or waits.
    fn free(&mut self, state: &str, is_completed: bool) {
        let mut places = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let blocks = segment.blocks.iter().enumerate();
            places.extend(
                blocks
                    .filter(|(_, b)| b.state == state)
                    .map(|(i, _)| (number, i)),
            );
        }
        let Some(&(segment, index)) = self.random.choice(&places) else {
            return;
        };
        let block = self.segments[segment].blocks[index].clone();
        // Where a block is given up is not where it was asked for.
        let (address, frames) = (self.address(segment, index), frames(99));
        if state == "active_allocated" {
            self.segments[segment].blocks[index].state = "active_pending_free";
            self.event("free_requested", address, block.requested, &frames);
        }
        if is_completed {
            let blocks = &mut self.segments[segment].blocks;
            blocks[index] = free_block(block.size);
            merge(blocks);
            self.event("free_completed", address, block.requested, &frames);
            self.truths[block.truth].end = Some(self.events.len());
        }
    }

    /// Gives a segment without live blocks back to the device.
    fn release(&mut self) {
        let is_free = |segment: &Segment| segment.blocks.iter().all(|b| b.state == "inactive");
        let Some(index) = self.segments.iter().position(is_free) else {
            return;
        };
        let segment = self.segments.remove(index);
        let action = match self.behaviour.expandable {
            true => "segment_unmap",
            false => "segment_free",
        };
        self.event(action, segment.address, segment.size(), &frames(0));
    }

    fn refuse(&mut self) {
        let (size, free) = (1 << 40, self.random.u64(..1 << 30));
        self.event("oom", free, size, &frames(1));
        self.refused.push((self.events.len(), size, free));
    }

    fn snapshot_event(&mut self) {
        self.event("snapshot", 0, 0, &frames(0));
    }

    fn segments(&self) -> impl Iterator<Item = Value> {
        self.segments.iter().map(|segment| {
            let mut address = segment.address;
            let sum = |of: fn(&Block) -> u64, is: fn(&Block) -> bool| -> Value {
                let blocks = segment.blocks.iter();
                blocks.filter(|b| is(b)).map(of).sum::<u64>().into()
            };
            let blocks = segment.blocks.iter().map(|block| {
                let at = address;
                address += block.size;
                Value::Dict(vec![
                    ("address", at.into()),
                    ("size", block.size.into()),
                    ("requested_size", block.requested.into()),
                    ("state", block.state.into()),
                    ("frames", Value::Shared(block.frames.clone())),
                ])
            });
            Value::Dict(vec![
                ("device", self.number.into()),
                ("address", segment.address.into()),
                ("total_size", segment.size().into()),
                (
                    "allocated_size",
                    sum(|b| b.size, |b| b.state == "active_allocated"),
                ),
                ("active_size", sum(|b| b.size, |b| b.state != "inactive")),
                (
                    "requested_size",
                    sum(|b| b.requested, |b| b.state != "inactive"),
                ),
                ("stream", Value::Int(0)),
                ("segment_type", "large".into()),
                (
                    "segment_pool_id",
                    Value::Tuple(vec![Value::Int(0), Value::Int(0)]),
                ),
                ("is_expandable", Value::Bool(self.behaviour.expandable)),
                ("frames", Value::Shared(frames(0))),
                ("blocks", Value::List(blocks.collect())),
            ])
        })
    }

    /// What a snapshot must come to, from the truth.
    pub fn expected(&self) -> Expected {
        let (first, end) = (self.first_kept(), self.events.len() + 1 - self.first_kept());
        let step = |event: usize| event.saturating_sub(first) as i64;
        let end = end as i64;
        let upper = |truth: &Truth| truth.end.map_or(end, step);
        let visible = self
            .truths
            .iter()
            .filter(|truth| upper(truth) > step(truth.begin));
        let visible: Vec<&Truth> = visible.collect();
        let mut rows: Vec<_> = (visible.iter())
            .map(|truth| (step(truth.begin), upper(truth), truth.size))
            .collect();
        rows.sort_unstable();
        let known = visible
            .iter()
            .filter(|t| t.begin > first || t.end.is_none());
        let mut lines: Vec<u64> = known.filter_map(|truth| truth.line).collect();
        lines.sort_unstable();
        let live = |event: usize| -> u64 {
            let is_alive = |t: &&Truth| t.begin <= event && t.end.is_none_or(|end| event < end);
            self.truths
                .iter()
                .filter(is_alive)
                .map(|truth| truth.size)
                .sum()
        };
        let refused = self.refused.iter().filter(|(event, ..)| *event > first);
        let refused = refused.map(|&(event, size, free)| {
            (step(event), size, free, self.reserved[event], live(event))
        });
        Expected {
            reserved: *self.reserved.last().unwrap(),
            reserved_peak: *self.reserved[first..].iter().max().unwrap(),
            live_peak: (first..=self.events.len()).map(live).max().unwrap(),
            alive_before: rows.iter().filter(|row| row.0 == 0).count(),
            alive_after: rows.iter().filter(|row| row.1 == end).count(),
            refused: refused.collect(),
            rows,
            lines,
        }
    }
}

/// A snapshot of all devices.
pub fn snapshot(devices: &[Device]) -> Value {
    let segments = devices.iter().flat_map(Device::segments).collect();
    let traces = devices.iter().map(|device| {
        let kept = &device.events[device.first_kept()..];
        Value::List(kept.to_vec())
    });
    Value::Dict(vec![
        ("segments", Value::List(segments)),
        ("device_traces", Value::List(traces.collect())),
        (
            "external_annotations",
            Value::List(vec![Value::Dict(vec![
                ("name", "step".into()),
                ("stage", "START".into()),
                ("device", Value::Int(0)),
                ("time_us", Value::Int(1_700_000_000_000_000)),
            ])]),
        ),
        (
            "allocator_settings",
            Value::Dict(vec![
                ("PYTORCH_CUDA_ALLOC_CONF", "".into()),
                ("max_split_size", Value::Int(-1)),
                ("expandable_segments", Value::Bool(true)),
                ("roundup_power2_divisions", Value::Dict(vec![])),
            ]),
        ),
    ])
}

fn free_block(size: u64) -> Block {
    Block {
        size,
        requested: 0,
        state: "inactive",
        frames: frames(0),
        truth: usize::MAX,
    }
}

/// Joins neighbours that are free.
fn merge(blocks: &mut Vec<Block>) {
    blocks.dedup_by(|next, before| {
        let both = next.state == "inactive" && before.state == "inactive";
        before.size += if both { next.size } else { 0 };
        both
    });
}

thread_local! {
    static FRAMES: Vec<Rc<Value>> = (0..100).map(|line| Rc::new(new_frames(line))).collect();
}

/// The frames of a line of the user's code; there is none for line 0.
fn frames(line: u64) -> Rc<Value> {
    FRAMES.with(|frames| frames[line as usize].clone())
}

fn new_frames(line: u64) -> Value {
    let frame = |file: &str, line: u64, name: &str| {
        Value::Dict(vec![
            ("name", name.into()),
            ("filename", file.into()),
            ("line", line.into()),
        ])
    };
    let mut frames = vec![frame("??", 0, "torch::unwind::unwind()")];
    if line > 0 {
        let torch = "/usr/lib/python3/dist-packages/torch/nn/modules/linear.py";
        frames.push(frame(torch, 125, "forward"));
        frames.push(frame("/home/user/model.py", line, "forward"));
        frames.push(frame("/home/user/train.py", 7, "<module>"));
    }
    Value::List(frames)
}
