// @ts-check
// The graph of steps. The server says where each one stands.

import { h, memo, reconcile, s, setAttr, setText } from './dom.js';
import { pathOf } from './icons.js';
import { has, t } from './strings.js';

/** @typedef {import('./types.d.ts').Graph} Graph */
/** @typedef {import('./types.d.ts').Step} Step */

const PAD = 8;

/** @param {string} status */
export const stepStatus = (status) => {
  const key = status === 'held' ? 'step.held.status' : `step.${status}`;
  return has(key) ? t(key) : status;
};

/** @param {(step: string) => void} choose */
export function makeGraph(choose) {
  const edges = s('g', { class: 'edges' });
  const nodes = s('g');
  const arrow = s('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: 'auto' },
    s('path', { d: 'M0 0 8 4 0 8z' }));
  const svg = s('svg', { role: 'img', class: 'graph' }, s('defs', {}, arrow), edges, nodes);
  const el = h('div', { class: 'graph-box', tabindex: 0, role: 'group', 'aria-label': t('detail.graph') }, svg);

  const layout = memo((/** @type {Graph} */ graph) => {
    const { width, height } = graph;
    setAttr(svg, 'viewBox', `${-PAD} ${-PAD} ${width + 2 * PAD} ${height + 2 * PAD}`);
    // Never blown up; made smaller as long as it can be read, then scrolled in its own box.
    svg.style.width = `${width + 2 * PAD}px`;
    svg.style.minWidth = `${Math.min(width + 2 * PAD, Math.round(width * 0.7))}px`;
    edges.replaceChildren(...graph.edges.map((d) => s('path', { d, 'marker-end': 'url(#arrow)' })));
  });

  const states = memo((/** @type {Graph} */ graph, /** @type {Record<string, Step>} */ steps) => {
    const names = Object.keys(graph.nodes);
    const words = names.map((name) => `${name}: ${stepStatus(steps[name]?.status ?? 'blocked')}`);
    setAttr(svg, 'aria-label', t('graph.label', { steps: words.join(', ') }));
    reconcile(nodes, names, (name) => {
      const node = s('g', { class: 'node' }, s('title'), s('rect', { rx: 6 }), s('path', { class: 'mark' }), s('text', { class: 'title' }), s('text', { class: 'state' }));
      node.addEventListener('click', () => choose(name));
      return node;
    }, (node, name) => place(node, name, graph, steps[name]));
  });

  return {
    el,
    /**
     * @param {Graph} graph
     * @param {Record<string, Step>} steps
     */
    update(graph, steps) {
      layout(graph);
      states(graph, steps);
    },
  };
}

/**
 * @param {Element} node
 * @param {string} name
 * @param {Graph} graph
 * @param {Step | undefined} step
 */
function place(node, name, graph, step) {
  const { x, y, w, h: high } = graph.nodes[name] ?? { x: 0, y: 0, w: 0, h: 0 };
  const [hint, rect, mark, title, state] = /** @type {SVGElement[]} */ ([...node.children]);
  if (hint === undefined || rect === undefined || mark === undefined || title === undefined || state === undefined) return;
  const status = step?.status ?? 'blocked';
  setAttr(node, 'class', `node st-${status}`);
  setText(hint, `${name}: ${stepStatus(status)}`);
  for (const [key, value] of Object.entries({ x, y, width: w, height: high })) setAttr(rect, key, value);
  setAttr(mark, 'd', pathOf(status));
  setAttr(mark, 'transform', `translate(${x + 9} ${y + high / 2 - 8})`);
  const most = Math.max(3, Math.floor((w - 40) / 7));
  setAttr(title, 'x', x + 32);
  setAttr(title, 'y', y + high / 2 - 3);
  setText(title, name.length > most ? `${name.slice(0, most - 1)}…` : name);
  setAttr(state, 'x', x + 32);
  setAttr(state, 'y', y + high / 2 + 12);
  setText(state, stepStatus(status));
}
