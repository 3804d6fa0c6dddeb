// The last versions of the configuration: what changed, why, and who serves it.

import * as api from '../api.js';
import { h } from '../dom.js';
import * as format from '../format.js';
import { empty, head, link, mark, page } from '../parts.js';

const TONES = { added: 'ok', changed: 'warn', removed: 'bad' };
const SIGNS = { added: '+', changed: '±', removed: '−' };

export default {
  title: () => 'Changes',
  topics: ['changes'],

  load: async (place, signal) => ({ records: await api.get('changes', signal) }),

  view({ records }) {
    const lead = 'The last versions of the configuration, newest first: what changed, what had happened, and when each proxy served it. Since this control plane started.';
    if (records.length === 0) return page(head('Changes', { lead }), h('div', { class: 'card' }, empty('Nothing has been published yet', 'The first version appears as soon as every provider has answered.')));
    return page(head('Changes', { lead }), h('ol', { class: 'timeline' }, records.map(record)));
  },
};

function record(of) {
  return h(
    'li',
    { class: 'card', 'data-key': `${of.sequence}`, 'data-joins': '' },
    h(
      'header',
      {},
      h('h2', {}, summary(of)),
      h('span', { class: 'more muted' }, h('time', { datetime: new Date(of.at).toISOString(), title: format.date(of.at) }, format.time(of.at)), ' · ', h('code', { title: of.version }, format.version(of.version))),
    ),
    h(
      'div',
      { class: 'body record' },
      why(of),
      of.isFirst ? null : h('ul', { class: 'changes' }, of.changes.map(change)),
      of.added + of.changed + of.removed > of.changes.length && !of.isFirst && h('p', { class: 'muted' }, `and ${format.plural(of.added + of.changed + of.removed - of.changes.length, 'more change')}`),
      acknowledgements(of),
    ),
  );
}

export function summary(of) {
  if (of.isFirst) return `First configuration: ${format.plural(of.added, 'object')}`;
  if (of.changes.length === 1) return `${of.changes[0].kind} ${format.local(of.changes[0].name)} ${of.changes[0].action}`;
  return [of.added && `${of.added} added`, of.changed && `${of.changed} changed`, of.removed && `${of.removed} removed`].filter(Boolean).join(', ');
}

// What providers saw; without an event, whose objects they are.
export function cause(of) {
  if (of.occurrences.length > 0) {
    const shown = of.occurrences.slice(-3).map((it) => `${it.subject}: ${it.action}`);
    return `${shown.join(', ')}${of.occurrences.length > 3 ? ` and ${of.occurrences.length - 3} before` : ''}`;
  }
  if (of.isFirst) return 'the control plane started';
  const files = [...new Set(of.changes.filter((it) => it.provider === 'file').flatMap((it) => it.containers))];
  if (files.length > 0) return `changed: ${files.join(', ')}`;
  const containers = [...new Set(of.changes.flatMap((it) => it.containers))];
  return containers.length > 0 ? `seen in the list of containers: ${containers.slice(0, 5).join(', ')}` : 'seen in the list of containers';
}

const why = (of) => h('p', { class: 'cause' }, h('span', { class: 'muted' }, 'Because '), cause(of));

function change(of) {
  const page = { router: 'routers', service: 'services', middleware: 'middlewares' }[of.kind];
  const isThere = of.action !== 'removed' && page;
  return h(
    'li',
    {},
    h('span', { class: `sign is-${TONES[of.action]}`, title: of.action, 'aria-label': of.action, role: 'img' }, SIGNS[of.action]),
    h('span', {}, h('span', { class: 'quiet' }, `${of.kind} `), isThere ? link(page, of.name) : h('strong', {}, format.local(of.name))),
    of.details.length > 0 && h('ul', { class: 'details' }, of.details.map((it) => h('li', {}, h('code', {}, it)))),
  );
}

function acknowledgements(of) {
  if (of.acknowledgements.length === 0) return h('p', { class: 'served muted' }, 'No proxy has served it: a later one came first, or none is connected.');
  return h(
    'p',
    { class: 'served' },
    h('span', { class: 'muted' }, 'Served by '),
    of.acknowledgements.map((it) => h('span', { class: 'tag' }, mark(it.rejections > 0 ? 'warn' : 'ok'), it.node, h('span', { class: 'muted' }, ` ${it.at - of.at < 60_000 ? `after ${Math.max(0, it.at - of.at)} ms` : format.time(it.at)}`))),
  );
}
