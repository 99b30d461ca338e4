//! Windows: steps at which only some bytes of a tensor are needed.
//!
//! Stands on `pieces` and `within`. Invariant: of a tensor that lies within another one, what is
//! needed is needed of that one, too, at the same steps.
//!
//! ```text
//! state   ├────── whole ──────┼─ bytes 0..64 ─┼─ whole ─┤
//! work                        ├─ may overlap ─┤             bytes 64.. of the state
//! ```

use alloc::vec::Vec;

use super::{
    collection::Lifetimes,
    error::{LifetimeMistake, LifetimesError},
    lifetime::Lifetime,
    piece::Piece,
    pieces::{WindowedRows, needs_of_pieces, needs_of_windows, overlaid, whole},
    window_mistake::WindowMistake,
};
use crate::ids::TensorId;
use crate::intervals::union;

/// The most pieces of a row with few windows.
const FEW_PIECES: usize = 1024;
/// The most pieces of a row for each of its windows.
const MOST_FOR_EACH_WINDOW: usize = 16;

impl Lifetimes {
    /// Gives a tensor windows: steps of its lifetime at which only some of its bytes are needed,
    /// which are counted from its start. The others may be used by other tensors. The tensor has
    /// one offset all the same, and all of its bytes lie in the planned region.
    ///
    /// Windows may come in any order, and several may have the same steps: then the bytes of all of
    /// them are needed. At the steps of these windows, they replace what was needed before.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner, lifetimes::Piece};
    /// // Of the table, only the first ten bytes are needed while the others are alive.
    /// let rows = [("table", 0, 6, 100, 1), ("work", 2, 4, 60, 1), ("more", 2, 4, 30, 1)];
    /// let lifetimes = Lifetimes::from_rows(rows)?;
    /// assert_eq!(lifetimes.load(), 190);
    ///
    /// let table = lifetimes.find("table").expect("it is one of them");
    /// let lifetimes = lifetimes.with_windows(table, [Piece::new(2..4, 0..10)])?;
    /// assert!(lifetimes.pieces(table).eq([
    ///     Piece::new(0..2, 0..100), Piece::new(2..4, 0..10), Piece::new(4..6, 0..100),
    /// ]));
    /// assert_eq!(Planner::new().plan(&lifetimes)?.peak(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Windows come after the windows of tensors that lie [within](crate::lifetimes::Within) this
    /// one. For many tensors at once there is [`with_all_windows`](Self::with_all_windows).
    ///
    /// # Errors
    /// If a window has no steps or no bytes, leaves the lifetime or the tensor, or has steps of a
    /// [gap](Self::gaps); if the windows cut the lifetime into too many pieces; or if a tensor
    /// would need bytes that the one it lies within does not. An unknown `id` changes nothing.
    pub fn with_windows(
        self,
        id: TensorId,
        windows: impl IntoIterator<Item = Piece>,
    ) -> Result<Self, LifetimesError> {
        self.with_all_windows([(id, windows.into_iter().collect())])
    }

    /// Gives several tensors windows at once, as [`with_windows`](Self::with_windows) does for one.
    /// Tensors that lie within others may come before or after those.
    ///
    /// # Errors
    /// The first mistake; see [`with_windows`](Self::with_windows).
    pub fn with_all_windows(
        mut self,
        windows: impl IntoIterator<Item = (TensorId, Vec<Piece>)>,
    ) -> Result<Self, LifetimesError> {
        let mut is_changed = false;
        for (id, windows) in windows {
            if id.index() < self.rows.len() && !windows.is_empty() {
                self.add_windows(id.index(), &windows)
                    .map_err(|mistake| self.error_at(id.index(), mistake.into()))?;
                is_changed = true;
            }
        }
        if is_changed {
            self.conflict_relation = self.conflict_relation.without_bound();
            (0..self.rows.len()).try_for_each(|index| self.check_within(index))?;
        }
        Ok(self)
    }

    /// These lifetimes without windows: each tensor is taken to be needed whole wherever it is
    /// alive. That is for plans whose tensors are lent whole, as pools do.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, lifetimes::Piece};
    /// let rows = [("table", 0, 6, 100, 1), ("work", 2, 4, 60, 1)];
    /// let lifetimes = Lifetimes::from_rows(rows)?;
    /// let table = lifetimes.find("table").expect("it is one of them");
    /// let lifetimes = lifetimes.with_windows(table, [Piece::new(2..4, 0..10)])?;
    /// assert_eq!((lifetimes.load(), lifetimes.has_windows()), (100, true));
    ///
    /// let whole = lifetimes.without_windows();
    /// assert_eq!((whole.load(), whole.has_windows()), (160, false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn without_windows(self) -> Self {
        Self {
            windows: WindowedRows::default(),
            ..self
        }
    }

    /// Gives rows what is needed of them: pieces within their hulls, of which the first begins and
    /// the last ends with the hull. Rows that are never alive stay so.
    pub(crate) fn with_needs_of_parts(mut self, parts: Vec<(usize, Vec<Piece>)>) -> Self {
        for (index, pieces) in parts.into_iter().filter(|(i, _)| self.rows[*i].has_bytes()) {
            let most = pieces.len().saturating_mul(2 * pieces.len());
            // There are at most so many.
            let needs = needs_of_windows(&pieces, most).unwrap_or_default();
            let ranges = union(needs.iter().map(|needs| needs.steps.clone()).collect());
            self.live_ranges.set(index, &ranges);
            self.windows.set(index, self.rows[index].size, needs);
        }
        self
    }

    /// Changes what is needed of a row; looks at this row alone.
    fn add_windows(&mut self, index: usize, windows: &[Piece]) -> Result<(), WindowMistake> {
        let row = &self.rows[index];
        let mistake = windows
            .iter()
            .find_map(|window| window_mistake(row, window));
        mistake
            .or_else(|| self.window_in_gap(index, windows))
            .map_or(Ok(()), Err)?;
        let most = (MOST_FOR_EACH_WINDOW * windows.len()).max(FEW_PIECES);
        let over = needs_of_windows(windows, most)?;
        let base = match self.windows.several(index) {
            [] => whole(self.live_ranges.of(index, row), row.size),
            several => needs_of_pieces(several),
        };
        let size = row.size;
        self.windows.set(index, size, overlaid(&base, &over));
        Ok(())
    }

    /// What is wrong with windows of which one has steps of a gap.
    fn window_in_gap(&self, index: usize, windows: &[Piece]) -> Option<WindowMistake> {
        let ranges = self.live_ranges.several(index);
        windows.iter().find_map(|Piece { steps, .. }| {
            let next = ranges.partition_point(|range| range.end <= steps.start);
            let gap_before = ranges.get(next)?.start > steps.start;
            let first = next - usize::from(gap_before && next > 0);
            let mut pairs = ranges[first..].windows(2);
            let gap = pairs.next().map(|pair| pair[0].end..pair[1].start)?;
            (gap.start < steps.end).then(|| WindowMistake::InGap {
                steps: steps.clone(),
                gap,
            })
        })
    }
}

/// What is wrong with a window of a row, by itself.
fn window_mistake(row: &Lifetime, window: &Piece) -> Option<WindowMistake> {
    let Piece { steps, bytes } = window.clone();
    if steps.start >= steps.end || bytes.start >= bytes.end {
        return Some(WindowMistake::Empty { steps, bytes });
    }
    if steps.start < row.lower || row.upper < steps.end {
        let lifetime = row.steps();
        return Some(WindowMistake::OutsideLifetime { steps, lifetime });
    }
    let size = row.size;
    (bytes.end > size).then_some(WindowMistake::OutsideTensor { bytes, size })
}

impl From<WindowMistake> for LifetimeMistake {
    fn from(mistake: WindowMistake) -> Self {
        Self::Window(mistake)
    }
}
