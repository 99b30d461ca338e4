// The mean of all rows, column by column.
fn compute(column: u32) {
    let rows = sizes[1];
    let width = sizes[0];
    var sum = 0.0;
    for (var row = 0u; row < rows; row++) {
        sum += x[row * width + column];
    }
    result[column] = sum * (1.0 / f32(rows));
}
