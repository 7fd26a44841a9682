import sys

from redone.cli import main

sys.exit(main())
