#!/usr/bin/env bash
# Both taggers on 12,000 jets (1 %) of the top-tagging reference set, tested on 30,000 jets that neither training nor the choice of the
# epoch has seen. These are rows of the published training file; the published test set is another one.
#   analysis/reference_12k/run.sh FILE OUT       FILE: the first 100,000 rows or more of the training file, as ROOT or HDF5
set -euo pipefail
file=$1 out=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
for tagger in cg clifford; do
  lorentznet train --config "$here/$tagger.yaml" --data.train "$file#0:12000" --data.val "$file#60000:70000" --out "$out/$tagger"
  lorentznet predict "$out/$tagger" "$file#70000:100000" --out "$out/scores/$tagger.root"
done
lorentznet evaluate "$out"/scores/*.root --out "$out/evaluation"
lorentznet invariance "$out/cg" "$out/clifford" "$file#70000:100000" --jets 300 --out "$out/invariance"
lorentznet report "$out" --out "$out/report"
