// The 3x3 window around every pixel as one row, from top left to bottom right, zeros outside of the
// image: result [height * width, 9 * channels].
fn compute(i: u32) {
    let height = sizes[1];
    let width = sizes[2];
    let channels = sizes[3];
    let channel = i % channels;
    let window = i / channels % 9u;
    let pixel = i / channels / 9u;
    // One more than the row and column, so that none is negative.
    let row = pixel / width + window / 3u;
    let column = pixel % width + window % 3u;
    var value = 0.0;
    if row >= 1u && row <= height && column >= 1u && column <= width {
        value = x[((row - 1u) * width + column - 1u) * channels + channel];
    }
    result[i] = value;
}
