"""A modular supercomputer on loopback: real Slurm, Lmod and a quantum node; nothing of it outlives a run.

cluster   dc[01-02]  partition dc-cpu
booster   jb[01-02]  partition booster, four GPUs a node that are none
quantum   qc01       partition quantum, one licence `qpu`, a quantum node of hqml as its service

`python tests/hpc/miniature -- COMMAND` runs a command on it; tests take the fixture `miniature`.
"""
