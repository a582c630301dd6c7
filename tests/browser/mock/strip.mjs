// The form in which the page is served, as the build makes it: without comments that have lines of their own, empty lines and indents.

/**
 * @param {string} source JavaScript or CSS
 * @returns {string}
 */
export function withoutComments(source) {
  const kept = [];
  let inside = false;
  for (const whole of source.split('\n')) {
    let line = whole.trim();
    if (inside || line.startsWith('/*')) {
      // A cast has code behind its comment.
      const end = line.indexOf('*/');
      inside = end < 0;
      line = inside ? '' : line.slice(end + 2).trim();
    }
    if (line !== '' && !line.startsWith('//')) kept.push(line);
  }
  return `${kept.join('\n')}\n`;
}
