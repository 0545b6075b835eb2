/** The rooms of the house: what each may import. This table is the truth; test/architecture.test.ts holds the tree to it. */

export interface Room {
  /** Rooms that it may import, besides itself. */
  imports: readonly string[];
  /** npm packages that it may import. */
  packages: readonly string[];
  /** Modules of Node that it may import; `any` but those of `onlyIn`. */
  node: 'any' | readonly string[];
}

const engineLevel = [
  'src/engine',
  'src/config',
  'src/archive',
  'src/schedule',
  'src/monitor',
  'src/host',
  'src/notify',
];
const belowApi = ['src/kernel', 'src/sdk', ...engineLevel, 'src/store', 'src/queue'];
const belowApp = [...belowApi, 'src/api'];

/** From the bottom up. An import points down: to a room above it in this list. */
export const rooms: Record<string, Room> = {
  'src/kernel': { imports: [], packages: [], node: 'any' },
  'src/sdk': {
    imports: ['src/kernel'],
    packages: ['zod', 're2js', 'socks', 'ssh2', 'docker-modem', 'fast-xml-parser'],
    node: 'any',
  },
  // The engine is pure: it talks to the world through its ports.
  'src/engine': { imports: ['src/kernel', 'src/sdk'], packages: ['zod'], node: [] },
  // A schedule's text is judged where the configuration is: one reading of cron in the whole product.
  'src/config': { imports: ['src/kernel', 'src/sdk', 'src/schedule'], packages: ['zod', 'yaml'], node: 'any' },
  'src/archive': { imports: ['src/kernel', 'src/sdk'], packages: ['zod', 'picomatch'], node: 'any' },
  'src/schedule': { imports: ['src/kernel', 'src/sdk'], packages: ['zod', 'croner'], node: 'any' },
  // What is up and what is down follows from answers and instants alone, so that a test plays a year of them.
  'src/monitor': { imports: ['src/kernel', 'src/sdk'], packages: ['zod'], node: [] },
  'src/host': {
    imports: ['src/kernel', 'src/sdk', 'src/archive', 'src/monitor'],
    packages: ['zod', 'execa', 'pino'],
    node: 'any',
  },
  // Who is told of what, and when: decided without a clock of its own, so that a night passes in a test at once.
  'src/notify': {
    imports: ['src/kernel', 'src/sdk', 'src/engine', 'src/schedule', 'src/monitor'],
    packages: [],
    node: [],
  },
  'src/store': { imports: ['src/kernel', 'src/sdk', ...engineLevel], packages: ['zod'], node: 'any' },
  'src/queue': {
    imports: ['src/kernel', 'src/sdk', ...engineLevel],
    packages: ['zod', 'bullmq', 'ioredis', 'execa'],
    node: 'any',
  },
  'src/api': { imports: belowApi, packages: ['zod', 'express', '@bull-board/api', '@bull-board/express'], node: 'any' },
  'src/app': { imports: belowApp, packages: ['zod', 'pino', 'execa'], node: 'any' },
  'src/cli': { imports: [...belowApp, 'src/app'], packages: ['zod', 'commander', 'execa'], node: 'any' },
  // A process of its own each, a few lines: what is in them is decided in src/app.
  workers: { imports: ['src/app'], packages: [], node: [] },
  // A plan is a fact: the same input gives the same plan, so there is nothing of the world in reach.
  workflows: { imports: ['src/sdk'], packages: ['zod'], node: [] },
  plugins: {
    imports: ['src/kernel', 'src/sdk'],
    packages: ['zod', 'nodemailer', 'ssh2', 'yaml', 'fast-xml-parser', '@aws-sdk/client-s3'],
    node: 'any',
  },
};

/** Modules of Node that not every room may import, and the paths that may (each is the beginning of a path). */
export const onlyIn: Record<string, readonly string[]> = {
  'node:sqlite': ['src/store/'],
  // Children are started where their whole process group is watched and ended.
  'node:child_process': [
    'src/host/',
    'src/queue/managed-redis.ts',
    'src/app/supervisor.ts',
    'src/app/spawn-worker.ts',
    'src/cli/actions/demo.ts',
  ],
  'node:cluster': [],
  'node:vm': [],
  // The tools carry the step's signal and the masking of secrets; a plugin that imported these would lose both.
  'node:http': ['src/'],
  'node:https': ['src/'],
  'node:process': ['src/', 'workers/'],
  'node:worker_threads': ['src/'],
};
