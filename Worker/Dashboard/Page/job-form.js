// A form for each kind of job.
import { el, ask } from './dom.js';
import { call } from './api.js';
import { raw } from './json.js';

const scope = [
  { name: 'execution', label: 'Execution', hint: 'one id' },
  { name: 'executionPrefix', label: 'Executions that start with' },
];
const filters = [
  ...scope,
  { name: 'namespace', label: 'Namespace' },
  { name: 'node', label: 'Node' },
  { name: 'metadata', label: 'Metadata', hint: '{"tenant":"acme"}', read: raw },
  { name: 'savedFrom', label: 'Saved from', type: 'datetime-local', read: text => new Date(text).toISOString() },
  { name: 'savedBefore', label: 'Saved before', type: 'datetime-local', read: text => new Date(text).toISOString() },
];
const letters = [
  { name: 'ids', label: 'Numbers', hint: '1, 2, 3', read: text => text.split(',').map(Number) },
  { name: 'reason', label: 'Reason has in it' },
  { name: 'execution', label: 'Execution' },
  { name: 'all', label: 'All dead letters', type: 'checkbox' },
];
const kinds = {
  verify: {
    about: 'Compares the archive with its checksums, with the cache or with another store, and lists what differs.',
    fields: [{ name: 'against', label: 'Against', hint: 'cache, or a configured source', choices: ['cache'] }, ...scope],
  },
  replay: {
    about: 'Sends archived checkpoints again: to the cache, as events, or to a queue or exchange.',
    fields: [{ name: 'to', label: 'To', required: true, hint: 'cache, events, queue:NAME, exchange:NAME', choices: ['cache', 'events'] }, ...filters],
  },
  backfill: {
    about: 'Brings what is missing into the archive.',
    fields: [
      { name: 'source', label: 'From', required: true, hint: 'cache, file, or a configured source', choices: ['cache', 'file'] },
      { name: 'path', label: 'File', hint: 'in the folder of jobs' }, ...scope],
  },
  export: {
    about: 'Writes JSON Lines into the folder of jobs; compressed when the name ends in .gz.',
    fields: [{ name: 'path', label: 'File', required: true, hint: 'checkpoints.jsonl.gz' }, ...filters],
  },
  retention: {
    about: 'Deletes old checkpoints. Without a rule here those of the configuration count; the latest of a stream always stays.',
    fields: [
      { name: 'executions', label: 'Executions like', hint: 'audit-*' },
      { name: 'days', label: 'Older than, days', type: 'number', min: 0 },
      { name: 'keepLast', label: 'Keep the newest', type: 'number', min: 1, hint: 'of each stream' },
      { name: 'executionPrefix', label: 'Only executions that start with' },
      { name: 'dryRun', label: 'Only count', type: 'checkbox', checked: true }],
    arguments: ({ executions, days, keepLast, ...rest }) => (executions === undefined && days === undefined && keepLast === undefined
      ? rest
      : { ...rest, rules: [{ executions, maxAge: days === undefined ? undefined : `${days}.00:00:00`, keepLast }] }),
    danger: values => (values.dryRun ? null : 'Checkpoints that the rule names are deleted from Redis and the archive, and cannot be brought back.'),
  },
  erase: {
    about: 'Erases what is stored of a person: whole executions, or with metadata only the checkpoints that have them; in Redis, archive and dead letters.',
    fields: [
      { name: 'executions', label: 'Executions like', hint: 'person-4711-*' },
      { name: 'metadata', label: 'Metadata', hint: '{"person":"4711"}', read: raw },
      { name: 'dryRun', label: 'Only count', type: 'checkbox', checked: true }],
    danger: values => (values.dryRun ? null : 'What is meant is erased, the latest of its streams too, and cannot be brought back.'),
  },
  'dead-letter-retry': {
    about: 'Tries to archive dead letters again.',
    fields: letters,
    danger: () => 'What can be archived now is archived, and is a dead letter no more.',
  },
  'dead-letter-discard': {
    about: 'Removes dead letters. What is in them is lost.',
    fields: letters,
    danger: () => 'The letters are removed with what is in them, and cannot be brought back.',
  },
};

/** The form; tells of the job that it started. */
export function jobForm(onStarted) {
  const select = el('select', { id: 'job-kind' }, Object.keys(kinds).map(kind => el('option', { value: kind }, kind)));
  const about = el('p', { class: 'hint' });
  const fields = el('div', { class: 'fieldset' });
  const problem = el('p', { class: 'problem', role: 'alert' });
  let isStarting = false;
  const form = el('form', { class: 'job-form', onsubmit: start },
    el('div', { class: 'labelled' }, el('label', { for: 'job-kind' }, 'Kind'), select), about, fields, problem, el('button', { class: 'primary' }, 'Start'));
  select.addEventListener('change', show);
  show();
  return form;

  function show() {
    const kind = kinds[select.value];
    about.textContent = kind.about;
    problem.textContent = '';
    const pace = { name: 'itemsPerSecond', label: 'At most per second', type: 'number', min: 1 };
    fields.replaceChildren(...[...kind.fields, pace].map(fieldOf));
  }

  async function start(event) {
    event.preventDefault();
    // Not by disabling the button: it would lose the focus.
    if (isStarting) return;
    isStarting = true;
    problem.textContent = '';
    try {
      const kind = kinds[select.value];
      const values = read(kind.fields);
      const danger = kind.danger?.(values);
      if (danger && !await ask({ title: `Start ${select.value}?`, text: danger, yes: 'Start' })) return;
      onStarted(await call('POST', '/jobs', {
        body: { kind: select.value, arguments: kind.arguments?.(values) ?? values, ...read([{ name: 'itemsPerSecond', type: 'number' }]) },
      }));
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      isStarting = false;
    }
  }

  function read(list) {
    const values = {};
    for (const field of list) {
      const input = form.elements[field.name];
      if (field.type === 'checkbox') {
        if (input.checked) values[field.name] = true;
      } else if (input.value !== '') {
        try {
          values[field.name] = field.read ? field.read(input.value) : field.type === 'number' ? Number(input.value) : input.value;
        } catch {
          throw new Error(`${field.label} is not valid.`);
        }
      }
    }
    return values;
  }
}

function fieldOf(field) {
  const inputId = `job-${field.name}`;
  const input = el('input', {
    id: inputId, name: field.name, type: field.type ?? 'text', required: field.required, placeholder: field.hint, min: field.min, step: field.type === 'number' ? 1 : null,
    checked: field.checked, autocomplete: 'off', spellcheck: 'false', list: field.choices ? `${inputId}-choices` : null,
  });
  return el('div', { class: field.type === 'checkbox' ? 'labelled check' : 'labelled' },
    el('label', { for: inputId }, field.label), input,
    field.choices ? el('datalist', { id: `${inputId}-choices` }, field.choices.map(choice => el('option', { value: choice }))) : null);
}
