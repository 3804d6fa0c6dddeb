// One router: what it takes, what happens to it, where it goes, and who said so.

import * as api from '../api.js';
import { chart } from '../chart.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import * as numbers from '../numbers.js';
import { card, empty, facts, findings, head, link, page, state, table, tag, tags } from '../parts.js';
import { href } from '../place.js';
import { tree } from '../rule.js';
import { servers } from './service.js';

export default {
  title: ({ name }) => `Router ${format.local(name)}`,
  topics: ['objects', 'proxies'],
  every: 1000,

  async load({ name }, signal) {
    const [detail, entryPoints] = await Promise.all([api.find(`detail/routers/${api.part(name)}`, signal), api.get('entrypoints', signal)]);
    return { detail, entryPoints };
  },

  async tick({ detail }, { name }, signal) {
    const service = detail?.map.routers[0]?.service;
    const [own, behind] = await Promise.all([numbers.of('routers', name, signal), service && numbers.of('services', service, signal)]);
    return { own, services: service && behind ? { [service]: behind } : {} };
  },

  view({ detail, entryPoints, numbers: counted }, { name }, redraw) {
    const crumb = ['routers', 'Routers'];
    if (!detail) return page(head(format.local(name), { crumb }), h('div', { class: 'card' }, empty('There is no such router now', 'Its container may have gone; what happened is under Changes.')));
    const router = detail.map.routers[0];
    const { map, given } = detail;
    return page(
      head(format.local(name), { crumb, lead: h('span', { class: 'state' }, state(router.status)), aside: h('a', { class: 'button', href: href('map', '', { search: name, select: `router:${name}` }) }, 'Show on the map') }),
      detail.diagnostics.length > 0 && card('Diagnostics', null, findings(detail.diagnostics)),
      counted?.own && numbers.charts(counted.own.chart, 300, redraw, chart),
      h(
        'div',
        { class: 'grid wide-first' },
        card(
          'Rule', given && !given.rule ? 'from the default rule' : null,
          h('div', { class: 'body' }, h('p', { class: 'rule-text' }, h('code', {}, router.rule ?? '–')), detail.rule?.error && h('p', { class: 'notice is-bad' }, detail.rule.error), detail.rule && !detail.rule.error && tree(detail.rule)),
        ),
        card('Settings', null, facts([
          ['Status', state(router.status)],
          ['Priority', [format.priority(router.priority), ' ', h('small', {}, given && !given.priority ? 'length of the rule: none is set' : 'as set')]],
          ['Entry points', [tags(...(router.entryPoints ?? []).map((it) => h('span', { class: 'tag' }, it))), given && !given.entryPoints && h('small', {}, ' the default ones: none are set')]],
          ['Service', router.service && link('services', router.service, router.service)],
          ['Provider', router.provider],
          ['Declared by', (router.containers ?? []).join(', ')],
        ])),
      ),
      card('Middlewares, in order', null, chain(router, map, entryPoints)),
      router.service && servers(router.service, map.services, counted?.services),
      provenance(detail.settings, router),
    );
  },
};

// Those of the entry points come first, those of the service last.
function chain(router, map, entryPoints) {
  const own = (router.middlewares ?? []).map((name) => ({ name, from: 'the router' }));
  const before = entryPoints
    .filter(({ name }) => router.entryPoints?.includes(name))
    .flatMap((it) => (it.http?.middlewares ?? []).map((name) => ({ name, from: `entry point ${it.name}` })));
  const all = [...before, ...own];
  if (all.length === 0) return empty('None', 'Requests reach the service as they come.');
  return h('ol', { class: 'rows steps' }, all.map(({ name, from }) => h('li', {}, tag('middlewares', name, format.local(name)), ' ', h('span', { class: 'quiet' }, map.middlewares[name]?.type ?? ''), ' ', h('small', { class: 'muted' }, `by ${from}`))));
}

export function provenance(settings, object) {
  if (settings.length === 0) {
    const from = (object.containers ?? []).join(', ');
    const source = object.provider === 'file' ? `Declared in ${from}.` : `No label says anything about it: ${from ? `it is made for ${from} from defaults` : 'it is Fairway’s own'}.`;
    return card('Where the settings come from', null, h('p', { class: 'body quiet' }, source));
  }
  return card('Where the settings come from', null, table(
    'Where the settings come from',
    ['Label', 'Value', 'Container'],
    settings.map((it) => ({ key: `${it.container} ${it.label}`, cells: [h('code', {}, it.label), it.value === null ? h('span', { class: 'muted' }, 'shown with the options, without secrets') : h('code', {}, it.value), it.container] })),
  ));
}
