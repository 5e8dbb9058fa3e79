"""Are GPIO lines asked for as the kernel wants it, switched with the alarm, and given back?"""

import pathlib

from harness import ISOTHERM, Client, Place, fast, mqtt_source, skip, small_config, wait_until

FAKE = pathlib.Path(ISOTHERM).with_name("libisotherm_fake_gpio.so")


def main():
    if not FAKE.exists():
        skip(f"{FAKE} was not built")
    with Place() as place:
        site, centre = place.broker(), place.broker()
        chip, gone, seen = (place.path / name for name in ("gpiochip0", "gone", "seen"))
        chip.write_text("")
        seen.write_text("")
        config = small_config(
            [mqtt_source(site, [{"topic": "f/+device"}], **fast())], centre,
            alarms=[{"name": "hot", "devices": "*", "high": 50},
                    {"name": "worse", "devices": "*", "high": 90, "priority": "high"}],
            actions=[{"name": "lamp", "gpio_chip": str(chip), "gpio_line": 17},
                     {"name": "siren", "gpio_chip": str(chip), "gpio_line": 5,
                      "active_low": True, "priority": "high"}])
        agent = place.agent(config, environment={
            "LD_PRELOAD": str(FAKE), "FAKE_GPIO_CHIP": str(chip.resolve()),
            "FAKE_GPIO_LOG": str(seen), "FAKE_GPIO_GONE": str(gone),
            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        agent.wait_connected()
        client = Client(site).wait()
        place.things.append(client)

        def said(line):
            return [one for one in seen.read_text().splitlines() if f"line={line} " in one]

        def says(line, *expected):
            wait_until(f"line {line} to be {expected[-1]}", lambda: said(line) == list(expected))

        # With the request comes the level, in the logic of the line: no glitch at the start.
        lamp = ["request by=isotherm line=17 value=0 pin=0"]
        siren = ["request by=isotherm active-low line=5 value=0 pin=1"]
        says(17, *lamp)
        says(5, *siren)

        def reads(value):
            client.publish_all([("f/oven", str(value))])

        reads(60)
        lamp.append("set line=17 value=1 pin=1")
        says(17, *lamp)
        assert said(5) == siren  # not its priority
        reads(95)
        siren.append("set line=5 value=1 pin=0")
        says(5, *siren)
        reads(70)
        siren.append("set line=5 value=0 pin=1")
        says(5, *siren)
        assert agent.run("alarms", "ack", "oven/hot/H", "-c", str(agent.config_path)).returncode == 0
        lamp.append("set line=17 value=0 pin=0")
        says(17, *lamp)

        # A chip that is pulled out and put back gets its lines asked for anew, with what is true then.
        gone.write_text("")
        reads(20)
        reads(60)
        lamp.append("release line=17 value=0 pin=0")
        says(17, *lamp)
        wait_until("the failure is counted", lambda: agent.status()["actions"][0]["write_errors"] > 1)
        gone.unlink()
        lamp.append("request by=isotherm line=17 value=1 pin=1")
        says(17, *lamp)

        # Killed: the kernel takes the lines back by itself; what stands is shown again.
        agent.wait_drained()
        agent.kill()
        seen.write_text("")
        agent.start()
        wait_until("both lines", lambda: said(17) and said(5))
        agent.wait_connected()  # by then the writes are known to be done
        assert said(17)[0] == "request by=isotherm line=17 value=1 pin=1", said(17)
        assert said(5)[0] == "request by=isotherm active-low line=5 value=0 pin=1", said(5)

        # An orderly stop gives them back; until then the level was never another one.
        assert agent.terminate() == 0
        for line, value in ((17, 1), (5, 0)):
            words = [one.split() for one in said(line)]
            assert words[0][0] == "request" and words[-1][0] == "release", said(line)
            assert [one[0] for one in words].count("request") == 1, said(line)
            assert all(f"value={value}" in one for one in words[:-1]), said(line)


main()
