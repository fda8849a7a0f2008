#!/bin/sh
# The contract of Envoy's image: arguments that begin with a flag belong to envoy, and the variable `loglevel` sets --log-level.
set -eu
case "${1:-}" in
  "" | -*) set -- envoy "$@" ;;
esac
if [ "$1" = envoy ] && [ -n "${loglevel:-}" ]; then
  set -- "$@" --log-level "$loglevel"
fi
exec "$@"
