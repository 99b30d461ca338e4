//! Shaders as SPIR-V, for Vulkan.
//!
//! Stands on `naga`. Invariant: what comes out was validated, and a shader stays within its
//! buffers whatever they contain.

#![forbid(unsafe_code)]

use naga::{
    ShaderStage,
    back::spv::{Options, PipelineOptions, WriterFlags, write_vec},
    front::wgsl,
    proc::{BoundsCheckPolicies, BoundsCheckPolicy},
    valid::{Capabilities, ValidationFlags, Validator},
};

use super::shader::Shader;
use crate::failure::Failure;

/// A shader in the words of SPIR-V 1.3, with the entry point `main`.
///
/// # Errors
/// Only if the text of the shader is wrong.
pub fn spirv(shader: Shader) -> Result<Vec<u32>, Failure> {
    let text = shader.wgsl();
    let named = |error: String| Failure::demo(format!("shader {shader:?}: {error}"));
    let module = wgsl::parse_str(&text).map_err(|error| named(error.emit_to_string(&text)))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    let valid = validator.validate(&module);
    let valid = valid.map_err(|error| named(error.emit_to_string(&text)))?;
    let within = BoundsCheckPolicy::Restrict;
    let options = Options {
        lang_version: (1, 3),
        flags: WriterFlags::empty(),
        bounds_check_policies: BoundsCheckPolicies {
            index: within,
            buffer: within,
            image_load: within,
            binding_array: within,
        },
        // Loops end where the sizes say, which are the program's own.
        force_loop_bounding: false,
        ..Options::default()
    };
    let pipeline = PipelineOptions {
        shader_stage: ShaderStage::Compute,
        entry_point: "main".into(),
    };
    let words = write_vec(&module, &valid, &options, Some(&pipeline));
    words.map_err(|error| named(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::device::shader::tests::shaders;

    #[test]
    fn every_shader_is_valid() {
        for shader in shaders() {
            let words = spirv(shader).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(words[0], 0x0723_0203);
        }
    }
}
