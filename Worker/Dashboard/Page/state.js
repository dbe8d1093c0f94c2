// A state as something to look at: JSON, text, or bytes.
import { el, button, count, bytes as size } from './dom.js';
import { parse, lines, plain } from './json.js';
import { difference } from './diff.js';

const mostLines = 4000;
const mostHexBytes = 16 * 1024;
const linesAround = 3;

export function fromBase64(text) {
  return Uint8Array.from(atob(text), character => character.charCodeAt(0));
}

/** What the bytes are: {kind: 'JSON' | 'text' | 'bytes', lines of [kind, text] pairs}. */
export function read(bytes, isSorted = false) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { kind: 'bytes', lines: hex(bytes) };
  }
  const tree = parse(text);
  if (tree?.items || (tree && text.trim() !== '')) return { kind: 'JSON', lines: lines(tree, isSorted) };
  return /[\x00-\x08\x0e-\x1f]/.test(text)
    ? { kind: 'bytes', lines: hex(bytes) }
    : { kind: 'text', lines: text.split(/\r?\n/).map(line => [['text', line]]) };
}

function hex(bytes) {
  const all = [];
  for (let offset = 0; offset < Math.min(bytes.length, mostHexBytes); offset += 16) {
    const row = bytes.subarray(offset, Math.min(offset + 16, mostHexBytes));
    const digits = Array.from(row, byte => byte.toString(16).padStart(2, '0')).join(' ');
    const letters = Array.from(row, byte => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : '·')).join('');
    all.push([['mark', offset.toString(16).padStart(6, '0') + '  '], ['number', digits.padEnd(49)], ['string', letters]]);
  }
  if (bytes.length > mostHexBytes) all.push([['mark', `… ${count(bytes.length - mostHexBytes)} more bytes`]]);
  return all;
}

export function view(bytes) {
  if (bytes.length === 0) return el('p', { class: 'empty' }, 'The state is empty.');
  const { kind, lines: all } = read(bytes);
  const shown = all.slice(0, mostLines);
  return el('div', { class: 'state' },
    el('p', { class: 'hint' }, `${kind}, ${size(bytes.length)}${rest(all, shown, 'download it')}`),
    el('pre', { tabindex: 0, 'aria-label': 'State' }, shown.map(line => el('div', { class: 'row' }, line.map(([kind, text]) => el('span', { class: kind }, text))))));
}

function rest(all, shown, how) {
  return all.length > shown.length ? `; the first ${count(shown.length)} of ${count(all.length)} lines, ${how} for the rest` : '';
}

export function diffView(before, after) {
  const [a, b] = [before, after].map(bytes => read(bytes, true).lines.map(plain));
  const all = difference(a, b);
  const removed = all.filter(([sign]) => sign === '-').length;
  const added = all.filter(([sign]) => sign === '+').length;
  if (removed + added === 0) return el('p', { class: 'empty' }, 'No difference.');
  const parts = folded(all);
  const shown = parts.slice(0, mostLines);
  return el('div', { class: 'state' },
    el('p', { class: 'hint' }, `${count(added)} added, ${count(removed)} removed${rest(parts, shown, 'download both')}`),
    el('pre', { class: 'diff', tabindex: 0, 'aria-label': 'Difference' }, shown.map(part => (part.hidden ? fold(part.hidden) : row(part.line)))));
}

function row([sign, text]) {
  const kind = { '+': 'added', '-': 'removed', ' ': 'same' }[sign];
  return el('div', { class: `row ${kind}` }, el('span', { class: 'sign' }, sign), text);
}

function fold(hidden) {
  const node = button(`${count(hidden.length)} equal lines`, () => {
    const rows = hidden.slice(0, mostLines).map(row);
    node.replaceWith(...rows);
    rows[0].closest('pre').focus();
  }, { class: 'quiet fold' });
  return node;
}

// Equal lines far from any difference are folded.
function folded(all) {
  const isNear = new Uint8Array(all.length);
  all.forEach(([sign], i) => {
    if (sign !== ' ') isNear.fill(1, Math.max(0, i - linesAround), i + linesAround + 1);
  });
  const parts = [];
  all.forEach((line, i) => {
    if (isNear[i]) parts.push({ line });
    else if (parts.at(-1)?.hidden) parts.at(-1).hidden.push(line);
    else parts.push({ hidden: [line] });
  });
  return parts;
}
