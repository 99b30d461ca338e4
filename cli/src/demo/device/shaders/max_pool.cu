// The largest value of each 2x2 square, channel by channel.
__device__ void compute(unsigned i) {
    unsigned width = sizes[1];
    unsigned channels = sizes[2];
    unsigned pixel = i / channels;
    unsigned row = pixel / (width / 2) * 2;
    unsigned column = pixel % (width / 2) * 2;
    unsigned above = (row * width + column) * channels + i % channels;
    unsigned below = above + width * channels;
    float upper = fmaxf(x[above], x[above + channels]);
    result[i] = fmaxf(upper, fmaxf(x[below], x[below + channels]));
}
