#!/usr/bin/env bash
# Tells the time in each of the time zones that are named.
set -euo pipefail
zones=/usr/share/zoneinfo
(($#)) || { echo "name at least one time zone, such as Europe/Paris" >&2; exit 2; }
for zone in "$@"; do
  if [[ $zone == *..* || $zone == /* || (-d $zones && ! -f $zones/$zone) ]]; then
    echo "there is no time zone '$zone'; try Continent/City" >&2
    exit 2
  fi
  printf '%s: %s\n' "$zone" "$(TZ=$zone date '+%A %Y-%m-%d %H:%M:%S (UTC%z)')"
done
