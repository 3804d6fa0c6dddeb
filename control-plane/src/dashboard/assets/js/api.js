// The control plane's API. Paths are relative: the dashboard may be behind a prefix.

const ROOT = '../api/';

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(ROOT + path, { headers: { accept: 'application/json' }, ...options });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, 'the control plane does not answer');
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try { message = JSON.parse(text).message; } catch { /* Not of the API: a middleware's. */ }
  throw new ApiError(response.status, message || `the control plane answers ${response.status}`);
}

export async function get(path, signal) {
  return (await ask(path, { signal })).json();
}

// As `get`; nothing where there is none.
export async function find(path, signal) {
  try {
    return await get(path, signal);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

// One page of a list, from 1, and how many items all pages have.
export async function page(path, parameters, signal) {
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined && value !== '');
  const response = await ask(`${path}?${new URLSearchParams(set)}`, { signal });
  const total = Number(response.headers.get('x-total-count') ?? 0);
  return { items: await response.json(), total };
}

export async function explain(question, signal) {
  const response = await ask('explain', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(question),
    signal,
  });
  return response.json();
}

// The part of a path that names an object.
export const part = encodeURIComponent;
