// Checkpoints, newest first, with lines to their parents: a column for each branch.
import { svg } from './dom.js';

export const rowHeight = 56;
const columnWidth = 18;
const mostColumns = 8;

export const keyOf = checkpoint => JSON.stringify([checkpoint.namespace, checkpoint.id]);

/**
 * Where each checkpoint stands: its column, and the lines that pass, come in from above and go out below it.
 * A line leaves a checkpoint downwards to its parent, which is older.
 */
export function layout(checkpoints) {
  const places = new Map(checkpoints.map((checkpoint, i) => [keyOf(checkpoint), i]));
  const children = new Map();
  let waiting = [];
  const rows = checkpoints.map((checkpoint, i) => {
    const key = keyOf(checkpoint);
    const parent = checkpoint.parentId === null ? null : JSON.stringify([checkpoint.namespace, checkpoint.parentId]);
    const incoming = waiting.flatMap((wanted, column) => (wanted === key ? [column] : []));
    const column = incoming[0] ?? free(waiting);
    const above = waiting.map((wanted, from) => ({ wanted, from })).filter(({ wanted }) => wanted !== null);
    waiting = waiting.map(wanted => (wanted === key ? null : wanted));
    // A parent that is newer than its child (it was saved again) has no line: it would go up.
    waiting[column] = places.get(parent) > i ? parent : null;
    if (parent !== null) children.set(parent, (children.get(parent) ?? 0) + 1);
    while (waiting.length > 0 && waiting.at(-1) === null) waiting.pop();
    return {
      checkpoint,
      column,
      into: incoming,
      passing: above.filter(({ wanted }) => wanted !== key).map(({ from }) => from),
      goesOn: places.get(parent) > i,
      // It is older than what is loaded, or deleted.
      isLost: parent !== null && !places.has(parent),
    };
  });
  return { rows, children, columns: Math.min(mostColumns, Math.max(1, ...rows.map(row => Math.max(row.column, ...row.passing, 0) + 1))) };
}

function free(waiting) {
  const column = waiting.findIndex(wanted => wanted === null);
  return column < 0 ? waiting.length : column;
}

/** The drawing beside one row. */
export function gutter(row, columns) {
  const x = column => columnWidth / 2 + Math.min(column, columns - 1) * columnWidth;
  const middle = rowHeight / 2;
  const own = x(row.column);
  const color = column => `c${column % 5}`;
  const parts = row.passing.map(column => svg('line', { class: color(column), x1: x(column), x2: x(column), y1: 0, y2: rowHeight }));
  for (const from of row.into) {
    parts.push(svg('path', { class: color(from), d: `M${x(from)},0 C${x(from)},${middle} ${own},${middle / 2} ${own},${middle}` }));
  }
  if (row.goesOn || row.isLost) {
    parts.push(svg('line', { class: `${color(row.column)}${row.isLost ? ' lost' : ''}`, x1: own, x2: own, y1: middle, y2: rowHeight }));
  }
  parts.push(svg('circle', { class: color(row.column), cx: own, cy: middle, r: 5 }));
  return svg('svg', { class: 'gutter', width: columns * columnWidth, height: rowHeight, 'aria-hidden': 'true' }, ...parts);
}
