// The mean of all rows, column by column.
__device__ void compute(unsigned column) {
    unsigned rows = sizes[1];
    unsigned width = sizes[0];
    float sum = 0.0f;
    for (unsigned row = 0; row < rows; row++) {
        sum += x[row * width + column];
    }
    result[column] = sum * (1.0f / float(rows));
}
