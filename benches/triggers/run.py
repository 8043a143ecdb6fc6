#!/usr/bin/env python3
"""Measures generateToken beside Node.js, Python and an empty function. See README.md."""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import zipfile

from runtime_api import Function
from store import TABLES, Store, ministack

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "bench-triggers"
EVENT = ROOT / "lambdas" / "common" / "fixtures" / "pre-token-generation-v2.json"


def run(command, **options):
    print("$", " ".join(map(str, command)), file=sys.stderr)
    subprocess.run(command, check=True, stdout=sys.stderr, **options)


def build():
    """Builds every function below WORK."""
    if shutil.which("cargo-lambda") is None:
        raise SystemExit("`cargo-lambda` is not on the PATH: pip install cargo-lambda==1.9.2")
    architecture = "--arm64" if platform.machine() in ("aarch64", "arm64") else "--x86-64"
    cargo = ["cargo", "lambda", "build", "--profile", "lambda", architecture]
    cargo += ["--lambda-dir", str(WORK / "rust")]
    # Directories of the floor's own are not needed: it shares what is compiled already.
    target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
    environment = {**os.environ, "CARGO_TARGET_DIR": target}
    run([*cargo, "--package", "generate-token"], cwd=ROOT, env=environment)
    run(cargo, cwd=HERE / "empty", env=environment)

    node = WORK / "node"
    shutil.rmtree(node, ignore_errors=True)
    shutil.copytree(HERE / "node", node / "source", ignore=shutil.ignore_patterns("node_modules"))
    run(["npm", "ci", "--no-audit", "--no-fund"], cwd=node / "source")
    bundle = ["npx", "esbuild", "bootstrap.mjs", "--bundle", "--minify", "--platform=node"]
    bundle += ["--target=node20", "--format=esm", f"--outfile={node}/package/index.mjs"]
    # The SDK has parts in CommonJS, which look for `require`.
    bundle += [
        "--banner:js=import{createRequire}from'module';const require=createRequire(import.meta.url);"
    ]
    run(bundle, cwd=node / "source")

    python = WORK / "python"
    shutil.rmtree(python, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(python / "venv")])
    requirements = str(HERE / "python" / "requirements.txt")
    run([str(python / "venv/bin/pip"), "install", "--quiet", "--requirement", requirements])
    (python / "package").mkdir()
    for name in ("handler.py", "bootstrap.py"):
        shutil.copy(HERE / "python" / name, python / "package" / name)
    # Lambda compiles a package's modules when it is published, so no start pays for that.
    run([sys.executable, "-m", "compileall", "-q", str(python / "package")])


def functions(binary):
    """Name, command, directory whose zip would be deployed."""
    ours = pathlib.Path(binary) if binary else WORK / "rust/generate-token/bootstrap"
    empty = WORK / "rust/empty/bootstrap"
    node, python = WORK / "node/package", WORK / "python/package"
    return [
        ("empty (the floor)", [str(empty)], empty.parent),
        ("generateToken", [str(ours)], ours.parent),
        ("Node.js", ["node", str(node / "index.mjs")], node),
        ("Python", [str(WORK / "python/venv/bin/python"), str(python / "bootstrap.py")], python),
    ]


def environment(endpoint):
    """What Lambda would set, and nothing of the shell's but the way to the programs."""
    return {
        "PATH": os.environ["PATH"],
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_LAMBDA_FUNCTION_NAME": "benchmark",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/benchmark",
        "AWS_LAMBDA_LOG_STREAM_NAME": "benchmark",
        "DEFAULT_ROLE": "member",
        **TABLES,
    }


def packed(directory):
    """How large the zip of a package is, in bytes."""
    path = WORK / "package.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(directory.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(directory))
    return path.stat().st_size


def measure(functions, environment, event, options, log):
    """All figures of each function, in seconds and bytes. Cold starts take turns, so that a busy moment of
    the machine falls on all alike."""
    colds = {name: [] for name, _, _ in functions}
    work = {name: [] for name, _, _ in functions}
    for _ in range(options.cold):
        for name, command, directory in functions:
            with Function(command, environment, directory, log) as function:
                _, _, answered = function.invoke(event)
                colds[name].append(answered - function.started)
                work[name].append(function.processor_time())
    results, answers = {}, {}
    for name, command, directory in functions:
        with Function(command, environment, directory, log) as function:
            for _ in range(options.warm_up):
                answers[name] = function.invoke(event)[0]["response"]
            warm = []
            for _ in range(options.warm):
                _, asked, answered = function.invoke(event)
                warm.append(answered - asked)
            results[name] = {
                "cold_p50": statistics.median(colds[name]),
                "cold_worst": max(colds[name]),
                "cold_cpu": statistics.median(work[name]),
                "warm_p50": statistics.median(warm),
                "warm_p99": statistics.quantiles(warm, n=100)[98],
                "peak_rss": function.peak_memory(),
                "zip": packed(directory),
            }
    ours = answers["generateToken"]
    for name in ("Node.js", "Python"):
        if answers[name] != ours:
            raise SystemExit(f"{name} answers something else than generateToken: {answers[name]}")
    return results


def table(results, store):
    """The figures as Markdown, and how they stand to the goals."""
    floor, ours = results["empty (the floor)"], results["generateToken"]
    lines = [
        "| function | cold p50 | cold worst | of it processor | warm p50 | warm p99 | peak RSS | zip |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, figures in results.items():
        lines.append(
            f"| {name} | {figures['cold_p50'] * 1e3:.1f} ms | {figures['cold_worst'] * 1e3:.1f} ms "
            f"| {figures['cold_cpu'] * 1e3:.1f} ms "
            f"| {figures['warm_p50'] * 1e3:.2f} ms | {figures['warm_p99'] * 1e3:.2f} ms "
            f"| {figures['peak_rss'] / 2**20:.1f} MiB | {figures['zip'] / 1e6:.2f} MB |"
        )
    times = lambda name: results[name]["cold_p50"] / ours["cold_p50"]
    beyond = ours["warm_p50"] - store["p50"]
    lines += [
        "",
        f"The two reads alone, side by side: p50 {store['p50'] * 1e3:.2f} ms, "
        f"p99 {store['p99'] * 1e3:.2f} ms.",
        "",
        "| goal | measured |",
        "|---|---|",
        f"| cold ≤ 3 × the floor | {ours['cold_p50'] / floor['cold_p50']:.1f} × "
        f"({ours['cold_cpu'] / floor['cold_cpu']:.1f} × in processor time, the store's answers not waited for) |",
        f"| cold ≥ 5 × faster than Node.js | {times('Node.js'):.1f} × |",
        f"| cold ≥ 5 × faster than Python | {times('Python'):.1f} × |",
        f"| warm p50 ≤ 1 ms beyond the two reads | {beyond * 1e3:.2f} ms |",
        f"| zip ≤ 2.5 MB | {ours['zip'] / 1e6:.2f} MB |",
    ]
    return "\n".join(lines)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cold", type=int, default=20, help="cold starts of each (20)")
    arguments.add_argument("--warm", type=int, default=2000, help="warm invocations of each (2000)")
    arguments.add_argument("--warm-up", type=int, default=200, help="invocations before those (200)")
    arguments.add_argument("--no-build", action="store_true", help="measure what was built before")
    arguments.add_argument("--bootstrap", help="measure this binary as generateToken")
    arguments.add_argument("--endpoint-url", help="a DynamoDB over plain HTTP; else MiniStack's")
    arguments.add_argument("--json", action="store_true", help="the raw figures, not the table")
    options = arguments.parse_args()

    WORK.mkdir(parents=True, exist_ok=True)
    if not options.no_build:
        build()
    event = json.loads(EVENT.read_text())
    with open(WORK / "log", "w", encoding="utf-8") as log, contextlib.ExitStack() as stack:
        endpoint = options.endpoint_url or stack.enter_context(ministack(log))
        store = Store(endpoint)
        store.fill()
        results = measure(
            functions(options.bootstrap), environment(endpoint), event, options, log
        )
        pairs = store.round_trips(options.warm_up + options.warm)[options.warm_up :]
    alone = {"p50": statistics.median(pairs), "p99": statistics.quantiles(pairs, n=100)[98]}
    if options.json:
        print(json.dumps({"functions": results, "store": alone}, indent=2))
    else:
        print(table(results, alone))


if __name__ == "__main__":
    main()
