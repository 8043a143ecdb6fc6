"""Starts the AWS stand-in."""

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import time


@contextlib.contextmanager
def ministack(log):
    """A MiniStack of our own; its address."""
    program = shutil.which("ministack")
    if program is None:
        raise SystemExit("`ministack` is not on the PATH: pip install ministack==1.5.33")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        # By default it listens to the whole network.
        "BIND_HOST": "127.0.0.1",
    }
    process = subprocess.Popen([program], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("GET", "/_ministack/health")
                if connection.getresponse().status == 200:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("MiniStack does not start; see the log")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
