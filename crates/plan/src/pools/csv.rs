//! Plans of pools as CSV.
//!
//! Stands on the writer of plans. The pool of a tensor is in the column `device`, since a pool is a
//! memory of its own, as that of a device is.

use alloc::{string::String, vec::Vec};
use std::io::Write;

use super::pool::PoolPlans;
use crate::files::{FileError, write_rows};

impl PoolPlans {
    /// The name of each tensor's pool, in order of the lifetimes.
    #[must_use]
    pub fn pool_names(&self) -> Vec<String> {
        let of = self.of.iter();
        of.map(|&pool| self.pools[pool].pool.name.clone()).collect()
    }

    /// The offset of each tensor in its pool, in bytes, in order of the lifetimes.
    #[must_use]
    pub fn offsets(&self) -> Vec<u64> {
        let of = self.of.iter().enumerate();
        of.map(|(index, &pool)| self.pools[pool].plan.offsets()[index])
            .collect()
    }

    /// Writes all plans as CSV: as a [`Plan`](crate::Plan) with the column `device` before
    /// `offset`, which has the name of the pool.
    ///
    /// ```
    /// # use orionrt_plan::{Lifetimes, Planner, pools::Pool};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 8, 4), ("b", 0, 2, 8, 4)])?;
    /// let pools = [Pool::new("fast").with_capacity(8), Pool::new("slow")];
    /// let plans = Planner::new().plan_pools(&lifetimes, &[1, 2], &pools)?;
    /// let mut text = Vec::new();
    /// plans.write_csv(&mut text)?;
    /// let expected = "id,lower,upper,size,alignment,device,offset\n\
    ///                 a,0,2,8,4,slow,0\nb,0,2,8,4,fast,0\n";
    /// assert_eq!(text, expected.as_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When `output` refuses a write.
    pub fn write_csv(&self, output: impl Write) -> Result<(), FileError> {
        let names = self.pool_names();
        let column = Some(("device", &names[..]));
        write_rows(&self.lifetimes, column, Some(&self.offsets()), output)
    }
}
