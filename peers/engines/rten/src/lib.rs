//! rten: an ONNX model, run on a thread pool as rten does by default.
//!
//! Invariant: the inputs are the same in every process.

use std::{error::Error, sync::Arc};

use orionrt_engines::{Digest, Forward, Inference, Model, Random, Task, Workload};
use rten::{DataType, Dimension, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueType};
use rten_tensor::AsView;

/// Loads the model of a task.
///
/// # Errors
/// If the task has no model, rten does not read it, or the size of a dimension is not known.
pub fn load(task: &Task) -> Result<Box<dyn Workload>, Box<dyn Error>> {
    let described = task.model.as_ref().ok_or("the task has no model")?;
    let model = rten::Model::load_file(&described.path)?;
    let pool = Arc::new(ThreadPool::with_num_threads(task.threads));
    let mut random = Random::new(7);
    let inputs = model.input_ids().iter().map(|&id| {
        let value = input(&model, id, described, &mut random)?;
        Ok((id, value))
    });
    let inputs = inputs.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    Ok(Box::new(Inference::new(Loaded {
        options: RunOptions::default().with_thread_pool(Some(pool)),
        model,
        inputs,
    })))
}

struct Loaded {
    model: rten::Model,
    inputs: Vec<(NodeId, Value)>,
    options: RunOptions,
}

impl Forward for Loaded {
    type Output = Vec<Value>;

    fn forward(&self) -> Vec<Value> {
        let inputs = self.inputs.iter();
        let inputs = inputs.map(|(id, value)| (*id, ValueOrView::from(value)));
        let options = Some(self.options.clone());
        let outputs = self
            .model
            .run(inputs.collect(), self.model.output_ids(), options);
        outputs.expect("the model runs")
    }

    fn digest(outputs: &Vec<Value>, digest: &mut Digest) {
        for output in outputs {
            match output {
                Value::FloatTensor(numbers) => digest.floats(numbers.iter().copied()),
                Value::Int32Tensor(numbers) => digest.floats(numbers.iter().map(|&n| n as f32)),
                Value::Int8Tensor(numbers) => digest.floats(numbers.iter().map(|&n| n.into())),
                Value::UInt8Tensor(numbers) => digest.floats(numbers.iter().map(|&n| n.into())),
                other => panic!("results of the type {:?} have no digest", other.dtype()),
            }
        }
    }
}

/// An input of the size that the model's description gives it.
fn input(
    model: &rten::Model,
    id: NodeId,
    described: &Model,
    random: &mut Random,
) -> Result<Value, Box<dyn Error>> {
    let info = model.node_info(id).ok_or("an input without a node")?;
    let name = info.name().unwrap_or_default();
    let sizes = info.shape().unwrap_or_default();
    let sizes = sizes.iter().enumerate().map(|(axis, dimension)| {
        let unnamed = format!("{name}.{axis}");
        match dimension {
            Dimension::Fixed(size) => Ok(*size),
            Dimension::Symbolic(symbol) => described
                .dims
                .get(symbol)
                .or_else(|| described.dims.get(&unnamed))
                .copied()
                .ok_or_else(|| format!("no size for the dimension {symbol} of {unnamed}")),
        }
    });
    let shape = sizes.collect::<Result<Vec<_>, _>>()?;
    let len = shape.iter().product();
    let given = described.values.get(name).copied();
    let whole = |random: &mut Random| given.unwrap_or_else(|| (1 + random.below(3)) as f64);
    Ok(match info.dtype() {
        Some(ValueType::Tensor(DataType::Int32)) => {
            let numbers: Vec<_> = (0..len).map(|_| whole(random) as i32).collect();
            Value::from_shape(&shape, numbers)?
        }
        Some(ValueType::Tensor(DataType::UInt8)) => {
            let numbers: Vec<_> = (0..len).map(|_| whole(random) as u8).collect();
            Value::from_shape(&shape, numbers)?
        }
        Some(ValueType::Tensor(DataType::Int8)) => {
            let numbers: Vec<_> = (0..len).map(|_| whole(random) as i8).collect();
            Value::from_shape(&shape, numbers)?
        }
        _ => {
            let number = |random: &mut Random| given.map_or_else(|| random.float(), |g| g as f32);
            let numbers: Vec<f32> = (0..len).map(|_| number(random)).collect();
            Value::from_shape(&shape, numbers)?
        }
    })
}
