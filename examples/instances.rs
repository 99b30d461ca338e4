//! Generates lifetimes as CSV, for planning and for comparing planners:
//!
//! ```console
//! cargo run --release --example instances -- planted 300 7 > target/planted.csv
//! cargo run --release -p orionrt-cli -- plan target/planted.csv
//! ```

use std::{
    env,
    io::{self, BufWriter, ErrorKind, Write},
    process::ExitCode,
};

use orionrt_testing::instances::{self, Row};

const USAGE: &str = "\
Usage: instances KIND COUNT SEED

Prints CSV: id,lower,upper,size,alignment

KIND   planted        a rectangle of 1 MiB cut into COUNT pieces: 1 MiB is the optimum
       planted_loose  a planted instance with some pieces dropped or shrunk; same optimum
       layers         a chain of COUNT layers with skip connections
       training       forward and backward through COUNT layers
       stream         COUNT buffers, one born at each step, about 1000 alive at a time
       uniform        COUNT buffers of uniform sizes and lives, about 1000 alive at a time
COUNT  1 or more
SEED   any number of 64 bits";

/// How many buffers of `stream` and `uniform` are alive at a time.
const LIVE: usize = 1000;

fn rows(kind: &str, count: usize, seed: u64) -> Option<Vec<Row>> {
    Some(match kind {
        "planted" => instances::planted(count, seed).0,
        "planted_loose" => instances::planted_loose(count, seed).0,
        "layers" => instances::layers(count, seed),
        "training" => instances::training(count, seed),
        "stream" => instances::stream(count, LIVE, seed),
        "uniform" => instances::uniform(count, LIVE, seed),
        _ => return None,
    })
}

/// The rows that the arguments ask for; `None` if the arguments are wrong.
fn requested_rows() -> Option<Vec<Row>> {
    let arguments: Vec<String> = env::args_os()
        .skip(1)
        .map(|argument| argument.into_string().ok())
        .collect::<Option<_>>()?;
    let [kind, count, seed] = arguments.as_slice() else {
        return None;
    };
    let count = count.parse().ok().filter(|count| *count > 0)?;
    rows(kind, count, seed.parse().ok()?)
}

fn print(rows: &[Row]) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "id,lower,upper,size,alignment")?;
    for row in rows {
        let Row {
            id,
            lower,
            upper,
            size,
            alignment,
        } = row;
        writeln!(out, "{id},{lower},{upper},{size},{alignment}")?;
    }
    out.flush()
}

fn main() -> ExitCode {
    let Some(rows) = requested_rows() else {
        // If even this fails, there is nowhere left to report it.
        let _ = writeln!(io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match print(&rows) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "instances: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
