// The sum of two tensors, element by element.
fn compute(i: u32) {
    result[i] = x[i] + other[i];
}
