"""Starts the example and a Prometheus that scrapes it, makes calls, and asks Prometheus about them.

Everything listens on loopback. Nothing sleeps for luck: what is to come is asked for until it is there,
and a limit of time ends the asking.
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

LIMIT = 60  # seconds until something that should come counts as missing
ROOT = Path(__file__).resolve().parent.parent
CONFIG = """
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: cutout
    static_configs: [{{targets: ["{target}"]}}]
"""
VARIABLES = {
    "$application": "cutout-example",
    "$circuitbreaker_name": "bank",
    "$retry_name": "bank",
    "$bulkhead_name": "bank",
    "$instance": ".*",
    "$name": ".*",
    "$__rate_interval": "1m",
}
# How Grafana asks for what a variable may be: of all series, or of those that a selector names.
LABEL_VALUES = re.compile(r"label_values\((?:(.+), ?)?(\w+)\)")


def fail(message):
    sys.exit(f"metrics: {message}")


def get(url):
    """The status and the body."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def eventually(what, attempt):
    """What `attempt` returns once it is not None."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        found = attempt()
        if found is not None:
            return found
        time.sleep(0.1)
    fail(f"{what}: not within {LIMIT} s")


class Prometheus:
    def __init__(self, folder, target):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        config = folder / "prometheus.yml"
        rules = ROOT / "docs/alerts/cutout.rules.yml"
        config.write_text(CONFIG.format(rules=rules, target=target))
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={self.address}",
                "--log.level=warn",
            ]
        )

    def query(self, expression):
        """A list of labels and values."""
        text = urllib.parse.urlencode({"query": expression})
        try:
            status, body = get(f"http://{self.address}/api/v1/query?{text}")
        except OSError:
            return []  # it has not started yet
        if status == 503:
            return []
        answer = json.loads(body)
        if answer["status"] != "success":
            fail(f"{expression}: {answer}")
        return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

    def expect(self, expression, value):
        """Asks until the one series that `expression` is has this value."""
        last = []

        def attempt():
            last[:] = self.query(expression)
            return True if [found for _, found in last] == [value] else None

        end = time.monotonic() + LIMIT
        while attempt() is None:
            if time.monotonic() > end:
                fail(f"{expression} should be {value} and is {last}")
            time.sleep(0.1)
        print(f"{value:>8g}  {expression}")

    def data(self, expression):
        """What `expression` returns once that is not nothing."""
        expression = filled(expression)
        return eventually(expression, lambda: self.query(expression) or None)

    def label_values(self, query):
        """What Grafana offers for a variable of this query."""
        series, label = LABEL_VALUES.fullmatch(filled(query)).groups()
        text = urllib.parse.urlencode({"match[]": series} if series else {})
        _, body = get(f"http://{self.address}/api/v1/label/{label}/values?{text}")
        return json.loads(body)["data"]


def filled(expression):
    """With a value for each variable."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def call(service, path, times, status):
    for _ in range(times):
        found, body = get(f"http://{service}{path}")
        if found != status:
            fail(f"{path}: {status} expected, {found} {body!r} came")


def one_outage(service, prometheus):
    """Makes calls until a breaker is open, and checks the numbers on the way."""
    prometheus.expect('up{job="cutout"}', 1)
    prometheus.expect('circuit_breaker_calls_total{name="bank", outcome="success"}', 0)

    call(service, "/host/a/ok", 15, 200)
    call(service, "/host/a/fail", 5, 502)
    for host in "bcde":
        call(service, f"/host/{host}/ok", 2, 200)
    prometheus.expect('circuit_breaker_failure_ratio{name="a"}', 0.25)
    prometheus.expect('circuit_breaker_calls_total{name="a", outcome="failure"}', 5)
    prometheus.expect('circuit_breaker_calls_total{name="other", outcome="success"}', 4)
    prometheus.expect('circuit_breaker_state{name="other", state="closed"}', 2)
    prometheus.expect("count(count by (name) (circuit_breaker_state))", 5)

    call(service, "/bank/ok", 12, 200)
    prometheus.expect('circuit_breaker_failure_ratio{name="bank"}', 0)
    call(service, "/hold/4", 1, 200)
    prometheus.expect('bulkhead_in_use{name="bank"}', 4)
    call(service, "/bank/ok", 1, 503)
    prometheus.expect('ALERTS{alertname="BulkheadSaturated", name="bank", alertstate="pending"}', 1)
    call(service, "/hold/0", 1, 200)
    prometheus.expect('bulkhead_in_use{name="bank"}', 0)
    prometheus.expect('bulkhead_rejected_total{name="bank"}', 1)

    call(service, "/bank/fail", 5, 502)  # two attempts each, of a window of 20
    call(service, "/bank/fail", 5, 503)
    prometheus.expect('circuit_breaker_state{name="bank", state="open"}', 1)
    prometheus.expect('circuit_breaker_state{name="bank", state="closed"}', 0)
    outcomes = {"success": 12, "failure": 10, "ignored": 1, "cancelled": 0, "stale": 0, "rejected": 5}
    for outcome, count in outcomes.items():
        prometheus.expect(f'circuit_breaker_calls_total{{name="bank", outcome="{outcome}"}}', count)
    tripped = 'circuit_breaker_transitions_total{name="bank", from="closed", to="open", reason="failure_rate"}'
    prometheus.expect(tripped, 1)
    prometheus.expect(f"increase({tripped}[1m]) > bool 0", 1)
    prometheus.expect('circuit_breaker_call_duration_seconds_count{name="bank"}', 22)
    prometheus.expect('circuit_breaker_call_duration_seconds_bucket{name="bank", le="+Inf"}', 22)
    prometheus.expect('retry_calls_total{name="bank", outcome="failure", retried="true"}', 5)
    prometheus.expect('ALERTS{alertname="CircuitBreakerOpen", name="bank", alertstate="pending"}', 1)
    prometheus.expect('resilience4j_circuitbreaker_state{name="bank", state="open"}', 1)
    prometheus.expect('circuit_breaker_due{name="bank"}', 0)
    remaining = 'circuit_breaker_break_remaining_seconds{name="bank"}'
    prometheus.expect(f"{remaining} > bool 0 and {remaining} <= bool 30", 1)

    call(service, "/force/closed", 1, 200)
    call(service, "/bank/fail", 10, 502)
    prometheus.expect('sum(circuit_breaker_would_trip_total{name="bank"})', 1)
    would_trip = 'ALERTS{alertname="CircuitBreakerWouldTrip", name="bank", alertstate="firing"}'
    prometheus.expect(would_trip, 1)
    call(service, "/force/due", 1, 200)
    prometheus.expect('circuit_breaker_due{name="bank"}', 1)
    prometheus.expect('circuit_breaker_state{name="bank", state="open"}', 1)
    prometheus.expect('count(ALERTS{alertname="CircuitBreakerOpen", name="bank"}) or vector(0)', 0)

    call(service, "/force/open", 1, 200)
    prometheus.expect('circuit_breaker_mode{name="bank", mode="forced_open"}', 1)
    prometheus.expect('resilience4j_circuitbreaker_state{name="bank", state="forced_open"}', 1)
    forced = 'ALERTS{alertname="CircuitBreakerForcedTooLong", name="bank", alertstate="pending"}'
    prometheus.expect(forced, 1)


def names_make_room(service, prometheus):
    """A host that is forgotten gives its name to one that came too late for one of its own."""
    prometheus.expect('count(circuit_breaker_state{name="d"}) or vector(0)', 0)
    call(service, "/forget/a", 1, 200)
    prometheus.expect('circuit_breaker_state{name="a", state="closed"}', 0)
    prometheus.expect('circuit_breaker_state{name="d", state="closed"}', 1)
    call(service, "/host/d/ok", 1, 200)
    prometheus.expect('circuit_breaker_calls_total{name="d", outcome="success"}', 1)
    prometheus.expect('circuit_breaker_state{name="other", state="closed"}', 1)


def lint(service):
    """promtool's opinion of the page, but for the histograms, which are passed on as counters."""
    _, page = get(f"http://{service}/metrics")
    linted = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True
    )
    complaints = (linted.stdout + linted.stderr).splitlines()
    other = [line for line in complaints if not re.match(r"\S+_seconds_(bucket|count|sum) ", line)]
    if other:
        fail("promtool check metrics:\n" + "\n".join(other))


def queries_of(panels):
    for panel in panels:
        yield from ((panel["title"], one["expr"]) for one in panel.get("targets", []))
        yield from queries_of(panel.get("panels", []))


def our_dashboard(prometheus):
    dashboard = json.loads((ROOT / "docs/grafana/cutout.json").read_text())
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            values = prometheus.label_values(query)
            print(f"{len(values):>3} values  ${variable['name']}: {query}\n            {', '.join(values)}")
            if not values:
                fail(f"{query}: no values")
    for title, expression in queries_of(dashboard["panels"]):
        print(f"{len(prometheus.data(expression)):>3} series  {title}: {expression}")


def their_dashboard(prometheus):
    """Each query of the list returns as many series, or values of a variable, as the list says."""
    for line in (ROOT / "docs/grafana/resilience4j-queries.tsv").read_text().splitlines():
        if line.startswith("#"):
            continue
        count, panel, expression = line.split("\t")
        if LABEL_VALUES.fullmatch(expression):
            values = prometheus.label_values(expression)
            print(f"{len(values):>3} values  {panel}: {expression}\n            {', '.join(values)}")
            chosen = VARIABLES[panel]
            if len(values) != int(count) or not any(re.fullmatch(chosen, one) for one in values):
                fail(f"{expression}: {count} values expected, {chosen} among them")
            continue
        found = prometheus.data(expression)
        values = ", ".join(
            (labels.get("kind") or labels.get("state") or labels.get("name") or "") + f" {value:.4g}"
            for labels, value in sorted(found, key=lambda one: sorted(one[0].items()))
        )
        print(f"{len(found):>3} series  {panel}: {expression}\n            {values}")
        if len(found) != int(count):
            fail(f"{expression}: {count} series expected")


def main():
    example = subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True)
    started = [example]
    try:
        service = example.stdout.readline().removeprefix("listening on ").strip()
        with tempfile.TemporaryDirectory() as folder:
            prometheus = Prometheus(Path(folder), service)
            started.append(prometheus.process)
            one_outage(service, prometheus)
            lint(service)
            our_dashboard(prometheus)
            their_dashboard(prometheus)
            names_make_room(service, prometheus)
            prometheus.process.terminate()
            prometheus.process.wait(30)
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.wait()
    print("metrics: Prometheus knows what it should")


main()
