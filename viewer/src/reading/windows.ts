// Reads the windows of tensors. Stands on `columns.ts` and `data.ts`.
//
// Windows that are returned lie within the lifetimes and sizes of their tensors. Those of a tensor
// ascend by their steps, which are equal or have none in common; of equal steps, by their bytes,
// of which no two windows have one in common.

import { type Columns, type Fields, Malformed } from '../columns';
import type { Tensors, Windows } from '../data';

export function windowsOf(
  value: Fields,
  place: string,
  columns: Columns,
  tensors: Pick<Tensors, 'count' | 'lower' | 'upper' | 'size'>,
): Windows {
  const lower = columns.numbers(value['lower'], `${place}.lower`);
  const { length } = lower;
  const numbers = (field: string) => columns.numbers(value[field], `${place}.${field}`, length);
  const ends = columns.ends(value['ends'], `${place}.ends`, length, tensors.count);
  const windows = {
    ends,
    lower,
    upper: numbers('upper'),
    first: numbers('first'),
    end: numbers('end'),
  };
  for (let i = 0, at = 0; i < tensors.count; i++) {
    for (let isFirst = true; at < ends[i]; at++, isFirst = false) {
      check(windows, at, isFirst, tensors, i, place);
    }
  }
  return windows;
}

function check(
  { lower, upper, first, end }: Windows,
  at: number,
  isFirst: boolean,
  tensors: Pick<Tensors, 'lower' | 'upper' | 'size'>,
  tensor: number,
  place: string,
): void {
  const from = isFirst ? tensors.lower[tensor] : upper[at - 1];
  const isBeside = !isFirst && lower[at] === lower[at - 1] && upper[at] === upper[at - 1];
  if (!(lower[at] < upper[at] && (isBeside || from <= lower[at]))) {
    throw new Malformed(`${place}.lower[${at}]`, 'it is not after what precedes it');
  }
  if (upper[at] > tensors.upper[tensor]) {
    throw new Malformed(`${place}.upper[${at}]`, 'it is after death');
  }
  if (!(first[at] < end[at] && first[at] >= (isBeside ? end[at - 1] : 0))) {
    throw new Malformed(`${place}.first[${at}]`, 'it is not above what precedes it');
  }
  if (end[at] > tensors.size[tensor]) {
    const size = tensors.size[tensor];
    throw new Malformed(`${place}.end[${at}]`, `${end[at]} is above the size ${size}`);
  }
}
