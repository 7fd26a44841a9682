"""What several tests stand on: a run small enough for a test, and a log that asks to stop at a chosen line."""

import json
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from redone.cli.run import DEMO
from redone.commands import prepare
from redone.config import RunConfig, load_config
from redone.method import pipeline
from redone.run.lab import Lab
from redone.run.log import Interrupted, Log
from redone.run.stages import Stage

SMALL = (
    "threads=1",
    'data.packs=["support", "general"]',
    "data.held_out=[]",
    "data.limit=10",
    "explore.steps=4",
    "explore.prompts=4",
    "explore.updates=2",
    "explore.group=4",
    "explore.save_every=2",
    "diagnose.samples=3",
    "diagnose.records=4",
    "target.records=48",
    "target.epochs=1",
    "target.batch=16",
    "target.candidates=2",
    "target.save_every=2",
    "target.general_share=0.2",
    "refine.steps=4",
    "refine.prompts=4",
    "refine.updates=2",
    "refine.group=4",
    "refine.save_every=2",
    "refine.difficulty_samples=2",
    "refine.difficulty_records=4",
    "eval.records=4",
)

FAMILIES = {
    "information extraction",
    "semantic matching",
    "content understanding",
    "user behaviour",
    "dialogue",
    "translation",
}  # the paper's, that the embedded world and the packs over real posts have

CUPS = """title = "Cups"
about = "Two numbers of cups, and how many there are; made up for the tests."
[readings.flexible]
extract = [{last = '[0-9]+'}]
reward = "exact_match"
[subsets.cups]
file = "cups.jsonl"
prompt = "{question}"
answer = "{answer}"
budget = 8
trivial = {"always 4" = "4"}
"""  # a benchmark


class StoppingLog(Log):
    """Asks for an orderly stop, as ctrl-C does, when a line begins with `at`."""

    def __init__(self, at: str = "\0") -> None:
        super().__init__()
        self.at = at
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)
        if text.startswith(self.at):
            self.stop = signal.SIGINT


def small_config(*sets: str) -> RunConfig:
    return load_config([DEMO], [*SMALL, *sets])


def small_run(out: Path, *sets: str) -> tuple[dict[str, Any] | None, list[str]]:
    """The whole method on a little of the embedded world, as `go_on` does it."""
    with prepare.prepare(small_config(*sets), out, Log()) as lab:
        return go_on(lab)


def go_on(lab: Lab, stop_at: str = "\0") -> tuple[dict[str, Any] | None, list[str]]:
    """Begin the lab's run, or go on with it: (results, or None where it stopped; the lines it logged)."""
    log = StoppingLog(stop_at)
    try:
        return pipeline.run(replace(lab, log=log)), log.lines
    except Interrupted:
        return None, log.lines


class Weights:
    """A policy of two weights; what it answers depends on how far it is from its start."""

    def __init__(self, *values):
        self.values = {f"w{i}": torch.nn.Parameter(torch.tensor(float(v))) for i, v in enumerate(values)}

    def trainable(self):
        return self.values

    def load_weights(self, weights):
        with torch.no_grad():
            for name, value in weights.items():
                self.values[name].copy_(value)

    @property
    def at(self):
        return [round(float(value.detach()), 3) for value in self.values.values()]


class FakeJudge:
    """An endpoint that replies what `says` makes of how many have asked and the user's message: a text, a message's
    fields (and finish_reason), a body, a status code, one with what its error says, or None for a connection that
    breaks."""

    def __init__(
        self, says: Callable[[int, str], str | Mapping[str, Any] | bytes | int | tuple[int, Mapping[str, Any]] | None]
    ) -> None:
        self.asked: list[dict[str, Any]] = []
        lock = threading.Lock()
        bench = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with lock:
                    bench.asked.append(body)
                    number = len(bench.asked)
                reply = says(number, body["messages"][-1]["content"])
                if reply is None:
                    self.close_connection = True
                    return
                error: Mapping[str, Any] = {"message": "busy"}
                if isinstance(reply, tuple):
                    reply, error = reply
                status = reply if isinstance(reply, int) else 200
                fields = dict(reply) if isinstance(reply, Mapping) else {"content": reply}
                made = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
                ending = fields.pop("finish_reason", "stop")
                message = {"role": "assistant", **fields}
                if isinstance(reply, bytes):
                    data = reply
                else:
                    made |= {"choices": [{"index": 0, "finish_reason": ending, "message": message}]}
                    data = json.dumps(
                        made if status == 200 else error if "detail" in error else {"error": error}
                    ).encode()
                self.send_response(status)
                page = isinstance(reply, bytes) and reply.startswith(b"<")
                self.send_header("Content-Type", "text/html" if page else "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def stage_of(lab: Lab, name: str) -> Stage:
    return next(stage for stage in lab.stages if stage.name == name)
