//! Shaders as kernels in CUDA C.
//!
//! Stands on [`shader`](super::shader). Each formula has a file beside the one in WGSL, with the
//! same function `compute(i)`: the same operations, and sums in the same order. What is around it
//! is made here. As in WGSL the function knows the buffers by their names: it is a member of a
//! struct that has their addresses.
//!
//! ```text
//! struct Kernel { float *result; ... compute(i) }
//! kernel(result, x, other, weight, bias, sizes)    calls it for every i below sizes[0]
//! ```
//!
//! Invariant: the parameters of a kernel are the buffers of its shader, in their order. A kernel in
//! place is given `x`, of which `result` is another name, and does the same as the one with a
//! result of its own, so both give the same bits: the compiler assumes of no two addresses that
//! they differ.

#![forbid(unsafe_code)]

use super::shader::{Formula, Shader};

/// The kernel's name in what it is compiled to.
pub const ENTRY: &str = "kernel";

/// The whole kernel in CUDA C.
pub fn cuda_c(shader: Shader) -> String {
    let given: Vec<&str> = buffers(shader).collect();
    let parameters: Vec<String> = given.iter().copied().map(declared).collect();
    let apart = Shader {
        in_place: false,
        ..shader
    };
    let members: String = buffers(apart)
        .map(|name| format!("    {};\n", declared(name)))
        .collect();
    // A member without a parameter is the result of a kernel in place.
    let values: Vec<&str> = buffers(apart)
        .map(|name| if given.contains(&name) { name } else { "x" })
        .collect();
    format!(
        "struct Kernel {{
{members}
{source}}};

extern \"C\" __global__ void {ENTRY}({parameters}) {{
    unsigned i = (blockIdx.y * gridDim.x + blockIdx.x) * blockDim.x + threadIdx.x;
    if (i < sizes[0]) {{
        Kernel{{{values}}}.compute(i);
    }}
}}
",
        source = source(shader.formula),
        parameters = parameters.join(", "),
        values = values.join(", "),
    )
}

/// The names of all buffers, in their order.
fn buffers(shader: Shader) -> impl Iterator<Item = &'static str> {
    shader.tensors().chain(shader.constants().iter().copied())
}

/// A buffer as a parameter. Over its operand a kernel writes `x`.
fn declared(name: &str) -> String {
    match name {
        "result" | "x" => format!("float *{name}"),
        "sizes" => format!("const unsigned *{name}"),
        name => format!("const float *{name}"),
    }
}

/// The function `compute` of a formula, in CUDA C.
fn source(formula: Formula) -> &'static str {
    match formula {
        Formula::Product => include_str!("shaders/product.cu"),
        Formula::AttentionScores => include_str!("shaders/attention_scores.cu"),
        Formula::AttentionMix => include_str!("shaders/attention_mix.cu"),
        Formula::AverageRows => include_str!("shaders/average_rows.cu"),
        Formula::Softmax => include_str!("shaders/softmax.cu"),
        Formula::LayerNorm => include_str!("shaders/layer_norm.cu"),
        Formula::Gelu => include_str!("shaders/gelu.cu"),
        Formula::Relu => include_str!("shaders/relu.cu"),
        Formula::Sigmoid => include_str!("shaders/sigmoid.cu"),
        Formula::Add => include_str!("shaders/add.cu"),
        Formula::Convolution => include_str!("shaders/convolution.cu"),
        Formula::MaxPool => include_str!("shaders/max_pool.cu"),
        Formula::Upsample => include_str!("shaders/upsample.cu"),
        Formula::Copy => include_str!("shaders/copy.cu"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::device::shader::tests::shaders;

    #[test]
    fn a_kernel_has_the_buffers_of_its_shader_as_parameters() {
        for shader in shaders() {
            let text = cuda_c(shader);
            let head = text.split_once("__global__").expect("a kernel").1;
            let parameters = head.split_once(')').expect("parameters").0;
            let count = parameters.split(',').count();
            assert_eq!(count, shader.bindings() as usize, "{shader:?}");
            assert_eq!(parameters.contains("result"), !shader.in_place);
        }
    }

    #[test]
    fn a_kernel_in_place_has_its_operand_for_a_result() {
        let [apart, over] = [false, true].map(|in_place| {
            let formula = Formula::Add;
            cuda_c(Shader { formula, in_place })
        });
        assert!(apart.contains("kernel(float *result, float *x, const float *other, "));
        assert!(apart.contains("Kernel{result, x, other, sizes}.compute(i)"));
        assert!(over.contains("kernel(float *x, const float *other, const unsigned *sizes)"));
        assert!(over.contains("Kernel{x, x, other, sizes}.compute(i)"));
    }
}
