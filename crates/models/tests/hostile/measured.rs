//! Loading a file: what that takes, and that it is not too much.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs, process};

use orionrt_models::{Model, ModelError, Options, Unknown, load};

/// The most that a case may use beside what the process had before.
const MAX_BYTES: u64 = 200 << 20;

/// The most time of the processor. Without optimisation everything takes ten times as long.
pub const MAX_SECONDS: f64 = if cfg!(debug_assertions) { 20.0 } else { 2.0 };

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Held while a test runs: what it builds would count in others.
pub fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Loads a file with these bytes; panics if that takes too long or too much.
pub fn loaded(name: &str, bytes: Vec<u8>) -> Result<Model, ModelError> {
    let path = Temporary::new(name, &bytes);
    drop(bytes);
    let before = Usage::now();
    let model = load(&path.0, &Options::new().unknown(Unknown::Skip));
    let (seconds, more) = before.since();
    let outcome = match &model {
        Ok(model) => format!("{} nodes, {} left out", model.nodes, model.left_out.len()),
        Err(error) => format!("{error:.300}"),
    };
    println!("{name}: {seconds:.2} s, {} MiB, {outcome}", more >> 20);
    assert!(more <= MAX_BYTES, "{name}: {more} bytes");
    assert!(seconds <= MAX_SECONDS, "{name}: {seconds} s");
    model
}

pub fn refused(name: &str, bytes: Vec<u8>, message: &str) {
    let error = loaded(name, bytes).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains(message), "{name}: {error:.1000}");
}

/// A file that is removed again.
pub struct Temporary(pub PathBuf);

impl Temporary {
    /// A named pipe.
    pub fn pipe(name: &str) -> Self {
        let pipe = Self::new(name, &[]);
        fs::remove_file(&pipe.0).unwrap();
        let made = process::Command::new("mkfifo").arg(&pipe.0).status();
        assert!(made.unwrap().success());
        pipe
    }

    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let name = format!("orionrt-hostile-{}-{name}.onnx", process::id());
        let path = env::temp_dir().join(name);
        fs::write(&path, bytes).unwrap();
        Self(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Time of the thread and memory of the process; zeros where the system does not tell.
pub struct Usage {
    seconds: f64,
    resident: u64,
}

impl Usage {
    pub fn now() -> Self {
        // The highest use so far is set back to the present one.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self {
            seconds: seconds(),
            resident: status("VmRSS:"),
        }
    }

    pub fn since(&self) -> (f64, u64) {
        let more = status("VmHWM:").saturating_sub(self.resident);
        (seconds() - self.seconds, more)
    }
}

fn seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
    nanoseconds.map_or(0.0, |n: u64| n as f64 / 1e9)
}

fn status(key: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .map_or(0, |kib| kib << 10)
}
