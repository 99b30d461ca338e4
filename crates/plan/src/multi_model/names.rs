//! The names of models, each of which belongs to one model only.
//!
//! Stands on ids and errors. Invariant: the id of a name is its position in `names`.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use super::error::SharingError;
use crate::ids::ModelId;

/// The names of models in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModelNames {
    names: Vec<String>,
    ids: BTreeMap<String, ModelId>,
}

impl ModelNames {
    /// The id that a model of this name will have.
    ///
    /// # Errors
    /// When the name belongs to another model, or there are 2³² models.
    pub(super) fn next_id(&self, name: &str) -> Result<ModelId, SharingError> {
        if let Some(first) = self.find(name) {
            let name = name.into();
            return Err(SharingError::DuplicateModel { name, first });
        }
        let index = u32::try_from(self.names.len());
        Ok(ModelId::new(
            index.map_err(|_| SharingError::TooManyModels)?,
        ))
    }

    /// Adds a name for which there was a [`next_id`](Self::next_id).
    pub(super) fn push(&mut self, name: String) {
        let id = ModelId::from_index(self.names.len());
        self.ids.insert(name.clone(), id);
        self.names.push(name);
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn get(&self, model: ModelId) -> Option<&str> {
        self.names.get(model.index()).map(String::as_str)
    }

    pub(super) fn find(&self, name: &str) -> Option<ModelId> {
        self.ids.get(name).copied()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (ModelId, &str)> {
        let names = self.names.iter().enumerate();
        names.map(|(i, name)| (ModelId::from_index(i), name.as_str()))
    }
}
