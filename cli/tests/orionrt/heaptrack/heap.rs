//! A heap that writes what happens to it in both forms of heaptrack, and knows the truth.

use std::fmt::Write;

/// A block of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    pub lower: i64,
    pub upper: i64,
    pub size: u64,
    pub site: usize,
}

/// What happened, and how heaptrack would tell it.
pub struct Heap {
    pub blocks: Vec<Block>,
    pub events: i64,
    /// With the kinds of allocations alone.
    pub functions: String,
    /// With addresses.
    pub addresses: String,
}

const SITES: usize = 5;

impl Heap {
    /// So many events, in which blocks of few sizes come from few places.
    pub fn run(seed: u64, events: i64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut functions, mut addresses) = headers();
        let mut blocks: Vec<Block> = Vec::new();
        let mut alive: Vec<(usize, u64)> = Vec::new();
        let mut free: Vec<u64> = (1..=1000).map(|i| i * 0x100).collect();
        let mut kinds: Vec<(u64, usize)> = Vec::new();
        for step in 1..=events {
            let (kind, line) = if alive.is_empty() || random.u8(..10) < 6 {
                let (size, site) = (random.u64(..4) * 24, random.usize(..SITES));
                let address = free.swap_remove(random.usize(..free.len()));
                alive.push((blocks.len(), address));
                blocks.push(Block {
                    lower: step,
                    upper: events + 1,
                    size,
                    site,
                });
                if !kinds.contains(&(size, site)) {
                    kinds.push((size, site));
                    writeln!(functions, "a {size:x} {:x}", 2 * site + 2).unwrap();
                }
                let line = format!("+ {size:x} {:x} {address:x}", 2 * site + 2);
                ((size, site), line)
            } else {
                let (index, address) = alive.swap_remove(random.usize(..alive.len()));
                blocks[index].upper = step;
                free.push(address);
                let block = blocks[index];
                ((block.size, block.site), format!("- {address:x}"))
            };
            let kind = kinds.iter().position(|&known| known == kind).unwrap();
            writeln!(functions, "{} {kind:x}", &line[..1]).unwrap();
            writeln!(addresses, "{line}").unwrap();
            writeln!(functions, "c {step:x}").unwrap();
            writeln!(addresses, "c {step:x}").unwrap();
        }
        Self {
            blocks,
            events,
            functions,
            addresses,
        }
    }

    /// The bytes alive at each step.
    pub fn live(blocks: &[Block], events: i64) -> Vec<u64> {
        let at = |step| {
            blocks
                .iter()
                .filter(move |b| (b.lower..b.upper).contains(&step))
        };
        (0..=events)
            .map(|step| at(step).map(|block| block.size).sum())
            .collect()
    }
}

/// Stack 2 *i* + 2 is `malloc` called by the function of site *i*, line *i* + 1.
fn headers() -> (String, String) {
    let mut functions = "v 10400 3\nX heap\ns 6 malloc\ns 4 main\ns 6 heap.c\n".to_string();
    let mut addresses = "v 10400 3\nx 5 /heap\nX heap\nm 1 x 1000 0 100\n".to_string();
    functions.push_str("i 9000 0 1\n");
    for site in 0..SITES {
        writeln!(functions, "i {:x} 0 2 3 {:x}", 0x1000 + site, site + 1).unwrap();
        writeln!(functions, "t {:x} 0\nt 1 {:x}", site + 2, 2 * site + 1).unwrap();
        writeln!(
            addresses,
            "t {:x} 0\nt 9000 {:x}",
            0x1000 + site,
            2 * site + 1
        )
        .unwrap();
    }
    (functions, addresses)
}
