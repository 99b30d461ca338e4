// The Gaussian error linear unit by its usual approximation. The exponent is limited, so that its
// power is finite: a shader need not know infinity.
const ROOT = 0.7978846;
const LIMIT = 80.0;

fn compute(i: u32) {
    let v = x[i];
    let u = ROOT * (v + 0.044715 * v * v * v);
    result[i] = v / (1.0 + exp(min(-2.0 * u, LIMIT)));
}
