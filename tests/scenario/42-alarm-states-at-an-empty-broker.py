"""Does a console see every alarm as it is after the broker lost all it kept, and no alarm that is gone?"""

import json
import threading

from harness import Client, Place, fast, mqtt_source, uplink, wait_until

PREFIX = "isotherm/line-7/"


class Console(Client):
    """Comes to the broker, takes what it keeps and what is said from then on."""

    def __init__(self, broker):
        self.states, self.marks, self.subscribed = {}, [], False
        self.lock = threading.Lock()
        super().__init__(broker)
        self.wait()
        self.client.subscribe([(PREFIX + "alarm-state/#", 1), (PREFIX + "alarm-refresh", 1)])
        wait_until("the console to subscribe", lambda: self.subscribed)

    def on_subscribe(self, *_):
        self.subscribed = True

    def on_message(self, client, userdata, message):
        record = json.loads(message.payload) if message.payload else None
        if message.topic == PREFIX + "alarm-refresh":
            phase = "retained" if message.retain else record["phase"]
            self.marks.append((phase, record.get("alarms"), self.seen()))
            return
        with self.lock:
            self.states[message.topic[len(PREFIX + "alarm-state/"):]] = record

    def seen(self):
        with self.lock:
            return {name: record["state"] for name, record in self.states.items() if record}

    def forget(self):
        with self.lock:
            self.states.clear()

    def phases(self):
        return [mark[0] for mark in self.marks]


def main():
    with Place() as place:
        site, centre = place.broker(), place.broker()
        rule = {"name": "hot", "devices": "oven-*", "high": 250}
        config = {
            "gateway": "line-7", "windows": [{"size": "1s"}], "lateness": "0s", "grace": "0s",
            "store": {"commit_every": "200ms", "path": str(place.path / "line-7.db")},
            "sources": [mqtt_source(site, [{"topic": "f/+device", "value": ""}], **fast())],
            "alarms": [rule, {"name": "cold", "devices": "oven-*", "low": 5}],
            "uplink": uplink(centre, **fast(), alarm_states=True)}
        agent = place.agent(config)
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)
        client.publish_all([("f/oven-1", "260"), ("f/oven-2", "260"), ("f/oven-2", "20"),
                            ("f/oven-3", "1"), ("f/oven-4", "20")])
        expected = {"oven-1/hot%2FH": "UNACK", "oven-2/hot%2FH": "NORM", "oven-3/cold%2FL": "UNACK"}

        def watch(what, wanted):
            console = Console(centre)
            place.things.append(console)
            wait_until(what, lambda: console.seen() == wanted)
            return console

        watch("every alarm that ever was", expected)

        # A broker without a disk forgets everything when it restarts.
        for _ in range(2):
            centre.kill()
            centre.start()
            console = watch("everything again", expected)

        # One that was away while things changed: what is true now, nothing of before.
        centre.kill()
        client.publish_all([("f/oven-1", "20"), ("f/oven-4", "300")])
        wait_until("both judged", lambda: agent.status()["alarms"]["events"] >= 6)
        centre.start()
        expected.update({"oven-1/hot%2FH": "NORM", "oven-4/hot%2FH": "UNACK"})
        watch("what is true now", expected)

        # The marks: between them comes all that is not Normal.
        console = watch("all that is kept", expected)
        console.forget()
        agent.kill()
        agent.start()
        wait_until("a refresh", lambda: "end" in console.phases())
        end = console.phases().index("end")
        assert end > 0 and set(console.phases()[:end]) == {"begin"}, console.marks
        raised = {name: state for name, state in expected.items() if state != "NORM"}
        assert console.marks[end][1:] == (len(raised), raised), console.marks
        wait_until("the rest", lambda: console.seen() == expected)

        # Gone from the configuration while the agent was down: gone from the broker.
        agent.terminate()
        config["alarms"] = [rule]
        agent.config_path.write_text(json.dumps(config))
        agent.start()
        del expected["oven-3/cold%2FL"]
        wait_until("the empty message", lambda: console.states.get("oven-3/cold%2FL", 1) is None)
        watch("what is configured", expected)
        agent.wait_drained()
        agent.check_ledger()


main()
