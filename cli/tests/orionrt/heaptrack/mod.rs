//! Recordings of heaptrack as input of `orionrt plan`.
//!
//! ```text
//! heap       a heap that writes what happens to it as heaptrack does, and the truth
//! numbers    what is read equals the truth
//! recorded   recordings that heaptrack 1.4 made of `words.cpp`
//! ```

// A file uses only files above it in this list.
mod heap;
mod numbers;
mod recorded;
