// A row becomes positive and sums to 1.
__device__ void compute(unsigned row) {
    unsigned first = row * sizes[1];
    unsigned end = first + sizes[1];
    float top = x[first];
    for (unsigned i = first; i < end; i++) {
        top = fmaxf(top, x[i]);
    }
    float sum = 0.0f;
    for (unsigned i = first; i < end; i++) {
        float power = expf(x[i] - top);
        sum += power;
        result[i] = power;
    }
    float scale = 1.0f / sum;
    for (unsigned i = first; i < end; i++) {
        result[i] = result[i] * scale;
    }
}
