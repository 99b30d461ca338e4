//! The dimensions of a graph's inputs: given, assumed, or missing.
//!
//! Stands on `batch` and `expression`.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{batch::is_batch, expression};
use crate::error::MissingDim;
use crate::onnx::syntax::{DimDef, GraphDef, TypeDef, ValueDef};
use crate::onnx::types::stated_text;
use crate::options::Options;

/// A named dimension and where it is.
#[derive(Clone, Debug)]
pub(crate) struct NamedDim {
    pub(crate) name: String,
    /// The inputs that have it, with their axes.
    pub(crate) places: Vec<String>,
    /// The first of them with its shape.
    first: String,
    leads: bool,
    size: Option<u64>,
    pub(crate) is_assumed: bool,
}

/// The dimensions of a graph's inputs, in the order in which they occur.
#[derive(Debug, Default)]
pub(crate) struct Dims {
    pub(crate) all: Vec<NamedDim>,
    by_name: HashMap<String, usize>,
    /// Names in the middle of the graph or of its outputs that no input has.
    elsewhere: BTreeSet<String>,
}

impl Dims {
    /// The dimensions of the inputs of a graph that are not weights.
    pub(crate) fn of_inputs(graph: &GraphDef<'_>, options: &Options) -> Self {
        let weights = graph.initializers.iter().chain(&graph.sparse);
        let weights: HashSet<&str> = weights.map(|tensor| tensor.name).collect();
        let mut this = Self::default();
        let inputs = graph.inputs.iter();
        for input in inputs.filter(|input| !weights.contains(input.name)) {
            this.add_input(input);
        }
        for place in &mut this.all {
            let given = options.dims.get(&place.name).copied();
            let is_anonymous = place.leads && place.places == [place.name.as_str()];
            place.is_assumed =
                given.is_none() && (is_anonymous || is_batch(&place.name, place.leads));
            place.size = given.or(place.is_assumed.then_some(1));
        }
        for value in graph.outputs.iter().chain(&graph.stated) {
            this.add_elsewhere(value);
        }
        this
    }

    /// The name of a dimension of an input; `None` if it has a number.
    pub(crate) fn name_of(input: &str, axis: usize, dim: &DimDef<'_>) -> Option<String> {
        match dim {
            DimDef::Number(size) if *size >= 0 => None,
            DimDef::Symbol(name) if name.parse::<u64>().is_ok() => None,
            DimDef::Symbol(name) if is_name(name) => Some((*name).into()),
            _ => Some(format!("{input}.{axis}")),
        }
    }

    /// The size that a dimension of an input or in the middle has, if it is a number or follows
    /// from names with numbers.
    pub(crate) fn size(&self, dim: &DimDef<'_>) -> Option<u64> {
        match dim {
            DimDef::Number(size) => u64::try_from(*size).ok(),
            DimDef::Symbol(name) => name.parse().ok().or_else(|| self.size_of_name(name)),
            DimDef::Unknown => None,
        }
    }

    /// The size of the dimension of this name.
    pub(crate) fn size_of_name(&self, name: &str) -> Option<u64> {
        match self.by_name.get(name) {
            Some(&at) => self.all[at].size,
            None if expression::is_expression(name) => {
                expression::value(name, &mut |part| self.all[*self.by_name.get(part)?].size)
            }
            None => None,
        }
    }

    /// Whether an input has a dimension of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The dimensions that must be given.
    pub(crate) fn missing(&self) -> Vec<MissingDim> {
        let missing = self.all.iter().filter(|place| place.size.is_none());
        missing
            .map(|place| MissingDim::new(&place.name, &place.first, false))
            .collect()
    }

    /// The dimensions that are assumed, with their sizes.
    pub(crate) fn assumed(&self) -> Vec<(String, u64)> {
        let assumed = self.all.iter().filter(|place| place.is_assumed);
        assumed.map(|place| (place.name.clone(), 1)).collect()
    }

    /// All names that the model has, but for those of sizes that depend on data.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        let inputs = self.all.iter().map(|place| &place.name);
        inputs.chain(&self.elsewhere)
    }

    fn add_input(&mut self, input: &ValueDef<'_>) {
        let TypeDef::Tensor {
            shape: Some(shape), ..
        } = &input.value_type
        else {
            return;
        };
        for (axis, dim) in shape.iter().enumerate() {
            let Some(name) = Self::name_of(input.name, axis, dim) else {
                continue;
            };
            let first = || format!("{}: {}", input.name, stated_text(&input.value_type));
            let place = format!("{}.{axis}", input.name);
            if expression::is_expression(&name) {
                // An expression of a batch alone is none; its names are asked for.
                for part in expression::names(&name) {
                    self.add(part, place.clone(), first, false);
                }
            } else {
                self.add(&name, place, first, axis == 0);
            }
        }
    }

    fn add(&mut self, name: &str, place: String, first: impl FnOnce() -> String, leads: bool) {
        if let Some(&at) = self.by_name.get(name) {
            self.all[at].places.push(place);
            self.all[at].leads |= leads;
            return;
        }
        self.by_name.insert(name.into(), self.all.len());
        self.all.push(NamedDim {
            name: name.into(),
            places: vec![place],
            first: first(),
            leads,
            size: None,
            is_assumed: false,
        });
    }

    fn add_elsewhere(&mut self, value: &ValueDef<'_>) {
        if let TypeDef::Tensor {
            shape: Some(shape), ..
        } = &value.value_type
        {
            for dim in shape {
                if let DimDef::Symbol(name) = dim
                    && is_name(name)
                    && !self.has(name)
                {
                    self.elsewhere.insert((*name).into());
                }
            }
        }
    }
}

/// Whether exporters mean one size wherever they write this.
pub(crate) fn is_name(name: &str) -> bool {
    name != "None" && name.contains(|c: char| c.is_alphabetic())
}
