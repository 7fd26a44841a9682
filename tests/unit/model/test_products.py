"""Which library multiplies float32 matrices, and that it is as exact as float32 is."""

import pytest
import torch

from redone.model import products


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def test_products_are_as_exact_as_float32_whatever_was_chosen():
    products.settle("cpu")
    assert products.error() <= products.EXACT


def test_another_library_is_taken_on_amd_processors_alone(monkeypatch):
    for vendor, chosen in (("AuthenticAMD", "oneDNN"), ("GenuineIntel", "torch's own"), ("", "torch's own")):
        torch.set_float32_matmul_precision("highest")
        monkeypatch.setattr(products, "vendor", lambda vendor=vendor: vendor)
        monkeypatch.setattr(products, "error", lambda: 1e-6)
        assert products.settle("cpu") == chosen
        assert torch.get_float32_matmul_precision() == ("medium" if chosen == "oneDNN" else "highest")


def test_a_library_that_rounds_to_bfloat16_is_not_taken(monkeypatch):
    torch.set_float32_matmul_precision("highest")
    monkeypatch.setattr(products, "vendor", lambda: "AuthenticAMD")
    monkeypatch.setattr(products, "error", lambda: 3e-3)
    assert products.settle("cpu") == "torch's own"
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_precision_on_a_gpu_is_left_as_it_is(monkeypatch):
    torch.set_float32_matmul_precision("highest")
    monkeypatch.setattr(products, "vendor", lambda: "AuthenticAMD")
    assert products.settle("cuda") == "torch's own"
    assert torch.get_float32_matmul_precision() == "highest"


def test_an_error_of_bfloat16_is_seen(monkeypatch):
    linear = torch.nn.functional.linear
    monkeypatch.setattr(torch.nn.functional, "linear", lambda a, b: linear(a.bfloat16(), b.bfloat16()).float())
    assert products.error() > 100 * products.EXACT
