/** How full this machine is. */
import { expect, test } from 'vitest';
import { localMounts, readResource } from '#host/resources.ts';
import { RESOURCES } from '#monitor/check.ts';

test('each local file system is looked at once, and none that could keep us waiting', () => {
  const table = [
    'overlay / overlay rw 0 0',
    'proc /proc proc rw 0 0',
    'tmpfs /run tmpfs rw 0 0',
    '/dev/sda1 /srv ext4 rw 0 0',
    '/dev/sda1 /var/lib/docker ext4 rw 0 0',
    '/dev/sdb1 /mnt/my\\040disk ext4 rw 0 0',
    '/dev/loop3 /snap/core squashfs ro 0 0',
    'nas:/export /mnt/nas nfs4 rw 0 0',
    '//nas/share /mnt/share cifs rw 0 0',
    'tank/media /tank/media zfs rw 0 0',
    '/dev/sdc1 /etc/hosts ext4 rw 0 0',
    '',
  ].join('\n');

  expect(localMounts(table)).toEqual(['/', '/srv', '/mnt/my disk', '/tank/media']);
});

test('this machine can be read', async () => {
  for (const resource of RESOURCES) {
    for (const { value, detail } of await readResource(resource)) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(detail).not.toContain('NaN');
    }
  }
  expect(await readResource('disk')).not.toEqual([]);
  expect((await readResource('memory'))[0]?.value).toBeLessThanOrEqual(100);
});
