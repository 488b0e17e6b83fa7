"""Handle again what was put aside, once what was wrong is mended: python again.py, with the app's settings.

Exit code 0: nothing is left there. 1: something failed once more.
"""

import sys

from function_app import container, handle, log

failed = container("failed")
code = 0
for blob in failed.list_blob_names():
    try:
        handle(failed.download_blob(blob).readall())
    except Exception:
        log.exception("%s failed once more", blob)
        code = 1
    else:
        failed.delete_blob(blob)
        print(f"{blob} is handled")
sys.exit(code)
