"""What loading costs, as ratios inside one run: our loader, other people's, and the least that the same work can cost.

    pages.py         seeded pages in the vendor's shape          grounds.py       a server, and fresh warehouses on it
    page_server.py   serves them from a process of its own       environments.py  an environment for each peer, made when it is needed
    launcher.py      runs one command and notes what it used     contenders.py    who loads, and what its table must hold afterwards
    processes.py     the same, as seen from the benchmark        floor.py         the least: decode and COPY, on one core
    rounds.py        first, same and changed, interleaved        states.py        the same load on statistics of every kind
    overlap.py       waiting for pages while loading             commands.py      how long commands take to begin
    demo.py          a whole sync of the demo organization   questions.py     the reading benchmark, as the last part
    figures.py       what was measured, kept as JSON             targets.py       what is wanted of it
    page.py          docs/performance.md, written from the JSON  small.py         two minutes for CI

Run it with `make bench` or `make bench-small`.
"""
