// What happens now, and in the last hour.
import { el, id, setText, keyed, poll, say, count, rate, seconds } from './dom.js';
import { call, health } from './api.js';
import { chart } from './chart.js';

const everyMilliseconds = 2000;

const tiles = [
  { name: 'Saves', unit: 'per second', of: s => rate(s.savesPerSecond) },
  { name: 'Archived', unit: 'per second', of: s => rate(s.archivedPerSecond) },
  { name: 'Lag', unit: 'oldest save', of: s => seconds(s.lagSeconds), isBad: s => s.lagSeconds > 60 },
  { name: 'Pending', unit: 'checkpoints', of: s => count(s.pending) },
  { name: 'Queue', unit: s => (s.deadCommands > 0 ? `waiting, ${count(s.deadCommands)} dead` : 'waiting'), of: s => count(s.queueDepth), isBad: s => s.deadCommands > 0 },
  { name: 'Outbox', unit: 'not delivered', of: s => count(s.outboxPending), isBad: s => s.outboxOldestAgeSeconds > 300 },
  { name: 'Dead letters', unit: 'to look at', of: s => count(s.deadLetters), isBad: s => s.deadLetters > 0, href: '#/dead-letters' },
  { name: 'In the archive', unit: s => (s.archivedIsEstimate ? 'checkpoints, about' : 'checkpoints'), of: s => count(s.archived), href: '#/executions' },
  { name: 'Open jobs', unit: 'not ended', of: s => count(s.openJobs), href: '#/jobs' },
];

export function live(root) {
  const figures = tiles.map(tile => {
    const value = el('span', { class: 'value' }, '–');
    const unit = el('span', { class: 'unit' });
    const node = el(tile.href ? 'a' : 'div', { class: 'tile', href: tile.href }, el('span', { class: 'name' }, tile.name), value, unit);
    return { tile, node, value, unit };
  });
  const parts = el('ul', { class: 'parts' });
  const overall = el('span', { class: 'overall' });
  const charts = [
    chart('Throughput, per second', rate, [['Saves', 'savesPerSecond'], ['Archived', 'archivedPerSecond']]),
    chart('Lag', seconds, [['Oldest save not archived', 'lagSeconds']], 0.1),
    chart('Waiting', count, [['Pending', 'pending'], ['Queue', 'queueDepth'], ['Outbox', 'outboxPending']], 4),
    chart('Dead letters', count, [['All', 'deadLetters']], 4),
  ];
  const problem = el('p', { class: 'problem', hidden: true });
  root.append(
    problem,
    el('section', { class: 'tiles', 'aria-label': 'Now' }, figures.map(figure => figure.node)),
    el('section', { class: 'card', 'aria-labelledby': 'health' }, el('h2', { id: 'health' }, 'Health', overall), parts),
    el('section', { class: 'charts', 'aria-label': 'The last hour' }, charts.map(c => c.node)));

  let samples = [];
  let interval = 10;
  let wasHealthy = null;

  async function showFigures() {
    const stats = await call('GET', '/stats');
    for (const { tile, node, value, unit } of figures) {
      setText(value, tile.of(stats));
      setText(unit, typeof tile.unit === 'function' ? tile.unit(stats) : tile.unit);
      node.classList.toggle('bad', tile.isBad?.(stats) ?? false);
    }
  }

  async function showHistory() {
    const history = await call('GET', '/stats/history', { query: { after: samples.at(-1)?.at } });
    interval = history.intervalSeconds;
    samples = samples.concat(history.samples).slice(-360);
    charts.forEach(c => c.show(samples, interval));
  }

  async function showHealth() {
    const report = await health();
    const isHealthy = report.status === 'Healthy';
    setText(overall, isHealthy ? 'All parts answer' : 'Not all parts answer');
    overall.className = `overall ${report.status.toLowerCase()}`;
    if (wasHealthy !== null && wasHealthy !== isHealthy) say(overall.textContent, !isHealthy);
    wasHealthy = isHealthy;
    keyed(parts, Object.entries(report.parts), ([name]) => name,
      ([name]) => el('li', {}, el('span', { class: 'dot', 'aria-hidden': 'true' }), id(name, 'name'), el('span', { class: 'state' }), el('span', { class: 'why' })),
      (node, [, part]) => {
        node.className = part.status.toLowerCase();
        setText(node.querySelector('.state'), part.status);
        setText(node.querySelector('.why'), part.description ?? '');
      });
  }

  const stop = poll(async () => {
    // Each by itself: while the archive is away there are no figures, and its health matters all the more.
    const results = await Promise.allSettled([showFigures(), showHistory(), showHealth()]);
    const failure = results.find(result => result.status === 'rejected')?.reason;
    problem.hidden = failure === undefined;
    if (failure) setText(problem, failure.message);
  }, everyMilliseconds);

  return {
    close() {
      stop();
      charts.forEach(c => c.close());
    },
  };
}
