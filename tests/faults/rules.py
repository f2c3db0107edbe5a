"""What must not be found in a history: a rule for each fault but the illegal move, a sentence for each violation."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from app.store.pools import JOB
from app.store.status import FINAL_RUN
from tests.faults.history import Line
from tests.faults.seen import Execution, Node, Seen


def lost(seen: Seen) -> Iterator[str]:
    for key, request in seen.requests.items():
        for answer in request.answers:
            run = seen.runs.get(answer["run"])
            if run is None:
                yield f"run {answer['run']} was accepted (key {key}) and does not exist"
            elif request.verb == "cancel" and run["cancel_requested_at"] is None and _ended_after(run, answer["at"]):
                yield f"run {run['id']} was asked to stop (key {key}) and knows nothing of it"
    for step in seen.rows["step"]:
        if step["status"] != "succeeded":
            continue
        done_by = [(run, step["node"]) for run in seen.line_of(step["run_id"])]
        if not seen.committed.intersection(done_by):
            yield f"step {step['node']} of run {step['run_id']} succeeded, and its work was never done"
        if seen.publishing.intersection(done_by) and not any(seen.snapshots.get(one) for one in done_by):
            yield f"step {step['node']} of run {step['run_id']} succeeded, and what it staged was never published"
    yield from _lost_data(seen)


def _lost_data(seen: Seen) -> Iterator[str]:
    rows = {row["key"] for row in seen.rows["row"]}
    for execution in seen.executions.values():
        if execution.published and seen.snapshots.get((execution.run, execution.node)) and execution.published not in rows:
            yield f"row {execution.published} was published by run {execution.run}, and the newest snapshot lacks it"
    for file in seen.rows["file"]:
        found = (file["found_bytes"], file["found_rows"])
        if file["error"] or found != (file["bytes"], file["rows"]):
            yield f"file {file['path']} is not what was published: {file['error'] or found}"
    for count in seen.rows["count"]:
        if count["value"] < len(seen.rows["snapshot"]):
            yield f"the lake counts {count['value']} publications, and there were {len(seen.rows['snapshot'])}"


def _ended_after(run: Line, at: float) -> bool:
    return run["finished_at"] is None or bool(run["finished_at"] > at)


def unexpected(seen: Seen) -> Iterator[str]:
    by_key = Counter(run["note"] for run in seen.runs.values())
    for run in seen.runs.values():
        request = seen.requests.get(run["note"] or "")
        if request is None or request.refused:
            yield f"run {run['id']} exists, and nobody asked for it"
        elif by_key[run["note"]] > 1:
            yield f"run {run['id']} is one of {by_key[run['note']]} that the key {run['note']} made"
        elif {answer["run"] for answer in request.answers} - {run["id"]}:
            yield f"the key {run['note']} made run {run['id']}, and another was told of"
    for execution in seen.executions.values():
        ended = seen.runs.get(execution.run)
        if ended is None:
            yield f"step {execution.node} was at work in process {execution.pid} for run {execution.run}, which does not exist"
        elif ended["finished_at"] is not None and ended["finished_at"] < execution.last_at:
            late = execution.last_at - ended["finished_at"]
            yield f"step {execution.node} of run {execution.run} was at work {late:.3f} s after the run had ended"
    done: dict[Node, int] = {}
    for attempt in sorted(seen.rows["attempt"], key=lambda row: row["attempt"]):
        step = attempt["run_id"], attempt["node"]
        if step in done:
            yield f"step {step[1]} of run {step[0]} began again in attempt {attempt['attempt']}, and {done[step]} had succeeded"
        elif attempt["status"] == "succeeded":
            done[step] = attempt["attempt"]
    published = {
        execution.published for execution in seen.executions.values() if (execution.run, execution.node) in seen.snapshots
    }
    for row in seen.rows["row"]:
        if row["key"] not in published:
            yield f"row {row['key']} is in the lake, and no publication brought it"


def double_publish(seen: Seen) -> Iterator[str]:
    began = {(attempt["run_id"], attempt["node"]) for attempt in seen.rows["attempt"]}
    for (run, node), snapshots in seen.snapshots.items():
        if len(snapshots) > 1:
            yield f"step {node} of run {run} made the snapshots {snapshots}"
        if (run, node) not in began:
            yield f"step {node} of run {run} made a snapshot without having begun: it had been taken over as finished"
    for count in seen.rows["count"]:
        if count["value"] > len(seen.rows["snapshot"]):
            yield f"the lake counts {count['value']} publications, and there were {len(seen.rows['snapshot'])}"


def overlap(seen: Seen) -> Iterator[str]:
    by_run: dict[str, list[Execution]] = defaultdict(list)
    for execution in seen.executions.values():
        by_run[execution.run].append(execution)
    for run, executions in by_run.items():
        ordered = sorted(executions, key=lambda execution: execution.first)
        longest = ordered[0]
        for execution in ordered[1:]:
            # Steps of one process may run side by side, but never one step twice.
            apart = execution.pid == longest.pid and execution.node != longest.node
            if execution.first < longest.last and not apart:
                yield (
                    f"run {run}: step {execution.node} began in process {execution.pid} while step {longest.node} "
                    f"was at work in process {longest.pid}"
                )
            longest = max(longest, execution, key=lambda one: one.last)
    yield from _too_many(seen, by_run)


def _too_many(seen: Seen, by_run: dict[str, list[Execution]]) -> Iterator[str]:
    for pool in seen.rows["pool"]:
        job = pool["name"].removeprefix(JOB)
        runs = [run for run in by_run if seen.runs.get(run, {}).get("job") == job]
        # Where a run begins and stops to be at work; at one place it is the end that comes first.
        edges = sorted(
            edge for run in runs for execution in by_run[run] for edge in ((execution.first, 1, run), (execution.last, 0, run))
        )
        at_work: Counter[str] = Counter()
        for _, begins, run in edges:
            at_work[run] += 1 if begins else -1
            if begins and len(active := [one for one, count in at_work.items() if count > 0]) > pool["size"]:
                yield f"the runs {', '.join(active)} of job {job} were at work at the same time: its limit is {pool['size']}"


def stuck(seen: Seen) -> Iterator[str]:
    for run in seen.runs.values():
        if run["status"] not in FINAL_RUN:
            yield f"run {run['id']} is {run['status']}"
    for attempt in seen.rows["attempt"]:
        if attempt["status"] == "running" and seen.runs[attempt["run_id"]]["status"] in FINAL_RUN:
            yield f"attempt {attempt['attempt']} of step {attempt['node']} runs, and run {attempt['run_id']} has ended"
    for slot in seen.rows["slot"]:
        if seen.runs.get(slot["run_id"], {}).get("status") != "running":
            yield f"slot {slot['n']} of pool {slot['pool']} is held by run {slot['run_id']}, which does not run"
    for worker in seen.rows["worker"]:
        if worker["stopped_at"] is None:
            yield f"worker {worker['id']} (process {worker['pid']}) is not known to have ended"
