"""`make mutants`: break each protective line of the firmware's pure rooms, and see whether a test says so.

`mutate` lists the ways to break a file, `judge` runs inside one pytest session whose tests are collected and imported
once: each mutant is a forked child in which one function has other code, and the tests that call it run until the first
fails. mutmut 3.8 gives the same verdicts and starts pytest for each mutant: three hours for these rooms on two cores.
"""
