/** The shape of the tree: imports point down, each library has its home, and files look alike. */
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { onlyIn, rooms } from '#test/support/layers.ts';
import { importsOf, type Source, sourcesIn, textsOf } from '#test/support/sources.ts';

const product = sourcesIn(['src', 'workers', 'workflows', 'plugins']);
const everything = [...product, ...sourcesIn(['test', 'bench', 'demo', 'examples'])];

/** Statements with their usual shape, so that a sentence that says "delete" is none. */
const SQL =
  /\bselect\s.+\sfrom\s|\binsert\s+(or\s+\w+\s+)?into\s|\bupdate\s+\w+\s+set\s|\bcreate\s+(unique\s+)?(table|index)\s|^\s*pragma\s|\bDELETE\s+FROM\s/is;

describe('imports', () => {
  test('every file lies in a room of the table', () => {
    const homeless = product.filter(({ path }) => roomOf(path) === undefined).map(({ path }) => path);

    expect(homeless).toEqual([]);
  });

  test('every import points down, to a package or module that the room may use', () => {
    expect(product.flatMap(violations)).toEqual([]);
  });

  test.each([
    ['src/kernel/x.ts', "import { z } from '#sdk/x.ts';", 'src/kernel may not import src/sdk'],
    ['src/engine/x.ts', "import type { Row } from '../store/rows.ts';", 'src/engine may not import src/store'],
    ['src/engine/x.ts', "export * from '#queue/x.ts';", 'src/engine may not import src/queue'],
    ['src/engine/x.ts', "const x = await import('#store/x.ts');", 'src/engine may not import src/store'],
    ['src/store/x.ts', "import { Queue } from 'bullmq';", 'src/store may not import bullmq'],
    ['src/queue/x.ts', "import { DatabaseSync } from 'node:sqlite';", 'src/queue may not import node:sqlite'],
    [
      'src/archive/x.ts',
      "import { spawn } from 'node:child_process';",
      'src/archive may not import node:child_process',
    ],
    ['src/app/x.ts', "import express from 'express';", 'src/app may not import express'],
    ['src/cli/x.ts', "import { x } from '#test/support/x.ts';", 'src/cli may not import test'],
    ['workers/x.ts', "import { x } from '#engine/x.ts';", 'workers may not import src/engine'],
    ['workflows/x.ts', "import { readFile } from 'node:fs';", 'workflows may not import node:fs'],
    ['plugins/services/x.ts', "import { run } from '#engine/run.ts';", 'plugins may not import src/engine'],
    ['plugins/services/x.ts', "import process from 'node:process';", 'plugins may not import node:process'],
  ])('%s with %s is found', (path, text, complaint) => {
    expect(violations({ path, text })).toEqual([`${path}: ${complaint}`]);
  });

  test('an import that points down is accepted', () => {
    const source = {
      path: 'src/queue/x.ts',
      text: "import 'bullmq';\nimport { x } from '#engine/x.ts';\nimport './y.ts';",
    };

    expect(violations(source)).toEqual([]);
  });
});

describe('files', () => {
  test('open with one sentence that says what they are for', () => {
    const silent = everything.filter(({ text }) => !/^\/\*\* \S.{15}/.test(openingLine(text)));

    expect(silent.map(({ path }) => path)).toEqual([]);
  });

  test('have names in kebab case', () => {
    const odd = everything.filter(({ path }) => !/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(basename(path)));

    expect(odd.map(({ path }) => path)).toEqual([]);
  });

  test('say in their name what is in them', () => {
    const drawers = everything.filter(({ path }) => /^(utils?|helpers?|common|misc|shared)\.ts$/.test(basename(path)));

    expect(drawers.map(({ path }) => path)).toEqual([]);
  });

  test('are short enough to be read at once', () => {
    const long = everything.filter(({ text }) => text.split('\n').length > 300);

    expect(long.map(({ path }) => path)).toEqual([]);
  });

  test('hold SQL in the store alone, besides that for the databases of others', () => {
    const places = ['src/store/', 'src/sdk/databases/'];
    const elsewhere = product.filter(({ path }) => !places.some((place) => path.startsWith(place)));
    const offenders = elsewhere.filter((source) => textsOf(source).some((text) => SQL.test(text)));

    expect(offenders.map(({ path }) => path)).toEqual([]);
  });
});

function violations(source: Source): string[] {
  const home = roomOf(source.path);
  if (home === undefined) return [`${source.path}: lies in no room`];
  return importsOf(source)
    .filter((target) => !isAllowed(source.path, home, target))
    .map((target) => `${source.path}: ${home} may not import ${roomOf(target) ?? topOf(target)}`);
}

function isAllowed(path: string, home: string, target: string): boolean {
  const room = rooms[home];
  if (room === undefined) return false;
  if (target.startsWith('node:')) return mayUseNode(path, room.node, target);
  if (target === 'package.json') return true;
  if (!target.includes('.ts')) return room.packages.includes(target);
  const there = roomOf(target);
  return there !== undefined && (there === home || room.imports.includes(there));
}

function mayUseNode(path: string, allowed: 'any' | readonly string[], target: string): boolean {
  const homes = Object.entries(onlyIn).find(([name]) => target === name || target.startsWith(`${name}/`))?.[1];
  if (homes !== undefined && !homes.some((beginning) => path.startsWith(beginning))) return false;
  return allowed === 'any' || allowed.includes(target);
}

function roomOf(path: string): string | undefined {
  return Object.keys(rooms).find((room) => path.startsWith(`${room}/`));
}

/** The package or module itself, or the folder of a file that lies in no room. */
function topOf(target: string): string {
  return target.endsWith('.ts') ? target.slice(0, target.indexOf('/')) : target;
}

function openingLine(text: string): string {
  const [first = '', second = ''] = text.split('\n');
  return first.startsWith('#!') ? second : first;
}
