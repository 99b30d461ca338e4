//! The devices that the tensors of a file are on.
//!
//! Stands on the library's tables. Invariant: there are two devices or more, at most [`MOST`], and
//! each tensor is on one of them.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use orionrt::files::{CsvTable, FileError};

/// The most devices of a file: each is planned for itself.
const MOST: usize = 64;

/// The column that names the device of each tensor.
pub(super) const DEVICE: &str = "device";

/// The devices of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Devices {
    /// In the order in which they come.
    pub(super) names: Vec<String>,
    /// The place in `names` of each row's device.
    of: Vec<u32>,
}

/// More devices than are planned.
#[derive(Debug, thiserror::Error)]
#[error("the column '{DEVICE}' names {0} devices, expected at most {MOST}")]
pub(super) struct TooMany(usize);

impl Devices {
    /// The devices that a table names; `None` if it has no such column.
    pub(super) fn of_table(table: &CsvTable) -> Result<Option<Self>, FileError> {
        Ok(table.column(DEVICE)?.map(|column| Self::of_column(&column)))
    }

    fn of_column(column: &[String]) -> Self {
        let mut places: HashMap<&str, u32> = HashMap::new();
        let mut names = Vec::new();
        let each = column.iter().map(|text| {
            *places.entry(text).or_insert_with(|| {
                names.push(text.clone());
                (names.len() - 1) as u32
            })
        });
        let of = each.collect();
        Self { names, of }
    }

    pub(super) fn check(&self) -> Result<(), TooMany> {
        match self.names.len() {
            0..=MOST => Ok(()),
            more => Err(TooMany(more)),
        }
    }

    /// The place of a device in `names`.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The rows of a device in the table that they come from.
    pub(super) fn rows(&self, device: usize) -> Vec<u32> {
        let each = (0..).zip(&self.of);
        let of_device = each.filter(|&(_, &of)| of as usize == device);
        of_device.map(|(row, _)| row).collect()
    }

    /// The rows of a device as a table.
    pub(super) fn table(&self, table: &CsvTable, device: usize) -> Result<CsvTable, FileError> {
        table.filtered(|row| self.of.get(row).is_some_and(|&of| of as usize == device))
    }
}

/// One of several devices of a file.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    /// As the file has it; empty for tensors of none.
    pub(crate) name: String,
    /// The table of all devices.
    pub(crate) all: CsvTable,
    /// The rows of this device there.
    pub(crate) rows: Vec<u32>,
}

impl Device {
    /// One of these devices by its place.
    pub(super) fn of(devices: &Devices, table: &CsvTable, device: usize) -> Self {
        Self {
            name: devices.names[device].clone(),
            all: table.clone(),
            rows: devices.rows(device),
        }
    }

    /// `device gpu0`
    pub(crate) fn title(&self) -> String {
        match &*self.name {
            "" => "no device".into(),
            name => format!("device {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_in_the_order_in_which_they_come() {
        let column = ["b", "a", "", "b"].map(String::from);
        let devices = Devices::of_column(&column);
        assert_eq!(devices.names, ["b", "a", ""]);
        assert_eq!(
            [0, 1, 2].map(|of| devices.rows(of)),
            [vec![0, 3], vec![1], vec![2]]
        );
        assert_eq!((devices.find(""), devices.find("c")), (Some(2), None));
    }

    #[test]
    fn no_more_devices_are_planned_than_a_machine_has() {
        let of = |count: usize| {
            let column: Vec<String> = (0..count).map(|number| number.to_string()).collect();
            Devices::of_column(&column).check()
        };
        assert!(of(MOST).is_ok());
        let error = of(MOST + 1).expect_err("too many").to_string();
        assert_eq!(
            error,
            "the column 'device' names 65 devices, expected at most 64"
        );
    }
}
