// Numbers and times for people.

const whole = new Intl.NumberFormat('en');

export const count = (value) => whole.format(value);

// A router's priority; Fairway's own have the highest there are.
export const priority = (value) => (value > Number.MAX_SAFE_INTEGER ? 'built in' : whole.format(value));

// 1 router, 2 routers.
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

// Per second: three digits are enough.
export function rate(value) {
  if (!(value > 0)) return '0';
  if (value < 0.1) return '<0.1';
  if (value < 10) return value.toFixed(1);
  if (value < 9_950) return whole.format(Math.round(value));
  if (value < 995_000) return `${(value / 1000).toFixed(value < 99_500 ? 1 : 0)}k`;
  return `${(value / 1e6).toFixed(1)}M`;
}

export function milliseconds(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (value < 1) return `${Math.max(1, Math.round(value * 1000))} µs`;
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
}

export function percent(share) {
  if (!(share > 0)) return '0 %';
  const value = share * 100;
  if (value < 0.1) return '<0.1 %';
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
}

export function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

// A length of time in words that do not change every moment.
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 1) return `${Math.round(ms)} ms`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return plural(Math.floor(seconds / 86_400), 'day');
}

export const ago = (ms) => (Date.now() - ms < 1500 ? 'just now' : `${duration(Date.now() - ms)} ago`);

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

export const time = (ms) => clock.format(ms);
export const date = (ms) => day.format(ms);

// A version is a digest: its beginning tells it from its neighbours.
export const version = (text) => (text ? text.slice(0, 8) : 'none');

// `web` of `web@docker`.
export const local = (name) => name.replace(/@[^@]*$/, '');
