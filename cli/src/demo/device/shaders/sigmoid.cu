// A value between 0 and 1. The exponent is limited, so that its power is finite, as in WGSL.
__device__ void compute(unsigned i) {
    const float limit = 80.0f;
    result[i] = 1.0f / (1.0f + expf(fminf(-x[i], limit)));
}
