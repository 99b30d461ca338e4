// Reads the heap profile of a recording, and which call allocated what. Stands on `columns.ts` and
// `data.ts`.
//
// A call of a profile that is returned stands after the call that it is within, and the sum of a
// figure over all calls is a number that a double holds exactly.

import { type Columns, type Fields, integer, Malformed, natural } from '../columns';
import type { Calls, HeapProfile } from '../data';

export function heapProfileOf(
  value: Fields,
  place: string,
  columns: Columns,
  strings: number,
  maps: number,
): HeapProfile {
  const map = natural(value['map'], `${place}.map`);
  if (map >= maps) throw new Malformed(`${place}.map`, `${map} is not in 0..${maps}`);
  const name = columns.indices(value['name'], `${place}.name`, strings);
  const count = name.length;
  const parent = columns.indices(value['parent'], `${place}.parent`, count + 1, count);
  for (let i = 0; i < count; i++) {
    if (parent[i] > i) throw new Malformed(`${place}.parent[${i}]`, 'it is not before its call');
  }
  const numbers = (field: string) => {
    const column = columns.numbers(value[field], `${place}.${field}`, count);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      natural(column[i], `${place}.${field}[${i}]`);
      sum += column[i];
    }
    integer(sum, `${place}.${field}`);
    return column;
  };
  const [atPeak, atEnd] = [numbers('at_peak'), numbers('at_end')];
  const [allocated, allocations] = [numbers('allocated'), numbers('allocations')];
  return { map, count, parent, name, atPeak, atEnd, allocated, allocations };
}

/** The calls that allocated the tensors of a map. */
export function callsOf(
  value: Fields,
  place: string,
  columns: Columns,
  profiles: readonly HeapProfile[],
  tensors: number,
): Calls {
  const number = natural(value['profile'], `${place}.profile`);
  const profile = profiles[number];
  if (profile === undefined) {
    throw new Malformed(`${place}.profile`, `${number} is not in 0..${profiles.length}`);
  }
  return { profile, of: columns.indices(value['of'], `${place}.of`, profile.count, tensors) };
}
