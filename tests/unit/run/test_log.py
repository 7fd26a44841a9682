import os
import signal
import threading

import pytest

from redone.run.log import Clock, Interrupted, Log, clock


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda n: str(int(n))
)
def test_the_first_signal_asks_to_stop_and_the_second_stops(number, code):
    log = Log()
    before = signal.getsignal(number)
    with log.interruptible():
        signal.raise_signal(number)
        assert log.stop
        assert log.code == code
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(number) is before


def test_a_log_that_nobody_reads_any_more_stops_nothing():
    reading, writing = os.pipe()
    os.close(reading)
    log = Log()
    log.console.file = gone = os.fdopen(writing, "w", buffering=1)
    log.line("one")
    log.line("two")
    with log.bar("probe", 2) as bar:
        bar.advance(1)
    assert log.stop == 0
    with pytest.raises(BrokenPipeError):
        gone.close()


def test_a_run_outside_the_main_thread_is_left_without_a_handler():
    failures = []

    def work():
        try:
            with Log().interruptible():
                pass
        except ValueError as error:  # what Python says to a handler that is set there
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failures == []


def test_a_bar_gives_way_to_an_interrupt_and_says_what_starts_again():
    log = Log()
    with log.bar("probe base", 3) as bar:
        bar.advance(1)
        log.stop = signal.SIGINT
        with pytest.raises(Interrupted, match="during probe base"):
            bar.advance(1)


def test_nothing_that_a_model_wrote_is_taken_for_markup(capsys):
    Log().line("[bold]so good[/bold] [x]")
    assert capsys.readouterr().err == "[bold]so good[/bold] [x]\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599.7, "1:00:00"), (36061, "10:01:01")]
)
def test_seconds_are_written_as_a_clock_shows_them(seconds, text):
    assert clock(seconds) == text


def test_the_time_left_follows_the_last_twenty_steps():
    left = Clock(100)
    for number in range(1, 31):
        left.left(number, 60.0)
    for number in range(31, 50):
        left.left(number, 2.0)
    assert left.left(50, 2.0) == "1:40"  # fifty steps of two seconds
