// A row gets mean 0 and variance 1, then `* weight + bias`.
const EPSILON = 1e-5;

fn compute(row: u32) {
    let width = sizes[1];
    let first = row * width;
    var sum = 0.0;
    for (var i = 0u; i < width; i++) {
        sum += x[first + i];
    }
    let mean = sum / f32(width);
    var squares = 0.0;
    for (var i = 0u; i < width; i++) {
        let apart = x[first + i] - mean;
        squares += apart * apart;
    }
    let scale = 1.0 / sqrt(squares / f32(width) + EPSILON);
    for (var i = 0u; i < width; i++) {
        result[first + i] = (x[first + i] - mean) * scale * weight[i] + bias[i];
    }
}
