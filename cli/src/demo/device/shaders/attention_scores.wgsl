// How much each position attends to each other: result[h] = x[h] * other[h]^T * scale, with queries
// and keys [positions, width], of which head h has a run of `depth` columns, and result
// [heads, positions, positions].
fn compute(i: u32) {
    let positions = sizes[1];
    let width = sizes[2];
    let depth = sizes[3];
    let scale = bitcast<f32>(sizes[4]);
    let head = i / (positions * positions) * depth;
    let query = i / positions % positions * width + head;
    let key = i % positions * width + head;
    var sum = 0.0;
    for (var k = 0u; k < depth; k++) {
        sum = fma(x[query + k], other[key + k], sum);
    }
    result[i] = scale * sum;
}
