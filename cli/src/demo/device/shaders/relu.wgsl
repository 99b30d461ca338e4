// Negative values become 0.
fn compute(i: u32) {
    result[i] = max(x[i], 0.0);
}
