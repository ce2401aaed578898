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
# What is cut off is kept beside the manifest's directory, as torn-<time>.
set -eu
manifest=${1:?usage: mend-append-only.sh MANIFEST}
most=16777216 # bytes; more is not one torn write, and somebody should look at it

refuse() {
  for line; do echo "mend-append-only: $line" >&2; done
  exit 1
}

[ -e "$manifest" ] || exit 0
command -v redis-check-aof >/dev/null || refuse "redis-check-aof is missing: install Redis's tools"
[ -r "$manifest" ] && [ -w "$manifest" ] || refuse "$manifest: run this as Redis's user"
if said=$(redis-check-aof "$manifest" 2>&1); then
  exit 0
fi
found=$(printf '%s\n' "$said" | sed -n 's/^AOF analyzed: filename=\(.*\), size=.*, ok_up_to=\([0-9]*\), .* diff=\([0-9]*\)$/\1 \2 \3/p' | tail -n 1)
[ -n "$found" ] || refuse "redis-check-aof does not say what is wrong with the file:" "$said"
name=${found% * *}
rest=${found#"$name" }
whole=${rest% *}
torn=${rest#* }
file=$(dirname "$manifest")/$name

# A torn write is the last one: no whole transaction is behind it.
if [ "$torn" -gt "$most" ] || tail -c "+$((whole + 1))" "$file" | grep -aiq "^EXEC$(printf '\r')\$"; then
  refuse "$file is damaged at byte $whole, and whole transactions follow: nothing was changed." \
    "If Redis ran with aof-load-truncated yes before, start it once without this script, let it" \
    "run BGREWRITEAOF, and stop it. Otherwise restore the file, or look at what is behind there."
fi
kept=$(dirname "$(dirname "$manifest")")/torn-$(date -u +%Y%m%dT%H%M%SZ)
tail -c "+$((whole + 1))" "$file" >"$kept"
if ! said=$(printf 'y\n' | redis-check-aof --fix "$manifest" 2>&1); then
  refuse "redis-check-aof does not mend the file:" "$said"
fi
echo "mend-append-only: $torn bytes of a torn write were cut off, and are in $kept" >&2
