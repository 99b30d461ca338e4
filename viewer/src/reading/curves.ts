// Reads values over steps, such as the load of a map. Stands on `columns.ts` and `data.ts`.
//
// Steps of a curve that is returned ascend within those of its map, and no value is negative.

import { type Columns, type Fields, Malformed } from '../columns';
import type { Profile } from '../data';

/** The load of a map with the steps `first` to `end`. */
export function profileOf(
  value: Fields,
  place: string,
  columns: Columns,
  first: number,
  end: number,
): Profile {
  const step = columns.numbers(value['step'], `${place}.step`);
  const load = columns.numbers(value['load'], `${place}.load`, step.length);
  checkProfile({ step, load }, first, end, place);
  return { step, load };
}

export function checkProfile(
  { step, load }: Profile,
  first: number,
  end: number,
  place: string,
): void {
  for (let i = 0; i < step.length; i++) {
    const isAfter = i === 0 ? step[i] >= first : step[i] > step[i - 1];
    if (!isAfter || step[i] > end) {
      throw new Malformed(`${place}.step[${i}]`, `${step[i]} does not ascend in ${first}..${end}`);
    }
    if (load[i] < 0) throw new Malformed(`${place}.load[${i}]`, `${load[i]} is negative`);
  }
}
