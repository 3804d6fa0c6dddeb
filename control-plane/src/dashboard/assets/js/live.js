// What changes, told by the control plane. Whoever listens is told the topics; after the
// line was down, everything may have changed.

const RETRY_MS = [250, 500, 1000, 2000];
// Longer than the control plane's signs of life are apart.
const SILENCE_MS = 40_000;

export const state = { connected: false, everConnected: false, since: Date.now(), process: undefined };

const listeners = new Set();
let attempts = 0;
let source;
let watchdog;

// listener(topics): a set of topics, or `null` for "anything may have changed".
export function listen(listener) {
  listeners.add(listener);
}

export function connect() {
  source?.close();
  source = new EventSource('../api/events');
  source.onopen = alive;
  source.onerror = lost;
  source.onmessage = (event) => {
    alive();
    const { process, version, changed } = JSON.parse(event.data);
    const isNew = !state.connected || process !== state.process;
    attempts = 0;
    Object.assign(state, { connected: true, everConnected: true, process, version });
    if (isNew) state.since = Date.now();
    tell(isNew ? null : new Set(changed));
  };
}

function tell(topics) {
  for (const listener of listeners) listener(topics);
}

function alive() {
  clearTimeout(watchdog);
  watchdog = setTimeout(lost, SILENCE_MS);
}

// The browser's own attempts are seconds apart; ours begin at once and never end.
function lost() {
  clearTimeout(watchdog);
  source?.close();
  source = undefined;
  if (state.connected) {
    Object.assign(state, { connected: false, since: Date.now() });
    tell(new Set());
  } else if (attempts === 0) {
    tell(new Set());
  }
  const wait = RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)];
  attempts += 1;
  setTimeout(connect, wait);
}
