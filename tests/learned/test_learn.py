"""Does isotherm-learn find the ways in which devices run, and refuse what it cannot read?"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
LEARN = SOURCE / "scripts" / "isotherm-learn"
HOUR_MS = 3_600_000
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def summary(device, hour, mean, **more):
    """One hour's record, as the agent publishes it; mean in whole thousandths."""
    total = mean * 60
    return {"schema": 1, "type": "summary", "device": device, "window": "1h", "size_ms": HOUR_MS,
            "every_ms": HOUR_MS, "start_ms": START_MS + hour * HOUR_MS, "revision": 1, "count": 60,
            "sum": f"{total // 1000}.{total % 1000:03}", "avg": mean / 1000, "provisional": False,
            **more}


def day_and_night(device, days, level=20_000):
    """Ten degrees more from 8 to 18 h, and a little of everything."""
    return [summary(device, hour, level + (10_000 if 8 <= hour % 24 < 18 else 0) +
                    hour // 24 % 5 * 100) for hour in range(24 * days)]


class Learning(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_learn(self, text, *arguments):
        path = pathlib.Path(self.folder.name) / "history"
        path.write_text(text, encoding="utf-8")
        return subprocess.run([sys.executable, str(LEARN), str(path), *arguments],
                              capture_output=True, text=True, check=False, timeout=600)

    def learn(self, records, *arguments):
        """The model's entries by name."""
        result = self.run_learn("".join(json.dumps(record) + "\n" for record in records),
                                *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        model = json.loads(result.stdout)
        self.assertEqual(model["isotherm_model"], 1)
        return {entry["devices"]: entry["hours"] for entry in model["devices"]}

    def test_each_hour_has_its_own_band(self):
        hours = self.learn(day_and_night("oven", 15))["oven"]
        self.assertEqual(len(hours), 24)
        # median 20.2; distances 0.2 0.1 0 0.1 0.2, below the least of 0.5, times 6
        self.assertEqual(hours[3], [[17.2, 20.2, 23.2]])
        self.assertEqual(hours[12], [[27.2, 30.2, 33.2]])

    def test_the_day_goes_by_the_offset(self):
        hours = self.learn(day_and_night("oven", 15), "--utc-offset", "5.5")["oven"]
        # a UTC hour touches two local ones: at 13 h it is still night for half an hour
        self.assertEqual([band[1] for band in hours[13]], [20.2, 30.2])
        self.assertEqual([band[1] for band in hours[14]], [30.2])

    def test_a_device_that_runs_in_two_ways_has_two_bands(self):
        records = [summary("press", hour, (80_000 if hour // 7 % 2 else 25_000) + hour % 3 * 100)
                   for hour in range(24 * 20)]
        hours = self.learn(records, "--least-days", "100")["press"]
        self.assertEqual(len(hours), 1, "too few for each hour: one for all")
        self.assertEqual([band[1] for band in hours[0]], [25.1, 80.1])
        self.assertLess(hours[0][0][2], hours[0][1][0])

    def test_a_week_of_failure_in_a_quarter_hardly_moves_the_band(self):
        good = day_and_night("oven", 84)
        bad = [summary("oven", 24 * 84 + hour, 5_000) for hour in range(24 * 7)]
        before, after = self.learn(good)["oven"], self.learn(good + bad)["oven"]
        for old, new in zip(before, after):
            self.assertEqual(len(new), 1)
            self.assertLess(abs(old[0][0] - new[0][0]), 1)
            self.assertGreater(new[0][0], 10, "the failure must stay outside")

    def test_revisions_replace_and_what_is_no_result_is_passed_over(self):
        records = day_and_night("oven", 15)
        noise = [dict(record, sum="60000", avg=1000) for record in records]
        records = noise + [dict(record, revision=2) for record in records] + [
            dict(noise[0], revision=3, provisional=True), dict(noise[1], revision=3, count=0,
                                                               sum="0", avg=None),
            {"type": "alarm", "device": "oven", "alarm": "hot"}]
        self.assertEqual(self.learn(records), self.learn(day_and_night("oven", 15)))

    def test_csv_says_the_same_as_json_lines(self):
        records = day_and_night("line-1/oven", 15)
        columns = ["window", "device", "size_ms", "start_ms", "avg"]
        rows = [",".join(str(record[column]) for column in columns) for record in records]
        result = self.run_learn("\n".join([",".join(columns), *rows]))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout)["devices"][0]["hours"],
                         self.learn(records)["line-1/oven"])

    def test_order_of_input_does_not_matter(self):
        records = day_and_night("a", 15) + day_and_night("b", 15, 40_000)
        text = [json.dumps(record) for record in records]
        forward = self.run_learn("\n".join(text))
        backward = self.run_learn("\n".join(reversed(text)))
        self.assertEqual(forward.stdout, backward.stdout)
        self.assertIn('"devices": "b"', forward.stdout)

    def test_pools_stand_for_devices_that_come_later(self):
        records = day_and_night("line-1/oven-1", 9) + day_and_night("oven-2", 9)
        model = self.learn(records + day_and_night("press", 9), "--pool", "oven-*")
        self.assertEqual(list(model), ["press", "oven-*"])
        self.assertEqual(len(model["oven-*"]), 24, "together they are enough for each hour")
        self.assertEqual(len(self.learn(records)["oven-2"]), 1)

    def test_a_period_and_devices_are_chosen(self):
        records = day_and_night("a", 30) + day_and_night("b", 30, 60_000)
        late = [dict(record, sum="600", avg=10) for record in records[24 * 15:24 * 30]]
        model = self.learn(records[:24 * 15] + late + records[24 * 30:], "--until",
                           "2026-01-16T00:00:00Z", "--devices", "a")
        self.assertEqual(model, self.learn(records[:24 * 15]))

    def test_the_shortest_windows_are_used_or_those_asked_for(self):
        records = day_and_night("a", 15)
        days = [dict(summary("a", day * 24, 50_000), size_ms=24 * HOUR_MS, every_ms=24 * HOUR_MS,
                     window="1d") for day in range(60)]
        self.assertEqual(self.learn(records + days), self.learn(records))
        self.assertEqual(self.learn(records + days, "--window", "1d")["a"], [[[47, 50, 53]]])

    def test_too_little_is_said_and_makes_no_model(self):
        result = self.run_learn("\n".join(map(json.dumps, day_and_night("a", 1))))
        self.assertEqual(result.returncode, 1)
        self.assertIn("a: only 24 summaries, left out", result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(self.run_learn("").returncode, 1)

    def test_what_cannot_be_read_is_named_with_its_line(self):
        good = json.dumps(summary("a", 0, 20_000))
        cases = [
            (f"{good}\n{{\"device\": \n", "line 2"),
            (f"{good}\n[1]\n", "line 2: not a record"),
            (f"{good}\n{json.dumps(dict(summary('a', 1, 0), sum='x'))}", "line 2: not a number"),
            (f"{good}\n{json.dumps({'device': 'a', 'avg': 1})}", "line 2: start is missing"),
            ('{"device":"a","start_ms":0,"avg":1e99}', "line 1: 1e99 is no temperature"),
            ("time,value\n1,2\n", "line 1: neither JSON lines nor a CSV header with device"),
            ("device,start_ms,avg\na,0,1\na,b,1\n", "line 3"),
        ]
        for text, problem in cases:
            result = self.run_learn(text)
            self.assertEqual(result.returncode, 2, (text, result))
            self.assertIn(problem, result.stderr)
            self.assertNotIn("Traceback", result.stderr)
        missing = subprocess.run([sys.executable, str(LEARN), "/nonexistent/file"], check=False,
                                 capture_output=True, text=True, timeout=600)
        self.assertEqual((missing.returncode, "No such file" in missing.stderr), (2, True))

    def test_the_model_is_written_though_nobody_reads_the_explanation(self):
        history = pathlib.Path(self.folder.name) / "history"
        model = pathlib.Path(self.folder.name) / "model"
        history.write_text("\n".join(map(json.dumps, day_and_night("a", 20))), encoding="utf-8")
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([sys.executable, str(LEARN), str(history), "-o", str(model),
                                 "--explain"], stdout=writer, stderr=subprocess.PIPE, text=True,
                                check=False, timeout=600)
        os.close(writer)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(json.loads(model.read_text(encoding="ascii"))["isotherm_model"], 1)

    def test_wrong_usage(self):
        for arguments in (["--deviations", "0"], ["--utc-offset", "15"], ["--least", "0"],
                          ["--since", "yesterday"], ["--unknown"]):
            self.assertEqual(self.run_learn("", *arguments).returncode, 64, arguments)
        self.assertEqual(self.run_learn("", "--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
