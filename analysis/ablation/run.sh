#!/usr/bin/env bash
# The ablation: twelve trainings, scores, paired comparison with scalars and vectors alone, table and figure. It may be stopped and
# started again at any time.
#   analysis/ablation/run.sh FILE OUT [--only PATTERN ...]
# FILE: the first 100,000 rows or more of the training file of the top-tagging reference set, as ROOT or HDF5
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$here/../landscape/run.sh" "$1" "$2" --study "$here/study.yaml" "${@:3}"
