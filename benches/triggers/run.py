#!/usr/bin/env python3
"""Measures the triggers beside Node.js, Python and an empty function. See README.md."""

import argparse
import json

from build import WORK, build, built
from cloud import Cloud
from jobs import confirm_user, generate_token
from measure import measure
from ministack import ministack
from report import report

JOBS = [generate_token, confirm_user]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    packages = [job.PACKAGE for job in JOBS]
    arguments.add_argument("--only", choices=packages, help="measure this trigger alone")
    arguments.add_argument("--cold", type=int, default=20, help="cold starts of each (20)")
    arguments.add_argument("--warm", type=int, default=2000, help="warm invocations of each (2000)")
    arguments.add_argument("--warm-up", type=int, default=200, help="invocations before those (200)")
    arguments.add_argument("--no-build", action="store_true", help="measure what was built before")
    arguments.add_argument("--bootstrap", help="measure this binary as the one of --only")
    arguments.add_argument("--json", action="store_true", help="the raw figures, not the tables")
    options = arguments.parse_args()
    if options.bootstrap and not options.only:
        arguments.error("--bootstrap needs --only")
    jobs = [job for job in JOBS if options.only in (None, job.PACKAGE)]

    WORK.mkdir(parents=True, exist_ok=True)
    if not options.no_build:
        build(jobs)
    figures = {}
    with open(WORK / "log", "w", encoding="utf-8") as log:
        for job in jobs:
            with ministack(log) as endpoint:
                cloud = Cloud(endpoint)
                cloud.make_tables()
                cloud.make_function()
                job.fill(cloud)
                functions = built(job, options.bootstrap)
                figures[job.NAME] = measure(job, functions, cloud, endpoint, options, log)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        print("\n\n".join(report(job, figures[job.NAME]) for job in jobs))


if __name__ == "__main__":
    main()
