//! Programs made here, as models.
//!
//! ```text
//! draft        programs, made value by value
//! straight     programs without bodies
//! weights      weights as tensors
//! choices      which branch runs, and how many iterations
//! simulation   executes a program in planned memory, and checks every operand
//! unrolled     which tensors are alive together on some path, and the optimum by brute force
//! branches     the operators of If, and their optimum
//! loops        the operators of Loop and Scan, and their optimum
//! files        ONNX files with bodies
//! random       programs of all shapes, executed on all paths
//! ```

// A file uses only files above it in this list.
mod draft;
mod straight;
mod weights;
mod choices;
mod simulation;
mod unrolled;
mod branches;
mod loops;
mod files;
mod random;
