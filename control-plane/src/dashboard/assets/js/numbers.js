// Rates and latencies, as `/api/stats` has them. Seconds become milliseconds here.

import * as api from './api.js';
import { h } from './dom.js';
import * as format from './format.js';

export const overview = (signal) => api.find('stats', signal);
export const of = (kind, name, signal) => api.find(`stats/${kind}/${api.part(name)}`, signal);
export const all = (kind, signal) => api.find(`stats/${kind}`, signal);

const ms = (seconds) => (seconds === null || seconds === undefined ? undefined : seconds * 1000);

export const rate = (rates) => `${format.rate(rates?.requestsPerSecond)}/s`;
export const latency = (seconds) => format.milliseconds(ms(seconds));
export const errors = (rates) => (rates?.requestsPerSecond > 0 ? rates.errorsPerSecond / rates.requestsPerSecond : 0);

// The three charts of something that gets requests.
export function charts(chart, window, redraw, draw) {
  const rates = chart.rates;
  const shares = chart.requests.map((count, at) => (count > 0 ? chart.errors[at] / count : 0));
  return h(
    'div',
    { class: 'charts' },
    draw({ title: 'Requests', now: rate(rates), window, show: (value) => `${format.rate(value ?? 0)}/s`, series: [{ name: 'requests', tone: 'tone-1', values: chart.requests }] }, redraw),
    draw({ title: 'Errors', now: format.percent(errors(rates)), window, least: 0.01, show: (value) => format.percent(value ?? 0), series: [{ name: 'share of errors', tone: 'tone-bad', values: shares }] }, redraw),
    chart.p50.length === 0 ? latencies(rates) : draw({
      title: 'Latency', now: rates.p50 === null ? '–' : `${latency(rates.p50)} · p99 ${latency(rates.p99)}`, window, least: 1, show: format.milliseconds,
      series: [{ name: 'p99', tone: 'tone-2', values: chart.p99.map(ms) }, { name: 'p50', tone: 'tone-1', values: chart.p50.map(ms) }],
    }, redraw),
  );
}

// Where latencies are not kept by second.
const latencies = (rates) => h(
  'figure',
  { class: 'card chart', 'data-key': 'Latency' },
  h('figcaption', {}, h('span', { class: 'chart-title' }, 'Latency'), h('span', { class: 'muted' }, 'of the last minute')),
  h('dl', { class: 'pair' }, [['p50', rates.p50], ['p99', rates.p99]].map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, latency(value))))),
);
