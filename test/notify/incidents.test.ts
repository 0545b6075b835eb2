/** What a person is told of an incident: by which event, as what, and what to do next. */
import { expect, test } from 'vitest';
import type { Incident, Told } from '#monitor/world.ts';
import { incidentMessage, serviceOf } from '#notify/incident-message.ts';
import { EVENTS } from '#sdk/events.ts';

const START = Date.UTC(2026, 5, 1, 12);
const SCENE = {
  origin: { homelab: 'home', timezone: 'UTC' },
  host: 'nas',
  hit: [],
  mended: null,
  at: new Date(START + 90_000),
};

const incidentOf = (subject: string, more: Partial<Incident> = {}): Incident => ({
  id: 'incident',
  subject,
  startedAt: START,
  endedAt: null,
  cause: 'GET /: connection refused',
  root: null,
  run: null,
  toldAt: START,
  reminders: 0,
  holdUntil: 0,
  gaveUpAt: null,
  ...more,
});

const messageOf = (subject: string, what: Told['what'] = 'down', more: Partial<Incident> = {}) =>
  incidentMessage({ what, incident: incidentOf(subject, more) }, SCENE);

test.each([
  ['service:notes', 'service_down', 'error', 'notes is down'],
  ['external:notes', 'external_access_failed', 'error', 'notes cannot be reached from outside'],
  ['host:nas', 'service_down', 'error', 'host nas is away: no worker of it is there'],
  ['hypervisor:pve', 'service_down', 'error', 'hypervisor pve does not answer'],
  ['resource:nas/disk /srv', 'disk_space_warning', 'warning', 'nas: disk /srv is nearly used up'],
  ['resource:nas/inodes /srv', 'disk_space_warning', 'warning', 'nas: inodes /srv is nearly used up'],
  ['resource:nas/memory', 'resource_warning', 'warning', 'nas: memory is nearly used up'],
  ['resource:disk-box/swap', 'resource_warning', 'warning', 'disk-box: swap is nearly used up'],
])('%s is told as %s', (subject, event, severity, title) => {
  const message = messageOf(subject);

  expect(message).toMatchObject({ event, severity, title });
  expect(EVENTS).toContain(event);
  expect(message.text).toContain('\nNext: ');
  expect(messageOf(subject, 'up', { endedAt: START + 60_000 })).toMatchObject({
    event: 'service_recovered',
    severity: 'info',
    text: expect.stringContaining('It was down for 1m, since 2026-06-01 12:00:00 UTC.'),
  });
});

test('what else is down because of it, and our run that had it, are told with it', () => {
  const told = incidentMessage(
    { what: 'down', incident: incidentOf('service:caddy', { run: 'b7k2mnpqrstv' }) },
    { ...SCENE, hit: ['service:notes', 'external:notes'], mended: null },
  );

  expect(told.text).toContain('Down because of it: notes.');
  expect(told.text).toContain('Our run b7k2 had it at that time');
});

test('a reminder says for how long, and is a message of its own', () => {
  const reminder = messageOf('service:notes', 'still', { reminders: 1 });

  expect(reminder.title).toBe('notes is still down');
  expect(reminder.text).toContain('(1m30s)');
  expect(reminder.id).not.toBe(messageOf('service:notes').id);
});

test('a cooldown of a service is not that of its host or of a disk with the same name', () => {
  const names = ['service:nas', 'host:nas', 'resource:nas/disk /'].map(serviceOf);

  expect(new Set(names).size).toBe(3);
});
