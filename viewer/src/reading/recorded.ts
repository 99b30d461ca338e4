// Reads what an allocator had reserved. Stands on `columns.ts`, `data.ts`, `curves.ts` and
// `groups.ts`.

import { type Columns, type Fields, fields, Malformed, natural } from '../columns';
import type { Recorded } from '../data';
import { checkProfile } from './curves';
import { groupsOf } from './groups';

export function recordedOf(
  value: Fields,
  place: string,
  columns: Columns,
  first: number,
  end: number,
  tensors: number,
): Recorded {
  const reserved = fields(value['reserved'], `${place}.reserved`);
  const step = columns.numbers(reserved['step'], `${place}.reserved.step`);
  const bytes = columns.numbers(reserved['bytes'], `${place}.reserved.bytes`, step.length);
  checkProfile({ step, load: bytes }, first, end, `${place}.reserved`);
  const ranges = fields(value['ranges'], `${place}.ranges`);
  const lower = columns.numbers(ranges['lower'], `${place}.ranges.lower`);
  const numbers = (name: string) =>
    columns.numbers(ranges[name], `${place}.ranges.${name}`, lower.length);
  const [upper, offset, size] = [numbers('upper'), numbers('offset'), numbers('size')];
  for (let i = 0; i < lower.length; i++) {
    if (offset[i] < 0 || size[i] < 0 || !(first <= lower[i] && lower[i] <= upper[i])) {
      throw new Malformed(`${place}.ranges.lower[${i}]`, 'it is no range of steps and bytes');
    }
  }
  const { page_size: page = null, range = null, pools = null } = value;
  const at = `${place}.pools`;
  const within = `${place}.range`;
  return {
    pageSize: page === null ? null : natural(page, `${place}.page_size`),
    reserved: { step, bytes },
    ranges: { lower, upper, offset, size },
    range: range === null ? null : columns.indices(range, within, lower.length + 1, tensors),
    pools: pools === null ? null : groupsOf(fields(pools, at), at, columns, lower.length),
  };
}
