// A value between 0 and 1. The exponent is limited, so that its power is finite: a shader need not
// know infinity.
const LIMIT = 80.0;

fn compute(i: u32) {
    result[i] = 1.0 / (1.0 + exp(min(-x[i], LIMIT)));
}
