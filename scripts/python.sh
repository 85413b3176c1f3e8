#!/bin/sh
# Prints a Python that the kit supports: $PYTHON, else the first of these on the PATH.
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
    then
        echo "$candidate"
        exit 0
    fi
done
echo "No Python 3.11, 3.12 or 3.13 was found." >&2
echo "What to do: install one (Debian and Ubuntu: apt-get install python3 python3-venv)," >&2
echo "or name it: make PYTHON=/path/to/python3.12 lab" >&2
exit 1
