/** A message as HTML: simple enough for every mail program, and with nothing that has to be loaded. */
import type { Message } from '#sdk/kinds/notification.ts';

const COLOURS = { info: '#2e7d32', warning: '#b26a00', error: '#c62828' } as const;

export function htmlOf({ title, text, severity }: Message): string {
  const paragraphs = text.split('\n').map((line) => (line === '' ? '<br>' : `<div>${escaped(line)}</div>`));
  return [
    '<!doctype html><html><body style="font-family: sans-serif; font-size: 15px; color: #222">',
    `<h2 style="font-size: 18px; border-left: 4px solid ${COLOURS[severity]}; padding-left: 10px">${escaped(title.replaceAll(/\s+/g, ' '))}</h2>`,
    ...paragraphs,
    '</body></html>',
  ].join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
