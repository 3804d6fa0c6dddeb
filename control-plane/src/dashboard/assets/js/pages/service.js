// One service: its servers as each proxy sees them, or the services it consists of.

import * as api from '../api.js';
import { chart } from '../chart.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import * as numbers from '../numbers.js';
import { card, empty, facts, findings, head, link, mark, page, state, table } from '../parts.js';
import { href } from '../place.js';
import * as way from '../way.js';
import { provenance } from './router.js';

export default {
  title: ({ name }) => `Service ${format.local(name)}`,
  topics: ['objects', 'proxies'],
  every: 1000,

  load: async ({ name }, signal) => ({ detail: await api.find(`detail/services/${api.part(name)}`, signal) }),

  async tick(data, { name }, signal) {
    const own = await numbers.of('services', name, signal);
    return { own, services: own ? { [name]: own } : {} };
  },

  view({ detail, numbers: counted }, { name }, redraw) {
    const crumb = ['services', 'Services'];
    if (!detail) return page(head(format.local(name), { crumb }), h('div', { class: 'card' }, empty('There is no such service now', 'Its container may have gone; what happened is under Changes.')));
    const service = detail.map.services[name];
    const balancer = service.loadBalancer;
    return page(
      head(format.local(name), { crumb, lead: h('span', { class: 'state' }, state(service.status)), aside: way.kind(service) }),
      service.error && h('ul', { class: 'card rows' }, service.error.map((it) => h('li', { class: 'finding' }, mark(service.status === 'disabled' ? 'bad' : 'warn'), h('p', {}, it)))),
      detail.diagnostics.length > 0 && card('Diagnostics', null, findings(detail.diagnostics)),
      counted?.own && numbers.charts(counted.own.chart, 300, redraw, chart),
      consists(service, detail.map),
      servers(name, detail.map.services, counted?.services),
      h(
        'div',
        { class: 'grid' },
        card('Settings', null, facts([
          ['Status', state(service.status)],
          ['Type', way.kind(service)],
          ['Strategy', balancer?.strategy],
          ['Client’s host', balancer && (balancer.passHostHeader ? 'is passed on' : 'is replaced by the server’s')],
          ['Sticky', balancer?.sticky && `cookie ${balancer.sticky.cookie?.name ?? ''}`],
          ['Health check', balancer?.healthCheck && h('code', {}, `${balancer.healthCheck.method} ${balancer.healthCheck.path ?? '/'} every ${balancer.healthCheck.interval}`)],
          ['Passive check', balancer?.passiveHealthCheck && `${balancer.passiveHealthCheck.maxFailedAttempts} failures in ${balancer.passiveHealthCheck.failureWindow}`],
          ['Provider', service.provider],
          ['Declared by', (service.containers ?? []).join(', ')],
        ])),
        card(`Used by ${format.plural(service.usedBy.length, 'router')}`, null, users(detail.map.routers)),
      ),
      provenance(detail.settings, service),
    );
  },
};

export function users(routers) {
  if (routers.length === 0) return empty('Nobody', 'No router that is served leads here.');
  return h('ul', { class: 'rows' }, routers.map((it) => h('li', { 'data-key': it.name }, h('a', { class: 'row-link', href: href('routers', it.name) }, state(it.status, format.local(it.name)), h('code', { class: 'quiet' }, it.rule ?? '')))));
}

function consists(service, map) {
  const parts = way.parts(service);
  if (parts.length === 0) return null;
  return card('Consists of', null, table('Services it consists of', ['Service', 'Part', 'Status', 'Servers'], parts.map(({ name, role }) => ({
    key: name,
    cells: [link('services', name), role, map.services[name] ? state(map.services[name].status) : state('disabled', 'missing'), `${way.servers(name, map.services).length}`],
  }))));
}

// The servers behind a service, with what each proxy has to say of them.
export function servers(name, services, counted) {
  const all = way.servers(name, services);
  const service = services[name];
  if (all.length === 0) {
    if (!service || service.provider === 'internal') return null;
    return card('Servers', null, empty('No server', service.error?.[0] ?? 'Requests are answered with 503 until a container is ready.'));
  }
  const proxies = [...new Set(all.flatMap((it) => [...it.proxies, ...(it.unhealthy ?? []).map(({ proxy }) => proxy)]))].sort();
  const several = all.some((it) => it.service !== name);
  const of = (server) => counted?.[server.service]?.servers?.find((it) => it.server === server.id);
  return card('Servers', null, table(
    'Servers',
    ['Container', 'Address', 'State', ...(several ? ['Service'] : []), { text: 'Rate', number: true }, { text: 'p50', number: true }, { text: 'p99', number: true }, ...proxies.map((it) => `Proxy ${it}`)],
    all.map((server) => {
      const rates = of(server)?.rates;
      return {
        key: `${server.service} ${server.id ?? server.url}`,
        cells: [
          h('strong', {}, way.serverName(server)),
          h('code', {}, server.url),
          state(server.state),
          ...(several ? [link('services', server.service)] : []),
          rates ? numbers.rate(rates) : '–',
          rates ? numbers.latency(rates.p50) : '–',
          rates ? numbers.latency(rates.p99) : '–',
          ...proxies.map((proxy) => seenBy(server, proxy, of(server))),
        ],
      };
    }),
  ));
}

function seenBy(server, proxy, counted) {
  const rates = counted?.proxies.find((it) => it.node === proxy);
  const traffic = rates ? h('small', { class: 'muted' }, ` ${numbers.rate(rates)} · ${numbers.latency(rates.latency)}`) : null;
  const against = server.unhealthy?.find((it) => it.proxy === proxy);
  if (against) return h('span', {}, state(against.state), h('br', {}), h('small', { class: 'quiet' }, against.reason));
  return server.proxies.includes(proxy) ? h('span', { class: 'nowrap' }, state('up'), traffic) : state('unknown', 'not yet');
}
