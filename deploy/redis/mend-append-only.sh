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

# A torn write is the last one: nothing whole is behind it. Strings are skipped by the lengths that
# they announce, for whoever may write to a queue decides what is in them. A command that the end of
# the file cuts short, or a MULTI without its EXEC, is torn. Behind bytes that are no command, any
# line may end with the beginning of one, and a length that leads beyond the end is not believed.
# Prints `whole` where a whole command or transaction is there, else `torn`; `unread` where bytes are
# missing. `tr` leaves every byte one character, for any awk.
behind() {
  tail -c "+$((whole + 1))" "$file" | LC_ALL=C tr -c '\r\n -~' '?' | LC_ALL=C awk -v size="$torn" '
    function lose() { lost = 1; strings = left = multi = 0 }
    function command() {
      if (name == "MULTI") multi = 1
      else if (name == "EXEC" || !multi) found = 1
    }
    { bytes = length($0) + 1; seen += bytes }
    ended || seen > size { next }
    left {
      if (bytes == left && naming) name = toupper(substr($0, 1, bytes - 2))
      naming = 0
      left -= bytes
      if (left > 0) next
      if (left == 0 && /\r$/) { if (--strings == 0) command(); next }
      lose()
    }
    strings && /^\$[0-9]+\r$/ {
      left = substr($0, 2, bytes - 3) + 2
      if (seen + left <= size) next
      if (!lost) { ended = 1; next }
    }
    strings { lose() }
    match($0, /\*[1-9][0-9]*\r$/) {
      if (RSTART > 1) lose()
      strings = substr($0, RSTART + 1) + 0; naming = 1; name = ""
      next
    }
    !/^#/ { lose() }
    END { print found ? "whole" : seen < size ? "unread" : "torn" }'
}

if [ "$torn" -gt "$most" ]; then
  reason="$torn bytes follow, which is more than one torn write"
else
  case $(behind) in
    torn) reason= ;;
    whole) reason="whole commands follow" ;;
    *) reason="what follows cannot be read" ;;
  esac
fi
if [ -n "$reason" ]; then
  refuse "$file is damaged at byte $whole, and $reason: nothing was changed." \
    "If Redis ran with aof-load-truncated yes before, start it once without this script, let it" \
    "run BGREWRITEAOF, and stop it. Otherwise restore the file, or look at what is behind there."
fi
kept=$(dirname "$(dirname "$manifest")")/torn-$(date -u +%Y%m%dT%H%M%SZ)
tail -c "+$((whole + 1))" "$file" >"$kept"
if ! said=$(printf 'y\n' | redis-check-aof --fix "$manifest" 2>&1); then
  refuse "redis-check-aof does not mend the file:" "$said"
fi
echo "mend-append-only: $torn bytes of a torn write were cut off, and are in $kept" >&2
