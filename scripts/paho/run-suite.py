# run-suite.py FOLDER MODULE HOST PORT [TEST ...]: runs one of Eclipse Paho's interoperability suites, unchanged, and
# prints one line of JSON for each test. The suites read their options and unittest's from the same command line, which do
# not fit each other (client_test.py knows -p, unittest does not): so their globals are set here instead.
import importlib, json, logging, os, signal, sys, time, unittest

folder, name, host, port, *wanted = sys.argv[1:]
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
suite = importlib.import_module(name)
suite.host, suite.port = host, int(port)
# What the suites set under `if __name__ == "__main__"`.
suite.topics = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
suite.wildtopics = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
suite.nosubscribe_topics = ("test/nosubscribe",)
suite.topic_prefix = "client_test5/"
logging.getLogger().setLevel(logging.CRITICAL)

# Some tests wait without end for what does not come.
TEST_TIMEOUT_S = 60


def too_long(signum, frame):
    """Ends the test at its next line. Raised here, the error could end in one of the suite's `except:` instead."""

    def end_test(*_):
        sys.settrace(None)
        raise TimeoutError(f"not done after {TEST_TIMEOUT_S} s")

    while frame is not None and not isinstance(frame.f_locals.get("self"), unittest.TestCase):
        frame = frame.f_back
    if frame is not None:
        frame.f_trace = end_test
        sys.settrace(lambda *_: None)


class Lines(unittest.TestResult):
    """Says of each test how it went, in the order of the tests."""

    def startTest(self, test):
        super().startTest(test)
        self.since, self.verdict, self.cause = time.monotonic(), "passed", ""
        if hasattr(signal, "SIGALRM"):
            signal.alarm(TEST_TIMEOUT_S)

    def stopTest(self, test):
        sys.settrace(None)
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)
        super().stopTest(test)
        self.say(test.id().split(".")[-1])

    def say(self, test):
        seconds = round(time.monotonic() - self.since, 1)
        line = {"test": test, "verdict": self.verdict, "seconds": seconds, "cause": self.cause}
        print(json.dumps(line), file=sys.__stdout__, flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self.fail_with(test, err)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail_with(test, err)

    def fail_with(self, test, err):
        self.verdict = "failed"
        self.cause = f"{err[0].__name__}: {str(err[1])}".splitlines()[0][:300]
        if not isinstance(test, unittest.TestCase):  # the suite's own preparation: no test of it ran
            self.since = time.monotonic()
            self.say("(preparation)")


if hasattr(signal, "SIGALRM"):
    signal.signal(signal.SIGALRM, too_long)
loader = unittest.TestLoader()
tests = loader.loadTestsFromNames([f"Test.{test}" for test in wanted], suite) if wanted else loader.loadTestsFromModule(suite)
# A line first, so that a suite whose tests never ran is not taken for one that passed.
print(json.dumps({"tests": tests.countTestCases()}), file=sys.__stdout__, flush=True)
sys.stdout = sys.stderr
result = Lines()
tests.run(result)
sys.stderr.flush()
sys.__stdout__.flush()
# The suites leave threads and sockets behind.
os._exit(0 if result.wasSuccessful() else 1)
