#!/bin/busybox sh
# The first process of the guest: the file systems of the machine below it, its network, and then the product.
set -eu
# shellcheck disable=SC1091
. /settings
for module in /modules/*; do busybox insmod "$module"; done
busybox mount -t proc proc /proc
busybox ifconfig lo 127.0.0.1 up
busybox ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
busybox route add default gw 10.0.2.2

busybox mount -t virtiofs -o ro system /system
busybox mount -t proc proc /system/proc
busybox mount -t sysfs sys /system/sys
busybox mount -t devtmpfs dev /system/dev
busybox mount -t tmpfs tmpfs /system/run
busybox mkdir /system/run/nas
busybox mount -t virtiofs work "/system$WORK"

# The words of the command are separated by what no path holds.
IFS='
'
# shellcheck disable=SC2086
busybox env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR="$WORK" \
  busybox chroot /system $COMMAND || true
busybox poweroff -f
