// Reads the bodies of control flow. Stands on `columns.ts` and `data.ts`.
//
// Of two bodies that are returned, one lies within the other or they lie apart.

import { type Columns, type Fields, Malformed } from '../columns';
import type { Bodies } from '../data';

export const NO_BODIES: Bodies = {
  count: 0,
  name: new Uint32Array(),
  lower: new Float64Array(),
  upper: new Float64Array(),
  repeated: new Uint32Array(),
};

/** Bodies of operators, of which two lie within each other or apart. */
export function bodiesOf(
  value: Fields,
  place: string,
  columns: Columns,
  strings: number,
  operators: number,
): Bodies {
  const name = columns.indices(value['name'], `${place}.name`, strings);
  const count = name.length;
  const lower = columns.numbers(value['lower'], `${place}.lower`, count);
  const upper = columns.numbers(value['upper'], `${place}.upper`, count);
  const around: number[] = [];
  for (let i = 0; i < count; i++) {
    while (around.length > 0 && around[around.length - 1] <= lower[i]) around.pop();
    const isAfter = i === 0 || lower[i - 1] <= lower[i];
    const end = around[around.length - 1] ?? operators;
    if (!(isAfter && lower[i] >= 0 && lower[i] < upper[i] && upper[i] <= end)) {
      const steps = `${lower[i]}..${upper[i]}`;
      const problem = `${steps} is neither within nor after the others`;
      throw new Malformed(`${place}.lower[${i}]`, problem);
    }
    around.push(upper[i]);
  }
  const repeated = columns.indices(value['repeated'], `${place}.repeated`, 2, count);
  return { count, name, lower, upper, repeated };
}
