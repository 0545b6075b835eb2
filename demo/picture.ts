/** `npm run demo:picture`: runs the demo and draws what it printed as docs/demo.svg. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const COLUMNS = 100;
const LINE_PX = 17;
const CHARACTER_PX = 7.8;
const MARGIN_PX = 16;

/** The section whose steps are all shown: the update that goes wrong. */
const WHOLE = '6';

const child = spawn(process.execPath, [join(import.meta.dirname, 'run.ts')], { stdio: ['ignore', 'pipe', 'inherit'] });
const ended = once(child, 'exit');
const printed = await text(child.stdout);
const [code] = await ended;
if (code !== 0) throw new Error('the demo did not succeed, so there is no picture of it');
await writeFile(join(import.meta.dirname, '..', 'docs', 'demo.svg'), draw(telling(printed.trim().split('\n'))));

/** The whole run is long: of most sections what was asked and what came out of it is enough. */
function telling(lines: readonly string[]): string[] {
  let section = '';
  return lines.filter((line, index) => {
    section = /^(\d) {2}/.exec(line)?.[1] ?? section;
    if (line === '') return index > 0 && lines[index - 1] !== '';
    if (/^\d\d:\d\d:\d\d/.test(line)) return section === WHOLE && !line.endsWith(': started');
    return true;
  });
}

function draw(lines: readonly string[]): string {
  const width = Math.round(COLUMNS * CHARACTER_PX + 2 * MARGIN_PX);
  const height = lines.length * LINE_PX + 2 * MARGIN_PX;
  const rows = lines.map((line, index) => row(line, MARGIN_PX + (index + 1) * LINE_PX - 4)).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<rect width="100%" height="100%" rx="8" fill="#1b1f24"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" xml:space="preserve">
${rows}
</g>
</svg>
`;
}

function row(line: string, y: number): string {
  const shown = line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line;
  return `<text x="${MARGIN_PX}" y="${y}" fill="${colourOf(line)}">${escaped(shown)}</text>`;
}

function colourOf(line: string): string {
  if (/^\d {2}/.test(line)) return '#ffffff';
  if (line.startsWith('$')) return '#79c0ff';
  if (line.startsWith('✔') || line.includes('succeeded')) return '#7ee787';
  return '#b1bac4';
}

function escaped(line: string): string {
  // A viewer folds plain spaces; these stay.
  return line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll(' ', '\u00A0');
}
