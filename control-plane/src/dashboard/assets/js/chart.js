// Lines over the last minutes. Values are one for each second, the last one is now.

import { h, s } from './dom.js';

const WIDTH = 300;
const HEIGHT = 72;

// Where the pointer is, by chart: it stays while new values come in.
const pointers = new Map();

// of: { title, now, series: [{ name, values, tone }], show(value), least, window }
export function chart(of, redraw) {
  const length = Math.max(of.window ?? 0, ...of.series.map((it) => it.values.length), 2);
  const top = Math.max(of.least ?? 0, ...of.series.flatMap((it) => it.values.map((value) => value ?? 0))) * 1.08 || 1;
  const x = (at, count) => WIDTH - ((count - 1 - at) * WIDTH) / (length - 1);
  const y = (value) => HEIGHT - 1 - (value / top) * (HEIGHT - 6);
  const pointer = pointers.get(of.title);
  const back = pointer === undefined ? undefined : Math.round((1 - pointer) * (length - 1));
  const at = (series) => (back === undefined ? undefined : series.values[series.values.length - 1 - back]);
  const move = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    pointers.set(of.title, Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
    redraw();
  };
  const leave = () => {
    pointers.delete(of.title);
    redraw();
  };
  const description = `${of.title}: now ${of.series.map((it) => `${it.name} ${of.show(last(it.values))}`).join(', ')}; at most ${of.show(top / 1.08)} in the last ${Math.round(length / 60)} minutes`;
  return h(
    'figure',
    { class: 'card chart', 'data-key': of.title },
    h('figcaption', {}, h('span', { class: 'chart-title' }, of.title), h('span', { class: 'chart-now' }, of.now)),
    h(
      'div',
      { class: 'plot', onpointermove: move, onpointerleave: leave },
      s(
        'svg',
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img', 'aria-label': description },
        s('title', {}, description),
        s('path', { class: 'grid-line', d: `M0 ${y(top / 1.08)}H${WIDTH}M0 ${y(top / 2.16)}H${WIDTH}` }),
        of.series.map((series, index) => [
          index === 0 && s('path', { class: `area ${series.tone}`, d: area(series.values, x, y) }),
          s('path', { class: `line ${series.tone}`, d: line(series.values, x, y) }),
        ]),
        pointer !== undefined && s('path', { class: 'cursor', d: `M${pointer * WIDTH} 0V${HEIGHT}` }),
      ),
      h('span', { class: 'scale', 'aria-hidden': 'true' }, of.show(top / 1.08)),
    ),
    h(
      'p',
      { class: 'chart-foot' },
      back === undefined ? h('span', { class: 'muted' }, `last ${Math.round(length / 60)} min`) : h('span', { class: 'muted' }, back === 0 ? 'now' : `${back} s ago`),
      of.series.map((series) => h('span', { class: `legend ${series.tone}` }, series.name, back !== undefined && h('b', {}, ` ${of.show(at(series))}`))),
    ),
  );
}

const last = (values) => values[values.length - 1];

// Moments without a value are gaps.
function line(values, x, y) {
  let path = '';
  let isOpen = false;
  values.forEach((value, at) => {
    if (value === null || value === undefined) {
      isOpen = false;
      return;
    }
    path += `${isOpen ? 'L' : 'M'}${x(at, values.length).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!isOpen && (values[at + 1] === null || values[at + 1] === undefined)) path += 'h.8';
    isOpen = true;
  });
  return path || 'M0 0';
}

function area(values, x, y) {
  const points = values.map((value, at) => `L${x(at, values.length).toFixed(1)} ${y(value ?? 0).toFixed(1)}`);
  if (points.length === 0) return 'M0 0';
  return `M${x(0, values.length).toFixed(1)} ${HEIGHT}${points.join('')}L${WIDTH} ${HEIGHT}Z`;
}

// A small one, without words, for rows of tables.
export function spark(values, tone) {
  const top = Math.max(...values, 1);
  const x = (at, count) => 60 - ((count - 1 - at) * 60) / Math.max(1, count - 1);
  return s('svg', { class: `spark ${tone}`, viewBox: '0 0 60 16', 'aria-hidden': 'true' }, s('path', { class: 'line', d: line(values, x, (value) => 15 - (value / top) * 14) }));
}
