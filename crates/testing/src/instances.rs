//! Instances of static memory planning (dynamic storage allocation), made from a seed.
//!
//! Equal arguments give equal rows on every platform: only integers are drawn. In [`planted`] and
//! [`planted_loose`] the optimum is known by construction; of the others only its bounds are known,
//! such as the load.

use std::ops::Range;

use crate::random::{Random, mix};

/// A buffer of `size` bytes that is alive during the steps `lower..upper`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub id: String,
    /// The first step at which it is alive.
    pub lower: i64,
    /// The first step at which it is not alive any more.
    pub upper: i64,
    /// In bytes.
    pub size: u64,
    /// In bytes, a power of two.
    pub alignment: u64,
}

impl Row {
    fn new(id: String, life: (u64, u64), size: u64) -> Self {
        Self {
            id,
            lower: life.0 as i64,
            upper: life.1 as i64,
            size,
            alignment: 1,
        }
    }

    fn life(&self) -> u64 {
        self.upper.abs_diff(self.lower)
    }
}

impl Random {
    /// Two different cuts strictly within `from..to`, the lower one first.
    fn two_within(&mut self, from: u64, to: u64) -> (u64, u64) {
        let a = from + 1 + self.below_u64(to - from - 1);
        let b = from + 1 + self.below_u64(to - from - 2);
        if b < a { (b, a) } else { (a, b + 1) }
    }

    /// Nearly log-uniform: `unit << from` up to `unit << to`, in multiples of `unit`.
    fn octaves(&mut self, unit: u64, from: u64, to: u64) -> u64 {
        let octave = 1 << (from + self.below_u64(to - from));
        unit * (octave + self.below_u64(octave))
    }
}

/// A rectangle of time × memory: a range of steps and a range of grains, both half-open.
#[derive(Clone, Copy)]
struct Tile {
    time: (u64, u64),
    space: (u64, u64),
}

impl Tile {
    fn life(&self) -> u64 {
        self.time.1 - self.time.0
    }

    fn size(&self) -> u64 {
        self.space.1 - self.space.0
    }

    /// One cut from edge to edge, through time or through memory; the area must be 2 or more.
    fn guillotine(self, random: &mut Random) -> Vec<Tile> {
        let ((lower, upper), (bottom, top)) = (self.time, self.space);
        let parts = if self.size() < 2 || self.life() > 1 && random.one_in(2) {
            let cut = lower + 1 + random.below_u64(self.life() - 1);
            [(lower, cut), (cut, upper)].map(|time| Tile { time, ..self })
        } else {
            let cut = bottom + 1 + random.below_u64(self.size() - 1);
            [(bottom, cut), (cut, top)].map(|space| Tile { space, ..self })
        };
        parts.to_vec()
    }

    /// Four tiles around a fifth, turning either way, so that no cut runs from edge to edge. Both
    /// sides must be 3 or more.
    fn pinwheel(self, random: &mut Random) -> Vec<Tile> {
        let ((lower, upper), (bottom, top)) = (self.time, self.space);
        let (l, r) = random.two_within(lower, upper);
        let (b, t) = random.two_within(bottom, top);
        let mut parts = [
            ((l, r), (b, t)),
            ((lower, r), (bottom, b)),
            ((r, upper), (bottom, t)),
            ((l, upper), (t, top)),
            ((lower, l), (b, top)),
        ];
        if random.one_in(2) {
            let turn = |time: (u64, u64)| (lower + upper - time.1, lower + upper - time.0);
            parts = parts.map(|(time, space)| (turn(time), space));
        }
        parts.map(|(time, space)| Tile { time, space }).to_vec()
    }
}

/// A binary tree of sums, from which an index is drawn with a probability in proportion to its
/// weight.
struct Weights(Vec<u64>);

impl Weights {
    fn new(len: usize) -> Self {
        Self(vec![0; 2 * len.next_power_of_two()])
    }

    fn set(&mut self, index: usize, weight: u64) {
        let mut node = self.0.len() / 2 + index;
        self.0[node] = weight;
        while node > 1 {
            node /= 2;
            self.0[node] = self.0[2 * node] + self.0[2 * node + 1];
        }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let (mut node, mut at) = (1, random.below_u64(self.0[1]));
        while node < self.0.len() / 2 {
            node *= 2;
            if at >= self.0[node] {
                at -= self.0[node];
                node += 1;
            }
        }
        node - self.0.len() / 2
    }
}

/// The height of every planted rectangle, in bytes.
const HEIGHT: u64 = 1 << 20;

/// Cuts `whole` into exactly `pieces` tiles, large ones more likely than small ones.
fn tiles(whole: Tile, pieces: usize, random: &mut Random) -> Vec<Tile> {
    let (mut tiles, mut weights) = (vec![whole], Weights::new(pieces.max(1)));
    // The area less one, so that a tile of area 1, which cannot be cut, is never drawn.
    let weight = |tile: &Tile| tile.life() * tile.size() - 1;
    weights.set(0, weight(&whole));
    while tiles.len() < pieces {
        let index = weights.draw(random);
        let tile = tiles[index];
        let fits = tiles.len() + 4 <= pieces && tile.life() >= 3 && tile.size() >= 3;
        let mut parts = if fits && random.one_in(3) {
            tile.pinwheel(random)
        } else {
            tile.guillotine(random)
        };
        tiles[index] = parts.swap_remove(0);
        weights.set(index, weight(&tiles[index]));
        for part in parts {
            weights.set(tiles.len(), weight(&part));
            tiles.push(part);
        }
    }
    tiles
}

/// A rectangle of time × memory, cut recursively at random places into exactly `pieces` (1 or more)
/// pieces: by cuts through time, by cuts through memory, and into pinwheels of five, which such
/// cuts cannot make.
///
/// The rectangle is 1 MiB high and 512 steps long, or as long as there are pieces if those are
/// more. Sizes are multiples of a grain of 16 to 1024 bytes. Returns the rows, shuffled, and their
/// optimum: the height, which is the load at every step.
pub fn planted(pieces: usize, seed: u64) -> (Vec<Row>, u64) {
    let mut random = Random(seed);
    let grain = 16 << random.below_u64(7);
    let steps = 512.max(pieces as u64);
    let (time, space) = ((0, steps), (0, HEIGHT / grain));
    let tiles = tiles(Tile { time, space }, pieces, &mut random);
    let row = |(i, t): (usize, &Tile)| Row::new(format!("p{i}"), t.time, t.size() * grain);
    let mut rows: Vec<Row> = tiles.iter().enumerate().map(row).collect();
    random.shuffle(&mut rows);
    (rows, HEIGHT)
}

/// [`planted`] with holes: the pieces that are alive at one random step stay; of the others about
/// 4 % are dropped, 8 % lose bytes, and 8 % lose steps at either end.
///
/// So there are at most `pieces` rows. The load at that one step is still the height, and so is the
/// optimum.
pub fn planted_loose(pieces: usize, seed: u64) -> (Vec<Row>, u64) {
    let (mut rows, optimum) = planted(pieces, seed);
    let mut random = Random(mix(seed));
    let last = rows.iter().map(|row| row.upper).max().unwrap_or(1);
    let full = random.below_u64(last as u64) as i64;
    rows.retain_mut(|row| {
        if row.lower <= full && full < row.upper {
            return true;
        }
        match random.below_u64(25) {
            0 => return false,
            1 | 2 => row.size -= random.below_u64(row.size),
            3 => row.lower += random.below_u64(row.life()) as i64,
            4 => row.upper -= random.below_u64(row.life()) as i64,
            _ => {}
        }
        true
    });
    (rows, optimum)
}

/// A chain of `count` layers, in which each writes one tensor for the next to read, in the form of
/// hourglasses of 128 layers.
///
/// Sizes fall from MiBs to KiBs towards the waist of an hourglass and rise again. About one tensor
/// in 4 is also read a few layers later; on the way down, one in 8 is also read by the layer of its
/// own width on the way up. The optimum is unknown.
pub fn layers(count: usize, seed: u64) -> Vec<Row> {
    let (mut random, count) = (Random(seed), count as u64);
    let mut layer = |i: u64| {
        let (down, to_waist) = (i % 128 < 64, (i % 128).abs_diff(64));
        let until = if down && random.one_in(8) {
            i + 2 * to_waist + 1
        } else if random.one_in(4) {
            i + 3 + random.below_u64(6)
        } else {
            i + 2
        };
        let size = (2 + random.below_u64(7)) << (9 + to_waist / 6);
        Row::new(format!("layer{i}"), (i, until.min(count)), size)
    };
    (0..count).map(&mut layer).collect()
}

/// One step of training a network of `layers` layers: forward through all of them, then backward.
///
/// Each layer has five rows: an activation that lives until the layer's backward step (so that
/// these lives are nested), its gradient, which is read one step later, the gradient of the weights
/// (one in 4 is kept until the end), and a temporary on either way. Widths change every few layers.
/// The optimum is unknown.
pub fn training(layers: usize, seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let (layers, end) = (layers as u64, 2 * layers as u64);
    let (mut rows, mut width) = (Vec::with_capacity(5 * layers as usize), 1 << 16);
    for i in 0..layers {
        if i % 4 == 0 {
            width = random.octaves(64, 8, 16);
        }
        let (back, activation) = (end - 1 - i, width * (1 + random.below_u64(4)));
        let read = end.min(back + 2);
        let kept = if random.one_in(4) { end } else { back + 1 };
        let weights = random.octaves(64, 6, 14);
        let temporaries = [0; 2].map(|_| random.octaves(64, 0, 8));
        rows.extend([
            Row::new(format!("activation{i}"), (i, back + 1), activation),
            Row::new(format!("gradient{i}"), (back, read), activation),
            Row::new(format!("weights{i}"), (back, kept), weights),
            Row::new(format!("forward{i}"), (i, i + 1), temporaries[0]),
            Row::new(format!("backward{i}"), (back, back + 1), temporaries[1]),
        ]);
    }
    rows
}

/// `count` buffers, one born at each step, with a mean life of `live` steps: about `live` of them
/// are alive at a time.
///
/// Lives have a heavy tail: a mixture of scales, each half as likely as the one before and one and
/// a half times as long (finite mean, and infinite variance but for the cut at some 3000 × `live`).
/// Sizes are log-uniform from 64 bytes to 64 MiB, in multiples of 64. The optimum is unknown; large
/// buffers make up nearly all of the load.
pub fn stream(count: usize, live: usize, seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut buffer = |i: u64| {
        let scale = random.next_u64().trailing_zeros().min(20);
        let life = 1 + random.below_u64((live as u64 * 3u64.pow(scale)) >> scale);
        Row::new(format!("b{i}"), (i, i + life), random.octaves(64, 0, 20))
    };
    (0..count as u64).map(&mut buffer).collect()
}

/// `count` buffers without structure, all uniform: births in `count` steps, lives of 1 to
/// 2 × `live` - 1 steps, sizes of 1 byte to 1 MiB.
///
/// About `live` are alive at a time. The optimum is unknown.
pub fn uniform(count: usize, live: usize, seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut buffer = |i: usize| {
        let lower = random.below_u64(count as u64);
        let life = 1 + random.below_u64(2 * live.max(1) as u64 - 1);
        let size = 1 + random.below_u64(1 << 20);
        Row::new(format!("u{i}"), (lower, lower + life), size)
    };
    (0..count).map(&mut buffer).collect()
}

/// A copy of `rows` with each row changed.
fn each(rows: &[Row], change: impl FnMut(&mut Row)) -> Vec<Row> {
    let mut rows = rows.to_vec();
    rows.iter_mut().for_each(change);
    rows
}

/// Gives each row that lives for more than ten steps a gap, and adds another row of its size that
/// lives in the gap. Returns all rows, those of the gaps at the end, and the gaps by positions.
///
/// The load stays at every step. A plan of `rows` has a place for each new row, that of the row
/// whose gap it fills: the optimum is not above that without gaps.
pub fn gapped(rows: &[Row], seed: u64) -> (Vec<Row>, Vec<(usize, Range<i64>)>) {
    let mut random = Random(mix(seed));
    let (mut all, mut gaps) = (rows.to_vec(), Vec::new());
    for (i, row) in rows.iter().enumerate().filter(|(_, row)| row.life() > 10) {
        let (start, end) = random.two_within(0, row.life());
        let gap = row.lower + start as i64..row.lower + end as i64;
        all.push(Row {
            id: format!("gap of {}", row.id),
            lower: gap.start,
            upper: gap.end,
            ..row.clone()
        });
        gaps.push((i, gap));
    }
    (all, gaps)
}

/// Mirrors time between the first and the last step. The optimum stays.
pub fn reversed(rows: &[Row]) -> Vec<Row> {
    let first = rows.iter().map(|row| row.lower).min().unwrap_or(0);
    let last = rows.iter().map(|row| row.upper).max().unwrap_or(0);
    each(rows, |row| {
        (row.lower, row.upper) = (last - (row.upper - first), last - (row.lower - first));
    })
}

/// Spreads the times at which lives begin or end: to nanoseconds, up to some milliseconds apart, in
/// their order. The optimum stays.
pub fn stretched(rows: &[Row], seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut times: Vec<i64> = rows.iter().flat_map(|r| [r.lower, r.upper]).collect();
    times.sort_unstable();
    times.dedup();
    let mut now = random.below_u64(1 << 50) as i64;
    let mut tick = |_: &i64| {
        now += random.octaves(1, 0, 23) as i64;
        now
    };
    let moved: Vec<i64> = times.iter().map(&mut tick).collect();
    let at = |time: i64| moved[times.partition_point(|t| *t < time)];
    each(rows, |row| {
        (row.lower, row.upper) = (at(row.lower), at(row.upper))
    })
}

/// Gives the rows other ids, all different, in no order. The optimum stays.
pub fn renamed(rows: &[Row], seed: u64) -> Vec<Row> {
    let mut number = mix(seed);
    each(rows, |row| {
        number = number.wrapping_add(1);
        row.id = format!("{:016x}", mix(number));
    })
}

/// Puts the rows into another order. The optimum stays.
pub fn shuffled(rows: &[Row], seed: u64) -> Vec<Row> {
    let mut rows = rows.to_vec();
    Random(seed).shuffle(&mut rows);
    rows
}

/// Multiplies all sizes by `factor`, and so the optimum, if alignments are 1.
pub fn scaled(rows: &[Row], factor: u64) -> Vec<Row> {
    each(rows, |row| row.size *= factor)
}

/// Draws alignments from the powers of two up to 4096. The optimum is unknown afterwards.
pub fn aligned(rows: &[Row], seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    each(rows, |row| row.alignment = 1 << random.below_u64(13))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes alive at a step.
    fn load(rows: &[Row], step: i64) -> u64 {
        let alive = rows.iter().filter(|r| r.lower <= step && step < r.upper);
        alive.map(|r| r.size).sum()
    }

    #[test]
    fn a_planted_instance_fills_its_optimum_at_every_step() {
        for seed in 0..5 {
            let (rows, optimum) = planted(200, seed);
            let last = rows.iter().map(|row| row.upper).max().unwrap();
            assert_eq!((rows.len(), last), (200, 512));
            assert!((0..last).all(|step| load(&rows, step) == optimum));
        }
    }

    #[test]
    fn gaps_are_filled_at_every_step() {
        let (rows, optimum) = planted(100, 1);
        let (all, gaps) = gapped(&rows, 2);
        assert!(gaps.len() > 50 && all.len() == rows.len() + gaps.len());
        let held = |step: i64| {
            let here = gaps.iter().filter(|(_, gap)| gap.contains(&step));
            here.map(|(i, _)| rows[*i].size).sum::<u64>()
        };
        assert!((0..512).all(|step| load(&all, step) - held(step) == optimum));
        let within = |(i, gap): &(usize, Range<i64>)| {
            rows[*i].lower < gap.start && gap.start < gap.end && gap.end < rows[*i].upper
        };
        assert!(gaps.iter().all(within));
    }

    #[test]
    fn a_loose_instance_fills_its_optimum_at_some_step_and_nowhere_more() {
        for seed in 0..5 {
            let (rows, optimum) = planted_loose(200, seed);
            let loads: Vec<u64> = (0..512).map(|step| load(&rows, step)).collect();
            assert_eq!(loads.iter().max(), Some(&optimum));
            assert!(loads.iter().any(|&load| load < optimum));
        }
    }
}
