//! TensorFlow Lite files, from the bytes to the graph and back.
//!
//! Stands on `writer`, which writes the files. Expected values are worked out by hand.

mod writer;

mod control;
mod dims;
mod facts;
mod hostile;
mod micro;
mod offline;
mod shapes;
