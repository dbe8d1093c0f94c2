// Which page is shown: the part of the address behind '#', such as #/executions?execution=run-42.
import { el, button, tell } from './dom.js';
import * as api from './api.js';
import { live } from './live.js';
import { executions } from './executions.js';
import { jobs } from './jobs.js';
import { deadLetters } from './dead-letters.js';
import { audit } from './audit.js';

const pages = {
  live: { title: 'Live', open: live },
  executions: { title: 'Executions', open: executions },
  jobs: { title: 'Jobs', open: jobs },
  'dead-letters': { title: 'Dead letters', open: deadLetters },
  audit: { title: 'Audit', open: audit },
};
const main = document.getElementById('main');
const signOut = document.getElementById('sign-out');
let shown = { name: null, close: () => {}, change: null };

function route() {
  // The skip link's target is no page.
  if (location.hash === '#main') return;
  const [name, query] = location.hash.replace(/^#\/?/, '').split('?', 2);
  open(pages[name] ? name : 'live', new URLSearchParams(query ?? ''));
}

function open(name, params, isFirst = shown.name === null) {
  for (const link of document.querySelectorAll('#nav a')) {
    if (link.hash === `#/${name}`) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  signOut.hidden = !api.hasKey();
  if (shown.name === name && shown.change) {
    shown.change(params);
    return;
  }
  shown.close();
  const page = pages[name];
  document.title = `${page.title} · AsyncCheckpoints`;
  const heading = el('h1', { tabindex: -1 }, page.title);
  main.replaceChildren(heading);
  shown = { name, ...page.open(main, params) };
  if (!isFirst) heading.focus();
}

function askForKey(message) {
  if (shown.name === 'sign-in') return;
  shown.close();
  shown = { name: 'sign-in', close: () => {} };
  api.forgetKey();
  signOut.hidden = true;
  document.title = 'Sign in · AsyncCheckpoints';
  const input = el('input', { id: 'key', type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, 'aria-describedby': 'key-problem' });
  const problem = el('p', { id: 'key-problem', class: 'problem', role: 'alert' }, message);
  main.replaceChildren(el('section', { class: 'card sign-in' },
    el('h1', { tabindex: -1 }, 'Sign in'),
    el('p', {}, 'This worker asks for an API key. It is kept in this tab until you close it or sign out.'),
    el('form', {
      onsubmit: async event => {
        event.preventDefault();
        problem.textContent = '';
        try {
          problem.textContent = await api.signIn(input.value.trim()) ?? '';
        } catch (error) {
          problem.textContent = error.message;
        }
        if (problem.textContent) {
          input.select();
          return;
        }
        shown = { name: 'sign-in', close: () => {} };
        route();
      },
    },
    el('label', { for: 'key' }, 'API key'), input, problem, el('button', { class: 'primary' }, 'Sign in'))));
  input.focus();
}

api.onUnauthorized(askForKey);
signOut.addEventListener('click', () => {
  api.forgetKey();
  askForKey('');
});
window.addEventListener('hashchange', route);
window.addEventListener('unhandledrejection', event => {
  // What a page did not expect. Cancelled requests and a missing key speak for themselves.
  event.preventDefault();
  if (event.reason?.name !== 'AbortError' && event.reason?.status !== 401) tell(event.reason?.message ?? 'Something went wrong.', true);
});
document.querySelector('.skip').addEventListener('click', event => {
  event.preventDefault();
  main.focus();
});
route();
