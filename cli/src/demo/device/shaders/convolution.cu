// A 3x3 convolution of blocks of channels, each an image [height * width, channels of the block],
// with weight [9, channels of the block, outputs] for each block and zeros outside of the image:
// four channels of one pixel at a time. The channels of each block are behind the other sizes.
// Products of one line of a window are summed in runs of DEPTH, then added to the others, as the
// processor does it.
static const unsigned DEPTH = 256;

__device__ void compute(unsigned tile) {
    unsigned height = sizes[1];
    unsigned width = sizes[2];
    unsigned outputs = sizes[3];
    unsigned blocks = sizes[4];
    unsigned across = (outputs + 3) / 4;
    unsigned output = tile % across * 4;
    unsigned pixel = tile / across;
    unsigned row = pixel / width;
    unsigned column = pixel % width;
    // Beyond the edge, the last channel is computed once more, and not written.
    unsigned channel[4];
    float sum[4];
    for (unsigned c = 0; c < 4; c++) {
        channel[c] = min(output + c, outputs - 1);
        sum[c] = bias[channel[c]];
    }

    unsigned image = 0;
    unsigned right = 0;
    for (unsigned block = 0; block < blocks; block++) {
        unsigned channels = sizes[5 + block];
        // The pixels of a line are next to each other, and so are their channels.
        unsigned start = column == 0 ? channels : 0;
        unsigned stop = (column + 1 == width ? 2 : 3) * channels;
        for (unsigned line = 0; line < 3; line++) {
            // One more than the row, so that it is not negative; the column likewise below.
            if (row + line < 1 || row + line > height) {
                continue;
            }
            unsigned origin = image + ((row + line - 1) * width + column) * channels;
            for (unsigned first = start; first < stop; first += DEPTH) {
                unsigned end = min(first + DEPTH, stop);
                float run[4] = {};
                for (unsigned k = first; k < end; k++) {
                    float value = x[origin + k - channels];
                    unsigned at = (right + line * 3 * channels + k) * outputs;
                    for (unsigned c = 0; c < 4; c++) {
                        run[c] = fmaf(value, weight[at + channel[c]], run[c]);
                    }
                }
                for (unsigned c = 0; c < 4; c++) {
                    sum[c] += run[c];
                }
            }
        }
        image += height * width * channels;
        right += 9 * channels;
    }

    for (unsigned c = 0; c < 4 && output + c < outputs; c++) {
        result[pixel * outputs + output + c] = sum[c];
    }
}
