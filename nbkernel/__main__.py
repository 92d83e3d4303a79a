import sys

from nbkernel.cli.main import main

sys.exit(main())
