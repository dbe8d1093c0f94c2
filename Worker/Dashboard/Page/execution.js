// One execution: its checkpoints as a timeline, and what is chosen of them.
import { el, id, button, moment, copyButton, ask, tell, say, count } from './dom.js';
import { call, segment } from './api.js';
import { keyOf, layout, gutter } from './timeline.js';
import { checkpointView, comparison, originOf } from './checkpoint.js';

const perPage = 200;

export function execution(root, executionId, params, onCleared) {
  let loaded = [];
  let token = null;
  let compared = [];
  let shownDetail = null;
  const stop = new AbortController();
  const heading = el('h2', { tabindex: -1 }, id(executionId));
  const namespaces = el('select', { id: 'namespace' }, el('option', { value: 'all' }, 'All namespaces'));
  const rows = el('ol', { class: 'timeline', 'aria-label': 'Checkpoints, newest first' });
  const empty = el('p', { class: 'empty', hidden: true }, 'It has no checkpoints.');
  const older = button('Older checkpoints', () => load(token), { hidden: true });
  const compare = button('Compare', showComparison, { disabled: true });
  const detail = el('section', { class: 'detail card', 'aria-label': 'Checkpoint' });
  root.append(
    el('a', { class: 'back', href: '#/executions' }, '← All executions'),
    el('header', { class: 'bar' }, heading, copyButton(executionId, 'the execution’s id'),
      el('span', { class: 'grow' }),
      button('Refresh', refresh),
      button('Clear execution', clear, { class: 'danger' })),
    el('div', { class: 'panes' },
      el('section', { class: 'card', 'aria-label': 'Timeline' },
        el('div', { class: 'bar' }, el('label', { for: 'namespace', class: 'unseen' }, 'Namespace'), namespaces,
          el('span', { class: 'hint' }, 'Tick two to'), compare),
        rows, empty, older),
      detail));

  namespaces.addEventListener('change', draw);
  rows.addEventListener('keydown', event => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const links = [...rows.querySelectorAll('a')];
    const at = links.indexOf(document.activeElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    links[Math.min(links.length - 1, Math.max(0, at + step))].focus();
  });

  function refresh() {
    return load(null);
  }

  async function load(from) {
    const before = from === null ? [] : loaded;
    const page = await call('GET', `/executions/${segment(executionId)}/checkpoints`, {
      query: { allNamespaces: true, limit: perPage, continuationToken: from }, signal: stop.signal,
    });
    loaded = before.concat(page.items);
    token = page.continuationToken ?? null;
    const chosen = namespaces.value;
    const names = [...new Set(loaded.map(checkpoint => checkpoint.namespace))].sort();
    namespaces.replaceChildren(el('option', { value: 'all' }, 'All namespaces'),
      ...names.map(name => el('option', { value: `=${name}` }, name === '' ? 'Without a namespace' : name)));
    namespaces.value = names.some(name => `=${name}` === chosen) ? chosen : 'all';
    draw();
    say(`${loaded.length} checkpoints${token === null ? '' : ', and older ones'}.`);
  }

  function draw() {
    const chosen = namespaces.value;
    const visible = loaded.filter(checkpoint => chosen === 'all' || chosen === `=${checkpoint.namespace}`);
    const { rows: places, children, columns } = layout(visible);
    const latest = new Map(visible.toReversed().map(checkpoint => [checkpoint.namespace, checkpoint]));
    const focused = document.activeElement?.closest('li')?.itemKey;
    rows.replaceChildren(...places.map(place => rowOf(place, columns, children, latest)));
    if (focused) [...rows.children].find(row => row.itemKey === focused)?.querySelector('a').focus();
    empty.hidden = visible.length > 0;
    older.hidden = token === null;
    mark();
  }

  function rowOf(place, columns, children, latest) {
    const { checkpoint } = place;
    const key = keyOf(checkpoint);
    const forks = children.get(key) ?? 0;
    const origin = originOf(checkpoint);
    const box = el('input', { type: 'checkbox', 'aria-label': `Compare ${checkpoint.id}`, onchange: () => tick(checkpoint, box.checked) });
    box.checked = compared.some(other => keyOf(other) === key);
    const row = el('li', {},
      gutter(place, columns),
      el('a', { href: addressOf(checkpoint) },
        el('span', { class: 'node' }, el('bdi', {}, checkpoint.node || '(no node)'),
          latest.get(checkpoint.namespace) === checkpoint ? el('span', { class: 'badge good' }, 'latest') : null,
          forks > 1 ? el('span', { class: 'badge' }, `${forks} branches`) : null,
          origin ? el('span', { class: 'badge origin' }, 'forked from ', el('bdi', {}, origin.executionId)) : null,
          checkpoint.namespace === '' ? null : el('span', { class: 'badge' }, el('bdi', {}, checkpoint.namespace))),
        el('span', { class: 'more' }, id(checkpoint.id), el('span', { class: 'when' }, moment(checkpoint.createdAt)))),
      el('label', { class: 'tick' }, box));
    row.itemKey = key;
    return row;
  }

  function addressOf(checkpoint) {
    return `#/executions?${new URLSearchParams({ execution: checkpoint.executionId, namespace: checkpoint.namespace, id: checkpoint.id })}`;
  }

  function tick(checkpoint, isTicked) {
    const key = keyOf(checkpoint);
    compared = compared.filter(other => keyOf(other) !== key);
    if (isTicked) compared = [...compared, checkpoint].slice(-2);
    mark();
  }

  function mark() {
    const chosen = chosenKey();
    const ticked = new Set(compared.map(keyOf));
    for (const row of rows.children) {
      row.querySelector('input').checked = ticked.has(row.itemKey);
      if (row.itemKey === chosen) row.querySelector('a').setAttribute('aria-current', 'true');
      else row.querySelector('a').removeAttribute('aria-current');
    }
    compare.disabled = compared.length < 2;
  }

  const chosenKey = () => (params.get('id') === null ? null : JSON.stringify([params.get('namespace') ?? '', params.get('id')]));

  async function showComparison() {
    const [before, after] = compared.toSorted((a, b) => a.sequence - b.sequence);
    await showDetail(comparison(before, after));
  }

  async function showDetail(view) {
    shownDetail = view;
    const node = await view;
    // Something else was chosen meanwhile.
    if (stop.signal.aborted || shownDetail !== view) return;
    detail.replaceChildren(node);
    detail.querySelector('h3').focus({ preventScroll: matchMedia('(min-width: 1100px)').matches });
  }

  async function showChosen() {
    mark();
    if (params.get('id') === null) {
      shownDetail = null;
      detail.replaceChildren(el('p', { class: 'empty' }, 'Choose a checkpoint to see its state.'));
      return;
    }
    const key = { executionId, namespace: params.get('namespace') ?? '', id: params.get('id') };
    await showDetail(checkpointView(key, {
      addressOf,
      onCompare: (before, after) => showDetail(comparison(before, after)),
      onDeleted: async () => {
        compared = compared.filter(other => keyOf(other) !== keyOf(key));
        location.hash = `#/executions?${new URLSearchParams({ execution: executionId })}`;
        await refresh();
        heading.focus();
      },
    }));
  }

  async function clear() {
    const isSure = await ask({
      title: 'Clear this execution?',
      text: `All its checkpoints, in every namespace, are deleted from Redis and the archive. ${count(loaded.length)}${token === null ? '' : ' or more'} checkpoints are lost for good.`,
      subject: executionId,
      yes: 'Clear execution',
    });
    if (!isSure) return;
    await call('DELETE', `/executions/${segment(executionId)}`);
    tell('The execution is cleared.');
    onCleared();
    location.hash = '#/executions';
    document.querySelector('h1').focus();
  }

  refresh();
  showChosen();
  return {
    change(newParams) {
      params = newParams;
      showChosen();
    },
    close: () => stop.abort(),
  };
}
