//! What is run: models from packages for rten, and the own ones of all others.
//!
//! Stands on `models.py`, which fetches and lists the models.

use std::{error::Error, path::Path, process::Command};

use orionrt_engines::Model;
use serde::Deserialize;

use crate::options::{Engine, Options};

const CANDLE: [&str; 5] = ["encoder", "lengths", "cnn", "decode", "decode-grown"];
const BURN: [&str; 3] = ["encoder", "cnn", "mlp"];
const OBJECTS: [&str; 2] = ["formulas", "words"];

/// An engine and something that it runs.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) engine: Engine,
    /// What the engine calls it.
    pub(crate) workload: String,
    pub(crate) model: Option<Model>,
}

impl Workload {
    /// Whether an iteration is a token of a text, and a pass the whole text.
    pub(crate) fn is_text(&self) -> bool {
        self.workload.starts_with("decode")
    }

    /// The tokens of a text. A cache that grows costs too much for a long one.
    pub(crate) fn tokens(&self, is_quick: bool) -> usize {
        match (self.workload.as_str(), is_quick) {
            (_, true) => 300,
            ("decode-grown", false) => 500,
            _ => 2000,
        }
    }

    /// The name in tables.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.engine.name(), self.workload)
    }
}

/// All workloads that the options ask for.
pub(crate) fn list(options: &Options) -> Result<Vec<Workload>, Box<dyn Error>> {
    let mut workloads = Vec::new();
    for &engine in &options.engine {
        match engine {
            Engine::Rten => workloads.extend(onnx(options)?),
            Engine::Candle => workloads.extend(own(engine, &CANDLE, options)),
            Engine::Burn => workloads.extend(own(engine, &BURN, options)),
            Engine::Objects => workloads.extend(own(engine, &OBJECTS, options)),
        }
    }
    if workloads.is_empty() {
        let words = options.only.join(", ");
        return Err(format!("no workload of these engines has a name with any of: {words}").into());
    }
    Ok(workloads)
}

fn own(engine: Engine, names: &[&str], options: &Options) -> impl Iterator<Item = Workload> {
    let workloads = names.iter().map(move |&name| Workload {
        engine,
        workload: name.to_owned(),
        model: None,
    });
    workloads.filter(|workload| {
        options.only.is_empty()
            || options
                .only
                .iter()
                .any(|word| workload.name().contains(word))
    })
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(flatten)]
    model: Model,
}

fn onnx(options: &Options) -> Result<Vec<Workload>, Box<dyn Error>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(&options.models);
    command.args(options.quick.then_some("--quick"));
    command.args(options.all.then_some("--all"));
    for name in &options.only {
        command.args(["--only", name]);
    }
    command.stderr(std::process::Stdio::inherit());
    let output = command.output()?;
    if !output.status.success() {
        return Err("models.py failed".into());
    }
    let listed: Vec<Listed> = serde_json::from_slice(&output.stdout)?;
    let workloads = listed.into_iter().map(|Listed { name, model }| Workload {
        engine: Engine::Rten,
        workload: name,
        model: Some(model),
    });
    Ok(workloads.collect())
}
