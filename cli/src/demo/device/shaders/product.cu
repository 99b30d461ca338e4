// Matrix products, four rows and four columns of a result at a time: result[p] =
// x[0] * weight[p][0] + x[1] * weight[p][1] + ... + bias[p], with x[b] [rows, inputs of block b],
// weight[p][b] [inputs of block b, outputs], bias [products, outputs], result [products, rows,
// outputs]. The inputs of each block are behind the other sizes. Products are summed in runs of
// DEPTH, as the library for the processor sums them.
static const unsigned DEPTH = 256;

__device__ void compute(unsigned tile) {
    unsigned rows = sizes[1];
    unsigned outputs = sizes[2];
    unsigned all_inputs = sizes[3];
    unsigned blocks = sizes[4];
    unsigned across = (outputs + 3) / 4;
    unsigned down = (rows + 3) / 4;
    unsigned top = tile / across % down * 4;
    unsigned left = tile % across * 4;
    unsigned product = tile / across / down;
    // Beyond the edge, the last row or column is computed once more, and not written.
    unsigned row[4], column[4];
    float sum[4][4];
    for (unsigned i = 0; i < 4; i++) {
        row[i] = min(top + i, rows - 1);
        column[i] = min(left + i, outputs - 1);
    }
    for (unsigned r = 0; r < 4; r++) {
        for (unsigned c = 0; c < 4; c++) {
            sum[r][c] = bias[product * outputs + column[c]];
        }
    }

    unsigned operand = 0;
    unsigned input = product * all_inputs;
    for (unsigned block = 0; block < blocks; block++) {
        unsigned inputs = sizes[5 + block];
        for (unsigned first = 0; first < inputs; first += DEPTH) {
            add_run(operand, input, inputs, first, row, column, sum);
        }
        operand += rows * inputs;
        input += inputs;
    }

    for (unsigned r = 0; r < 4 && top + r < rows; r++) {
        for (unsigned c = 0; c < 4 && left + c < outputs; c++) {
            result[(product * rows + top + r) * outputs + left + c] = sum[r][c];
        }
    }
}

// Adds the products of one run of a block's inputs, which begins at `first`.
__device__ void add_run(unsigned operand, unsigned input, unsigned inputs, unsigned first,
                        const unsigned (&row)[4], const unsigned (&column)[4],
                        float (&sum)[4][4]) {
    unsigned outputs = sizes[2];
    unsigned end = min(first + DEPTH, inputs);
    float run[4][4] = {};
    for (unsigned k = first; k < end; k++) {
        for (unsigned r = 0; r < 4; r++) {
            float value = x[operand + row[r] * inputs + k];
            for (unsigned c = 0; c < 4; c++) {
                run[r][c] = fmaf(value, weight[(input + k) * outputs + column[c]], run[r][c]);
            }
        }
    }
    for (unsigned r = 0; r < 4; r++) {
        for (unsigned c = 0; c < 4; c++) {
            sum[r][c] += run[r][c];
        }
    }
}
