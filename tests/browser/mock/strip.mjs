// The form in which the page is served: without the lines that are nothing but comments.

/**
 * @param {string} source JavaScript or CSS
 * @returns {string}
 */
export function withoutComments(source) {
  const kept = [];
  let inside = false;
  for (const line of source.split('\n')) {
    const code = line.trim();
    if (inside) inside = !code.endsWith('*/');
    else if (code.startsWith('/*') && (code.endsWith('*/') || !code.includes('*/'))) inside = !code.endsWith('*/');
    else if (!code.startsWith('//') && code !== '') kept.push(line);
  }
  return `${kept.join('\n')}\n`;
}
