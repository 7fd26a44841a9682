import signal
import threading

import pytest

from redone.run.log import Clock, Interrupted, Log, clock


def test_the_first_interrupt_asks_to_stop_and_the_second_stops():
    log = Log()
    before = signal.getsignal(signal.SIGINT)
    with log.interruptible():
        signal.raise_signal(signal.SIGINT)
        assert log.stop
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


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
        log.stop = True
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
