#!/usr/bin/env bash
# The main job on a copy of the example project: find, fix, check that it still works, plan the rest.
# `make demo` sets up what this needs. Without Elixir all but the compiling and testing is shown.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly ROOT=$PWD
readonly SHOP=build/demo/shaky_shop
readonly PLAN=.otp-genesis/plan
export PATH=$ROOT/.venv/bin:$PATH
# Or the Erlang VM warns about file names where no UTF-8 locale is set.
export ELIXIR_ERL_OPTIONS=${ELIXIR_ERL_OPTIONS:-+fnu}

bold='' plain=''
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi

heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

# run STATUSES COMMAND...: shows the command and runs it; any other exit status than these ends the demo.
run() {
  local expected=$1 status=0 word shown='$'
  shift
  for word in "$@"; do
    if [[ $word == *' '* ]]; then shown+=" '$word'"; else shown+=" $word"; fi
  done
  printf '\n%s%s%s\n' "$bold" "$shown" "$plain"
  "$@" </dev/null || status=$?
  if [[ " $expected " != *" $status "* ]]; then
    echo "demo: exit status $status, expected one of: $expected" >&2
    exit 1
  fi
}

# shorten LINES: the first lines of its input, and how many there are more.
shorten() {
  awk -v lines="$1" 'NR <= lines; END { if (NR > lines) print "  ... " NR - lines " more lines" }'
}

compile_and_test() {
  heading "$1"
  if command -v mix >/dev/null; then
    run 0 mix compile --warnings-as-errors
    run 0 mix test
  else
    echo 'Elixir is not installed: the shop is neither compiled nor tested here. All the rest works without it.'
  fi
}

# A fresh copy each time: the example itself stays as it is, and what was built or planned in it is not taken along.
rm -rf build/demo
mkdir -p "$SHOP"
tar --create --exclude=./_build --exclude=./deps --exclude=./.otp-genesis --directory=examples/shaky_shop . \
  | tar --extract --directory="$SHOP"
cd "$SHOP"

compile_and_test 'A shop that compiles, and whose tests pass'

heading 'What is wrong with it'
run 1 otp-genesis check .

heading 'What the deterministic fixes would change'
run 1 otp-genesis fix . --unsafe --diff | shorten 60

heading 'The fixes, applied'
run 0 otp-genesis fix . --unsafe --write

heading 'What is left: these need judgement'
run '0 1' otp-genesis check .

compile_and_test 'The shop still compiles, and its tests still pass'

heading 'The plan for the rest, without a model'
run 0 otp-genesis plan . --goal 'make this shop fault-tolerant' --no-model
printf '\n%s%s:%s\n' "$bold" "$PLAN/01-critical-fixes.md" "$plain"
shorten 40 <"$PLAN/01-critical-fixes.md"

heading "Done. The fixed shop and its plan are in $SHOP"
