// Starts jobs and watches them.
import { el, id, button, keyed, poll, setText, moment, ask, tell, say, count, rate, seconds } from './dom.js';
import { call, callText, segment } from './api.js';
import { parse, members, compact } from './json.js';
import { jobForm } from './job-form.js';

const everyMilliseconds = 2000;
const perPage = 50;
const isOpen = job => job.finishedAt === null;

export function jobs(root) {
  const list = el('ul', { class: 'cards', 'aria-label': 'Jobs, newest first' });
  const empty = el('p', { class: 'empty', hidden: true }, 'No job has been started yet.');
  const more = button('Older jobs', () => { limit += perPage; show(); }, { hidden: true });
  const problem = el('p', { class: 'problem', hidden: true });
  const states = new Map();
  let limit = perPage;
  root.append(
    el('details', { class: 'card starter' }, el('summary', {}, 'Start a job'), jobForm(job => {
      tell(`Started ${job.kind}.`);
      show();
    })),
    problem, list, empty, more);

  async function show() {
    try {
      const page = read(await callText('GET', '/jobs', { query: { limit: Math.min(limit, 1000) } }));
      problem.hidden = true;
      keyed(list, page.items, job => job.id, cardOf, update);
      empty.hidden = page.items.length > 0;
      more.hidden = page.continuationToken === null || limit >= 1000;
    } catch (error) {
      problem.hidden = false;
      setText(problem, error.message);
    }
  }

  // A filter by metadata is shown with all its digits.
  function read(text) {
    const trees = members(parse(text)).get('items').items.map(({ value }) => members(value));
    const page = JSON.parse(text);
    return { ...page, items: page.items.map((job, i) => ({ ...job, arguments: compact(trees[i].get('arguments')) })) };
  }

  function cardOf(job) {
    const cancelling = button('Cancel', () => cancel(job, card), { class: 'danger cancel' });
    const found = el('div', { class: 'findings' });
    const details = el('details', {}, el('summary', {}, 'Details'),
      el('dl', { class: 'fields' },
        el('dt', {}, 'Id'), el('dd', {}, id(job.id)),
        el('dt', {}, 'Arguments'), el('dd', {}, el('code', {}, job.arguments)),
        el('dt', {}, 'Counts'), el('dd', { class: 'counts' }),
        el('dt', {}, 'Started'), el('dd', {}, moment(job.startedAt ?? job.scheduledAt))),
      found);
    details.addEventListener('toggle', () => { if (details.open) showFindings(job, found); });
    const card = el('li', { class: 'card job' },
      el('div', { class: 'bar' }, el('strong', { class: 'kind' }, job.kind), el('span', { class: 'badge job-state' }), el('span', { class: 'hint' }, moment(job.createdAt)),
        el('span', { class: 'grow' }), cancelling),
      el('progress', { 'aria-label': `Progress of ${job.kind}` }),
      el('p', { class: 'figures' }),
      el('p', { class: 'problem', hidden: true }),
      details);
    return card;
  }

  function update(card, job) {
    const state = isOpen(job) && job.cancelRequested ? 'cancelling' : job.state;
    const badge = card.querySelector('.job-state');
    setText(badge, state);
    badge.className = `badge job-state ${state}`;
    const progress = card.querySelector('progress');
    if (job.total === null && isOpen(job)) {
      progress.removeAttribute('value');
    } else {
      progress.max = Math.max(1, job.total ?? job.done);
      progress.value = job.state === 'completed' ? progress.max : job.done;
    }
    setText(card.querySelector('.figures'), [
      `${count(job.done)}${job.total === null ? '' : ` of ${job.state === 'completed' ? count(Math.max(job.done, job.total)) : count(job.total)}`}`,
      job.state === 'running' ? `${rate(job.rate)} per second` : null,
      job.etaSeconds === null ? null : `${seconds(job.etaSeconds)} left`,
      job.findings > 0 ? `${count(job.findings)} findings` : null,
      job.attempts > 1 ? `attempt ${job.attempts} of ${job.maxAttempts}` : null,
    ].filter(Boolean).join(' · '));
    const error = card.querySelector(':scope > .problem');
    error.hidden = job.error === null;
    setText(error, job.error ?? '');
    card.querySelector('.cancel').hidden = !isOpen(job) || job.cancelRequested;
    setText(card.querySelector('.counts'), Object.entries(job.counts).map(([name, value]) => `${name} ${value}`).join(', ') || '–');
    if (states.has(job.id) && states.get(job.id) !== job.state) say(`${job.kind} is ${job.state}.`);
    states.set(job.id, job.state);
  }

  async function showFindings(job, place) {
    const page = await call('GET', `/jobs/${segment(job.id)}/findings`, { query: { limit: 100 } });
    place.replaceChildren(page.items.length === 0
      ? el('p', { class: 'hint' }, 'Nothing was found.')
      : el('ul', {}, page.items.map(finding => el('li', {}, el('span', { class: 'badge' }, finding.kind), ' ', id(finding.subject), ' ', el('bdi', {}, finding.detail)))));
    if (page.continuationToken) place.append(el('p', { class: 'hint' }, 'These are the first 100; the API has the rest.'));
  }

  async function cancel(job, card) {
    const isSure = await ask({ title: 'Cancel this job?', text: 'What it has done stays done. It cannot be resumed, only started anew.', subject: `${job.kind} ${job.id}`, yes: 'Cancel job' });
    if (!isSure) return;
    update(card, await call('POST', `/jobs/${segment(job.id)}/cancel`));
    tell('The job is told to stop.');
    card.querySelector('summary').focus();
  }

  return { close: poll(show, everyMilliseconds) };
}
