//! Ctrl-C during a search or a measurement.
//!
//! The tests wait for events, not for times: a signal is sent when the program handles it. The only
//! time limit is one far beyond any machine's needs, so that a hang ends.

use std::{
    fs, io,
    io::Write,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use orionrt_test_models::parts::node;

#[cfg(all(feature = "engine", target_os = "linux"))]
use crate::inference;
use crate::{
    onnx::model,
    run::{Folder, Run, endless},
};

/// Far below the time limit of the searches, far above the time that an interrupted one needs to
/// end.
const TIMEOUT: Duration = Duration::from_secs(600);
const LIMIT: [&str; 2] = ["--time-limit", "3600"];
const PAUSE: Duration = Duration::from_millis(50);

/// A run that is killed if the test ends before it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts a program whose results fit into a pipe, and returns when it handles Ctrl-C.
    fn start(command: &mut Command, stdout: impl Into<Stdio>) -> Self {
        let command = command.stdout(stdout).stderr(Stdio::piped());
        let mut running = Self(command.spawn().expect("the binary runs"));
        running.until("it handles Ctrl-C", |running| {
            running.handles_interrupts().then_some(())
        });
        running
    }

    /// Polls until there is a result.
    fn until<T>(&mut self, what: &str, mut poll: impl FnMut(&mut Self) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = poll(self) {
                return found;
            }
            assert!(start.elapsed() < TIMEOUT, "timed out waiting until {what}");
            thread::sleep(PAUSE);
        }
    }

    /// Whether SIGINT is among the signals that the process catches.
    fn handles_interrupts(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()));
        let status = status.expect("the process is there");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = u64::from_str_radix(mask.expect("a mask").trim(), 16).expect("hexadecimal");
        mask & 1 << (Signal::SIGINT as u32 - 1) != 0
    }

    fn interrupt(&self) {
        let id = i32::try_from(self.0.id()).expect("a process id");
        kill(Pid::from_raw(id), Signal::SIGINT).expect("a signal");
    }

    fn status(&mut self) -> Option<i32> {
        let status = self.0.try_wait().expect("a status")?;
        Some(status.code().expect("it was not killed"))
    }

    /// Its outcome, when it has ended by itself.
    fn finish(mut self) -> Run {
        let status = self.until("it ends", Self::status);
        let read = |stream: Option<&mut dyn io::Read>| {
            let mut text = String::new();
            stream
                .expect("a pipe")
                .read_to_string(&mut text)
                .expect("UTF-8");
            text
        };
        Run {
            status,
            stdout: read(self.0.stdout.as_mut().map(|s| s as _)),
            stderr: read(self.0.stderr.as_mut().map(|s| s as _)),
        }
    }
}

fn interrupted(folder: &Folder, args: &[&str]) -> Run {
    let mut command = folder.command(&[args, &LIMIT].concat());
    let running = Running::start(&mut command, Stdio::piped());
    // Let the search make some progress; one that has only just begun must end as well.
    thread::sleep(4 * PAUSE);
    running.interrupt();
    running.finish()
}

#[test]
fn an_interrupted_search_gives_the_best_plan_so_far() {
    let folder = Folder::with("in.csv", endless());
    let args = ["plan", "in.csv", "--output", "plan.csv"];
    let run = interrupted(&folder, &[&args[..], &["--json"]].concat());
    assert_eq!((run.status, &*run.stderr), (0, ""));
    assert_eq!(run.json()["interrupted"], true);
    let check = folder.done(&["check", "plan.csv", "--json"]).json();
    assert_eq!(check["peak"], run.json()["peak"]);
    let run = interrupted(&folder, &args);
    assert!(run.stdout.contains("\n  interrupted   "), "{}", run.stdout);
}

#[test]
fn an_interrupted_search_above_the_capacity_is_status_3() {
    let folder = Folder::with("in.csv", endless());
    // The bound: below it, the search would end by itself.
    let args = ["plan", "in.csv", "--capacity", "6063"];
    let run = interrupted(&folder, &[&args[..], &["--output", "plan.csv"]].concat());
    assert_eq!(run.status, 3);
    run.said(&["no plan within 6,063 bytes", "'plan.csv' was not written"]);
    assert!(run.stdout.contains("\n  interrupted   "), "{}", run.stdout);
}

#[test]
fn an_interrupted_comparison_has_the_strategies_so_far() {
    let folder = Folder::with("in.csv", endless());
    let json = interrupted(&folder, &["compare", "in.csv", "--json"]).json();
    assert_eq!(json["interrupted"], true);
    assert_eq!(json["strategies"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&json["best"], &json["strategies"][0]["strategy"]),
        (&"auto".into(), &"auto".into())
    );
    let run = interrupted(&folder, &["compare", "in.csv"]);
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let last = run.stdout.lines().last().unwrap();
    assert!(
        last.starts_with("interrupted: auto was ended early; not started: "),
        "{last}"
    );
    assert!(last.contains("linear-scan"), "{last}");
}

/// A model in whose second half the results of the first half are read in reverse.
///
/// ```text
/// x ─► f0 ─► f1 ─► ... ─► f7 ─► b6 ─► ... ─► b0
///      │     └───────────────────┊────►┘      ▲
///      └─────────────────────────┊────────────┘
/// ```
fn there_and_back() -> Vec<u8> {
    let name = |kind: &str, at: usize| format!("{kind}{at}");
    let mut nodes = vec![node("Exp", &["x"], &["f0"])];
    for at in 1..8 {
        nodes.push(node("Exp", &[&name("f", at - 1)], &[&name("f", at)]));
    }
    let mut last = name("f", 7);
    for at in (0..7).rev() {
        let next = if at == 0 { "y".into() } else { name("b", at) };
        nodes.push(node("Add", &[&last, &name("f", at)], &[&next]));
        last = next;
    }
    model(&["1", "256"], nodes, Vec::new())
}

#[test]
fn an_interrupted_search_gives_the_best_schedule_so_far() {
    let folder = Folder::with("model.onnx", there_and_back());
    let endless = u64::MAX.to_string();
    let args = ["fit", "model.onnx", "--capacity", "5K", "--work", &endless];
    let output = ["--output", "schedule.json", "--json"];
    let run = interrupted(&folder, &[&args[..], &output].concat());
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let json = run.json();
    assert_eq!(
        (&json["interrupted"], &json["fits"]),
        (&true.into(), &true.into())
    );
    assert!(json["peak"].as_u64().is_some_and(|peak| peak <= 5 << 10));
    assert!(json["reruns"].as_u64().is_some_and(|reruns| reruns > 0));
    let schedule = folder.read("schedule.json");
    let schedule: serde_json::Value = serde_json::from_str(&schedule).expect("JSON");
    assert_eq!(schedule["peak"], json["peak"]);
    let run = interrupted(&folder, &args);
    assert!(run.stdout.contains("\n  interrupted   "), "{}", run.stdout);
}

#[cfg(all(feature = "engine", target_os = "linux"))]
#[test]
fn an_interrupted_measurement_has_the_iterations_so_far() {
    let folder = inference::folder();
    let mut command = folder.command(&[
        "run",
        "model.onnx",
        "--iterations",
        "1000000",
        "--time-limit",
        "3600",
        "--json",
    ]);
    let running = Running::start(&mut command, Stdio::piped());
    thread::sleep(4 * PAUSE);
    running.interrupt();
    let run = running.finish();
    assert_eq!((run.status, &*run.stderr), (0, ""));
    let json = run.json();
    assert_eq!(json["interrupted"], true);
    let iterations = json["iterations"].as_u64().unwrap();
    assert!((1..1_000_000).contains(&iterations), "{iterations}");
}

#[test]
fn a_second_interrupt_ends_the_program_at_once() {
    let folder = Folder::with("in.csv", endless());
    // The program cannot end by itself, as it cannot print its result: the pipe is full and stays
    // full.
    let (reader, writer) = io::pipe().unwrap();
    let mut full = writer.try_clone().unwrap();
    let filling = thread::spawn(move || full.write_all(&[b'x'; 1 << 21]));
    let mut command = folder.command(&[&["plan", "in.csv"], &LIMIT[..]].concat());
    let mut running = Running::start(&mut command, writer);
    drop(command);
    let status = running.until("it ends", |running| {
        running.interrupt();
        thread::sleep(2 * PAUSE);
        running.status()
    });
    assert_eq!(status, 130);
    drop(reader);
    assert!(filling.join().unwrap().is_err());
}
