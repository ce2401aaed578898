#!/bin/sh
# Cuts a write that a crash tore off the end of Redis's append-only file, behind the last whole
# transaction. For before each start of a Redis with `aof-load-truncated no`, as Redis's user.
#
# With `aof-load-truncated yes` Redis cuts by itself, but behind the last whole command: a MULTI
# without its EXEC may stay, and half of that transaction counts after one more restart (src/aof.c,
# loadSingleAppendOnlyFile; seen with 7.0.15; valkey-io/valkey pull request 4342).
#
# Usage: mend-append-only.sh MANIFEST      such as appendonlydir/appendonly.aof.manifest
# Exit status: 0 where the file is whole now, or there is none; 1 where it is not.
set -eu
manifest=${1:?usage: mend-append-only.sh MANIFEST}
most=16777216 # bytes; more is not one torn write, and somebody should look at it

[ -e "$manifest" ] || exit 0
if said=$(redis-check-aof "$manifest"); then
  exit 0
fi
torn=$(printf '%s\n' "$said" | sed -n 's/.*, diff=\([0-9][0-9]*\)$/\1/p' | tail -n 1)
if [ -z "$torn" ] || [ "$torn" -gt "$most" ]; then
  printf '%s\n' "$said" >&2
  echo "mend-append-only: this is no torn write, and nothing was changed." >&2
  echo "If Redis ran with aof-load-truncated yes before: start it once without this script," >&2
  echo "let it run BGREWRITEAOF, and stop it. Otherwise the file is damaged: restore it." >&2
  exit 1
fi
printf 'y\n' | redis-check-aof --fix "$manifest" >/dev/null
echo "mend-append-only: $torn bytes of a torn write were cut off" >&2
