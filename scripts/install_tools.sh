#!/bin/sh
# What the tests need beside Python: Chromium (the built pages) and bubblewrap (the grader's sandbox).
# Installs them where it may, else names the one command; tests that miss one are skipped with the reason.
missing=""
command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
  [ -d "/Applications/Google Chrome.app" ] || missing="chromium"
[ "$(uname)" = Darwin ] || command -v bwrap >/dev/null || missing="$missing bubblewrap"
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  log=$(mktemp)
  # shellcheck disable=SC2086  # two words are two packages
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install $missing; } >"$log" 2>&1 && exit 0
  tail -5 "$log"
fi
if [ "$(uname)" = Darwin ]; then
  echo "Not installed: $missing. Some tests will be skipped. To run them: brew install --cask google-chrome"
else
  echo "Not installed: $missing. Some tests will be skipped. To run them: sudo apt-get install $missing"
fi
