// Matrix products, four rows and four columns of a result at a time: result[p] =
// x[0] * weight[p][0] + x[1] * weight[p][1] + ... + bias[p], with x[b] [rows, inputs of block b],
// weight[p][b] [inputs of block b, outputs], bias [products, outputs], result [products, rows,
// outputs]. The inputs of each block are behind the other sizes. Products are summed in runs of
// DEPTH, as the library for the processor sums them.
const DEPTH = 256u;

fn compute(tile: u32) {
    let rows = sizes[1];
    let outputs = sizes[2];
    let all_inputs = sizes[3];
    let blocks = sizes[4];
    let across = (outputs + 3u) / 4u;
    let down = (rows + 3u) / 4u;
    let column = tile % across * 4u;
    let row = tile / across % down * 4u;
    let product = tile / across / down;
    // Beyond the edge, the last row or column is computed once more, and not written.
    let steps = vec4<u32>(0u, 1u, 2u, 3u);
    let r = min(vec4<u32>(row) + steps, vec4<u32>(rows - 1u));
    let c = min(vec4<u32>(column) + steps, vec4<u32>(outputs - 1u));

    let b = vec4<u32>(product * outputs) + c;
    var sum0 = vec4<f32>(bias[b.x], bias[b.y], bias[b.z], bias[b.w]);
    var sum1 = sum0;
    var sum2 = sum0;
    var sum3 = sum0;
    var left = 0u;
    var right = product * all_inputs;
    for (var block = 0u; block < blocks; block++) {
        let inputs = sizes[5u + block];
        let origin = vec4<u32>(left) + r * inputs;
        for (var first = 0u; first < inputs; first += DEPTH) {
            let end = min(first + DEPTH, inputs);
            var run0 = vec4<f32>();
            var run1 = vec4<f32>();
            var run2 = vec4<f32>();
            var run3 = vec4<f32>();
            for (var k = first; k < end; k++) {
                let at = vec4<u32>((right + k) * outputs) + c;
                let w = vec4<f32>(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
                run0 = fma(vec4<f32>(x[origin.x + k]), w, run0);
                run1 = fma(vec4<f32>(x[origin.y + k]), w, run1);
                run2 = fma(vec4<f32>(x[origin.z + k]), w, run2);
                run3 = fma(vec4<f32>(x[origin.w + k]), w, run3);
            }
            sum0 += run0;
            sum1 += run1;
            sum2 += run2;
            sum3 += run3;
        }
        left += rows * inputs;
        right += inputs;
    }

    write(product * rows, row, column, sum0);
    write(product * rows, row + 1u, column, sum1);
    write(product * rows, row + 2u, column, sum2);
    write(product * rows, row + 3u, column, sum3);
}

fn write(above: u32, row: u32, column: u32, sums: vec4<f32>) {
    if row >= sizes[1] {
        return;
    }
    let outputs = sizes[2];
    let at = (above + row) * outputs + column;
    result[at] = sums.x;
    if column + 1u < outputs {
        result[at + 1u] = sums.y;
    }
    if column + 2u < outputs {
        result[at + 2u] = sums.z;
    }
    if column + 3u < outputs {
        result[at + 3u] = sums.w;
    }
}
