// How much each position attends to each other: result[h] = x[h] * other[h]^T * scale, with queries
// and keys [positions, width], of which head h has a run of `depth` columns, and result
// [heads, positions, positions].
__device__ void compute(unsigned i) {
    unsigned positions = sizes[1];
    unsigned width = sizes[2];
    unsigned depth = sizes[3];
    float scale = __uint_as_float(sizes[4]);
    unsigned head = i / (positions * positions) * depth;
    unsigned query = i / positions % positions * width + head;
    unsigned key = i % positions * width + head;
    float sum = 0.0f;
    for (unsigned k = 0; k < depth; k++) {
        sum = fmaf(x[query + k], other[key + k], sum);
    }
    result[i] = scale * sum;
}
