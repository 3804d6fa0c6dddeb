// What a request would meet, as a proxy tells it. Nothing is sent to a server.

import * as api from '../api.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import { card, empty, facts, findings, head, link, mark, page, state, table } from '../parts.js';
import { change } from '../place.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
const SERVERS = { inRotation: ['up', 'in rotation'], ejected: ['ejected', 'left out for now'], probe: ['ejected', 'about to be tried'], down: ['down', 'down'], untested: ['unknown', 'not checked yet'], failing: ['partly', 'failing'], unknown: ['unknown', 'unknown'] };

// Of the last question: headers may hold secrets and are no part of the address.
let headers = '';
let asked;
let answer;
let isAsking = false;

export default {
  title: () => 'Why?',
  topics: ['proxies'],

  async load({ parameters }, signal) {
    const { proxies } = await api.get('proxies', signal);
    // The question of a link is asked as soon as it is in the form.
    if (parameters.url && key(parameters) !== asked) setTimeout(() => document.getElementById('why')?.requestSubmit());
    return { proxies: proxies.filter((it) => it.connected) };
  },

  view({ proxies }, { parameters }, redraw) {
    return page(
      head('Why?', { lead: 'Type a request to see what it would meet: the routers that are tried, the middlewares, the servers and the answer. A proxy explains it; nothing is sent to a container.' }),
      form(proxies, parameters, redraw),
      h('div', { 'aria-live': 'polite', class: 'stack' }, result()),
    );
  },
};

function form(proxies, parameters, redraw) {
  const field = (label, input) => h('label', { class: 'field' }, h('span', {}, label), input);
  const options = (rows, chosen) => rows.map(([value, text]) => h('option', { value, selected: value === chosen }, text));
  return h(
    'form',
    { class: 'card why', id: 'why', onsubmit: (event) => ask(event, redraw) },
    h('div', { class: 'why-line' },
      field('Method', h('select', { class: 'input', name: 'method', value: parameters.method ?? 'GET' }, options(METHODS.map((it) => [it, it]), parameters.method ?? 'GET'))),
      field('URL', h('input', { class: 'input code', name: 'url', id: 'search', type: 'text', inputmode: 'url', required: true, placeholder: `http://${location.hostname}/api/flats/`, autocomplete: 'off', spellcheck: 'false', value: parameters.url ?? '' })),
      h('button', { class: 'button main', type: 'submit', disabled: isAsking }, 'Explain')),
    h('details', { open: Boolean(headers || parameters.node || parameters.client) },
      h('summary', {}, 'Headers, client and proxy'),
      h('div', { class: 'why-more' },
        field('Headers, one on each line', h('textarea', { class: 'input', name: 'headers', placeholder: 'Host: demo.example\nAccept: text/html', spellcheck: 'false', value: headers })),
        h('div', { class: 'stack' },
          field('Client’s address', h('input', { class: 'input code', name: 'client', placeholder: '127.0.0.1', value: parameters.client ?? '' })),
          field('Answered by', h('select', { class: 'input', name: 'node', value: parameters.node ?? '' }, options([['', 'any proxy'], ['*', 'every proxy, compared'], ...proxies.map((it) => [it.instance, it.id])], parameters.node ?? '')))))),
  );
}

const key = ({ method = '', url = '', client = '', node = '' }) => JSON.stringify([method, url, client, node]);

async function ask(event, redraw) {
  event.preventDefault();
  const { method, url, client, node, ...rest } = Object.fromEntries(new FormData(event.target));
  headers = rest.headers;
  const parameters = { method: method === 'GET' ? '' : method, url, client, node };
  asked = key(parameters);
  change(parameters, { replace: true });
  isAsking = true;
  redraw();
  const question = { url, method, client, headers: headers.split('\n').map((it) => it.trim()).filter(Boolean), node: node === '*' ? '' : node, all: node === '*' };
  try {
    answer = await api.explain(question);
  } catch (error) {
    answer = { failure: error.message };
  }
  isAsking = false;
  redraw();
}

function result() {
  if (!answer) return null;
  if (answer.failure) return h('p', { class: 'notice outcome is-bad' }, answer.failure);
  const told = answer.proxies ?? [answer];
  return [
    answer.differences?.length > 0 && h('div', { class: 'notice is-warn' }, h('strong', {}, 'The proxies differ'), h('ul', {}, answer.differences.map((it) => h('li', {}, it)))),
    told.map((it) => (it.error ? h('p', { class: 'notice is-bad' }, `${it.node}: ${it.error}`) : explanation(it))),
    answer.diagnostics.length > 0 && card('May have to do with it', null, findings(answer.diagnostics)),
  ];
}

function explanation(of) {
  const reaches = of.status === null;
  const good = reaches || of.status < 400;
  return h(
    'section',
    { class: 'stack', 'aria-label': `Proxy ${of.node}` },
    h(
      'div',
      { class: `card outcome verdict ${good ? 'is-good' : 'is-poor'}` },
      mark(good ? 'ok' : 'bad'),
      h('div', {}, h('h2', {}, verdict(of)), of.detail && h('p', {}, of.detail), h('p', { class: 'muted' }, `Answered by ${of.node} at version ${format.version(of.version)}.`, of.reason && h('span', {}, ' Reason code ', h('code', {}, of.reason), '.'))),
    ),
    h('ol', { class: 'steps-way' }, [
      step('Entry point', of.entrypoint ? facts([['Name', of.entrypoint], ['Host', h('code', {}, of.host)], ['Path', h('code', {}, of.path)]]) : empty('None is open at this address', `The proxy listens on ${of.entrypoints.map((it) => `${it.name} (${it.bound || it.address})`).join(', ') || 'nothing'}.`)),
      step('Routers tried', tried(of)),
      of.router && of.middlewares.length > 0 && step('Middlewares', h('ol', { class: 'rows' }, of.middlewares.map((it) => h('li', {}, link('middlewares', it.name, it.name), h('ul', {}, it.effects.map((effect) => h('li', { class: 'quiet' }, effect))), it.answers && state('ejected', 'answers itself'))))),
      of.service && step('Service', facts([['Name', link('services', of.service, of.service)], ...of.services.map((it) => [it.kind, `${it.next}${it.effect ? `: ${it.effect}` : ''}`]), ['Path there', of.target && h('code', {}, of.target)]])),
      of.servers.length > 0 && step('Servers, in turn', table('Servers, in turn', ['Container', 'Address', 'State'], of.servers.map((it) => ({ key: it.url, cells: [h('strong', {}, it.container || it.url), h('code', {}, it.url), state(SERVERS[it.state]?.[0] ?? 'unknown', [SERVERS[it.state]?.[1] ?? it.state, it.reason].filter(Boolean).join(': '))] })))),
    ]),
  );
}

function verdict(of) {
  if (of.status === null) return `Goes to ${of.servers[0]?.container || of.servers[0]?.url || of.service} through ${format.local(of.router ?? '')}`;
  if (of.location) return `Is sent to ${of.location} (${of.status})`;
  return `Is answered with ${of.status}`;
}

const step = (title, ...content) => h('li', {}, card(title, null, ...content));

function tried(of) {
  if (of.tried.length === 0 && of.elsewhere.length === 0) return empty('None', 'No router on this entry point comes into question.');
  const rows = [...of.tried, ...of.elsewhere].map((it) => ({
    key: `${it.router} ${it.entrypoint}`,
    cells: [
      link('routers', it.router),
      it.matched ? state('up', it.entrypoint === of.entrypoint ? 'matches' : `would match on ${it.entrypoint}`) : h('span', {}, state('unknown', 'does not match'), it.failed && h('small', { class: 'quiet' }, ` ${it.failed}${it.found ? `: ${it.found}` : ''}`)),
      h('code', {}, it.rule),
      format.priority(it.priority),
    ],
  }));
  return [table('Routers tried', ['Router', 'Outcome', 'Rule', { text: 'Priority', number: true }], rows), of.triedOmitted > 0 && h('p', { class: 'body muted' }, `and ${format.plural(of.triedOmitted, 'more router')} that do not match`)];
}
