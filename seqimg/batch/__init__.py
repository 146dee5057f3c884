"""One model over many sequences: which they are, where results go, and the processes that work at it.

| module | what |
|---|---|
| `sources` | whether a source is one sequence or many, and what each result is called |
| `recipe` | what is done to every sequence, and what came of one: plain values that JSON can say |
| `application` | a model at work on one sequence |
| `flow`, `feeding`, `steady` | how fast its frames come, which are left out, and how long each stage takes |
| `worker` | a model, loaded once, that does one sequence after another; and the process it runs in |
| `engines`, `processes`, `on_ray` | in this process, in several, or on Ray |
| `results` | the folder of results: each appears once, whole; the log and the report |
"""
