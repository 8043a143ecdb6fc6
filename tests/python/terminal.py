"""Runs a command on a terminal of 60 columns and types one line when asked: terminal.py HOW ANSWER COMMAND...

HOW is `at-once`; or `when-told`: then it says that the question is there, in one line, and types once it is sent one.
Answers with the exit code and everything the terminal showed.
"""

import fcntl
import json
import os
import pty
import struct
import sys
import termios

how, answer, *command = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    os.environ["TERM"] = "xterm-256color"
    os.execv(command[0], command)

shown = b""
while True:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        # How Linux says that nobody has the other end open any more.
        break
    if not chunk:
        break
    shown += chunk
    if answer and any(question in shown for question in (b"[y/N]", b"to go on:", b"shows now")):
        if how == "when-told":
            print("asked", flush=True)
            sys.stdin.readline()
        os.write(terminal, answer.encode() + b"\n")
        answer = ""
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
json.dump({"code": code, "shown": shown.decode()}, sys.stdout)
