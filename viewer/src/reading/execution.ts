// Reads how the model of a plan is executed. Stands on `columns.ts` and `data.ts`.

import { type Columns, type Fields, natural, text } from '../columns';
import type { Execution } from '../data';

export function executionOf(
  value: Fields,
  place: string,
  columns: Columns,
  strings: number,
): Execution {
  const { order, aliasing, file_load: load = null, weights = null, operators = null } = value;
  const { computed_constants: count = null, computed_constants_bytes: bytes = null } = value;
  return {
    order: text(order, `${place}.order`),
    aliasing: text(aliasing, `${place}.aliasing`),
    fileLoad: load === null ? null : natural(load, `${place}.file_load`),
    weights: weights === null ? null : natural(weights, `${place}.weights`),
    computed:
      count === null
        ? null
        : {
            count: natural(count, `${place}.computed_constants`),
            bytes: natural(bytes, `${place}.computed_constants_bytes`),
          },
    operators:
      operators === null ? null : columns.indices(operators, `${place}.operators`, strings),
  };
}
