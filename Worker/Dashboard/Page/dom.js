// Small helpers for the document. Text only ever gets in as text.

/** Makes an element: el('a', {class: 'x', href: '#'}, 'text', node). Functions named on… are listeners. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return node;
}

/** An id or another text of the user's: isolated, so that what it is written in does not turn its surroundings. */
export function id(text, more = '') {
  return el('bdi', { class: `id ${more}`.trim() }, text);
}

/** A button that does one thing at a time: clicks while it is at work are ignored. */
export function button(text, act, more = {}) {
  let isBusy = false;
  async function onclick() {
    if (isBusy) return;
    isBusy = true;
    try {
      await act();
    } finally {
      isBusy = false;
    }
  }
  return el('button', { type: 'button', onclick, ...more }, text);
}

/** Sets a text where it differs: an unchanged one is not announced or selected anew. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Makes the children of a parent those of a list, and keeps the nodes that stay: focus and opened details survive. */
export function keyed(parent, items, keyOf, create, update = () => {}) {
  const wanted = new Set(items.map(keyOf));
  const known = new Map();
  for (const node of [...parent.children]) {
    if (wanted.has(node.itemKey)) known.set(node.itemKey, node);
    else removeWithFocus(node);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    let node = known.get(keyOf(item));
    if (!node) {
      node = create(item);
      node.itemKey = keyOf(item);
    }
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
    update(node, item);
  }
}

function removeWithFocus(node) {
  const hadFocus = node.contains(document.activeElement);
  const next = node.nextElementSibling ?? node.previousElementSibling;
  node.remove();
  if (hadFocus) (next?.querySelector('a, button, summary') ?? document.querySelector('h1')).focus();
}

/** Runs now and every so often while the page can be seen. Returns what stops it. */
export function poll(run, milliseconds) {
  let timer = 0;
  let stopped = false;
  let running = false;
  async function round() {
    clearTimeout(timer);
    if (stopped || running || document.hidden) return;
    running = true;
    try {
      await run();
    } finally {
      running = false;
      if (!stopped) timer = setTimeout(round, milliseconds);
    }
  }
  document.addEventListener('visibilitychange', round);
  round();
  return () => {
    stopped = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', round);
  };
}

const notice = document.getElementById('notice');
let noticeTimer = 0;
document.getElementById('notice-close').addEventListener('click', () => { notice.hidden = true; });

/** Says what happened, to eyes and to screen readers. A failure stays until it is closed. */
export function tell(text, isFailure = false) {
  clearTimeout(noticeTimer);
  setText(document.getElementById('notice-text'), text);
  notice.classList.toggle('failure', isFailure);
  notice.hidden = false;
  say(text, isFailure);
  if (!isFailure) noticeTimer = setTimeout(() => { notice.hidden = true; }, 6000);
}

/** For screen readers only. */
export function say(text, isFailure = false) {
  document.getElementById(isFailure ? 'alert' : 'status').textContent = text;
}

/** Asks before something that cannot be undone. */
export function ask({ title, text, subject = '', yes }) {
  const dialog = document.getElementById('ask');
  const before = document.activeElement;
  document.getElementById('ask-title').textContent = title;
  document.getElementById('ask-text').textContent = text;
  document.getElementById('ask-subject').textContent = subject;
  document.getElementById('ask-yes').textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener('close', () => {
    if (before?.isConnected) before.focus();
    resolve(dialog.returnValue === 'yes');
  }, { once: true }));
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without a secure context there is no clipboard; the old way needs a selection.
    const before = document.activeElement;
    const area = el('textarea', { class: 'unseen' });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
    before?.focus();
  }
  tell('Copied.');
}

export function copyButton(text, what) {
  return button('Copy', () => copy(text), { class: 'quiet small', 'aria-label': `Copy ${what}` });
}

const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export const count = number => (number === null || number === undefined ? '–' : whole.format(number));
export const rate = number => (number === null || number === undefined ? '–' : number < 10 ? short.format(number) : whole.format(Math.round(number)));

export function seconds(value) {
  if (value === null || value === undefined) return '–';
  if (value < 0.0005) return '0 s';
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 60) return `${short.format(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min ${Math.round(value % 60)} s`;
  if (value < 86400) return `${Math.floor(value / 3600)} h ${Math.round((value % 3600) / 60)} min`;
  return `${short.format(value / 86400)} d`;
}

export function bytes(value) {
  if (value < 1024) return `${value} B`;
  if (value < 1024 * 1024) return `${short.format(value / 1024)} KiB`;
  return `${short.format(value / 1024 / 1024)} MiB`;
}

/** A moment in the reader's own time; the exact one as its title. */
export function moment(iso) {
  return iso ? el('time', { datetime: iso, title: iso }, time.format(new Date(iso))) : document.createTextNode('–');
}
