"""The same six comparisons with SciPy. usage: REFERENCE.jsonl CURRENT.jsonl"""
import sys

import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp

a, b = (pd.read_json(path, lines=True) for path in sys.argv[1:3])
for column in "abcd":
    ks_2samp(a[column], b[column])
for column in "ef":
    shares = pd.concat([a[column].value_counts(), b[column].value_counts()], axis=1).fillna(0)
    jensenshannon(shares.iloc[:, 0], shares.iloc[:, 1]) if column == "e" else chi2_contingency(shares.T)
