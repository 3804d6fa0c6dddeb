// What a page must have so that everybody can use it: names, labels, headings in order,
// landmarks, tables with headers, and enough contrast. Gives a list of complaints.
const complaints = [];
const complain = (node, text) => complaints.push(`${text}: ${node.outerHTML.slice(0, 160)}`);
const all = (selector) => [...document.querySelectorAll(selector)];
const isShown = (node) => node.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true });

function name(node) {
  const labelled = node.getAttribute('aria-labelledby');
  if (labelled) return labelled.split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
  const label = node.getAttribute('aria-label') ?? [...(node.labels ?? [])].map((it) => it.textContent).join(' ');
  if (label.trim()) return label.trim();
  const images = [...node.querySelectorAll('[aria-label], img[alt]')].map((it) => it.getAttribute('aria-label') ?? it.alt);
  return [node.textContent, ...images].join(' ').trim();
}

for (const node of all('a[href], button, summary').filter(isShown)) if (!name(node)) complain(node, 'a control without a name');
for (const node of all('input, select, textarea').filter(isShown)) if (!name(node)) complain(node, 'a field without a label');
for (const node of all('img')) if (!node.hasAttribute('alt')) complain(node, 'a picture without alt');
for (const node of all('svg')) {
  const isSilent = node.getAttribute('aria-hidden') === 'true';
  if (!isSilent && !(node.getAttribute('role') === 'img' && name(node))) complain(node, 'a drawing that is neither named nor hidden');
}
for (const node of all('table')) {
  if (node.querySelectorAll('thead th[scope=col]').length === 0) complain(node, 'a table without column headers');
  if (!node.caption && !node.getAttribute('aria-label')) complain(node, 'a table without a caption');
  for (const row of node.querySelectorAll('tbody tr:not([aria-hidden])')) if (!row.querySelector('th[scope=row]')) complain(row, 'a row without a header');
}
for (const node of all('ul, ol')) for (const child of node.children) if (child.tagName !== 'LI') complain(child, 'a list item that is none');
for (const node of all('[tabindex]')) if (node.tabIndex > 0) complain(node, 'a tabindex above 0');

if (!document.documentElement.lang) complaints.push('the page has no language');
if (!document.title) complaints.push('the page has no title');
for (const landmark of ['main', 'nav', 'header']) if (all(landmark).length === 0) complaints.push(`no ${landmark}`);
if (all('main').length !== 1) complaints.push('not exactly one main');
if (all('h1').length !== 1) complaints.push(`${all('h1').length} headings of the first level`);
let before = 0;
for (const node of all('h1, h2, h3, h4').filter(isShown)) {
  const level = Number(node.tagName[1]);
  if (level > before + 1) complain(node, `a heading of level ${level} after one of level ${before}`);
  before = level;
}
const ids = all('[id]').map((it) => it.id);
for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) complaints.push(`id ${id} is there twice`);
for (const node of all('[aria-controls]')) if (!document.getElementById(node.getAttribute('aria-controls'))) complain(node, 'aria-controls names nothing');
if (document.documentElement.scrollWidth > innerWidth + 1) complaints.push(`the page is wider (${document.documentElement.scrollWidth}) than the window (${innerWidth})`);

// Contrast of text with what is behind it, as WCAG 2.2 computes it: 4.5, or 3 if it is large.
const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
function rgba(colour) {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
  return [r, g, b, a / 255];
}
const over = ([r, g, b, a], below) => [r, g, b].map((it, at) => it * a + below[at] * (1 - a));
function background(node) {
  const layers = [];
  for (let at = node; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
}
const luminance = (colour) => {
  const [r, g, b] = colour.map((it) => it / 255).map((it) => (it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const seen = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  const text = walker.currentNode.data.trim();
  if (!text || seen.has(node) || !isShown(node) || node.closest('.unseen, .skip, noscript, svg, option, .dim, .joined, .leaving, thead')) continue;
  seen.add(node);
  const style = getComputedStyle(node);
  const below = background(node);
  const ink = over(rgba(style.color), below);
  const [light, dark] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
  const ratio = (light + 0.05) / (dark + 0.05);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  if (ratio < (isLarge ? 3 : 4.5)) complain(node, `contrast ${ratio.toFixed(2)} of ${JSON.stringify(text.slice(0, 40))}`);
}

// What is touched is large enough to be hit (WCAG 2.2, 2.5.8), unless it is part of a text.
for (const node of all('button, select, input, nav a').filter(isShown)) {
  const { width, height } = node.getBoundingClientRect();
  if (!node.closest('.unseen') && getComputedStyle(node.closest('thead') ?? node).clipPath === 'none' && (height < 20 || width < 20)) complain(node, `only ${width} × ${height} to hit`);
}
return complaints;
