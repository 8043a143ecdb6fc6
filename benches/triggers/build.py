"""Builds the functions to be measured, and says where they are."""

import os
import pathlib
import platform
import shutil
import subprocess
import sys
import typing
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
WORK = TARGET / "bench-triggers"


class Built(typing.NamedTuple):
    """A function ready to run."""

    name: str
    command: list
    # What its deployment package would hold.
    package: pathlib.Path

    def packed(self):
        """How large the zip of its package is, in bytes."""
        path = WORK / "package.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for file in sorted(self.package.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(self.package))
        return path.stat().st_size


def built(job, binary=None):
    """The functions that do a job, the empty one first and ours next."""
    ours = pathlib.Path(binary) if binary else WORK / "rust" / job.PACKAGE / "bootstrap"
    empty = WORK / "rust/empty/bootstrap"
    node, python = WORK / "node" / job.PACKAGE, WORK / "python" / job.PACKAGE
    interpreter = WORK / "python/venv/bin/python"
    return [
        Built("empty (the floor)", [str(empty)], empty.parent),
        Built(job.NAME, [str(ours)], ours.parent),
        Built("Node.js", ["node", str(node / "index.mjs")], node),
        Built("Python", [str(interpreter), str(python / "bootstrap.py")], python),
    ]


def build(jobs):
    """Builds everything below WORK."""
    build_rust(jobs)
    build_node(jobs)
    build_python(jobs)


def build_rust(jobs):
    if shutil.which("cargo-lambda") is None:
        raise SystemExit("`cargo-lambda` is not on the PATH: pip install cargo-lambda==1.9.2")
    architecture = "--arm64" if platform.machine() in ("aarch64", "arm64") else "--x86-64"
    cargo = ["cargo", "lambda", "build", "--profile", "lambda", architecture]
    cargo += ["--lambda-dir", str(WORK / "rust")]
    # The floor needs no directory of its own: it shares what is compiled already.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    for job in jobs:
        run([*cargo, "--package", job.PACKAGE], cwd=ROOT, env=environment)
    run(cargo, cwd=HERE / "empty", env=environment)


def build_node(jobs):
    node = WORK / "node"
    shutil.rmtree(node, ignore_errors=True)
    shutil.copytree(HERE / "node", node / "source", ignore=shutil.ignore_patterns("node_modules"))
    run(["npm", "ci", "--no-audit", "--no-fund"], cwd=node / "source")
    for job in jobs:
        bundle = ["npx", "esbuild", "bootstrap.mjs", "--bundle", "--minify", "--platform=node"]
        bundle += ["--target=node20", "--format=esm", f"--alias:handler=./{job.PACKAGE}.mjs"]
        bundle += [f"--outfile={node}/{job.PACKAGE}/index.mjs"]
        # The SDK has parts in CommonJS, which look for `require`.
        bundle += [
            "--banner:js=import{createRequire}from'module';const require=createRequire(import.meta.url);"
        ]
        run(bundle, cwd=node / "source")


def build_python(jobs):
    python = WORK / "python"
    shutil.rmtree(python, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(python / "venv")])
    requirements = str(HERE / "python" / "requirements.txt")
    run([str(python / "venv/bin/pip"), "install", "--quiet", "--requirement", requirements])
    for job in jobs:
        package = python / job.PACKAGE
        package.mkdir()
        for source, name in ((f"{job.MODULE}.py", "handler.py"), ("bootstrap.py", "bootstrap.py")):
            shutil.copy(HERE / "python" / source, package / name)
        # Lambda compiles a package's modules when it is published, so no start pays for that.
        run([sys.executable, "-m", "compileall", "-q", str(package)])


def run(command, **options):
    print("$", " ".join(map(str, command)), file=sys.stderr)
    subprocess.run(command, check=True, stdout=sys.stderr, **options)
