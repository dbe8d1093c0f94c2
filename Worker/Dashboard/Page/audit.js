// Who did what.
import { el, button, moment, say } from './dom.js';
import { call } from './api.js';

const perPage = 50;

export function audit(root) {
  const rows = el('tbody');
  const empty = el('p', { class: 'empty', hidden: true }, 'Nothing has been done yet.');
  const older = button('Older entries', () => load(token), { hidden: true });
  let token = null;
  root.append(
    el('div', { class: 'card table' }, el('table', {},
      el('thead', {}, el('tr', {}, ['When', 'Who', 'What', 'To', 'With'].map(name => el('th', { scope: 'col' }, name)))), rows)),
    empty, older);

  async function load(from) {
    const page = await call('GET', '/audit', { query: { limit: perPage, continuationToken: from } });
    token = page.continuationToken ?? null;
    rows.append(...page.items.map(entry => el('tr', {},
      el('td', { 'data-name': 'When' }, moment(entry.createdAt)),
      el('td', { 'data-name': 'Who' }, el('bdi', {}, entry.actor)),
      el('td', { 'data-name': 'What' }, el('span', { class: 'badge' }, entry.action)),
      el('td', { 'data-name': 'To' }, el('bdi', { class: 'id' }, entry.subject)),
      el('td', { 'data-name': 'With' }, entry.detail === '' ? null : el('bdi', {}, entry.detail)))));
    empty.hidden = rows.hasChildNodes();
    older.hidden = token === null;
    say(`${rows.children.length} entries.`);
  }

  load(null);
  return { close: () => {} };
}
