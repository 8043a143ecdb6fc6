"""Stands for the Lambda Runtime API in front of one function process.

One thread and raw sockets, so that what is measured is the function and not the harness. API:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import selectors
import socket
import subprocess
import time


class FunctionFailed(Exception):
    """The function reported an error, or ended."""


class Function:
    """A function's process, from its start to its end. A context manager."""

    # Longer than anything healthy takes, so that a hanging function ends the benchmark.
    LONGEST = 30.0

    def __init__(self, command, environment, directory=None, log=None):
        self._selector = selectors.DefaultSelector()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._unread = {}
        self._waiting = None
        self._invocations = 0
        port = self._listener.getsockname()[1]
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}"},
            cwd=directory,
            stdout=log or subprocess.DEVNULL,
            stderr=log or subprocess.DEVNULL,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        for connection in self._unread:
            connection.close()
        self._listener.close()
        self._selector.close()

    def invoke(self, event):
        """The function's answer, and when it was asked and had answered, on the performance clock."""
        body = json.dumps(event).encode()
        deadline = time.perf_counter() + self.LONGEST
        while self._waiting is None:
            self._serve(deadline)
        self._invocations += 1
        request_id = f"8476a536-e9f4-11e8-9739-{self._invocations:012}"
        in_five_seconds = int((time.time() + 5) * 1000)
        connection, self._waiting = self._waiting, None
        head = (
            f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {in_five_seconds}\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: "
            "arn:aws:lambda:eu-west-1:000000000000:function:benchmark\r\n"
            "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n\r\n"
        )
        asked = time.perf_counter()
        connection.sendall(head.encode() + body)
        while (answer := self._serve(deadline)) is None:
            pass
        return answer, asked, time.perf_counter()

    def peak_memory(self):
        """The most memory the process ever had resident, in bytes (Linux)."""
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise FunctionFailed("the kernel does not say")

    def processor_time(self):
        """Seconds the process ran so far, waiting not counted (Linux)."""
        seconds = 0.0
        for thread in os.listdir(f"/proc/{self._process.pid}/task"):
            path = f"/proc/{self._process.pid}/task/{thread}/schedstat"
            with open(path, encoding="ascii") as schedule:
                seconds += int(schedule.read().split()[0]) / 1e9
        return seconds

    def _serve(self, deadline):
        """Handles what has arrived; returns the body of an answer, if one was posted."""
        answer = None
        ready = self._selector.select(timeout=0.5)
        if not ready:
            if self._process.poll() is not None:
                raise FunctionFailed(f"the process ended with {self._process.returncode}")
            if time.perf_counter() > deadline:
                raise FunctionFailed("it takes too long")
        for key, _ in ready:
            if key.fileobj is self._listener:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._selector.register(connection, selectors.EVENT_READ)
                self._unread[connection] = b""
                continue
            received = key.fileobj.recv(65536)
            if not received:
                self._selector.unregister(key.fileobj)
                del self._unread[key.fileobj]
                key.fileobj.close()
                continue
            self._unread[key.fileobj] += received
            while (request := self._next_request(key.fileobj)) is not None:
                answer = self._handle(key.fileobj, *request) or answer
        return answer

    def _next_request(self, connection):
        """Method, path and body of the first request that has wholly arrived."""
        head, separator, rest = self._unread[connection].partition(b"\r\n\r\n")
        if not separator:
            return None
        lines = head.decode().split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (l.partition(":") for l in lines[1:])
        }
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size, separator, rest = rest.partition(b"\r\n")
                if not separator or len(rest) < int(size, 16) + 2:
                    return None
                length = int(size, 16)
                body, rest = body + rest[:length], rest[length + 2 :]
                if length == 0:
                    break
        else:
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return None
            body, rest = rest[:length], rest[length:]
        self._unread[connection] = rest
        return method, path, body

    def _handle(self, connection, method, path, body):
        if method == "GET" and path.endswith("/invocation/next"):
            self._waiting = connection
            return None
        connection.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
        if path.endswith("/error"):
            raise FunctionFailed(body.decode())
        return json.loads(body)
