"""The page of what is watched: this machine alone opens it, and no text of a run becomes markup."""

import html
import http.client
import json
import re
import shutil
import subprocess
import threading
from dataclasses import asdict

import pytest
from watched import NASTY, explored, stepped

from redone import cli
from redone.texts import visible
from redone.watch import Looking
from redone.watch.page import HOST, Views, server


@pytest.fixture
def run(tmp_path):
    return explored(tmp_path / "run")


@pytest.fixture
def port(run):
    with server(Views(Looking([run]), lambda took: 0.0)) as made:
        threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
        yield made.server_port
        made.shutdown()


def get(port, path, method="GET", **headers):
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read().decode()


def test_it_listens_on_this_machine_alone(run):
    with server(Views(Looking([run]), lambda took: 0.0)) as made:
        assert made.server_address[0] == "127.0.0.1"


def test_its_views_are_those_of_the_terminal_as_they_are_now(run, port):
    status, headers, body = get(port, "/view.json")
    assert status == 200
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    [view] = Looking([run]).views()
    assert json.loads(body)["runs"] == [json.loads(json.dumps(asdict(view)))]
    stepped(run / "explore", 4, 4)
    assert json.loads(get(port, "/view.json")[2])["runs"][0]["stages"][0]["step"] == 4


def test_pages_that_a_report_left_are_served_and_nothing_else_of_the_folder(run, port):
    assert json.loads(get(port, "/view.json")[2])["pages"] == [[]]
    assert get(port, "/run/0/report.html")[0] == 404
    (run / "rollouts").mkdir()
    (run / "report.html").write_text("<p>told</p>")
    (run / "rollouts" / "index.js").write_text("1;")
    assert json.loads(get(port, "/view.json")[2])["pages"] == [["report.html"]]
    status, headers, body = get(port, "/run/0/report.html")
    assert (status, headers["Content-Type"], body) == (200, "text/html; charset=utf-8", "<p>told</p>")
    status, headers, body = get(port, "/run/0/rollouts/index.js")
    assert (status, headers["Content-Type"], body) == (200, "text/javascript; charset=utf-8", "1;")
    (run / "rollouts" / "out.js").symlink_to(run / "config.json")
    for path in (
        "/run/1/report.html",
        "/run/0/config.json",
        "/run/0/rollouts/../config.json",
        "/run/0/rollouts/out.js",
    ):
        assert get(port, path)[0] == 404
    assert get(port, "/run/0/report.html", Host="elsewhere.example")[0] == 403


def test_files_are_not_looked_at_more_often_than_they_may_be(run):
    views = Views(Looking([run]), lambda took: 60.0)
    before = views.json()
    stepped(run / "explore", 4, 4)
    assert views.json() == before
    assert json.loads(before)["wait"] == 60.0


def test_a_page_that_another_name_leads_to_is_refused(port):
    """As of a site whose name is made to lead here, so that its scripts could read what is served."""
    for path in ("/", "/view.json"):
        assert get(port, path, Host="evil.example")[0] == 403
        assert get(port, path, Host=f"evil.example:{port}")[0] == 403
        assert get(port, path, Host=f"localhost:{port}")[0] == 200


def test_nothing_else_is_served_and_nothing_taken(port):
    for path in ("/config.json", "/../run/config.json", "/view.json/x", "/%2e%2e/"):
        assert get(port, path)[0] == 404
    assert get(port, "/", method="POST")[0] == 501


def test_the_page_runs_its_own_script_alone_and_asks_nobody_else(port):
    _, headers, page = get(port, "/")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert set(re.findall(r"https?://[^\"' ]*", page)) == {"http://www.w3.org/2000/svg"}  # a name, and no address
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(|style=|\.style\b| on\w+=", page
    )
    assert NASTY not in page


def test_a_port_that_is_taken_is_said(run, port, capsys):
    assert cli.main(["watch", str(run), "--page", "--port", str(port)]) == 2
    assert f"port {port} cannot be listened on (Address already in use)" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no browser here")
def test_a_browser_shows_hostile_texts_as_texts(port, tmp_path):
    given = ["--headless", "--no-sandbox", f"--user-data-dir={tmp_path / 'browser'}", "--virtual-time-budget=4000"]
    browser = subprocess.run(
        ["chromium", *given, "--enable-logging=stderr", "--dump-dom", f"http://{HOST}:{port}/"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "CONSOLE" not in browser.stderr
    assert html.escape(visible(" ".join(NASTY.split())), quote=False) in browser.stdout
    assert browser.stdout.count("<script>") == 1
    assert "step 3 of 6" in browser.stdout
