// The Gaussian error linear unit by its usual approximation. The exponent is limited, so that its
// power is finite, as in WGSL.
__device__ void compute(unsigned i) {
    const float root = 0.7978846f;
    const float limit = 80.0f;
    float v = x[i];
    float u = root * (v + 0.044715f * v * v * v);
    result[i] = v / (1.0f + expf(fminf(-2.0f * u, limit)));
}
