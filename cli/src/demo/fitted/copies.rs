//! The copies of tensors in the fast and the slow memory of a fitted schedule.
//!
//! Stands on two [`TensorPool`]s, one for the plan of each memory: the slot of a copy is its place.
//! Invariant: a copy exists from the step that writes it to the end of its last step, and only in
//! its own slot; operands that lie within the result of a concatenation become that result. A slot
//! refuses bytes that another copy has, so a schedule whose copies overlap ends the run with an
//! error.
//!
//! ```text
//!                         compress ───► expand
//! arena        ├── a ──┤├── b ──┤├ b ┤├── b ──┤    slots of the plan of the fast memory
//!                  │ spill         ▲ fetch
//!                  ▼               │
//! mapped file  ├── a ──┤├────── c ──────┤          slots of the plan of the slow memory
//! ```

#![forbid(unsafe_code)]

use std::error::Error;

use orionrt::{
    Arena, TensorId, TensorPool,
    fit::{CopyId, FitSchedule, Fitted, Memory},
    slots::{SlotBox, SlotError},
};

use super::{
    mapped_file::MappedFile,
    packed::{pack, unpack},
};

/// The tensors' values in a slot of the fast memory.
pub type FastValues<'p> = SlotBox<f32, &'p TensorPool<Arena>>;

/// Both memories of a fitted schedule.
#[derive(Debug)]
pub struct Memories {
    /// An arena, of which no page is in memory before it is used.
    pub fast: TensorPool<Arena>,
    /// A file.
    pub slow: TensorPool<MappedFile>,
}

impl Memories {
    /// A fast memory of what the plan needs of `capacity` bytes, and a slow one as large as its
    /// plan needs.
    ///
    /// # Errors
    /// When the system has no memory or no room for a file, or the plan is above the capacity.
    pub fn new(fitted: &Fitted, capacity: u64) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let needed = capacity.min(fitted.fast_plan().peak());
        let capacity = usize::try_from(needed).unwrap_or(usize::MAX);
        let arena = Arena::builder().capacity(capacity).build()?;
        let file = MappedFile::new(fitted.slow_plan().peak())?;
        Ok(Self {
            fast: TensorPool::new(arena, fitted.fast_plan())?,
            slow: TensorPool::new(file, fitted.slow_plan())?,
        })
    }
}

/// The values of a copy.
#[derive(Debug)]
enum Values<'p> {
    Fast(FastValues<'p>),
    Slow(SlotBox<f32, &'p TensorPool<MappedFile>>),
    /// In compressed form, in so many bytes at the start of the slot in the fast memory, and how
    /// many values they are.
    Packed(SlotBox<u8, &'p TensorPool<Arena>>, usize, usize),
}

/// Why a copy cannot be made from another one.
#[derive(Debug)]
pub enum CopyError {
    /// The other copy does not exist.
    Missing,
    /// A third copy has the bytes of its slot, or its slot has another length.
    NoMemory(SlotError),
    /// In compressed form, the values need more bytes than the schedule has for them.
    TooLarge,
    /// The other copy has other values in compressed form, or none.
    Corrupt,
}

impl From<SlotError> for CopyError {
    fn from(error: SlotError) -> Self {
        Self::NoMemory(error)
    }
}

/// All copies of a schedule, those that exist now with their values.
#[derive(Debug)]
pub struct Copies<'p> {
    schedule: &'p FitSchedule,
    memories: &'p Memories,
    /// For each copy, the tensor that it is in the plan of its memory.
    planned: Vec<TensorId>,
    /// The copies whose last step each step is.
    ends: Vec<Vec<CopyId>>,
    values: Vec<Option<Values<'p>>>,
}

impl<'p> Copies<'p> {
    /// The copies of a schedule in the memories that have its plans, none of them with values yet.
    pub fn new(schedule: &'p FitSchedule, memories: &'p Memories) -> Self {
        let mut ends = vec![Vec::new(); schedule.end()];
        let (mut fast, mut slow) = ((0..).map(TensorId::new), (0..).map(TensorId::new));
        let ids = (0..).map(CopyId::new);
        let each = schedule.copies.iter().zip(ids).filter_map(|(copy, id)| {
            let last = copy.steps.end.saturating_sub(1);
            ends[last.min(schedule.end() - 1)].push(id);
            match copy.memory {
                Memory::Fast => fast.next(),
                Memory::Slow => slow.next(),
            }
        });
        Self {
            planned: each.collect(),
            values: schedule.copies.iter().map(|_| None).collect(),
            ends,
            schedule,
            memories,
        }
    }

    /// The values of a copy, if it exists and is not compressed.
    pub fn values(&self, copy: CopyId) -> Option<&[f32]> {
        match self.values.get(copy.index())?.as_ref()? {
            Values::Fast(values) => Some(values),
            Values::Slow(values) => Some(values),
            Values::Packed(..) => None,
        }
    }

    /// The values of a copy in the fast memory, to be written: zeros if it does not exist yet. The
    /// copy is without values until [`put`](Self::put) brings them back.
    ///
    /// # Errors
    /// When another copy has the bytes of its slot.
    pub fn take(&mut self, copy: CopyId) -> Result<FastValues<'p>, SlotError> {
        let (fast, planned) = (&self.memories.fast, self.planned[copy.index()]);
        match self.values[copy.index()].take() {
            Some(Values::Fast(values)) => Ok(values),
            _ => fast.filled(planned, 0.0),
        }
    }

    /// Brings the values of a copy in the fast memory back.
    pub fn put(&mut self, copy: CopyId, values: FastValues<'p>) {
        self.values[copy.index()] = Some(Values::Fast(values));
    }

    /// Makes a copy in the fast memory with these values.
    ///
    /// # Errors
    /// As [`take`](Self::take), and when there are not as many values as the copy has.
    pub fn fill(&mut self, copy: CopyId, values: &[f32]) -> Result<(), SlotError> {
        let fast = &self.memories.fast;
        let values = fast.copied_from(self.planned[copy.index()], values)?;
        self.put(copy, values);
        Ok(())
    }

    /// Makes a copy with the values of another one.
    ///
    /// # Errors
    /// When the other one does not exist, or yet another copy has the bytes of the slot.
    pub fn transfer(&mut self, from: CopyId, to: CopyId) -> Result<(), CopyError> {
        let (memories, planned) = (self.memories, self.planned[to.index()]);
        let values = self.values(from).ok_or(CopyError::Missing)?;
        let is_slow = (self.schedule.copy(to)).is_some_and(|copy| copy.memory == Memory::Slow);
        let made = match is_slow {
            true => Values::Slow(memories.slow.copied_from(planned, values)?),
            false => Values::Fast(memories.fast.copied_from(planned, values)?),
        };
        self.values[to.index()] = Some(made);
        Ok(())
    }

    /// Makes a copy of others that fill it: their bytes stay where they are. False, and nothing
    /// happens, if they do not lie within its slot.
    ///
    /// # Errors
    /// When one of them does not exist, or they do not fill the slot.
    pub fn join(&mut self, from: &[CopyId], to: CopyId) -> Result<bool, CopyError> {
        let lies_within = |copy: &CopyId| {
            let bytes = |copy: CopyId| self.memories.fast.plan().bytes(self.planned[copy.index()]);
            let (part, whole) = (bytes(*copy), bytes(to));
            part.zip(whole)
                .is_some_and(|(part, whole)| whole.start <= part.start && part.end <= whole.end)
        };
        if from.contains(&to) || !from.iter().all(lies_within) {
            return Ok(false);
        }
        let mut parts = Vec::with_capacity(from.len());
        for copy in from {
            match self.values[copy.index()].take() {
                Some(Values::Fast(values)) => parts.push(values),
                _ => return Err(CopyError::Missing),
            }
        }
        let slot = self.memories.fast.slot(self.planned[to.index()])?;
        let whole = slot.join(parts).map_err(SlotError::from)?;
        self.put(to, whole);
        Ok(true)
    }

    /// Makes a compressed copy with the values of another one.
    ///
    /// # Errors
    /// As [`transfer`](Self::transfer), and when the values do not get as small as planned.
    pub fn compress(&mut self, from: CopyId, to: CopyId) -> Result<(), CopyError> {
        let (memories, planned) = (self.memories, self.planned[to.index()]);
        let values = self.values(from).ok_or(CopyError::Missing)?;
        let mut bytes = memories.fast.filled(planned, 0u8)?;
        let len = pack(values, &mut bytes).ok_or(CopyError::TooLarge)?;
        self.values[to.index()] = Some(Values::Packed(bytes, len, values.len()));
        Ok(())
    }

    /// Makes a copy with the values of a compressed one.
    ///
    /// # Errors
    /// As [`transfer`](Self::transfer), and when the compressed one has not as many values.
    pub fn expand(&mut self, from: CopyId, to: CopyId) -> Result<(), CopyError> {
        let (memories, planned) = (self.memories, self.planned[to.index()]);
        let Some(Some(Values::Packed(bytes, len, count))) = self.values.get(from.index()) else {
            return Err(CopyError::Missing);
        };
        let mut values = memories.fast.filled(planned, 0.0)?;
        if values.len() != *count {
            return Err(CopyError::Corrupt);
        }
        unpack(&bytes[..*len], &mut values).ok_or(CopyError::Corrupt)?;
        self.put(to, values);
        Ok(())
    }

    /// Drops the copies whose last step this is.
    pub fn end(&mut self, step: usize) {
        for copy in &self.ends[step] {
            self.values[copy.index()] = None;
        }
    }

    /// Drops all copies.
    pub fn clear(&mut self) {
        self.values.fill_with(|| None);
    }
}
