// The list of executions, and one of them.
import { el, id, button, say } from './dom.js';
import { call } from './api.js';
import { execution } from './execution.js';

const perPage = 50;

const addressOf = params => `#/executions?${params}`;

export function executions(root, params) {
  const input = el('input', { id: 'prefix', type: 'search', autocomplete: 'off', spellcheck: 'false', maxlength: 256, placeholder: 'run-' });
  const list = el('ul', { class: 'ids' });
  const empty = el('p', { class: 'empty', hidden: true });
  const previous = button('Previous', () => show(pages.slice(0, -1)), { disabled: true });
  const next = button('Next', () => show([...pages, token]), { disabled: true });
  const browser = el('section', { class: 'browser card', 'aria-label': 'Search' },
    el('form', { role: 'search', onsubmit: event => { event.preventDefault(); search(); } },
      el('label', { for: 'prefix' }, 'Id starts with'),
      el('div', { class: 'field' }, input, el('button', {}, 'Search'))),
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
    const prefix = input.value;
    const page = await call('GET', '/executions', {
      query: { prefix, limit: perPage, continuationToken: newPages.at(-1) }, signal: searching.signal,
    });
    pages = newPages;
    token = page.continuationToken ?? null;
    list.replaceChildren(...page.items.map(item => el('li', {}, el('a', { href: addressOf(new URLSearchParams({ execution: item })) }, id(item)))));
    mark();
    empty.hidden = page.items.length > 0;
    empty.textContent = prefix === '' ? 'There is no execution yet.' : 'No execution starts with this.';
    previous.disabled = pages.length === 1;
    next.disabled = token === null;
    say(`${page.items.length} executions${token === null ? '' : ', and more on the next page'}.`);
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
