#!/usr/bin/env bash
# An ablation: trainings, scores, paired comparison with the smallest set of features, table and figure. It may be stopped and started
# again at any time.
#   analysis/ablation/run.sh irreps|grades FILE OUT [--only PATTERN ...]
# irreps: of a Clebsch-Gordan tagger (irreps.yaml); grades: of a Clifford tagger (grades.yaml)
# FILE: the first 100,000 rows or more of the training file of the top-tagging reference set, as ROOT or HDF5
set -euo pipefail
if [ $# -lt 3 ] || { [ "$1" != irreps ] && [ "$1" != grades ]; }; then
  echo "usage: analysis/ablation/run.sh irreps|grades FILE OUT [--only PATTERN ...]" >&2
  exit 2
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$here/../landscape/run.sh" "$2" "$3" --study "$here/$1.yaml" "${@:4}"
