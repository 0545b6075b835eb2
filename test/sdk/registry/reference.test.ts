/** Names of images: what they mean, and what is refused. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseReference, readReference, sameRepository, shortName } from '#sdk/registry/reference.ts';

const HEX = 'a'.repeat(64);

describe('the name of an image', () => {
  test.each([
    ['nginx', 'docker.io', 'library/nginx', 'latest', null],
    ['nginx:1.2', 'docker.io', 'library/nginx', '1.2', null],
    ['grafana/grafana:10', 'docker.io', 'grafana/grafana', '10', null],
    ['index.docker.io/grafana/grafana', 'docker.io', 'grafana/grafana', 'latest', null],
    ['docker.io/nginx', 'docker.io', 'library/nginx', 'latest', null],
    ['ghcr.io/home-assistant/home-assistant:2026.11.1', 'ghcr.io', 'home-assistant/home-assistant', '2026.11.1', null],
    ['localhost/app', 'localhost', 'app', 'latest', null],
    ['127.0.0.1:5000/a/b/c:v1', '127.0.0.1:5000', 'a/b/c', 'v1', null],
    ['[::1]:5000/app:1', '[::1]:5000', 'app', '1', null],
    ['registry.lan:5000/app', 'registry.lan:5000', 'app', 'latest', null],
    [`nginx@sha256:${HEX}`, 'docker.io', 'library/nginx', null, `sha256:${HEX}`],
    [`nginx:1.2@sha256:${HEX}`, 'docker.io', 'library/nginx', '1.2', `sha256:${HEX}`],
  ])('%s is read as Docker reads it', (written, registry, repository, tag, digest) => {
    expect(parseReference(written)).toEqual({ written, registry, repository, tag, digest });
  });

  test.each([
    ['--help'],
    ['-nginx'],
    [''],
    ['Nginx'],
    ['nginx:'],
    ['nginx:-1'],
    ['nginx: 1'],
    ['nginx\n'],
    ['a//b'],
    ['/nginx'],
    ['nginx@sha256:abc'],
    [`nginx@md5:${HEX}`],
    ['nginx:1:2'],
    ['ghcr.io/'],
    ['ghcr.io/../etc/passwd'],
    ['http://ghcr.io/app'],
    ['user@ghcr.io/app'],
    ['ghcr.io:99999999/app'],
    ['a'.repeat(600)],
    [`nginx:${'1'.repeat(129)}`],
  ])('%j is refused', (written) => {
    expect(readReference(written)).toBeUndefined();
    expect(() => parseReference(written)).toThrow(/is not the name of an image/);
  });

  test('that is taken cannot be mistaken for an option, and says nothing but itself in a path', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (written) => {
        const parsed = readReference(written);
        if (parsed === undefined) return;
        expect(written).not.toMatch(/^-/);
        expect(parsed.repository).toMatch(/^[a-z0-9][a-z0-9._/-]*$/);
        expect(parsed.repository).not.toMatch(/\.\.|\/\//);
      }),
      { numRuns: 2_000 },
    );
  });

  test('is the same repository however it is written', () => {
    const [one, other] = [parseReference('docker.io/library/nginx:1'), parseReference('nginx:2')];

    expect(sameRepository(one, other)).toBe(true);
    expect([shortName(one), shortName(parseReference('ghcr.io/a/b'))]).toEqual(['nginx', 'ghcr.io/a/b']);
  });
});
