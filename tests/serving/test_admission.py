"""Overload: a slot is free only when its work has ended."""

import asyncio
import os
import sys
import threading
import time

import pytest

from fairlead.serving.admission import Admission
from fairlead.serving.figures import ServiceFigures
from fairlead.serving.refusal import Refusal
from fairlead.serving.settings import ServiceLimits
from tests.serving.conftest import encoded, picture, served


def admission(slots, threads=1):
    return Admission(ServiceLimits(slots=slots), threads, ServiceFigures())


def until(seconds):
    return time.monotonic() + seconds


def test_a_late_answer_keeps_its_slot_until_its_work_has_ended():
    release = threading.Event()

    async def story():
        gate = admission(slots=1)
        with pytest.raises(Refusal) as late:
            await gate.work(release.wait, until(0.05))
        assert (late.value.status, late.value.code) == (504, "deadline")
        assert late.value.headers["Retry-After"]
        assert gate.taken == 1
        with pytest.raises(Refusal) as busy:
            await gate.work(lambda: 1, until(1))
        assert (busy.value.status, busy.value.headers["Retry-After"]) == (429, "1")
        release.set()
        for _ in range(100):
            if not gate.taken:
                break
            await asyncio.sleep(0.01)
        assert await gate.work(lambda: 7, until(1)) == 7

    asyncio.run(story())


def test_work_that_did_not_begin_in_time_is_dropped_and_frees_its_slot():
    release, ran = threading.Event(), []

    async def story():
        gate = admission(slots=2)
        first = asyncio.create_task(gate.work(release.wait, until(5)))
        await asyncio.sleep(0.02)
        with pytest.raises(Refusal) as late:
            await gate.work(lambda: ran.append(1), until(0.05))
        assert late.value.status == 503
        assert gate.taken == 1
        release.set()
        await first
        await asyncio.sleep(0.02)
        assert (ran, gate.taken) == ([], 0)

    asyncio.run(story())


def test_a_failed_task_frees_its_slot():
    async def story():
        gate = admission(slots=1)
        with pytest.raises(ZeroDivisionError):
            await gate.work(lambda: 1 // 0, until(1))
        assert gate.taken == 0

    asyncio.run(story())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_work_waits_for_the_event_loop_so_that_a_crowd_is_refused_quickly(bundle):
    def priority():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    async def story():
        return priority(), await admission(slots=1).work(priority, until(5))

    loop, worker = asyncio.run(story())
    assert worker == min(19, loop + 10)
    before = set(os.listdir("/proc/self/task"))
    with served(bundle):  # the threads of ONNX Runtime too, which the one that opens the bundle makes
        made = set(os.listdir("/proc/self/task")) - before
        priorities = [os.getpriority(os.PRIO_PROCESS, int(number)) for number in made]
    assert worker in priorities


def test_no_more_bodies_are_read_at_a_time_than_there_are_slots():
    gate = admission(slots=2)
    with gate.reading(), gate.reading():
        with pytest.raises(Refusal) as busy, gate.reading():
            pass
        assert (busy.value.status, busy.value.code, busy.value.headers["Retry-After"]) == (429, "busy", "1")
    with pytest.raises(ZeroDivisionError), gate.reading():
        1 // 0  # noqa: B018
    with gate.reading(), gate.reading():
        assert gate.taken == 0


def test_slow_bodies_hold_no_more_than_their_share_and_give_it_back(bundle):
    found = []
    with served(bundle, limits={"slots": 2, "deadline": 5}) as client:
        app = client.app

        async def story():
            gate = asyncio.Event()

            async def receive():
                await gate.wait()
                return {"type": "http.request", "body": b"{}", "more_body": False}

            async def send(message):
                if message["type"] == "http.response.start":
                    found.append(message["status"])

            def ask():
                headers = [(b"content-type", b"application/json")]
                scope = {
                    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
                    "path": "/predict", "raw_path": b"/predict", "query_string": b"", "headers": headers,
                    "scheme": "http", "server": ("127.0.0.1", 3000), "client": ("127.0.0.1", 1), "state": {},
                }  # fmt: skip
                return asyncio.create_task(app(scope, receive, send))

            slow = [ask(), ask()]
            await asyncio.sleep(0.1)
            await ask()
            assert found == [429]
            gate.set()
            await asyncio.gather(*slow)
            await ask()

        client.portal.call(story)
    assert found == [429, 400, 400, 400]  # read and found wanting, not refused for a crowd


def test_a_crowd_is_answered_or_told_to_come_back_and_the_service_recovers(bundle, monkeypatch):
    from fairlead.bundle import Predictor

    ran = Predictor.run

    def slowly(self, pixels):
        time.sleep(0.3)
        return ran(self, pixels)

    found = []
    with served(bundle, limits={"slots": 3}) as client:
        monkeypatch.setattr(Predictor, "run", slowly)
        body = {"image": encoded(picture())}
        crowd = [threading.Thread(target=lambda: found.append(client.post("/predict", json=body))) for _ in range(24)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        statuses = [answer.status_code for answer in found]
        assert set(statuses) == {200, 429}
        assert all(answer.headers["retry-after"] for answer in found if answer.status_code == 429)
        assert client.post("/predict", json=body).status_code == 200
        assert "fairlead_slots_taken 0.0" in client.get("/metrics").text


def test_work_past_its_deadline_stops_between_pictures(bundle, monkeypatch):
    from fairlead.bundle import reader

    decode, seen = reader.decode_image, []

    def slowly(*arguments, **options):
        seen.append(1)
        time.sleep(0.1)
        return decode(*arguments, **options)

    with served(bundle, limits={"deadline": 0.25, "slots": 1}) as client:
        monkeypatch.setattr(reader, "decode_image", slowly)  # once the goldens have been answered
        answer = client.post("/predict", json={"images": [encoded(picture())] * 20})
        assert answer.status_code == 504
        assert answer.headers["retry-after"]
        time.sleep(0.3)
        assert len(seen) < 6
        assert "fairlead_slots_taken 0.0" in client.get("/metrics").text


def test_a_defect_is_told_without_a_traceback(bundle, monkeypatch):
    from fairlead.serving.served_model import ServedModel

    with served(bundle) as client:
        monkeypatch.setattr(ServedModel, "answer", lambda *_, **__: 1 // 0)
        answer = client.post("/predict", json={"image": encoded(picture())})
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal"
        assert "Zero" not in answer.text
