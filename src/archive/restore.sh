#!/bin/sh
# Restores this backup set without Homelab Autopilot. Needs only sh, tar, zstd and sha256sum.
set -eu

usage() {
  cat <<'END'
usage: sh restore.sh verify                    compare every file of the set with its checksum
       sh restore.sh list                      print the names in the set
       sh restore.sh restore DIR [NAME ...]    restore into DIR: everything, or the named files and directories

`restore` may be left out before a DIR with a slash in it.
Files keep their full path below DIR: /srv/notes/a.txt becomes DIR/srv/notes/a.txt.
Run it as root to restore owners. `restore /` puts everything back where it was, over what is there.
END
}

fail() {
  printf 'restore.sh: %s\n' "$1" >&2
  exit 1
}

need() {
  for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || fail "needs $tool; install it and try again"
  done
}

verify() {
  for part in manifest.json data.tar.zst restore.sh; do
    [ -f "$part" ] || fail "$part is missing: this set is not whole"
  done
  sha256sum -c SHA256SUMS >&2 || fail "this set is damaged; nothing was restored"
}

# Databases are put back by the client of their vendor, into an empty database.
dumps() {
  set +f
  for dump in dump-*.zst; do
    [ -f "$dump" ] || continue
    case $dump in
    dump-*-postgresql-*) into='| psql --set=ON_ERROR_STOP=1 --single-transaction --file=- --dbname=NAME' ;;
    dump-*-mariadb-*) into='| mariadb NAME' ;;
    dump-*-mongodb-*) into='| mongorestore --archive --stopOnError' ;;
    dump-*-mysql-*) into='| mysql NAME' ;;
    *-redis-* | *-valkey-*) into='> dump.rdb   # in the directory of a server that is stopped and keeps no log' ;;
    *) into='> FILE   # while nobody has it open; remove FILE-wal and FILE-shm' ;;
    esac
    printf 'not put back: the database in %s;  zstd -dcq %s %s\n' "$dump" "$dump" "$into" >&2
  done
}

here=$(dirname -- "$0")
start=$(pwd)
action=${1-}
[ $# -eq 0 ] || shift
export LC_ALL=C

# In a hurry one names only the directory: `sh restore.sh /srv/restored`.
case $action in
*/* | . | ..)
  set -- "$action" "$@"
  action=restore
  ;;
esac

case $action in
verify)
  need sha256sum
  cd -- "$here"
  verify
  ;;
list)
  need tar zstd
  cd -- "$here"
  zstd -dcq data.tar.zst | tar -tf -
  dumps
  ;;
restore)
  [ $# -gt 0 ] && [ -n "$1" ] || { usage >&2; exit 2; }
  need tar zstd sha256sum
  case $1 in
  /*) target=$1 ;;
  *) target=$start/$1 ;;
  esac
  shift
  # Names may be written as they were on the disk; the archive has them without the leading slash.
  count=$#
  while [ "$count" -gt 0 ]; do
    name=${1#/}
    shift
    set -- "$@" "${name%/}"
    count=$((count - 1))
  done
  cd -- "$here"
  verify
  mkdir -p -- "$target"
  options=
  if tar --help 2>/dev/null | grep -q -e --xattrs; then
    options='--numeric-owner --xattrs --acls'
    [ "$(id -u)" -ne 0 ] || options="$options --xattrs-include=*"
  fi
  # The checksums were right, so zstd can only fail together with tar.
  set -f
  # shellcheck disable=SC2086 # the options are words
  zstd -dcq data.tar.zst | tar -x -p -f - -C "$target" $options -- "$@" || fail "tar could not restore everything"
  printf 'restored into %s\n' "$target" >&2
  dumps
  ;;
-h | --help | help)
  usage
  ;;
*)
  usage >&2
  exit 2
  ;;
esac
