// Each pixel four times, as a 2x2 square.
fn compute(i: u32) {
    let width = sizes[1];
    let channels = sizes[2];
    let pixel = i / channels;
    let row = pixel / (2u * width) / 2u;
    let column = pixel % (2u * width) / 2u;
    result[i] = x[(row * width + column) * channels + i % channels];
}
