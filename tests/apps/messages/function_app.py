"""An app that has nothing to do with the product: it writes down the messages that it is handed."""

import json
import os
import time
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


def note(name: str, what: object) -> None:
    with (Path(os.environ["NOTES"]) / name).open("a") as file:
        file.write(json.dumps(what) + "\n")


def seen(msg: func.QueueMessage) -> dict[str, object]:
    times = (msg.insertion_time, msg.expiration_time, msg.time_next_visible)
    return {
        "body": msg.get_body().decode(),
        "id": msg.id,
        "dequeue_count": msg.dequeue_count,
        "times": [time and time.isoformat() for time in times],
        "pop_receipt": msg.pop_receipt,
    }


@app.queue_trigger("msg", "%QUEUE%", "THE_STORAGE")
async def notes(msg: func.QueueMessage, context: func.Context) -> None:
    note("notes", {**seen(msg), "trace_parent": context.trace_context.trace_parent})


@app.queue_trigger("msg", "%QUEUE%-boom", "THE_STORAGE")
def boom(msg: func.QueueMessage) -> None:
    note("boom", seen(msg))
    raise RuntimeError("what broke")


@app.queue_trigger("msg", "%QUEUE%-slow", "THE_STORAGE")
def slow(msg: func.QueueMessage) -> None:
    note("slow", "begun")
    time.sleep(1)
    note("slow", "done")


@app.queue_trigger("msg", "a-queue", "NO_STORAGE")
def nowhere(msg: func.QueueMessage) -> None: ...


@app.timer_trigger("timer", "0 0 * * * *")
def hourly(timer: func.TimerRequest) -> None: ...
