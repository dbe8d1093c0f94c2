// JSON as it was written: numbers keep all their digits, members their order, unlike what JSON.parse makes of them.

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** A text of JSON that goes into what is written as it is; throws where it is none. */
export function raw(text) {
  JSON.parse(text);
  return new Raw(text);
}

class Raw {
  constructor(text) {
    this.text = text;
  }
}

/** As JSON.stringify, but for raw texts. */
export function write(value) {
  if (value instanceof Raw) return value.text;
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.entries(value).filter(([, item]) => item !== undefined).map(([name, item]) => `${JSON.stringify(name)}:${write(item)}`).join(',')}}`;
}

/** A tree as text, without spaces. */
export function compact({ kind, text, items }) {
  if (!items) return text;
  const all = items.map(({ name, value }) => (name === null ? '' : `${name}:`) + compact(value)).join(',');
  return kind === 'object' ? `{${all}}` : `[${all}]`;
}

/** The trees of an object's members, by name. */
export const members = tree => new Map(tree.items.map(({ name, value }) => [JSON.parse(name), value]));

/** A tree of {kind, text} and {kind, items} for arrays and objects; null when the text is not JSON. */
export function parse(text) {
  try {
    JSON.parse(text);
    const list = text.match(tokens);
    let next = 0;
    return read();

    function read() {
      const token = list[next++];
      if (token === '{' || token === '[') {
        const isObject = token === '{';
        const items = [];
        while (list[next] !== '}' && list[next] !== ']') {
          const name = isObject ? list[next] : null;
          if (isObject) next += 2;
          items.push({ name, value: read() });
          if (list[next] === ',') next++;
        }
        next++;
        return { kind: isObject ? 'object' : 'array', items };
      }
      return { kind: token[0] === '"' ? 'string' : /[-0-9]/.test(token[0]) ? 'number' : 'word', text: token };
    }
  } catch {
    // Not JSON, or so deep that the stack does not hold it: it is shown as text.
    return null;
  }
}

/** Lines of [kind, text] pairs. Sorted: members by name, so that their order makes no difference. */
export function lines(tree, isSorted = false) {
  const all = [];
  write(tree, 0, [], '');
  return all;

  function write(value, depth, head, tail) {
    const start = [['space', '  '.repeat(depth)], ...head];
    if (!value.items) {
      all.push([...start, [value.kind, value.text], ['mark', tail]]);
      return;
    }
    const [open, close] = value.kind === 'object' ? '{}' : '[]';
    if (value.items.length === 0) {
      all.push([...start, ['mark', open + close + tail]]);
      return;
    }
    all.push([...start, ['mark', open]]);
    const items = isSorted && value.kind === 'object' ? value.items.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)) : value.items;
    items.forEach((item, i) => write(
      item.value, depth + 1, item.name === null ? [] : [['name', item.name], ['mark', ': ']], i < items.length - 1 ? ',' : ''));
    all.push([['space', '  '.repeat(depth)], ['mark', close + tail]]);
  }
}

export const plain = line => line.map(([, text]) => text).join('');
