"""Measures the functions that do a job."""

import contextlib
import os
import statistics

import round_trips
from cloud import FUNCTION, TABLES
from runtime_api import Function

# How many warm invocations a function makes before the next one's turn: short enough that no server hangs up
# on those who wait.
TURN = 100


def environment(job, endpoint):
    """What Lambda would set, and nothing of the shell's but the way to the programs."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
        "AWS_LAMBDA_LOG_STREAM_NAME": FUNCTION,
        "DEFAULT_ROLE": "member",
        **TABLES,
        **job.SETTINGS,
    }


def measure(job, functions, cloud, endpoint, options, log):
    """All figures of each function, and of the stand-in alone, in seconds and bytes. Fails unless all
    but the empty function come to the same."""
    floor, *doing = functions
    start = lambda function: Function(
        function.command, environment(job, endpoint), function.package, log
    )
    colds, cold_requests = cold_starts(job, functions, cloud, options.cold, start)
    results, outcomes = {}, {}
    with contextlib.ExitStack() as stack:
        processes = {
            function.name: stack.enter_context(start(function)) for function in functions
        }
        warms, warm_requests = warm_invocations(job, processes, cloud, options)
        for function in functions:
            cold, warm, process = colds[function.name], warms[function.name], processes[function.name]
            results[function.name] = {
                "cold_p50": statistics.median(wall for wall, _ in cold),
                "cold_worst": max(wall for wall, _ in cold),
                "cold_cpu": statistics.median(work for _, work in cold),
                "warm_p50": statistics.median(warm.walls),
                "warm_p99": statistics.quantiles(warm.walls, n=100)[98],
                "warm_cpu": warm.work / len(warm.walls),
                "peak_rss": process.peak_memory(),
                "zip": function.packed(),
            }
            if function is not floor:
                outcomes[function.name] = job.outcome(cloud, warm.event, warm.answer)
    ours, *others = outcomes.values()
    if any(other != ours for other in others):
        raise SystemExit(f"the functions do not come to the same: {outcomes}")
    events = len(doing) * (options.cold + options.warm_up + options.warm)
    job.check(cloud, events + len(cold_requests) + len(warm_requests))
    alone = {
        "cold_p50": statistics.median(cold_requests),
        "warm_p50": statistics.median(warm_requests),
        "warm_p99": statistics.quantiles(warm_requests, n=100)[98],
    }
    return {"functions": results, "requests_alone": alone}


def cold_starts(job, functions, cloud, count, start):
    """Wall and processor time of each function's cold starts, and the time their requests take alone. All
    take turns, so that a busy moment of the machine falls on all alike."""
    colds = {function.name: [] for function in functions}
    requests = []
    for _ in range(count):
        for function in functions:
            with start(function) as process:
                _, _, answered = process.invoke(job.new_event())
                taken = answered - process.started, process.processor_time()
                colds[function.name].append(taken)
        requests.append(round_trips.cold(cloud, job.cold_stages(job.new_event())))
    return colds, requests


class Warm:
    """The warm invocations of a function so far: the time of each, the processor time of all, and the last
    event with its answer."""

    def __init__(self):
        self.walls, self.work = [], 0.0
        self.event = self.answer = None

    def invoke(self, job, process, count):
        began = process.processor_time()
        for _ in range(count):
            self.event = job.new_event()
            self.answer, asked, answered = process.invoke(self.event)
            self.walls.append(answered - asked)
        self.work += process.processor_time() - began


def warm_invocations(job, processes, cloud, options):
    """What became of each process's invocations after the unmeasured ones, and the time the requests of as
    many events take alone; in turns as well."""
    for process in processes.values():
        Warm().invoke(job, process, options.warm_up)
    warms, requests = {name: Warm() for name in processes}, []
    while (left := options.warm - len(requests)) > 0:
        count = min(TURN, left)
        for name, process in processes.items():
            warms[name].invoke(job, process, count)
        requests += round_trips.warm(cloud, lambda: job.stages(job.new_event()), count)
    return warms, requests
