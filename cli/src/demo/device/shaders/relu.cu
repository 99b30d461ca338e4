// Negative values become 0.
__device__ void compute(unsigned i) {
    result[i] = fmaxf(x[i], 0.0f);
}
