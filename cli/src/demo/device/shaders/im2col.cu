// The 3x3 window around every pixel as one row, from top left to bottom right, zeros outside of the
// image: result [height * width, 9 * channels].
__device__ void compute(unsigned i) {
    unsigned height = sizes[1];
    unsigned width = sizes[2];
    unsigned channels = sizes[3];
    unsigned channel = i % channels;
    unsigned window = i / channels % 9;
    unsigned pixel = i / channels / 9;
    // One more than the row and column, so that none is negative.
    unsigned row = pixel / width + window / 3;
    unsigned column = pixel % width + window % 3;
    float value = 0.0f;
    if (row >= 1 && row <= height && column >= 1 && column <= width) {
        value = x[((row - 1) * width + column - 1) * channels + channel];
    }
    result[i] = value;
}
