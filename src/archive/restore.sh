#!/bin/sh
# Restores this backup set without Homelab Autopilot. Needs only sh, tar, zstd and sha256sum; age if it is encrypted.
set -eu

usage() {
  cat <<'END'
usage: sh restore.sh verify                    compare every file of the set with its checksum
       sh restore.sh list                      print the names in the set
       sh restore.sh restore DIR [NAME ...]    restore into DIR: everything, or the named files and directories

`restore` may be left out before a DIR with a slash in it.
Files keep their full path below DIR: /srv/notes/a.txt becomes DIR/srv/notes/a.txt.
Run it as root to restore owners. `restore /` puts everything back where it was, over what is there.

A set with data.tar.zst.age is encrypted. To list or restore it, name the file with your identity:
       AGE_IDENTITY=/path/to/key sh restore.sh restore DIR
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

# What is needed to open the set, looked at before anything is written. The path is made whole, for we go elsewhere.
unlock() {
  [ -n "$sealed" ] || return 0
  need age
  [ -n "${AGE_IDENTITY-}" ] || fail "this set is encrypted: name the file with your identity, AGE_IDENTITY=/path/to/key sh restore.sh …"
  case $AGE_IDENTITY in
  /*) ;;
  *) AGE_IDENTITY=$start/$AGE_IDENTITY ;;
  esac
  [ -f "$AGE_IDENTITY" ] || fail "there is no file $AGE_IDENTITY (AGE_IDENTITY)"
  [ -r "$AGE_IDENTITY" ] || fail "$AGE_IDENTITY (AGE_IDENTITY) may not be read by you"
  said=$(age -d -i "$AGE_IDENTITY" manifest.json.zst.age 2>&1 >/dev/null) ||
    fail "the identity in $AGE_IDENTITY does not open this set (${said%%
*}); manifest.json says under recipients for whom it is encrypted"
}

# Prints a file of the set as it was before it was compressed, and encrypted.
unpack() {
  if [ -n "$sealed" ]; then
    age -d -i "$AGE_IDENTITY" "$1.age" | zstd -dcq
  else
    zstd -dcq "$1"
  fi
}

verify() {
  for part in manifest.json "data.tar.zst$sealed" restore.sh; do
    [ -f "$part" ] || fail "$part is missing: this set is not whole"
  done
  sha256sum -c SHA256SUMS >&2 || fail "this set is damaged; nothing was restored"
}

# Databases are put back by the client of their vendor, into an empty database.
dumps() {
  set +f
  opened="zstd -dcq"
  [ -z "$sealed" ] || opened="age -d -i $AGE_IDENTITY"
  for dump in dump-*.zst dump-*.zst.age; do
    [ -f "$dump" ] || continue
    case $dump in
    dump-*-postgresql[-.]*) into='| psql --set=ON_ERROR_STOP=1 --single-transaction --file=- --dbname=NAME' ;;
    dump-*-mariadb[-.]*) into='| mariadb NAME' ;;
    dump-*-mongodb[-.]*) into='| mongorestore --archive --stopOnError' ;;
    dump-*-mysql[-.]*) into='| mysql NAME' ;;
    dump-*-redis[-.]* | dump-*-valkey[-.]*) into='> dump.rdb   # in the directory of a server that is stopped and keeps no log' ;;
    *) into='> FILE   # while nobody has it open; remove FILE-wal and FILE-shm' ;;
    esac
    [ -z "$sealed" ] || into="| zstd -dcq $into"
    printf 'not put back: the database in %s;  %s %s %s\n' "$dump" "$opened" "$dump" "$into" >&2
  done
}

here=$(dirname -- "$0")
start=$(pwd)
sealed=
[ ! -f "$here/data.tar.zst.age" ] || sealed=.age
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
  unlock
  unpack data.tar.zst | tar -tf -
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
  unlock
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
  unpack data.tar.zst | tar -x -p -f - -C "$target" $options -- "$@" || fail "tar could not restore everything"
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
