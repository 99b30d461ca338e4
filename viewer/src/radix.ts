// Sorts numbers by integer keys, digit by digit. Stands on nothing.
//
// The sort is stable, so that what is sorted by one key and then by another is in the order of the
// second one, and of the first where that is equal.

/** The numbers that a pass of `ascending` tells apart, at least. */
const DIGITS = 65536;

/** `order` sorted by non-negative integer keys; what has equal keys stays in order. */
export function ascending(keys: Float64Array, order: Uint32Array): Uint32Array {
  let largest = 0;
  for (let i = 0; i < order.length; i++) largest = Math.max(largest, keys[order[i]]);
  // Keys that are about as many as what is sorted take a single pass.
  if (largest < Math.max(DIGITS, 2 * order.length)) return counted(keys, largest, order);
  let sorted = order;
  const digits = new Float64Array(keys.length);
  for (let place = 1; place <= largest; place *= DIGITS) {
    for (let i = 0; i < keys.length; i++) digits[i] = Math.floor(keys[i] / place) % DIGITS;
    sorted = counted(digits, DIGITS - 1, sorted);
  }
  return sorted;
}

/** `order` sorted by keys in `0..=largest`; what has equal keys stays in order. */
function counted(keys: Float64Array, largest: number, order: Uint32Array): Uint32Array {
  const place = new Uint32Array(largest + 2);
  for (let i = 0; i < order.length; i++) place[keys[order[i]] + 1] += 1;
  for (let key = 1; key <= largest; key++) place[key] += place[key - 1];
  const sorted = new Uint32Array(order.length);
  for (let i = 0; i < order.length; i++) sorted[place[keys[order[i]]]++] = order[i];
  return sorted;
}
