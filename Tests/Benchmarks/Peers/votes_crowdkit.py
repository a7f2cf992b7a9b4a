"""crowd-kit's aggregation of the same votes. usage: VOTES.csv majority|dawid-skene"""
import sys

import pandas as pd
from crowdkit.aggregation import DawidSkene, MajorityVote

votes = pd.read_csv(sys.argv[1]).rename(columns={"item": "task", "annotator": "worker"})
(MajorityVote() if sys.argv[2] == "majority" else DawidSkene(n_iter=100)).fit_predict(votes)
