// Values mixed by attention: result[h] = x[h] * other[h], with probabilities
// [heads, positions, positions], values and result [positions, width], of which head h has a run of
// `depth` columns.
fn compute(i: u32) {
    let positions = sizes[1];
    let width = sizes[2];
    let depth = sizes[3];
    let column = i % width;
    let row = (column / depth * positions + i / width) * positions;
    var sum = 0.0;
    for (var k = 0u; k < positions; k++) {
        sum = fma(x[row + k], other[k * width + column], sum);
    }
    result[i] = sum;
}
