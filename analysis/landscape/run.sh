#!/usr/bin/env bash
# The whole study: train what is not finished, score, evaluate, table and figure. It may be stopped and started again at any time.
#   analysis/landscape/run.sh FILE OUT [--study STUDY.yaml] [--only PATTERN ...]
# The Python of the active environment runs it, or PYTHON=.venv/bin/python analysis/landscape/run.sh ...
# FILE: the first 100,000 rows or more of the training file of the top-tagging reference set, as ROOT or HDF5
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
failed=0
for stage in train predict evaluate table figure; do
  "${PYTHON:-python}" "$here/landscape.py" "$stage" "$@" || failed=$?   # what is there is shown, even if a training failed
done
exit $failed
