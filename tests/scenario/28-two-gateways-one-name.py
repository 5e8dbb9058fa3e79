"""Do two gateways with one name stop throwing each other out, and say why?"""

from harness import Place, fast, mqtt_source, uplink, wait_until

HINT = 'client id "isotherm-line-7-uplink" again and again'


def config(place, site, centre, version):
    return {"gateway": "line-7", "windows": [{"size": "1s"}],
            "control": {"socket": str(place.path / f"{site.port}-{version}.sock")},
            "sources": [mqtt_source(site, [{"topic": "f/+device"}], **fast())],
            "uplink": uplink(centre, **fast(version=version, retry_max="2s"))}


def main():
    with Place() as place:
        sites, centre = [place.broker(), place.broker()], place.broker()
        for version in ("5", "3.1.1"):
            agents = [place.agent(config(place, site, centre, version)) for site in sites]
            wait_until(f"a hint with version {version}",
                       lambda a=agents: any(HINT in agent.log() for agent in a), 60)
            for agent in agents:
                # for the uplink once, in words that say what is lost; not twice
                expected = 1 if version == "3.1.1" else 0
                assert agent.log().count("cannot say that it refused") == expected, version
                assert agent.terminate() == 0
        print("both versions said it")


main()
