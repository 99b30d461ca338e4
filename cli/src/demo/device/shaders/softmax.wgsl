// A row becomes positive and sums to 1.
fn compute(row: u32) {
    let first = row * sizes[1];
    let end = first + sizes[1];
    var top = x[first];
    for (var i = first; i < end; i++) {
        top = max(top, x[i]);
    }
    var sum = 0.0;
    for (var i = first; i < end; i++) {
        let power = exp(x[i] - top);
        sum += power;
        result[i] = power;
    }
    let scale = 1.0 / sum;
    for (var i = first; i < end; i++) {
        result[i] = result[i] * scale;
    }
}
