"""Measures what the stand-in alone takes for a job's requests, with no work around them."""

import selectors
import socket
import time


class Wires:
    """Open connections to the stand-in; a request keeps to the one of its place in its stage."""

    def __init__(self, cloud, count):
        self._cloud = cloud
        self._selector = selectors.DefaultSelector()
        self._wires = []
        for _ in range(count):
            wire = socket.create_connection((cloud.host, cloud.port))
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(wire, selectors.EVENT_READ)
            self._wires.append(wire)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._selector.close()
        for wire in self._wires:
            wire.close()

    def send(self, stages):
        """Seconds the stages take, one after the other; those of one stage are sent side by side."""
        stages = [[request.bytes(self._cloud.host) for request in stage] for stage in stages]
        began = time.perf_counter()
        for stage in stages:
            waiting = {}
            for wire, request in zip(self._wires, stage, strict=False):
                wire.sendall(request)
                waiting[wire] = b""
            while waiting:
                for ready, _ in self._selector.select():
                    wire = ready.fileobj
                    waiting[wire] += wire.recv(65536)
                    if is_whole(waiting[wire]):
                        succeeded(waiting.pop(wire))
        return time.perf_counter() - began


def cold(cloud, stages):
    """Seconds all requests of a cold start take, over connections opened for them."""
    began = time.perf_counter()
    with Wires(cloud, max(map(len, stages))) as wires:
        wires.send(stages)
        return time.perf_counter() - began


def warm(cloud, stages_of_one, count):
    """Seconds the requests of each of some events take, over connections already open. MiniStack closes one
    after a thousand requests."""
    events = [stages_of_one() for _ in range(count)]
    with Wires(cloud, max(map(len, events[0]))) as wires:
        return [wires.send(stages) for stages in events]


def is_whole(answer):
    """Whether an HTTP answer has arrived to its end."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
    return body.endswith(b"0\r\n\r\n")


def succeeded(answer):
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
        raise SystemExit(f"the stand-in refused: {answer.decode()}")
