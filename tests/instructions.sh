#!/usr/bin/env bash
# What the scripts share that count instructions. Unlike times, instructions are the same on a busy machine.

# Ends the script in peace where nothing can be counted.
needs_valgrind() {
  if ! command -v valgrind >/dev/null; then
    echo "skipped: valgrind, which counts the instructions, is not installed"
    exit
  fi
}

# The path of a benchmark, built as fast code that still builds fast: `bench PACKAGE NAME`.
bench() {
  cargo bench --profile quick -p "$1" --bench "$2" --no-run 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p'
}

# All instructions of a process.
instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

# All allocations of a process.
allocations() {
  valgrind --tool=dhat --dhat-out-file=/dev/null "$@" 2>&1 | sed -n 's/.*Total: .* in \([0-9,]*\) blocks.*/\1/p' | tr -d ,
}

# What one time costs of what a command does as often as its last argument says: `each instructions|allocations FEW MANY COMMAND…`. The difference of
# two counts leaves out what is done once.
each() {
  local count=$1 few=$2 many=$3 of_few of_many
  shift 3
  of_few=$("$count" "$@" "$few")
  of_many=$("$count" "$@" "$many")
  # Rounded to the nearest, because an allocation in a thousand calls is none.
  echo $(((2 * (of_many - of_few) + many - few) / (2 * (many - few))))
}

# Prints what was measured beside what is expected, and fails if something is more: `compare KEYS VALUES EXPECTED-FILE MEASURED [--write]`. A line is keys
# and then values, which may be 5 % above the expected one.
compare() {
  local keys=$1 values=$2 expected=$3 measured=$4
  if [[ ${5:-} = --write ]]; then
    echo "$measured" >"$expected"
  fi
  awk -v keys="$(wc -w <<<"$keys")" -v title="$keys $values (expected)" '
    BEGIN { print title }
    { key = $1; for (i = 2; i <= keys; i++) key = key " " $i }
    NR == FNR { expected[key] = substr($0, length(key) + 2); next }
    {
      count = split(expected[key], was, " ")
      more = count ? "" : " IS NOT EXPECTED"
      for (i = 1; i <= count; i++) if ($(keys + i) > was[i] * 1.05) more = " MORE THAN 5 % ABOVE"
      failed = failed || more
      print $0, "(" expected[key] ")" more
    }
    END { exit failed }
  ' "$expected" - <<<"$measured"
}
