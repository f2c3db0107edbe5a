"""What EXECUTES: the run process, the child's half of a worker. No SQL, no HTTP.

`forkserver` imports everything once (`preload`) and forks; each fork is a `child`, which answers its worker's messages:
it runs the steps of a run (`loop`, `step`), asks and tells over one stream (`channel`, `emitter`), and describes itself
(`catalogue`). Op modules are imported here and nowhere else.
"""
