"""Starts the stage with some operations, and runs schemathesis against it.

`run.py STAGE SCHEMATHESIS SECONDS`
"""

import json
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

HOST = "host:https/models.test:443"

# Streams have no end, and schemathesis waits for that of an answer. Their routes are tested in dashboard/tests.
STREAMS = ["/api/v1/events", "/api/v1/view", "/api/v1/ws"]

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "ignored_auth",
]

# An input out of two may be one that is there; the rest is made up.
CONFIG = """
[parameters]
"path.id" = {id}
"path.step" = "download"
"path.key" = {key}
"""


def main() -> int:
    stage_path, schemathesis, seconds = sys.argv[1:]
    stage = subprocess.Popen([stage_path, "--unlimited"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        return run(stage, schemathesis, seconds)
    finally:
        stage.stdin.close()
        stage.wait(timeout=30)


def run(stage: subprocess.Popen, schemathesis: str, seconds: str) -> int:
    def ask(command: object) -> dict:
        stage.stdin.write(json.dumps(command) + "\n")
        stage.stdin.flush()
        answer = json.loads(stage.stdout.readline())
        assert "error" not in answer, answer
        return answer

    url = urllib.parse.urlsplit(json.loads(stage.stdout.readline())["url"])
    token = urllib.parse.parse_qs(url.fragment)["token"][0]
    fail = {"fail": {"class": "network", "kind": "connection_reset", "message": "connection reset"}}
    ask({"crowd": {"ended": 30, "active": 10}})
    ask({"start": {"name": "at-host", "workflow": "ask-host"}})
    for name in ["recovering", "a<b>&\"'/?#", "naïve 模型"]:
        ask({"tell": {"name": name, "lines": [{"progress": [1, 3]}, fail]}})
        ask({"start": {"name": name}})
    operation = ask({"start": {"name": "for the paths"}})["operation"]

    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "schemathesis.toml")
        config.write_text(CONFIG.format(id=json.dumps(operation), key=json.dumps(HOST)))
        command = [schemathesis, "--config-file", str(config), "run", str(Path("dashboard/openapi.json").resolve())]
        command += ["--url", f"{url.scheme}://{url.netloc}", "-H", f"Authorization: Bearer {token}"]
        command += ["--checks", ",".join(CHECKS), "--max-time", seconds, "--phases", "examples,coverage,fuzzing"]
        command += ["--workers", "2", "--request-timeout", "20", "--continue-on-failure", "--warnings", "off"]
        for path in STREAMS:
            command += ["--exclude-path", path]
        return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
