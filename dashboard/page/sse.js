// @ts-check
// Server-sent events out of a stream of text. The browser's own EventSource hides the heartbeats and the
// status of a refusal, and both are needed here.

/** @typedef {{event: string, id: string, data: string}} Message */

/**
 * A reader to be fed with pieces of text, cut anywhere.
 * @param {(message: Message) => void} take
 * @returns {(piece: string) => void}
 */
export function reader(take) {
  let rest = '';
  let event = '';
  let id = '';
  /** @type {string[]} */
  let data = [];

  /** @param {string} line */
  const line = (line) => {
    if (line === '') {
      if (data.length > 0) take({ event: event || 'message', id, data: data.join('\n') });
      event = '';
      data = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id') id = value;
  };

  return (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const each of lines) line(each.endsWith('\r') ? each.slice(0, -1) : each);
  };
}
