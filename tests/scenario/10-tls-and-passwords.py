"""Are TLS, client certificates and passwords from files used, checked, and never shown?"""

import socket
import ssl
import subprocess
import threading

from harness import Client, Place, mqtt_source, uplink, wait_until

SECRET = "a-very-secret-word"


def certificate(folder, name, authority=None, host="127.0.0.1"):
    key, request, cert = (folder / f"{name}.{e}" for e in ("key", "csr", "pem"))
    if authority is None:
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                   "-subj", f"/CN={name}", "-keyout", key, "-out", cert]
        subprocess.run(command, check=True, capture_output=True)
        return key, cert
    subprocess.run(["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}",
                    "-keyout", key, "-out", request], check=True, capture_output=True)
    extra = folder / f"{name}.ext"
    kind = "IP" if host[0].isdigit() else "DNS"
    extra.write_text(f"subjectAltName={kind}:{host}\n")
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", authority[1], "-CAkey",
                    authority[0], "-CAcreateserial", "-days", "30", "-extfile", extra, "-out",
                    cert], check=True, capture_output=True)
    return key, cert


def dated_certificate(folder, name, authority, begin, end):
    """As certificate(), valid between two times."""
    key, cert = certificate(folder, name, authority)
    (folder / f"{name}.index").touch()
    (folder / f"{name}.serial").write_text("01\n")
    (folder / f"{name}.cnf").write_text(
        f"[ca]\ndefault_ca=c\n[c]\ndatabase={folder}/{name}.index\nnew_certs_dir={folder}\n"
        f"serial={folder}/{name}.serial\ndefault_md=sha256\npolicy=p\n[p]\n"
        "commonName=supplied\n")
    subprocess.run(["openssl", "ca", "-batch", "-config", folder / f"{name}.cnf", "-in",
                    folder / f"{name}.csr", "-cert", authority[1], "-keyfile", authority[0],
                    "-startdate", begin, "-enddate", end, "-extfile", folder / f"{name}.ext",
                    "-notext", "-out", cert], check=True, capture_output=True)
    return key, cert


class OldTls:
    """A listener that speaks nothing newer than TLS 1.1."""

    def __init__(self, key, cert):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.load_cert_chain(cert, key)
        self.context, self.listener = context, socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.received = b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(peer, server_side=True) as connection:
                    self.received += connection.recv(100)
            except OSError:
                peer.close()

    def kill(self):
        self.listener.close()


def write_secret(path, text):
    """At once and closed to others: the agent may look at any moment."""
    draft = path.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.rename(path)


def tls_broker(place, key, cert, authority):
    for path in (key, cert, authority):
        path.chmod(0o644)
    return place.broker(lines=[f"certfile {cert}", f"keyfile {key}", f"cafile {authority}",
                               "require_certificate true"])


def main():
    with Place() as place:
        folder = place.path
        authority = certificate(folder, "authority")
        other = certificate(folder, "other")
        server = certificate(folder, "server", authority)
        wrong_host = certificate(folder, "wrong", authority, host="elsewhere.example")
        ours = certificate(folder, "ours", authority)
        (folder / "users").write_text("")
        subprocess.run(["mosquitto_passwd", "-b", folder / "users", "site", SECRET], check=True)
        (folder / "users").chmod(0o644)
        password = folder / "password"
        write_secret(password, SECRET + "\n")

        site = place.broker(lines=["allow_anonymous false", f"password_file {folder}/users"])
        centre = tls_broker(place, *server, authority[1])
        trap = tls_broker(place, *wrong_host, authority[1])
        expired = dated_certificate(folder, "expired", authority, "20200101000000Z",
                                    "20210101000000Z")
        future = dated_certificate(folder, "future", authority, "20900101000000Z",
                                   "20910101000000Z")
        too_old = tls_broker(place, *expired, authority[1])
        too_new = tls_broker(place, *future, authority[1])
        old_tls = OldTls(*server)
        place.things.append(old_tls)

        def configured(broker, cafile):
            return {
                "gateway": "line-7", "windows": [{"size": "1s"}], "grace": "1s", "lateness": "0s",
                "sources": [mqtt_source(site, [{"topic": "f/+device"}], username="site",
                                        password_file=str(password))],
                "uplink": {"mqtt": {"broker": f"mqtts://127.0.0.1:{broker.port}",
                                    "ca_file": str(cafile), "cert_file": str(ours[1]),
                                    "key_file": str(ours[0]), "retry_min": "200ms"}},
            }
        agent = place.agent(configured(centre, authority[1]))
        agent.wait_connected()
        client = Client(site, username="site", password=SECRET).wait()
        place.things.append(client)
        client.publish_all([("f/d1", "20")])
        wait_until("an acknowledged record",
                   lambda: agent.status()["uplink"]["acknowledged"] > 0)
        assert SECRET not in agent.log()
        with open(f"/proc/{agent.process.pid}/cmdline", "rb") as file:
            assert SECRET.encode() not in file.read()
        assert agent.terminate() == 0

        for broker, cafile, why in ((trap, authority[1], "wrong host"),
                                    (centre, other[1], "unknown authority"),
                                    (too_old, authority[1], "expired"),
                                    (too_new, authority[1], "not yet valid"),
                                    (old_tls, authority[1], "TLS 1.1"),
                                    (site, authority[1], "no TLS at all")):
            agent = place.agent(configured(broker, cafile))
            status = wait_until(why, lambda a=agent: (
                lambda x: x if x["problem"] and x["losses"] > 0 else None)(a.status()["uplink"]))
            assert status["connects"] == 0, (why, status)
            if broker in (trap, centre, too_old, too_new):
                assert "certificate" in status["problem"], (why, status)
            assert agent.terminate() == 0

        # A file that comes later: said by check with its place, waited for by run.
        password.unlink()
        agent = place.agent(configured(centre, authority[1]))
        run = agent.run("check", str(agent.config_path))
        assert run.returncode == 0 and "warning: password_file: there is no" in run.stdout, run
        assert run.stdout.startswith(f"{agent.config_path}:1:"), run
        wait_until("a word about it", lambda: f"there is no {password}" in agent.log())
        write_secret(password, SECRET + "\n")
        agent.wait_connected()
        assert agent.terminate() == 0

        assert not old_tls.received, "something was sent over an old TLS"
        write_secret(password, "wrong\n")
        agent = place.agent(configured(centre, authority[1]))
        wait_until("the refusal", lambda: "not connected" in agent.source()["detail"].lower()
                   or "refused" in agent.source()["detail"].lower()
                   or "not authori" in agent.source()["detail"].lower())
        assert not agent.source()["connected"]
        assert SECRET not in agent.log() and "wrong" not in agent.log()


if __name__ == "__main__":
    main()
