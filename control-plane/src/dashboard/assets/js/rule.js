// A rule in its parts, with what each of them means.

import { h } from './dom.js';

const MEANINGS = {
  Host: ([host]) => (host === '*' ? 'any host' : host.startsWith('*.') ? `one label before ${host.slice(1)}` : `the host is ${host}`),
  HostRegexp: ([pattern]) => `the host fits ${pattern}`,
  Path: ([path]) => `the path is exactly ${path}`,
  PathPrefix: ([prefix]) => (prefix === '/' ? 'any path' : `the path begins with ${prefix}`),
  PathRegexp: ([pattern]) => `the path fits ${pattern}`,
  Method: ([method]) => `the method is ${method}`,
  Header: ([name, value]) => `header ${name} is ${value}`,
  HeaderRegexp: ([name, pattern]) => `header ${name} fits ${pattern}`,
  Query: ([key, value]) => (value ? `query parameter ${key} is ${value}` : `query parameter ${key} is there without a value`),
  QueryRegexp: ([key, pattern]) => `query parameter ${key} fits ${pattern}`,
  ClientIP: ([range]) => `the client's address is in ${range}`,
};

export function tree(rule) {
  if (rule.matcher) {
    const text = `${rule.matcher}(${rule.arguments.filter((it, at) => at === 0 || it).map((it) => `\`${it}\``).join(', ')})`;
    return h('div', { class: 'rule-leaf' }, h('code', {}, text), h('span', { class: 'quiet' }, MEANINGS[rule.matcher]?.(rule.arguments)));
  }
  if (rule.not) return group('not', 'must not hold', [rule.not]);
  if (rule.and) return group('and', 'all of these', rule.and);
  return group('or', 'one of these', rule.or);
}

const group = (word, meaning, parts) => h(
  'div',
  { class: `rule-group rule-${word}` },
  h('p', { class: 'rule-word' }, meaning),
  h('ul', {}, parts.map((part) => h('li', {}, tree(part)))),
);
