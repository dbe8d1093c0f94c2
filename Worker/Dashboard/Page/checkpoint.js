// One checkpoint with its state, or the difference of two.
import { el, id, button, moment, copyButton, ask, tell, count } from './dom.js';
import { call, callText, checkpointPath, inNamespace } from './api.js';
import { fromBase64, view, diffView } from './state.js';
import { parse, members, compact } from './json.js';

/** A checkpoint; its version and metadata as texts, with all their digits. */
async function load(key) {
  const text = await callText('GET', checkpointPath(key), { query: { ...inNamespace(key), format: 'json' } });
  const trees = members(parse(text));
  const checkpoint = JSON.parse(text);
  return { ...checkpoint, origin: originOf(checkpoint), version: compact(trees.get('version')), metadata: compact(trees.get('metadata')) };
}

/** The key of what a fork is a copy of; null for others. Anything may be in metadata, also what was copied from a parent's. */
export function originOf({ parentId, metadata }) {
  const origin = parentId === null ? metadata?.forkedFrom : null;
  const isKey = ['executionId', 'namespace', 'id'].every(name => typeof origin?.[name] === 'string');
  return isKey && origin.executionId !== '' && origin.id !== '' ? origin : null;
}

const metadataOf = checkpoint => new TextEncoder().encode(checkpoint.metadata);

export async function checkpointView(key, { addressOf, onCompare, onDeleted }) {
  let checkpoint;
  try {
    checkpoint = await load(key);
  } catch (error) {
    return el('div', {}, el('h3', { tabindex: -1 }, 'Checkpoint'), el('p', { class: 'problem' }, error.message));
  }
  const state = fromBase64(checkpoint.state);
  const parent = checkpoint.parentId === null ? null : { ...key, id: checkpoint.parentId };
  const { origin } = checkpoint;
  return el('div', {},
    el('header', { class: 'bar' },
      el('h3', { tabindex: -1 }, el('bdi', {}, checkpoint.node || 'Checkpoint')),
      el('span', { class: 'grow' }),
      button('Download', () => download(checkpoint, state)),
      parent ? button('Compare with parent', () => onCompare(parent, checkpoint)) : null,
      button('Delete', () => remove(key, onDeleted), { class: 'danger' })),
    fields({
      Id: [id(checkpoint.id), copyButton(checkpoint.id, 'the checkpoint’s id')],
      Namespace: checkpoint.namespace === '' ? '–' : id(checkpoint.namespace),
      Parent: parent ? el('a', { href: addressOf(parent) }, id(parent.id)) : '–',
      ...(origin && { 'Forked from': el('a', { href: addressOf(origin) }, id(origin.executionId), ' / ', id(origin.id)) }),
      Created: moment(checkpoint.createdAt),
      Sequence: String(checkpoint.sequence),
      Version: checkpoint.version,
      Type: el('bdi', {}, checkpoint.contentType),
    }),
    checkpoint.metadata !== 'null' ? [el('h4', {}, 'Metadata'), view(metadataOf(checkpoint))] : null,
    el('h4', {}, 'State'),
    view(state));
}

export async function comparison(...keys) {
  let both;
  try {
    both = await Promise.all(keys.map(load));
  } catch (error) {
    return el('div', {}, el('h3', { tabindex: -1 }, 'Difference'), el('p', { class: 'problem' }, error.message));
  }
  const [before, after] = both;
  const states = both.map(checkpoint => fromBase64(checkpoint.state));
  const metadata = both.map(metadataOf);
  const changed = ['node', 'version', 'contentType', 'parentId'].filter(name => before[name] !== after[name]);
  const hasOtherMetadata = before.metadata !== after.metadata;
  return el('div', {},
    el('h3', { tabindex: -1 }, 'Difference'),
    el('p', { class: 'versus' }, side('−', 'removed', before), side('+', 'added', after)),
    changed.length === 0 ? null : el('dl', { class: 'fields' }, changed.flatMap(name => [
      el('dt', {}, name), el('dd', {}, el('bdi', {}, String(before[name] ?? '–')), ' → ', el('bdi', {}, String(after[name] ?? '–')))])),
    hasOtherMetadata ? [el('h4', {}, 'Metadata'), diffView(...metadata)] : null,
    el('h4', {}, 'State'),
    diffView(...states));
}

function side(sign, kind, checkpoint) {
  return el('span', { class: kind }, el('span', { class: 'sign' }, sign), el('bdi', {}, checkpoint.node || '(no node)'), ' ', id(checkpoint.id), ' ', moment(checkpoint.createdAt));
}

function fields(values) {
  return el('dl', { class: 'fields' }, Object.entries(values).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, ...[value].flat())]));
}

function download(checkpoint, state) {
  const type = checkpoint.contentType.toLowerCase();
  const extension = /json/.test(type) ? 'json' : type.startsWith('text/') ? 'txt' : 'bin';
  const name = `${checkpoint.executionId}-${checkpoint.id}`.replace(/[^A-Za-z0-9._-]+/g, '_').slice(0, 120);
  // Never as what it says it is: a browser might show it instead.
  const url = URL.createObjectURL(new Blob([state], { type: 'application/octet-stream' }));
  el('a', { href: url, download: `${name}.${extension}` }).click();
  URL.revokeObjectURL(url);
  tell(`Downloaded ${count(state.length)} bytes.`);
}

async function remove(key, onDeleted) {
  const isSure = await ask({
    title: 'Delete this checkpoint?',
    text: 'It is deleted from Redis and the archive, and cannot be brought back.',
    subject: key.id,
    yes: 'Delete checkpoint',
  });
  if (!isSure) return;
  await call('DELETE', checkpointPath(key), { query: inNamespace(key) });
  tell('The checkpoint is deleted.');
  await onDeleted();
}
