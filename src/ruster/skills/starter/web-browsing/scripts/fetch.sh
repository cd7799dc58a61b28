#!/usr/bin/env bash
# Prints a web page as text: at most 1 MiB is read, 20 seconds are waited, 400 lines are shown.
set -euo pipefail
url=${1:?usage: fetch.sh URL}
[[ $url =~ ^https?://[^[:space:]]+$ ]] || { echo "not a web address: $url" >&2; exit 2; }
page=$(curl --fail --silent --show-error --location --max-redirs 5 --max-time 20 \
  --proto '=http,https' --proto-redir '=http,https' -- "$url" | head -c 1048576)
printf '%s' "$page" |
  tr '\n\r\t' '   ' |
  sed -E -e 's/<(script|style|noscript|svg)[^>]*>/\n<!\1>/gI' -e 's/<\/(script|style|noscript|svg)>/\n/gI' |
  grep -v -i -E '^<!(script|style|noscript|svg)>' |
  sed -E -e 's/<(p|br|li|h[1-6]|tr|div|article|section)[ >\/]/\n&/gI' |
  sed -E -e 's/<[^>]*>//g' -e 's/&nbsp;/ /g; s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#39;/'"'"'/g; s/&amp;/\&/g' \
    -e 's/[[:space:]]+/ /g' -e 's/^ | $//g' |
  grep -v '^$' | head -n 400
