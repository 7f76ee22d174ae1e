"""The problem set `sequences`: Markov models, recurrent networks through time, clipping, and the LSTM.

A forward program keeps in its cache what the companion's keeps, so that every backward program can follow it; one
with another cache stands beside the backward program that reads it.
"""

from autograder.problems.sequences import clip_gradients, lstm_step, markov_fit, rnn, rnn_step

MODULES = (
    markov_fit,
    rnn_step,
    rnn,
    clip_gradients,
    lstm_step,
)
PROBLEMS = tuple(problem for module in MODULES for problem in module.PROBLEMS)
