// What could not be archived.
import { el, id, button, keyed, moment, ask, tell, say, bytes } from './dom.js';
import { call } from './api.js';
import { fromBase64, view } from './state.js';

const perPage = 50;

export function deadLetters(root) {
  const list = el('ul', { class: 'cards', 'aria-label': 'Dead letters, newest first' });
  const empty = el('p', { class: 'empty', hidden: true }, 'There are no dead letters.');
  const older = button('Older letters', () => load(token), { hidden: true });
  let letters = [];
  let token = null;
  root.append(
    el('p', { class: 'hint' }, 'Messages, or single checkpoints of them, that could not be archived. For many at once start a job.'),
    list, empty, older);

  async function load(from) {
    const page = await call('GET', '/dead-letters', { query: { limit: perPage, continuationToken: from } });
    letters = [...(from === null ? [] : letters), ...page.items];
    token = page.continuationToken ?? null;
    show();
    say(`${letters.length} dead letters${token === null ? '' : ', and older ones'}.`);
  }

  function show() {
    keyed(list, letters, letter => letter.id, cardOf);
    empty.hidden = letters.length > 0;
    older.hidden = token === null;
  }

  function cardOf(letter) {
    const body = el('div', {});
    const details = el('details', {}, el('summary', {}, 'Payload'), body);
    details.addEventListener('toggle', async () => {
      if (!details.open || body.hasChildNodes()) return;
      try {
        body.append(view(fromBase64((await call('GET', `/dead-letters/${letter.id}`)).body)));
      } catch (error) {
        body.append(el('p', { class: 'problem' }, error.message));
      }
    });
    return el('li', { class: 'card letter' },
      el('div', { class: 'bar' }, el('strong', {}, `Letter ${letter.id}`), el('span', { class: 'hint' }, moment(letter.createdAt)),
        el('span', { class: 'grow' }),
        button('Retry', () => retry(letter), { 'aria-label': `Retry letter ${letter.id}` }),
        button('Discard', () => discard(letter), { class: 'danger', 'aria-label': `Discard letter ${letter.id}` })),
      el('p', { class: 'reason' }, el('bdi', {}, letter.reason)),
      el('p', { class: 'hint' }, letter.executionId === null ? null : ['Execution ', el('a', { href: `#/executions?${new URLSearchParams({ execution: letter.executionId })}` }, id(letter.executionId)), ' · '],
        el('bdi', {}, letter.contentType), ` · ${bytes(letter.bodyBytes)}`),
      details);
  }

  async function retry(letter) {
    const isSure = await ask({ title: 'Retry this letter?', text: 'It is archived when that works now, and stays a dead letter when it does not.', subject: letter.reason, yes: 'Retry' });
    if (!isSure) return;
    await call('POST', `/dead-letters/${letter.id}/retry`);
    gone(letter, 'It is archived now.');
  }

  async function discard(letter) {
    const isSure = await ask({ title: 'Discard this letter?', text: 'It is removed with what is in it, and cannot be brought back.', subject: letter.reason, yes: 'Discard' });
    if (!isSure) return;
    await call('DELETE', `/dead-letters/${letter.id}`);
    gone(letter, 'The letter is discarded.');
  }

  function gone(letter, text) {
    letters = letters.filter(other => other.id !== letter.id);
    show();
    tell(text);
  }

  load(null);
  return { close: () => {} };
}
