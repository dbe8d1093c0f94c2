// The list of executions, and one of them.
import { el, id, button, say } from './dom.js';
import { call } from './api.js';
import { execution } from './execution.js';

const perPage = 50;

// A search anywhere in the id has no index: each request looks at some 10,000 ids, and so many of them are made for a page.
const requestsPerPage = 20;

const addressOf = params => `#/executions?${params}`;

export function executions(root, params) {
  const input = el('input', { id: 'prefix', type: 'search', autocomplete: 'off', spellcheck: 'false', maxlength: 256, placeholder: 'run-' });
  const anywhere = el('input', { id: 'anywhere', type: 'checkbox', onchange: search });
  const list = el('ul', { class: 'ids' });
  const empty = el('p', { class: 'empty', hidden: true });
  const previous = button('Previous', () => show(pages.slice(0, -1)), { disabled: true });
  const next = button('Next', () => show([...pages, token]), { disabled: true });
  const browser = el('section', { class: 'browser card', 'aria-label': 'Search' },
    el('form', { role: 'search', onsubmit: event => { event.preventDefault(); search(); } },
      el('label', { for: 'prefix' }, 'Id starts with'),
      el('div', { class: 'field' }, input, el('button', {}, 'Search')),
      el('div', { class: 'labelled check' }, el('label', { for: 'anywhere' }, 'Or has this anywhere in it'), anywhere)),
    list, empty, el('div', { class: 'pager' }, previous, next));
  const detail = el('section', { class: 'execution', 'aria-label': 'Execution' });
  const split = el('div', { class: 'split' }, browser, detail);
  root.append(split);

  // Where each page begins: the pages before the one shown, and where the next one starts.
  let pages = [null];
  let token = null;
  let shown = null;
  let searching = new AbortController();
  let typing = 0;

  input.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(search, 250);
  });

  function search() {
    clearTimeout(typing);
    return show([null]);
  }

  async function show(newPages) {
    searching.abort();
    searching = new AbortController();
    const text = input.value;
    const isAnywhere = anywhere.checked && text !== '';
    const { items, end } = await find(isAnywhere ? { contains: text } : { prefix: text }, newPages.at(-1), searching.signal);
    pages = newPages;
    token = end;
    list.replaceChildren(...items.map(item => el('li', {}, el('a', { href: addressOf(new URLSearchParams({ execution: item })) }, id(item)))));
    mark();
    empty.hidden = items.length > 0;
    empty.textContent = text === '' ? 'There is no execution yet.'
      : !isAnywhere ? 'No execution starts with this.'
      : token === null ? 'No execution has this in its id.' : 'None so far. Next looks further.';
    previous.disabled = pages.length === 1;
    next.disabled = token === null;
    const more = token === null ? '' : items.length < perPage ? ', and more ids to look at on the next page' : ', and more on the next page';
    say(`${items.length} executions${more}.`);
  }

  /** A page of executions. A search may find few of them at a time, or none. */
  async function find(filter, start, signal) {
    const items = [];
    let end = start;
    for (let requests = 0; requests < requestsPerPage && items.length < perPage; requests++) {
      if (requests === 1) say('Searching…');
      const page = await call('GET', '/executions', {
        query: { ...filter, limit: perPage - items.length, continuationToken: end }, signal,
      });
      items.push(...page.items);
      end = page.continuationToken ?? null;
      if (end === null) break;
    }
    return { items, end };
  }

  function mark() {
    for (const link of list.querySelectorAll('a')) {
      if (link.textContent === shown?.id) link.setAttribute('aria-current', 'true');
      else link.removeAttribute('aria-current');
    }
  }

  function change(newParams) {
    const wanted = newParams.get('execution');
    split.classList.toggle('has-execution', wanted !== null);
    if (wanted !== shown?.id) {
      shown?.close();
      detail.replaceChildren();
      shown = wanted === null ? null : { id: wanted, ...execution(detail, wanted, newParams, () => show(pages)) };
      mark();
    } else {
      shown?.change(newParams);
    }
    if (wanted === null) detail.replaceChildren(el('p', { class: 'empty' }, 'Choose an execution to see its checkpoints.'));
  }

  change(params);
  search();
  return {
    change,
    close() {
      clearTimeout(typing);
      searching.abort();
      shown?.close();
    },
  };
}
