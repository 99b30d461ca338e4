// The largest value of each 2x2 square, channel by channel.
fn compute(i: u32) {
    let width = sizes[1];
    let channels = sizes[2];
    let pixel = i / channels;
    let row = pixel / (width / 2u) * 2u;
    let column = pixel % (width / 2u) * 2u;
    let above = (row * width + column) * channels + i % channels;
    let below = above + width * channels;
    result[i] = max(max(x[above], x[above + channels]), max(x[below], x[below + channels]));
}
