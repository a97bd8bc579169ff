"""Many nodes on one machine: a network namespace for each, joined by bridges.

net.py       namespaces, veths, bridges, cuts
proc.py      processes that are started, recorded, and ended by what was recorded
topology.py  the files of conf/lab/ and the configuration written for each node
lab.py       the lab as a whole: up, down, and what is in it
"""
