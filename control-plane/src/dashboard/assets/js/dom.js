// Elements as expressions. Text is only ever text: nothing here reads HTML.

const SVG = 'http://www.w3.org/2000/svg';

// h('a', { href, class, onclick, css: { top: '1px' } }, children…): absent and false are
// left out, true is an attribute without a value.
export const h = (tag, attributes, ...children) =>
  build(document.createElement(tag), attributes, children);

export const s = (tag, attributes, ...children) =>
  build(document.createElementNS(SVG, tag), attributes, children);

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) {
      node[name] = value;
      (node.handlers ??= []).push(name);
    } else if (name === 'css') {
      for (const [property, text] of Object.entries(value)) node.style.setProperty(property, text);
    } else if (name === 'value') {
      node.value = value;
      node.shown = value;
    } else {
      node.setAttribute(name, value === true ? '' : value);
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
