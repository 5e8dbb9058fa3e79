"""Are alarms commanded, from here and from afar, once each, and do horn and program follow at once?"""

import json
import queue
import time

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import (PATIENCE, SOURCE, Client, Place, check_sequence, fast, mqtt_source, uplink,
                     wait_until)

try:
    import jsonschema
except ImportError:
    jsonschema = None

COMMANDS = "isotherm/line-7/command"
STATES = "isotherm/line-7/alarm-state/"


def schema(name):
    return json.loads((SOURCE / "docs" / f"{name}.schema.json").read_text())


def check(record, name):
    if jsonschema is not None:
        jsonschema.validate(record, schema(name))
    return record


class Console(Client):
    """Sends commands to the centre's broker and takes the answers, as an operator's console does."""

    def __init__(self, broker):
        self.answers = queue.Queue()
        self.states = {}
        self.subscribed = 0
        super().__init__(broker)
        self.client.on_subscribe = self.on_subscribe
        self.wait()
        for topic in ("console/answers", "isotherm/line-7/answer", STATES + "#"):
            self.client.subscribe(topic, qos=1)
        wait_until("the console to subscribe", lambda: self.subscribed == 3)

    def on_subscribe(self, *_):
        self.subscribed += 1

    def on_message(self, client, userdata, message):
        if message.topic.startswith(STATES):
            text = message.payload.decode()
            self.states[message.topic[len(STATES):]] = json.loads(text) if text else None
            return
        correlation = getattr(message.properties, "CorrelationData", None)
        self.answers.put((message.topic, correlation, json.loads(message.payload)))

    def send(self, request, response_topic="console/answers", correlation=b"\x00\x01", retain=False):
        properties = Properties(PacketTypes.PUBLISH)
        if response_topic:
            properties.ResponseTopic = response_topic
            properties.CorrelationData = correlation
        payload = request if isinstance(request, (str, bytes)) else json.dumps(request)
        self.client.publish(COMMANDS, payload, qos=1, retain=retain, properties=properties)

    def answer(self):
        topic, correlation, answer = self.answers.get(timeout=30 * PATIENCE)
        return topic, correlation, check(answer, "answer")

    def ask(self, request):
        self.send(request)
        topic, correlation, answer = self.answer()
        assert topic == "console/answers" and correlation == b"\x00\x01", (topic, correlation)
        assert answer["gateway"] == "line-7" and answer.get("id", "") == request.get("id", ""), answer
        return answer

    def state(self, alarm, name):
        """Waits for the retained state of one alarm."""
        return wait_until(f"{alarm} to be {name}", lambda: (
            lambda s: s if s is not None and s["state"] == name else None)(self.states.get(alarm)))


def request(number, command, alarm="l1/oven-1/hot/H", **more):
    return {"id": f"c-{number}", "command": command, "alarm_id": alarm, "occurrence": 1,
            "actor": "anna", "time": int(time.time() * 1000), **more}


def configuration(place, site, centre):
    script = place.path / "told.sh"
    script.write_text("#!/bin/sh\n"
                      f"env | grep ^ISOTHERM_ALARM_ | sort > {place.path}/told.new\n"
                      f"cat {place.path}/told.new >> {place.path}/told\necho end >> {place.path}/told\n")
    script.chmod(0o755)
    (place.path / "horn").write_text("")
    return {
        "gateway": "line-7", "windows": [{"size": "1min"}], "store": {"commit_every": "200ms"},
        "sources": [mqtt_source(site, [{"topic": "f/+line/+device", "value": ""}], **fast())],
        "alarms": [{"name": "hot", "devices": "oven-*", "high": 250, "priority": "high"},
                   {"name": "cold", "devices": "freezer", "low": -15, "priority": "low"}],
        "actions": [{"name": "horn", "priority": "high", "file": str(place.path / "horn")},
                    {"name": "tell", "alarms": "*/hot/*", "run": f"{script} --alarm",
                     "acknowledged": True}],
        "uplink": uplink(centre, **fast(keepalive="1min"), alarm_states=True,
                         commands={"topic": "isotherm/{gateway}/command", "size": 512}),
    }


def alarms(agent, *arguments):
    run = agent.run("alarms", *arguments, "--json", "-c", str(agent.config_path))
    return run.returncode, [json.loads(line) for line in run.stdout.splitlines()]


def horn_is(place, text):
    wait_until(f"the horn to be {text}", lambda: (place.path / "horn").read_text() == text)


def check_taken_over(place, agent):
    """What stood unacknowledged before a crash sounds the horn again, and runs no program."""
    wait_until("the commit", lambda: agent.status()["ledger"]["records"]["not_yet_committed"] == 0)
    agent.kill()
    (place.path / "horn").write_text("0")
    agent.start()
    agent.wait_connected()
    horn_is(place, "1")
    assert [a["started"] for a in agent.status()["actions"] if a["name"] == "tell"] == [0]
    wait_until("the command channel", lambda: agent.status()["commands"].get("connected"))


def check_local(place, agent, console):
    code, found = alarms(agent)
    assert code == 0 and [(a["alarm_id"], a["state"]) for a in found] == [
        ("l1/oven-1/hot/H", "UNACK")], found
    check({"schema": 1, "type": "alarm-state", "gateway": "line-7", **found[0]}, "alarm-state")
    wait_until("both alarms", lambda: len(alarms(agent, "list", "--all")[1]) == 2)
    code, answers = alarms(agent, "ack", "l1/oven-1/hot/H", "--reason", "door was open")
    assert code == 0 and check(answers[0], "answer")["result"] == "done", answers
    assert answers[0]["state"]["state"] == "ACKED", answers
    horn_is(place, "0")
    console.state("l1%2Foven-1/hot%2FH", "ACKED")
    code, answers = alarms(agent, "ack", "l1/oven-1/hot/H")
    assert code == 0 and answers[0]["result"] == "nothing_to_do", answers
    for arguments, result in ((("ack", "l1/oven-1/hot/HH"), "unknown_alarm"),
                              (("ack", "l1/oven-1/hot/H", "-o", "2"), "wrong_occurrence"),
                              (("reset", "l1/oven-1/hot/H"), "not_applicable"),
                              (("shelve", "l1/oven-1/hot/H", "--for", "9h"), "out_of_range")):
        code, answers = alarms(agent, *arguments)
        assert code == 1 and answers[0]["result"] == result, (arguments, code, answers)
    text = agent.run("alarms", "-c", str(agent.config_path))
    assert text.returncode == 0 and "ACKED" in text.stdout and "hot/H" in text.stdout, text
    assert agent.run("alarms", "-s", str(place.path / "none")).returncode == 69
    assert agent.run("alarms", "shelve", "a", "-c", str(agent.config_path)).returncode == 64


def check_remote(place, console):
    shelve = check(request(1, "shelve", for_ms=3600000, reason="cleaning"), "command")
    answer = console.ask(shelve)
    assert answer["result"] == "done" and answer["state"]["state"] == "SHLVD", answer
    assert answer["state"]["until"] is not None and not answer["repeated"], answer
    console.state("l1%2Foven-1/hot%2FH", "SHLVD")
    again = console.ask(shelve)
    assert again["success"] and again["repeated"], again
    answer = console.ask(request(2, "ack"))
    assert answer["result"] == "not_applicable", answer
    answer = console.ask(request(3, "unshelve"))
    assert answer["result"] == "done" and answer["state"]["state"] == "UNACK", answer
    horn_is(place, "1")
    console.send(request(4, "ack"), response_topic=None)
    topic, correlation, answer = console.answer()
    assert topic == "isotherm/line-7/answer" and correlation is None, (topic, correlation)
    assert answer["result"] == "done" and answer["state"]["state"] == "ACKED", answer
    horn_is(place, "0")
    console.send(request(4, "ack"), response_topic="isotherm/line-7/status")
    topic, _, answer = console.answer()
    assert topic == "isotherm/line-7/answer" and answer["repeated"], (topic, answer)
    answer = console.ask(request(5, "shelve", for_ms=3600000, reason="night"))
    assert answer["result"] == "done", answer


def check_refused(agent, console):
    """None of these changes anything; each is counted under its reason."""
    before = agent.status()["commands"]["remote"]
    old = int(time.time() * 1000) - 3600000
    trusted = agent.status()["clock"] == "trusted"
    cases = [
        (request(20, "unshelve", alarm="l1/oven-9/hot/H"), "unknown_alarm"),
        (request(21, "unshelve", occurrence=7), "wrong_occurrence"),
        (request(22, "shelve", for_ms=9 * 3600000), "out_of_range"),
        (request(23, "oos"), "not_authorised"),
        (request(24, "unshelve", gateway="line-8"), "other_gateway"),
        (request(5, "unshelve"), "id_used"),
        ({"id": "c-25", "command": "unshelve", "alarm_id": "l1/oven-1/hot/H"}, "malformed"),
        (request(26, "unshelve", reason="x" * 150), "malformed"),
    ]
    if trusted:
        cases.append((request(27, "unshelve", time=old), "too_old"))
    for command, result in cases:
        answer = console.ask(command)
        assert answer["result"] == result and not answer["success"], (command, answer)
    for payload, result in (("not json", "malformed"), ("", "malformed"),
                            (b"\xff\xfe{}", "malformed"), ("{" + " " * 600 + "}", "too_large")):
        console.send(payload)
        _, _, answer = console.answer()
        assert answer["result"] == result, (payload, answer)
    after = agent.status()["commands"]["remote"]
    for result in {result for _, result in cases} | {"too_large"}:
        assert after.get(result, 0) > before.get(result, 0), (result, before, after)


def check_retained(agent, console):
    """A command that the broker keeps is not carried out when the agent comes back."""
    answer = console.ask(request(30, "unshelve", alarm="l1/freezer/cold/L", occurrence=0))
    assert answer["result"] in ("nothing_to_do", "unknown_alarm"), answer
    console.send(json.dumps(request(31, "unshelve")), retain=True)
    _, _, answer = console.answer()  # delivered as it is published: that is no retained one
    assert answer["result"] == "done", answer
    assert console.ask(request(32, "shelve", for_ms=3600000))["result"] == "done"
    before = agent.status()["commands"]["remote"]  # in the commit that the answer waited for
    agent.kill()
    agent.start()
    agent.wait_connected()
    after = agent.status()["commands"]["remote"]
    assert all(after.get(reason, 0) >= count for reason, count in before.items()), (before, after)
    topic, _, answer = console.answer()
    assert answer["result"] == "retained", (topic, answer)
    console.send("", retain=True)  # deletes it, and is itself no command
    _, _, answer = console.answer()
    assert answer["result"] == "malformed", answer


def check_after_kill(agent, console):
    code, found = alarms(agent, "list")
    states = {a["alarm_id"]: a for a in found}
    assert code == 0 and states["l1/oven-1/hot/H"]["state"] == "SHLVD", found
    assert states["l1/oven-1/hot/H"]["occurrence"] == 1, found
    again = console.ask(request(4, "ack"))
    assert again["success"] and again["repeated"], again
    changed = console.ask(request(4, "unshelve"))
    assert changed["result"] == "id_used", changed
    assert console.ask(request(40, "unshelve"))["state"]["state"] == "UNACK"


def check_told(place):
    """The program ran for the first alarm, with its facts."""
    told = wait_until("the program to have run", lambda: (
        lambda p: p.read_text() if p.exists() and "end" in p.read_text() else None)(
            place.path / "told"))
    facts = dict(line.split("=", 1) for line in told.split("end")[0].splitlines())
    expected = {"ID": "l1/oven-1/hot/H", "DEVICE": "l1/oven-1", "NAME": "hot", "KIND": "high",
                "PRIORITY": "high", "FROM": "NORM", "STATE": "UNACK", "TRIGGER": "RAISE",
                "OCCURRENCE": "1", "ANNUNCIATE": "1", "VALUE": "251", "LIMIT": "250",
                "GATEWAY": "line-7", "ACTOR": "", "REASON": "", "LEFT_OUT": "0"}
    for name, value in expected.items():
        assert facts["ISOTHERM_ALARM_" + name] == value, (name, facts)


def check_ack_told(place):
    told = wait_until("the program to be told of the acknowledgement", lambda: (
        lambda t: t if "TRIGGER=ACK" in t and t.endswith("end\n") else None)(
            (place.path / "told").read_text()))
    assert "ISOTHERM_ALARM_REASON=door was open" in told, told


def check_events(collector):
    """Who did it and why stands in the records, in order, and nothing twice."""
    def found():  # a record whose acknowledgement a kill cut off comes again under its id
        by_id = {r["id"]: r for r in collector.alarms() if r["alarm_id"] == "l1/oven-1/hot/H"}
        return [(r["to"], r["trigger"]) for r in sorted(by_id.values(), key=lambda r: r["seq"])]
    expected = [("UNACK", "RAISE"), ("ACKED", "ACK"), ("SHLVD", "SHELVE"), ("UNACK", "UNSHELVE"),
                ("ACKED", "ACK"), ("SHLVD", "SHELVE"), ("UNACK", "UNSHELVE"), ("SHLVD", "SHELVE"),
                ("UNACK", "UNSHELVE")]
    wait_until("the records", lambda: len(found()) >= len(expected))
    assert found() == expected, found()
    check_sequence(collector.summaries() + collector.alarms())
    acks = list({r["id"]: r for r in collector.alarms() if r["trigger"] == "ACK"}.values())
    assert acks[0]["reason"] == "door was open" and acks[0]["actor"], acks[0]
    assert acks[1]["actor"] == "anna" and acks[1]["cmd"] == "c-4", acks[1]


def check_removed(agent, console):
    """What is no longer configured is emptied at the broker, though the agent was away meanwhile."""
    agent.terminate()
    config = json.loads(agent.config_path.read_text())
    config["alarms"] = config["alarms"][1:]
    agent.config_path.write_text(json.dumps(config))
    agent.start()
    wait_until("the state to be emptied",
               lambda: console.states.get("l1%2Foven-1/hot%2FH", 0) is None)


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker()
        collector = place.collector(centre)
        console = Console(centre)
        place.things.append(console)
        agent = place.agent(configuration(place, site, centre))
        agent.wait_connected()
        wait_until("the command channel", lambda: agent.status()["commands"].get("connected"))
        horn_is(place, "0")
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([("f/l1/oven-1", "20"), ("f/l1/freezer", "-14"), ("f/l1/oven-1", "251")])
        horn_is(place, "1")
        console.state("l1%2Foven-1/hot%2FH", "UNACK")
        check(console.states["l1%2Foven-1/hot%2FH"], "alarm-state")
        check_told(place)
        check_taken_over(place, agent)
        client.publish_all([("f/l1/freezer", "-13")])  # an alarm is known once its device has spoken
        check_local(place, agent, console)
        check_ack_told(place)
        check_remote(place, console)
        check_refused(agent, console)
        check_retained(agent, console)
        check_after_kill(agent, console)
        agent.wait_drained()
        check_events(collector)
        agent.check_ledger()
        status = agent.status()
        assert {a["name"] for a in status["actions"]} == {"horn", "tell"}, status["actions"]
        check_removed(agent, console)


main()
