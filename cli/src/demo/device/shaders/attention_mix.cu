// Values mixed by attention: result[h] = x[h] * other[h], with probabilities
// [heads, positions, positions], values and result [positions, width], of which head h has a run of
// `depth` columns.
__device__ void compute(unsigned i) {
    unsigned positions = sizes[1];
    unsigned width = sizes[2];
    unsigned depth = sizes[3];
    unsigned column = i % width;
    unsigned row = (column / depth * positions + i / width) * positions;
    float sum = 0.0f;
    for (unsigned k = 0; k < positions; k++) {
        sum = fmaf(x[row + k], other[k * width + column], sum);
    }
    result[i] = sum;
}
