// The HTTP API, with the key of whoever is signed in.
import { write } from './json.js';

const storageKey = 'asynccheckpoints.key';
let unauthorized = () => {};

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const hasKey = () => sessionStorage.getItem(storageKey) !== null;
export const forgetKey = () => sessionStorage.removeItem(storageKey);

/** What to do when the API asks for a key; gets what it said. */
export function onUnauthorized(handler) {
  unauthorized = handler;
}

/** Tries a key and keeps it when it is known. Returns why not, or null. */
export async function signIn(key) {
  if (!/^[\x21-\x7e]+$/.test(key)) return 'This is no key: it has spaces, or nothing in it.';
  const answer = await send('GET', '/stats', { key });
  if (answer.status === 401) return 'The worker does not know this key.';
  sessionStorage.setItem(storageKey, key);
  return null;
}

/** Calls the API: JSON in, JSON out. Throws an ApiError with words for people. */
export async function call(method, path, options) {
  const text = await callText(method, path, options);
  return text === '' ? null : JSON.parse(text);
}

/** The same with the answer as it was written: JSON.parse rounds numbers. */
export async function callText(method, path, { query, body, signal } = {}) {
  const answer = await send(method, path + search(query), { body, signal, key: sessionStorage.getItem(storageKey) });
  if (answer.ok) return answer.text();
  const problem = await answer.json().catch(() => ({}));
  const message = [problem.title, problem.detail].filter(Boolean).join(' ') || `The worker answered with status ${answer.status}.`;
  if (answer.status === 401) unauthorized(hasKey() ? 'The worker does not know this key any more.' : '');
  throw new ApiError(answer.status, message);
}

/** The parts with their health; the answer has them whatever its status. */
export async function health() {
  const answer = await send('GET', '/health/ready', {});
  return answer.json();
}

async function send(method, path, { body, signal, key }) {
  const headers = {};
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    // Relative to the page, so that a proxy may put it into a folder.
    return await fetch(path.slice(1), { method, headers, signal, body: body === undefined ? undefined : write(body), cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'The worker does not answer.');
  }
}

function search(query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  return pairs.length === 0 ? '' : '?' + pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
}

/** An id in a path: "." and ".." would be folders, so the API has them behind a "~". */
export function segment(id) {
  return /^~*\.{1,2}$/.test(id) ? `~${id}` : encodeURIComponent(id);
}

export const checkpointPath = ({ executionId, id }) => `/executions/${segment(executionId)}/checkpoints/${segment(id)}`;
export const inNamespace = ({ namespace }) => ({ namespace: namespace === '' ? null : namespace });
