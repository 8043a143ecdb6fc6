"""Where functions find AWS when a test stands between: passes their requests on as they are signed."""

import socket
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# No proxy of the machine's: everything is on it.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Gate(BaseHTTPRequestHandler):
    """One connection of a function. What to do with a request, `asked` says."""

    protocol_version = "HTTP/1.1"
    # Where the requests are passed on to; set as soon as it is known.
    endpoint_url = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked(headers, body)

    def asked(self, headers, body):
        self.answer(*self.pass_on(headers, body))

    def pass_on(self, headers, body):
        """Status, headers and body of the answer."""
        url = self.endpoint_url + self.path
        request = urllib.request.Request(url, body, headers, method=self.command)
        try:
            with opener.open(request) as answer:
                return answer.status, dict(answer.headers.items()), answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers.items()), error.read()

    def answer(self, status, headers, body):
        self.send_response(status)
        ours = ("content-length", "transfer-encoding", "connection", "date", "server")
        for name, value in headers.items():
            if name.lower() not in ours:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        # The processes of a function are ended in the middle of whatever they do, and wait for nothing
        # longer than they mean to.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def serve(gate):
    """Has this kind of gate answer at an address of its own, which it returns."""
    server = Server(("127.0.0.1", 0), gate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
