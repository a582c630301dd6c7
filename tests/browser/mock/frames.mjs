// Frames of a WebSocket (RFC 6455), as far as the page and the made-up server need them: whole texts, short ones from the page.

/**
 * A frame with a text, as a server sends it.
 * @param {string} text
 */
export function framed(text) {
  const body = Buffer.from(text);
  const head = Buffer.alloc(body.length < 126 ? 2 : body.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  if (head.length === 2) head[1] = body.length;
  else if (head.length === 4) { head[1] = 126; head.writeUInt16BE(body.length, 2); }
  else { head[1] = 127; head.writeBigUInt64BE(BigInt(body.length), 2); }
  return Buffer.concat([head, body]);
}

/**
 * A reader of what a browser sends, cut anywhere.
 * @param {(text: string) => void} take
 * @param {() => void} closed
 * @returns {(piece: Buffer) => void}
 */
export function messages(take, closed) {
  let rest = Buffer.alloc(0);
  return (piece) => {
    rest = Buffer.concat([rest, piece]);
    for (;;) {
      if (rest.length < 6) return;
      const short = rest[1] & 0x7f;
      const from = short === 126 ? 4 : 2;
      const length = short === 126 ? rest.readUInt16BE(2) : short;
      const end = from + 4 + length;
      if (rest.length < end) return;
      const mask = rest.subarray(from, from + 4);
      const body = Buffer.from(rest.subarray(from + 4, end).map((byte, at) => byte ^ mask[at % 4]));
      const kind = rest[0] & 0x0f;
      rest = rest.subarray(end);
      if (kind === 1) take(body.toString());
      if (kind === 8) closed();
    }
  };
}
