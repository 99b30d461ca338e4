//! The rows of a plan for all threads: a lifetime for each block of a pool, and for each request
//! that is in none.
//!
//! ```text
//! rows   pool 0, block 0   pool 0, block 1   pool 1, block 0   lane 0: r2  r5   lane 1: r1  r3
//! ```
//!
//! Stands on requests and their pools. Invariant: each planned request has a row that is as long,
//! as large and as strictly aligned; rows of a lane come one after the other, and those of pools
//! before.

#![forbid(unsafe_code)]

use alloc::{format, string::String, vec::Vec};

use super::task_pools::{Pool, TaskRequest};

/// A lifetime to plan: its name, first and last step, bytes, and alignment.
pub(super) type Row = (String, i64, i64, u64, u64);

pub(super) struct TeamRows {
    pub(super) lifetimes: Vec<Row>,
    /// Which row each request has, if it is planned.
    pub(super) of_requests: Vec<Option<usize>>,
    /// The first row of each lane, behind those of pools.
    lanes: Vec<usize>,
}

impl TeamRows {
    pub(super) fn new(requests: &[TaskRequest], pools: &[Pool]) -> Self {
        let mut rows = Self {
            lifetimes: Vec::new(),
            of_requests: alloc::vec![None; requests.len()],
            lanes: Vec::new(),
        };
        for (i, pool) in pools.iter().enumerate() {
            rows.add_pool(requests, i, pool);
        }
        let is_left = |&i: &usize| requests[i].request.is_planned();
        let mut left: Vec<usize> = (0..requests.len()).filter(is_left).collect();
        left.retain(|&i| rows.of_requests[i].is_none());
        left.sort_by_key(|&i| requests[i].lane);
        for of_lane in left.chunk_by(|&a, &b| requests[a].lane == requests[b].lane) {
            rows.lanes.push(rows.lifetimes.len());
            of_lane.iter().for_each(|&i| rows.add_request(requests, i));
        }
        rows
    }

    /// The rows of pools, and those of each lane.
    pub(super) fn by_lane(&self) -> Vec<&[Row]> {
        let starts = [0].into_iter().chain(self.lanes.iter().copied());
        let ends = self.lanes.iter().copied().chain([self.lifetimes.len()]);
        let bounds = starts.zip(ends);
        bounds.map(|(from, to)| &self.lifetimes[from..to]).collect()
    }

    fn add_pool(&mut self, requests: &[TaskRequest], number: usize, pool: &Pool) {
        let first = self.lifetimes.len();
        let members = pool.members.iter().map(|&member| &requests[member].request);
        let largest = members.clone().map(|request| request.largest).max();
        let alignment = members.map(|request| request.alignment).max();
        for block in 0..pool.blocks {
            let (name, steps) = (format!("p{number}.{block}"), (pool.lower, pool.upper));
            self.add(name, steps, largest.unwrap_or(0), alignment.unwrap_or(1));
        }
        for (i, &member) in pool.members.iter().enumerate() {
            self.of_requests[member] = Some(first + i % pool.blocks);
        }
    }

    fn add_request(&mut self, requests: &[TaskRequest], position: usize) {
        let of = &requests[position];
        self.of_requests[position] = Some(self.lifetimes.len());
        let (request, upper) = (&of.request, of.upper().unwrap_or(of.request.lower));
        let (name, steps) = (format!("r{position}"), (request.lower, upper));
        self.add(name, steps, request.largest, request.alignment);
    }

    fn add(&mut self, name: String, steps: (u64, u64), size: usize, alignment: usize) {
        let (lower, upper) = (steps.0 as i64, steps.1 as i64);
        self.lifetimes
            .push((name, lower, upper, size as u64, alignment as u64));
    }
}
