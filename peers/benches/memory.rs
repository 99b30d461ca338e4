//! The memory that allocators keep resident, each in a process of its own:
//! `cargo bench --bench memory` in this folder.
//!
//! - *at the end*, *at the peak*: growth of resident memory divided by the bytes alive, after seven
//!   phases with different sizes, and in the worst phase;
//! - *kept*: growth of resident memory divided by the most bytes alive, a second after everything
//!   has been freed (with a few allocations since, for allocators that read the clock only then);
//! - *faults*: page faults per replaced tensor, after 20,000 replacements.

use std::{fs, process::Command, thread, time::Duration};

use orionrt_peers::{Peer, Table, peers, workloads};

/// A slower allocator gets no numbers.
const TIMEOUT: Duration = Duration::from_secs(60);

const CHILD: &str = "ORIONRT_PEERS_MEASURE";

struct Numbers([f64; 4]);

const ROWS: [&str; 4] = [
    "resident / live at the end",
    "at the peak",
    "kept",
    "faults per tensor",
];

/// Resident bytes of this process.
fn resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).expect("a field");
    pages.parse::<f64>().expect("a number") * 4096.0
}

/// Page faults of this process so far.
fn faults() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit(") ").next().expect("fields after the name");
    fields
        .split(' ')
        .nth(7)
        .expect("a field")
        .parse()
        .expect("a number")
}

fn measure(peer: Peer) -> Numbers {
    workloads::pair(peer.allocator, 64, 1000);
    let before = resident();
    let (mut prepared, mut most_live, mut end, mut peak) = (0.0, 0.0f64, 0.0, 0.0f64);
    workloads::phases(peer.allocator, |live| {
        if live == 0 {
            prepared = resident();
            return;
        }
        most_live = most_live.max(live as f64);
        end = (resident() - prepared) / live as f64;
        peak = peak.max(end);
    });
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(100));
        workloads::churn(peer.allocator)(1000);
    }
    let kept = (resident() - before) / most_live;
    Numbers([end, peak, kept, tensor_faults(peer)])
}

/// Page faults per replaced tensor, after a warm-up of as many replacements.
fn tensor_faults(peer: Peer) -> f64 {
    const TURNS: u64 = 20_000;
    let mut replace = workloads::tensors(peer.allocator);
    replace(TURNS);
    let before = faults();
    replace(TURNS);
    (faults() - before) / TURNS as f64
}

/// Measures an allocator in a process of its own.
fn in_child(peer: &Peer) -> [Option<f64>; 4] {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .env(CHILD, peer.name)
        .output()
        .expect("this program again");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(|number| number.parse().ok());
    std::array::from_fn(|_| numbers.next().flatten())
}

fn main() {
    if let Ok(name) = std::env::var(CHILD) {
        thread::spawn(|| {
            thread::sleep(TIMEOUT);
            std::process::exit(1);
        });
        let peer = peers().into_iter().find(|peer| peer.name == name);
        let Numbers(numbers) = measure(peer.expect("a name of `peers`"));
        println!("{}", numbers.map(|number| number.to_string()).join(" "));
        return;
    }
    let peers = peers();
    let columns: Vec<_> = peers.iter().map(in_child).collect();
    let mut table = Table::new(peers.iter().map(|peer| peer.name));
    for (row, name) in ROWS.into_iter().enumerate() {
        table.row(name, columns.iter().map(|numbers| numbers[row]));
    }
    println!("{}", table.markdown());
}
