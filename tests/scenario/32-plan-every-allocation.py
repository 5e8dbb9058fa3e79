"""Is every byte that our own code allocates at start in the plan, and none that is not?"""

import json
import os
import re
import socket

import harness
from harness import Place, free_port, mqtt_source, uplink, wait_until


def configurations(place):
    site, centre = place.broker(), place.broker()
    mqtt = mqtt_source(site, [{"topic": "f/+device", "value": "/v"}])
    yield {"sources": [mqtt]}
    yield {"limits": {"devices": 37}, "sources": [mqtt, mqtt_source(
        site, [{"topic": "g/+device"}], receive_maximum=20)], "uplink": uplink(centre),
        "windows": [{"size": "10s"}, {"size": "1h", "every": "1min"}, {"count": 50}],
        "alarms": [{"name": "hot", "high": 50, "low": 1}]}
    yield {"limits": {"devices": 2000}, "store": {"batch": "1 MiB"}, "windows": [],
           "sources": [
               {"coap": {"listen": f"coap://127.0.0.1:{free_port(socket.SOCK_DGRAM)}",
                         "path": "t/{device}"}},
               {"serial": {"port": str(place.path / "no-such-port"),
                           "line": "{device},{value}"}}],
           "uplink": {"mqtt": {"broker": centre.url, "ledger_every": "0s"}}}


def main():
    harness.ISOTHERM = os.environ["ISOTHERM"] + "-guarded"
    assert os.path.exists(harness.ISOTHERM), harness.ISOTHERM
    with Place() as place:
        for config in configurations(place):
            agent = place.agent({"gateway": "line-7", **config})
            run = agent.run("plan", "--json", str(agent.config_path))
            assert run.returncode == 0, run.stderr
            plan = json.loads(run.stdout)
            found = wait_until("the sum",
                               lambda a=agent: re.search(r"allocated at start: (\d+) bytes",
                                                         a.log()))
            ours = plan["memory"]["ours_bytes"]
            assert ours == int(found[1]), f"planned {ours}, allocated {found[1]}: {config}"
            assert ours == sum(part["bytes"] for part in plan["memory"]["parts"] if part["ours"])
            print(f"{ours} bytes planned and allocated")
            agent.kill()


main()
