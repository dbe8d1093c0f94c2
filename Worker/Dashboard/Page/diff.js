// The lines in which two texts differ (Myers, "An O(ND) Difference Algorithm").

const mostDifferences = 1500;

/** Pairs of ' ', '-' or '+' and a line. A comma at the end of a line makes no difference. */
export function difference(before, after) {
  const [a, b] = [before, after].map(list => list.map(line => line.replace(/,$/, '')));
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return [
    ...after.slice(0, start).map(line => [' ', line]),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end), before.slice(start), after.slice(start)),
    ...after.slice(after.length - end).map(line => [' ', line]),
  ];
}

function middle(a, b, before, after) {
  const replaced = () => [...a.map((_, i) => ['-', before[i]]), ...b.map((_, i) => ['+', after[i]])];
  if (a.length === 0 || b.length === 0) return replaced();
  const most = Math.min(a.length + b.length, mostDifferences);
  const furthest = new Int32Array(2 * most + 4);
  const history = [];
  const at = k => most + 1 + k;
  for (let d = 0; d <= most; d++) {
    const before = furthest.slice(at(-d - 1), at(d + 2));
    const reached = k => before[k + d + 1];
    history.push(reached);
    for (let k = -d; k <= d; k += 2) {
      let x = isDown(reached, k, d) ? reached(k + 1) : reached(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest[at(k)] = x;
      if (x >= a.length && x - k >= b.length) return walkBack(d);
    }
  }
  return replaced();

  function isDown(reached, k, d) {
    return k === -d || (k !== d && reached(k - 1) < reached(k + 1));
  }

  function walkBack(d) {
    const result = [];
    let [x, y] = [a.length, b.length];
    for (; d > 0; d--) {
      const k = isDown(history[d], x - y, d) ? x - y + 1 : x - y - 1;
      const fromX = history[d](k);
      while (x > fromX && y > fromX - k) [x, y] = same(result, x, y);
      if (x === fromX) result.push(['+', after[--y]]);
      else result.push(['-', before[--x]]);
    }
    while (x > 0) [x, y] = same(result, x, y);
    return result.reverse();
  }

  function same(result, x, y) {
    result.push([' ', after[y - 1]]);
    return [x - 1, y - 1];
  }
}
