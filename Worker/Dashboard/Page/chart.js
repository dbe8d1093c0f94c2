// Lines over the last hour, in SVG.
import { el, svg, setText } from './dom.js';

const height = 150;
const margin = { left: 46, right: 10, top: 8, bottom: 22 };
const samplesAcross = 360;

/** A chart with a legend that tells the values under the pointer, or those of the newest sample. */
export function chart(title, format, series, leastTop = 1) {
  const values = series.map(() => el('span', { class: 'value' }, '–'));
  const at = el('span', { class: 'at' });
  const picture = svg('svg', { height, role: 'img', tabindex: 0, 'aria-label': title });
  const node = el('figure', { class: 'card chart' },
    el('figcaption', {}, el('span', { class: 'title' }, title), at,
      el('ul', { class: 'legend' }, series.map(([name], i) =>
        el('li', {}, el('span', { class: `key s${i}`, 'aria-hidden': 'true' }), name, ' ', values[i])))),
    picture);
  let samples = [];
  let seconds = samplesAcross * 10;
  let pointed = null;

  const resized = new ResizeObserver(draw);
  resized.observe(node);
  picture.addEventListener('pointermove', event => {
    const { left } = picture.getBoundingClientRect();
    const { x } = scales();
    pointed = nearest(event.clientX - left, x);
    draw();
  });
  picture.addEventListener('pointerleave', () => { pointed = null; draw(); });
  picture.addEventListener('blur', () => { pointed = null; draw(); });
  picture.addEventListener('keydown', event => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || samples.length === 0) return;
    event.preventDefault();
    const index = pointed === null ? samples.length - 1 : samples.findIndex(sample => sample.at === pointed);
    pointed = samples[Math.min(samples.length - 1, Math.max(0, index + step))].at;
    draw();
  });

  function nearest(position, x) {
    let best = null;
    for (const sample of samples) {
      if (best === null || Math.abs(x(sample) - position) < Math.abs(x(best) - position)) best = sample;
    }
    return best?.at ?? null;
  }

  function scales() {
    const width = Math.max(200, picture.clientWidth || 400);
    const last = samples.length ? Date.parse(samples.at(-1).at) : Date.now();
    const first = last - seconds * 1000;
    const highest = Math.max(0, ...samples.flatMap(sample => series.map(([, key]) => sample[key] ?? 0)));
    const top = niceTop(Math.max(highest, leastTop));
    const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
    return {
      width, first, last, top,
      x: sample => margin.left + ((Date.parse(sample.at) - first) / (last - first)) * inner.width,
      y: value => margin.top + inner.height - (value / top) * inner.height,
    };
  }

  function draw() {
    const { width, first, last, top, x, y } = scales();
    picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
    const parts = [];
    for (const part of [0, 0.5, 1]) {
      const line = y(top * part);
      parts.push(svg('line', { class: 'grid', x1: margin.left, x2: width - margin.right, y1: line, y2: line }));
      parts.push(svg('text', { class: 'axis', x: margin.left - 6, y: line + 4, 'text-anchor': 'end' }, format(top * part)));
    }
    for (const part of [0, 0.5, 1]) {
      const place = margin.left + part * (width - margin.left - margin.right);
      parts.push(svg('text', { class: 'axis', x: place, y: height - 6, 'text-anchor': ['start', 'middle', 'end'][part * 2] },
        clock(first + part * (last - first))));
    }
    series.forEach(([, key], i) => {
      for (const run of runs(key)) {
        const points = run.map(sample => `${x(sample).toFixed(1)},${y(sample[key]).toFixed(1)}`);
        if (series.length === 1 && run.length > 1) {
          parts.push(svg('polygon', { class: `area s${i}`, points: [`${x(run[0])},${y(0)}`, ...points, `${x(run.at(-1))},${y(0)}`].join(' ') }));
        }
        parts.push(run.length === 1
          ? svg('circle', { class: `point s${i}`, cx: x(run[0]), cy: y(run[0][key]), r: 1.5 })
          : svg('polyline', { class: `line s${i}`, points: points.join(' ') }));
      }
    });
    const shown = samples.find(sample => sample.at === pointed) ?? samples.at(-1);
    if (pointed !== null && shown) {
      parts.push(svg('line', { class: 'cursor', x1: x(shown), x2: x(shown), y1: margin.top, y2: height - margin.bottom }));
    }
    picture.replaceChildren(...parts);
    setText(at, pointed !== null && shown ? clock(Date.parse(shown.at)) : '');
    series.forEach(([, key], i) => setText(values[i], shown ? format(shown[key]) : '–'));
    picture.setAttribute('aria-label', `${title}. ${series.map(([name], i) => `${name}: ${values[i].textContent}`).join(', ')}.`);
  }

  // An unknown figure is a gap.
  function runs(key) {
    const all = [];
    let run = null;
    for (const sample of samples) {
      if (sample[key] === null) run = null;
      else if (run) run.push(sample);
      else all.push(run = [sample]);
    }
    return all;
  }

  function clock(milliseconds) {
    return new Intl.DateTimeFormat('en-GB', { timeStyle: seconds < 1200 ? 'medium' : 'short' }).format(new Date(milliseconds));
  }

  return {
    node,
    show(newSamples, interval) {
      seconds = interval * samplesAcross;
      const first = Date.parse(newSamples.at(-1)?.at) - seconds * 1000;
      samples = newSamples.filter(sample => Date.parse(sample.at) >= first);
      draw();
    },
    close: () => resized.disconnect(),
  };
}

function niceTop(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map(step => step * power).find(top => top >= value);
}
