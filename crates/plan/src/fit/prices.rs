//! Prices of bytes in moments, and what they prove of the added cost.
//!
//! Stands on [`Model`]. If a byte that is missing in a moment costs so many seconds there, a root
//! that is elsewhere earns the prices of all moments in which it frees bytes, and pays for leaving
//! and coming back. The prices of all missing bytes, less what roots earn at best, are a lower
//! bound on the cost of every schedule, whatever the prices are: it is the Lagrangian dual of
//! choosing roots so that all moments are covered (Fisher, *The Lagrangian relaxation method for
//! solving integer programming problems*, 1981). Prices are found moment by moment, each the best
//! one beside the others.
//!
//! ```text
//! missing      3 ┌─┐         2 ┌─┐      two peaks: no root is idle in both, and each has to be
//! bytes       ───┘ └───────────┘ └───   paid for
//! idle        ├─ a ─┤     ├─── b ───┤
//! ```
//!
//! What is paid: a root is written once for each version, however often it is fetched, and it is
//! compressed at least once. It is fetched, expanded or made anew for each idle interval in which
//! it is elsewhere; a rerun ends at most one idle interval of each of its results, and these share
//! its cost.

use alloc::{vec, vec::Vec};

use super::model::{Idle, Model, Writes};

/// The seconds for ending an idle interval, and the bytes that are freed in it.
struct Term {
    group: u32,
    size: f64,
    /// The bytes that are freed in compressed form.
    spared: f64,
    recompute: f64,
    fetch: f64,
    expand: f64,
    /// The prices of all moments in which the root is elsewhere, together.
    price: f64,
}

impl Term {
    /// What the interval costs less what it earns, if its root has been written or not, and
    /// compressed or not.
    fn least(&self, ways: Ways) -> f64 {
        let earned = self.price * self.size;
        let fetch = if ways.written {
            self.fetch
        } else {
            f64::INFINITY
        };
        let expand = if ways.compressed {
            self.expand - self.price * self.spared
        } else {
            f64::INFINITY
        };
        let moved = fetch.min(self.recompute) - earned;
        moved.min(expand).min(0.0)
    }
}

/// Whether a version of a root is written to the slow memory, and whether it is compressed.
#[derive(Clone, Copy)]
struct Ways {
    written: bool,
    compressed: bool,
}

const WAYS: [Ways; 4] = [
    ways(false, false),
    ways(true, false),
    ways(false, true),
    ways(true, true),
];

const fn ways(written: bool, compressed: bool) -> Ways {
    Ways {
        written,
        compressed,
    }
}

/// A version of a root, with all its idle intervals.
struct Group {
    write: f64,
    compress: f64,
    /// For each of [`WAYS`], what all intervals cost less what they earn.
    least: [f64; 4],
}

impl Group {
    /// What the version costs less what it earns, in one of [`WAYS`].
    fn total(&self, at: usize) -> f64 {
        let ways = WAYS[at];
        let write = if ways.written { self.write } else { 0.0 };
        let compress = if ways.compressed { self.compress } else { 0.0 };
        self.least[at] + write + compress
    }
}

/// A price from which on so many more bytes are freed.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    pub(super) price: f64,
    pub(super) bytes: f64,
}

pub(super) struct Prices<'m> {
    model: &'m Model,
    terms: Vec<Term>,
    groups: Vec<Group>,
    /// The price of a byte in each moment.
    of_moment: Vec<f64>,
}

impl<'m> Prices<'m> {
    /// No byte costs anything.
    pub(super) fn new(model: &'m Model) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut terms = Vec::with_capacity(model.idles.len());
        let mut last: Vec<Option<(u32, u32)>> = vec![None; model.roots.len()];
        for idle in &model.idles {
            // The idle intervals of a root come in the order of its versions.
            let known = last[idle.root as usize].filter(|&(version, _)| version == idle.version);
            let group = match known {
                Some((_, group)) => group,
                None => {
                    groups.push(group_of(model, idle));
                    groups.len() as u32 - 1
                }
            };
            last[idle.root as usize] = Some((idle.version, group));
            terms.push(term_of(model, idle, group));
        }
        Self {
            model,
            terms,
            groups,
            of_moment: vec![0.0; model.moments()],
        }
    }

    /// From which price in a moment on how many bytes are freed there, the lowest price first.
    pub(super) fn offers(&self, moment: u32) -> Vec<Offer> {
        let own = self.of_moment[moment as usize];
        let mut offers = Vec::new();
        for idle in self.model.idles_at(moment) {
            let term = &self.terms[idle as usize];
            let others = term.price - own;
            let offer = |price: f64, bytes| Offer {
                price: (price - others).max(0.0),
                bytes,
            };
            offers.extend(
                self.offers_of(term)
                    .map(|(price, bytes)| offer(price, bytes)),
            );
        }
        offers.sort_unstable_by(|a, b| a.price.total_cmp(&b.price));
        offers
    }

    /// From which price for all moments of an interval on its root is elsewhere, and frees so many
    /// bytes.
    fn offers_of(&self, term: &Term) -> impl Iterator<Item = (f64, f64)> + use<> {
        let group = &self.groups[term.group as usize];
        let mut stays = f64::INFINITY;
        let mut moved = f64::INFINITY;
        let mut expanded = f64::INFINITY;
        for (at, ways) in WAYS.into_iter().enumerate() {
            let others = group.total(at) - term.least(ways);
            stays = stays.min(others);
            moved = moved.min(others + term.recompute);
            if ways.written {
                moved = moved.min(others + term.fetch);
            }
            if ways.compressed {
                expanded = expanded.min(others + term.expand);
            }
        }
        let (size, spared) = (term.size, term.spared);
        let at_once = (moved - stays) / size;
        let first = (expanded - stays) / spared;
        let offers = match spared > 0.0 && first < at_once {
            true => [
                (first, spared),
                ((moved - expanded) / (size - spared), size - spared),
            ],
            false => [(at_once, size), (f64::INFINITY, 0.0)],
        };
        let is_one = |&(price, bytes): &(f64, f64)| price.is_finite() && bytes > 0.0;
        offers.into_iter().filter(is_one)
    }

    /// Sets the price of a byte in a moment. Returns how many intervals it lies in.
    pub(super) fn set(&mut self, moment: u32, price: f64) -> usize {
        let change = price - self.of_moment[moment as usize];
        self.of_moment[moment as usize] = price;
        let mut count = 0;
        for idle in self.model.idles_at(moment) {
            count += 1;
            let term = &mut self.terms[idle as usize];
            let before = WAYS.map(|ways| term.least(ways));
            term.price += change;
            let group = &mut self.groups[term.group as usize];
            for (at, ways) in WAYS.into_iter().enumerate() {
                group.least[at] += term.least(ways) - before[at];
            }
        }
        count
    }

    /// The seconds that the prices prove, but for rounding, where so many bytes are missing in each
    /// moment.
    pub(super) fn proven(&self, missing: &[(u32, u64)]) -> f64 {
        let mut prices = 0.0;
        for &(moment, bytes) in missing {
            prices += self.of_moment[moment as usize] * bytes as f64;
        }
        let sums = sums(&self.of_moment);
        let mut least = vec![[0.0; 4]; self.groups.len()];
        for (idle, term) in self.model.idles.iter().zip(&self.terms) {
            let absence = idle.absence(idle.until);
            let price = sums[absence.end as usize] - sums[absence.start as usize];
            let term = Term { price, ..*term };
            for (at, ways) in WAYS.into_iter().enumerate() {
                least[term.group as usize][at] += term.least(ways);
            }
        }
        for (group, least) in self.groups.iter().zip(least) {
            let group = Group { least, ..*group };
            let totals = (0..WAYS.len()).map(|at| group.total(at));
            prices += totals.fold(f64::INFINITY, f64::min);
        }
        prices.max(0.0)
    }
}

/// The sum of all numbers before each one, and of all.
fn sums(numbers: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = vec![0.0];
    for number in numbers {
        sum += number;
        sums.push(sum);
    }
    sums
}

fn group_of(model: &Model, idle: &Idle) -> Group {
    let write = match model.is_stored(idle.operand()) {
        true => 0.0,
        false => model.write_cost(idle.root),
    };
    let form = model.compressed(idle.root);
    Group {
        write,
        compress: form.map_or(0.0, |form| form.compress_seconds),
        least: [0.0; 4],
    }
}

fn term_of(model: &Model, idle: &Idle, group: u32) -> Term {
    let size = model.size(idle.root);
    let form = model.compressed(idle.root);
    let writer = model.writer(idle.operand()).filter(|_| model.can_recompute);
    let recompute = writer.map_or(f64::INFINITY, |op| {
        let what = &model.ops[op as usize];
        let products = what.products.iter();
        let written = products.filter(|product| product.writes != Writes::Nothing);
        what.cost / written.count().max(1) as f64
    });
    Term {
        group,
        size: size as f64,
        spared: form.map_or(0.0, |form| (size - form.bytes) as f64),
        recompute,
        fetch: match model.can_spill {
            true => model.read_cost(idle.root),
            false => f64::INFINITY,
        },
        expand: form.map_or(f64::INFINITY, |form| form.expand_seconds),
        price: 0.0,
    }
}
