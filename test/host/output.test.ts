/** What commands print: bounded in memory and in the log, and whoever reads either learns what is missing. */
import { describe, expect, test } from 'vitest';
import { KEPT_BYTES } from '#host/output.ts';
import { LOGGED_LINES } from '#host/output-log.ts';
import { openStage } from '#test/host/stage.ts';

describe('a command', () => {
  test.each([
    ['without a line end', 'head -c 1073741824 /dev/zero'],
    ['in short lines', 'yes | head -c 1073741824'],
  ])(
    'may print a gigabyte %s: the end of it is kept, memory stays small, and the log says what it lacks',
    async (_, print) => {
      await using stage = await openStage();
      const before = process.memoryUsage().rss;

      const { stdout } = await stage.processes.exec(['sh', '-c', `${print}; echo; echo the end`], {}, stage.caller());

      expect(stdout.length).toBe(KEPT_BYTES);
      expect(stdout.endsWith('\nthe end\n')).toBe(true);
      expect(process.memoryUsage().rss - before).toBeLessThan(300 << 20);
      expect(stage.lines.length).toBeLessThanOrEqual(LOGGED_LINES + 2);
      expect(stage.lines).toContainEqual({
        level: 'warn',
        message: 'sh printed more than 1 MiB on stdout; only the end of it was kept',
        fields: { command: 'sh', stream: 'stdout' },
      });
    },
  );

  test('that prints many lines has the first of them in the log, and the log says that there are more', async () => {
    await using stage = await openStage();
    const script = `seq ${LOGGED_LINES + 500}; seq 3 >&2`;
    const heard: string[] = [];

    const { stdout } = await stage.processes.exec(['sh', '-c', script], {}, stage.caller());
    const child = stage.processes.spawn(
      ['sh', '-c', 'seq 4000 >&2'],
      { onStderr: (line) => heard.push(line) },
      stage.caller(),
    );
    await child.done;

    const ofStdout = stage.lines.filter(({ fields }) => fields?.['stream'] === 'stdout');
    expect(ofStdout).toHaveLength(LOGGED_LINES + 1);
    expect(ofStdout.at(-2)).toMatchObject({ level: 'debug', message: `${LOGGED_LINES}` });
    expect(ofStdout.at(-1)).toMatchObject({ level: 'warn', message: expect.stringContaining('is not logged') });
    expect(stdout.endsWith(`\n${LOGGED_LINES + 500}\n`)).toBe(true);
    // Who asked for the lines gets them all.
    expect(heard).toHaveLength(4000);
  });
});
