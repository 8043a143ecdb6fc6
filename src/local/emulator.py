"""Runs MiniStack where nobody but us reaches it: -c THIS BIND, where BIND is what hypercorn takes.

MiniStack hands its functions their events, and takes their answers, at a port of the loopback that asks nobody who they
are. Whoever sees that port could read what people sign up with, or answer in a function's stead and so write a role into a
token. Here a function is told of a path with a secret in it, and nothing else is answered.
"""

import sys

# With `-c` the working folder comes first; what lies there is no module of ours.
sys.path[:] = [place for place in sys.path if place]

import contextlib
import hmac
import ipaddress
import resource
import secrets
import socket

SECRET = secrets.token_urlsafe(32)


def only_here():
    """No socket of this process listens to a network."""
    bind = socket.socket.bind

    def checked(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = address[0]
            if host != "localhost" and not (host and ipaddress.ip_address(host).is_loopback):
                raise PermissionError(f"the local cloud opens no port to a network: {host!r}")
        return bind(self, address)

    socket.socket.bind = checked


def only_with_the_secret(made):
    """Makes the classes that answer functions refuse whoever doesn't know the path."""

    def make(worker, *arguments):
        class Checked(made(worker, *arguments)):
            def is_a_functions(self):
                given, _, rest = self.path.removeprefix("/").partition("/")
                if hmac.compare_digest(given.encode(), SECRET.encode()):
                    self.path = f"/{rest}"
                    return True
                # What follows on this connection may be a body nobody reads.
                self.close_connection = True
                self.send_response(403)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()
                return False

            def do_GET(self):
                if self.is_a_functions():
                    super().do_GET()

            def do_POST(self):
                if self.is_a_functions():
                    super().do_POST()

        return Checked

    return make


def with_the_secret(environment):
    """Tells functions of that path. A URL, for an address alone has none; the runtime of the triggers takes both."""

    def make(*arguments):
        made = environment(*arguments)
        made["AWS_LAMBDA_RUNTIME_API"] = f"http://{made['AWS_LAMBDA_RUNTIME_API']}/{SECRET}"
        return made

    return make


def main():
    only_here()
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    worker = lambda_runtime.ProvidedWorker
    worker._build_handler_class = only_with_the_secret(worker._build_handler_class)
    lambda_svc._provided_worker_env = with_the_secret(lambda_svc._provided_worker_env)
    # The other way of running such a function answers at a port of its own, with no check.
    lambda_svc._execute_function_provided = lambda_svc._execute_function_provided_warm

    from hypercorn.__main__ import main as serve

    # Without workers of its own: they would be processes that know nothing of the above.
    options = ["--workers", "0", "--log-level", "WARNING", "--keep-alive", "75"]
    sys.exit(serve(["ministack.app:app", *options, "--bind", sys.argv[1]]))


main()
